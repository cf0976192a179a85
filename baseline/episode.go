package baseline

import (
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/detect"
)

// episode is one finding that goes on: the buckets in a row that prolong it.
type episode struct {
	finding detect.Finding
	counted time.Time // end of the last bucket that is counted in the finding
	quiet   int       // buckets since
}

// episodes holds the open episodes of one detector by group.
type episodes struct {
	detector string
	patience int // ordinary buckets after which an episode is over
	open     map[string]*episode
}

func newEpisodes(detector string, patience int) episodes {
	return episodes{detector, patience, map[string]*episode{}}
}

func groupKey(group []string) string { return strings.Join(group, "\x00") }

// restore takes over the findings of this detector that were open when the process stopped.
func (s episodes) restore(open []detect.Finding) {
	for _, f := range open {
		if f.Detector == s.detector && f.Open {
			f.Sample = nil
			s.open[groupKey(f.Group)] = &episode{finding: f, counted: f.LastSeen}
		}
	}
}

// bucketSeen is what a bucket contributes to an episode.
type bucketSeen struct {
	end         time.Time
	first, last time.Time // events
	events      uint64
}

// prolong adds a bucket to the group's open episode and reports whether there is one. A bucket that was counted before
// the process restarted adds nothing. It is told at once only when tell is set.
func (s episodes) prolong(group []string, b bucketSeen, tell bool, emit detect.Emit) bool {
	e := s.open[groupKey(group)]
	if e == nil {
		return false
	}
	e.quiet = 0
	if !b.end.After(e.counted) || !b.last.After(e.finding.LastSeen) {
		return true
	}
	e.counted = b.end
	e.finding.LastSeen = b.last
	e.finding.EventCount += b.events
	if tell {
		e.finding.Revision++
		emit(e.finding)
	}
	return true
}

// begin opens an episode with its first finding.
func (s episodes) begin(f detect.Finding, end time.Time, emit detect.Emit) {
	f.Detector, f.Revision, f.Open = s.detector, 1, true
	f.ID = detect.FindingID(f.Detector, f.Entity, f.Service, f.Group, f.FiredAt)
	emit(f)
	f.Sample = nil // stored with the first revision
	s.open[groupKey(f.Group)] = &episode{finding: f, counted: end}
}

// calm tells the episode under key of an ordinary bucket; after enough of them it is over.
func (s episodes) calm(key string, emit detect.Emit) {
	if e := s.open[key]; e != nil {
		if e.quiet++; e.quiet >= s.patience {
			s.close(key, emit)
		}
	}
}

func (s episodes) close(key string, emit detect.Emit) {
	e := s.open[key]
	delete(s.open, key)
	e.finding.Open = false
	e.finding.Revision++
	emit(e.finding)
}
