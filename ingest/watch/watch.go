// Package watch owns what the pipeline knows about its own health: a source that fell silent, one that lags, lines that
// can no longer be read, messages that are lost, a log that cannot be read, a disk that fills up.
//
// It looks at counters that others keep, learns each source's habits from them, and says when a condition begins, grows
// worse and ends. It does no I/O but for the file that keeps the habits, and takes the time from its caller. What becomes
// of a condition (an incident of kind operational) is not its business.
package watch

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/ingest"
)

// The checks, by the id of the detector that an incident names.
const (
	Silent     = "pipeline-source-silent"
	Lagging    = "pipeline-source-lag"
	Unparsed   = "pipeline-parse-failures"
	Lost       = "pipeline-messages-lost"
	Unreadable = "pipeline-source-unreadable"
	DiskFull   = "pipeline-disk"
)

// Key names a condition: what is wrong with whom.
type Key struct {
	Check   string // one of the constants above
	Subject string // the source's name; the directory for DiskFull
}

// Condition is something that is wrong with the pipeline.
type Condition struct {
	Key
	Began    time.Time // when it began: of a silence the time of the last request
	Told     time.Time // when it was certain
	Critical bool      // somebody should get up
	Observed float64
	Expected float64 // the bound, learned or configured
	Unit     string
	// Explanation says what is wrong and what to look at, in sentences.
	Explanation string
}

// Change is a condition that began, grew critical, or ended.
type Change struct {
	Condition
	Ended  time.Time // zero while it lasts
	Reason string    // why it is over
}

// Input is what is looked at.
type Input struct {
	Sources  []ingest.SourceReport
	Lost     map[string]uint64 // messages that were dropped since the start, by listener
	Problems map[string]string // logs that cannot be read, by source
	Disk     Disk              // the zero value: not known
}

// unknownFor is how long a condition stays open of which nothing is heard any more.
const unknownFor = 24 * time.Hour

// verdict is what a check says of a condition.
type verdict int

const (
	unknown verdict = iota // nothing to judge by
	holds
	over
)

// opened is a condition that was told and is not over.
type opened struct {
	Condition
	heard time.Time // when a check last had something to judge by
}

// Watch watches one pipeline. It is used by one goroutine.
type Watch struct {
	cfg     Config
	zone    *time.Location
	began   time.Time
	last    int64 // minute of the last look
	watched minutes
	sources map[string]*source
	lost    map[string]*losses
	disk    diskState
	open    map[Key]*opened
	changes []Change
}

// maxSources bounds the sources whose habits are kept, at 5 KB each.
const maxSources = 2000

// New returns a Watch that begins at now. Habits are of wall-clock days in zone: they keep their hour when the clock is
// put forward or back.
func New(cfg Config, zone *time.Location, now time.Time) *Watch {
	return &Watch{
		cfg: cfg.withDefaults(), zone: zone, began: now, last: minuteOf(now),
		sources: map[string]*source{}, lost: map[string]*losses{}, open: map[Key]*opened{},
	}
}

// Restore tells a new Watch which conditions were open when the process stopped: they end when a check sees that they do.
func (w *Watch) Restore(c Condition) {
	w.open[c.Key] = &opened{Condition: c, heard: w.began}
}

// Look judges the pipeline's state at now and returns what changed since the last look, in a fixed order.
func (w *Watch) Look(now time.Time, in Input) []Change {
	w.changes = nil
	w.advance(now)
	reported := make(map[string]bool, len(in.Sources))
	for i := range in.Sources {
		reported[in.Sources[i].Source] = true
		w.lookAt(now, &in.Sources[i])
	}
	for name, s := range w.sources { // those that were known before the process started
		if !reported[name] {
			w.judge(now, Key{Silent, name}, func() (verdict, Condition) { return w.silence(now, name, s, false) })
		}
	}
	for listener, n := range in.Lost {
		w.lookAtLosses(now, listener, n)
	}
	w.lookAtProblems(now, in)
	w.lookAtDisk(now, in.Disk)
	for _, o := range w.open {
		if now.Sub(o.heard) > unknownFor {
			w.end(o, now, "nothing was heard of it for a day")
		}
	}
	slices.SortFunc(w.changes, func(a, b Change) int {
		return cmp.Or(strings.Compare(a.Check, b.Check), strings.Compare(a.Subject, b.Subject))
	})
	return w.changes
}

// advance moves the rings on to the minute of now.
func (w *Watch) advance(now time.Time) {
	m := minuteOf(now)
	if m > w.last {
		w.watched.clear(w.last+1, m+1)
		for name, s := range w.sources {
			s.Active.clear(w.last+1, m+1)
			if now.Sub(s.LastSeen) > keptDays*24*time.Hour {
				delete(w.sources, name)
			}
		}
		w.last = m
	}
	w.watched.set(m)
}

// lookAt judges one source.
func (w *Watch) lookAt(now time.Time, r *ingest.SourceReport) {
	s := w.sources[r.Source]
	if s == nil {
		if len(w.sources) >= maxSources || r.Lines == 0 {
			return
		}
		s = &source{First: now}
		w.sources[r.Source] = s
	}
	moved := s.note(now, r)
	w.judge(now, Key{Silent, r.Source}, func() (verdict, Condition) { return w.silence(now, r.Source, s, moved) })
	w.judge(now, Key{Lagging, r.Source}, func() (verdict, Condition) { return w.lag(now, r, s, moved) })
	w.judge(now, Key{Unparsed, r.Source}, func() (verdict, Condition) { return w.failures(now, r, s) })
}

// judge runs a check and keeps what it says.
func (w *Watch) judge(now time.Time, key Key, check func() (verdict, Condition)) {
	v, c := check()
	o := w.open[key]
	if v == unknown {
		return
	}
	if o != nil {
		o.heard = now
	}
	switch {
	case v == over && o != nil:
		w.end(o, now, c.Explanation)
	case v == holds && o == nil:
		c.Key, c.Told = key, now
		w.open[key] = &opened{Condition: c, heard: now}
		w.changes = append(w.changes, Change{Condition: c})
	case v == holds && c.Critical && !o.Critical:
		began, told := o.Began, o.Told
		o.Condition = c
		o.Key, o.Began, o.Told = key, began, told
		w.changes = append(w.changes, Change{Condition: o.Condition})
	}
}

func (w *Watch) end(o *opened, now time.Time, reason string) {
	delete(w.open, o.Key)
	w.changes = append(w.changes, Change{Condition: o.Condition, Ended: now, Reason: reason})
}

// isOpen reports whether the condition was told and is not over.
func (w *Watch) isOpen(check, subject string) bool { return w.open[Key{check, subject}] != nil }
