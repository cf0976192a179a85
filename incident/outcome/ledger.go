package outcome

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// ledger is what one suspicious actor was answered.
type ledger struct {
	since, last time.Time
	refused     uint64   // attempts, probes that were answered left out
	failed      uint64   // likewise
	heard       uint64   // answers noted
	answers     door     // statuses of the attempts
	unclear     *witness // the first that is unclear
	payload     *witness // the first payload that succeeded
	probes      []probe
	doors       []door
	used        uint64 // requests answered elsewhere after a login was taken
	watched     []watched
}

// witness is an event that says something, with what.
type witness struct {
	event event.Event
	why   string
}

// probe is a path that was probed for and answered; paths with one answer share one.
type probe struct {
	size  int64
	near  int // further paths with about this size
	paths int // different paths with this very size, at least
	path  string
	count uint64
	first witness
}

// watched is a finding that was emitted about the actor: the newest of its kind, without its sample.
type watched struct {
	finding detect.Finding
	verdict detect.Verdict
	used    uint64 // ledger.used when it was last told
}

const (
	maxProbes = 16
	maxDoors  = 8
)

// attempt notes what an attempt was answered.
func (l *ledger) attempt(ev *event.Event, w weighed) {
	l.answers.count(ev.Status, ev.BytesOut)
	if w.probe {
		l.noteProbe(ev, w.why)
		return
	}
	switch {
	case w.verdict == detect.Refused:
		l.refused++
	case w.verdict == detect.Failed:
		l.failed++
	case w.verdict == detect.Unclear && l.unclear == nil:
		l.unclear = &witness{ev.Clone(), w.why}
	case w.verdict == detect.LikelySucceeded && l.payload == nil:
		l.payload = &witness{ev.Clone(), w.why}
	}
}

// noteProbe groups probes by size: a site that answers everything with one page, or with a page that repeats the path,
// answers different probes alike.
func (l *ledger) noteProbe(ev *event.Event, why string) {
	exact := -1
	for i := range l.probes {
		p := &l.probes[i]
		switch {
		case p.size == ev.BytesOut:
			exact = i
		case about(p.size, ev.BytesOut) && p.path != ev.Path:
			p.near++
		}
	}
	if exact >= 0 {
		p := &l.probes[exact]
		p.count++
		if p.path != ev.Path {
			p.paths++
		}
		return
	}
	if len(l.probes) == maxProbes {
		l.failed++ // so many that each has its own size are no find either
		return
	}
	near := 0
	for i := range l.probes {
		if about(l.probes[i].size, ev.BytesOut) && l.probes[i].path != ev.Path {
			near++
		}
	}
	first := witness{ev.Clone(), why}
	l.probes = append(l.probes, probe{size: ev.BytesOut, near: near, paths: 1, path: first.event.Path, count: 1, first: first})
}

// about reports whether two sizes differ by no more than a path that is repeated on the page.
func about(a, b int64) bool {
	d := max(a-b, b-a)
	return d <= 200 && d*20 <= max(a, b)
}

// found reports whether the probe is a find: neither two paths with this very size, nor three with about it.
func (p *probe) found() bool { return p.paths < 2 && p.near < 2 }

// watch follows what becomes of the finding; the newest of a kind stands for all.
func (l *ledger) watch(f *detect.Finding, v detect.Verdict) {
	kept := *f
	kept.Sample, kept.Outcome = nil, nil
	kept.Explanation = strings.Clone(f.Explanation)
	for i := range l.watched {
		if l.watched[i].finding.Kind == f.Kind {
			l.watched[i] = watched{kept, v, l.used}
			return
		}
	}
	l.watched = append(l.watched, watched{kept, v, l.used})
}

// ledgers are those of one kind of actor, bounded.
type ledgers[K comparable] struct {
	by      map[K]*ledger
	compare func(a, b K) int
}

const (
	maxLedgers = 20_000
	// forgetAfter is how much event time an actor may be silent for and still be followed.
	forgetAfter = 24 * time.Hour
)

func newLedgers[K comparable](compare func(a, b K) int) ledgers[K] {
	return ledgers[K]{by: map[K]*ledger{}, compare: compare}
}

func compareText(a, b string) int { return cmp.Compare(a, b) }

// of returns the ledger of an actor that is known (valid), nil when it has none; it begins one when asked to.
func (s *ledgers[K]) of(k K, valid, begin bool, at time.Time) *ledger {
	if !valid || len(s.by) == 0 && !begin {
		return nil
	}
	l := s.by[k]
	if l != nil && at.Sub(l.last) > forgetAfter {
		delete(s.by, k) // whoever comes back after that is judged by what it does then
		l = nil
	}
	if l == nil && begin {
		s.makeRoom(at)
		l = &ledger{since: at}
		if text, ok := any(k).(string); ok {
			k, _ = any(strings.Clone(text)).(K)
		}
		s.by[k] = l
	}
	if l != nil && at.After(l.last) {
		l.last = at
	}
	return l
}

// makeRoom drops, when there are too many, those that were silent for long, else the half that was silent longest.
func (s *ledgers[K]) makeRoom(at time.Time) {
	if len(s.by) < maxLedgers {
		return
	}
	horizon := at.Add(-forgetAfter)
	for k, l := range s.by {
		if l.last.Before(horizon) {
			delete(s.by, k)
		}
	}
	if len(s.by) < maxLedgers {
		return
	}
	keys := make([]K, 0, len(s.by))
	for k := range s.by {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b K) int { return cmp.Or(s.by[a].last.Compare(s.by[b].last), s.compare(a, b)) })
	for _, k := range keys[:len(keys)/2] {
		delete(s.by, k)
	}
}
