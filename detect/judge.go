package detect

import (
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// Tick is the grid of event time on which detectors are told that time has passed.
const Tick = time.Minute

// Judge feeds events, already in judging order, to all detectors and tells them about the passage of event time.
// It is used by one goroutine.
type Judge struct {
	detectors []Detector
	emit      Emit
	last      event.Place
	advanced  time.Time
	judged    uint64
	late      uint64
	newest    time.Time // newest IngestedAt
}

// NewJudge returns a Judge over the detectors, which see each event in this order. Findings go to emit.
func NewJudge(emit Emit, detectors ...Detector) *Judge {
	return &Judge{detectors: detectors, emit: emit}
}

// Restore hands every detector its open episodes; call it before the first Observe.
func (j *Judge) Restore(open []Finding) {
	for _, d := range j.detectors {
		d.Restore(open)
	}
}

// Emit hands over a finding that neither an event nor time brought: one of a rule that is no more.
func (j *Judge) Emit(f Finding) { j.emit(f) }

// Lookback is the longest lookback of the detectors.
func (j *Judge) Lookback() (longest time.Duration) {
	for _, d := range j.detectors {
		longest = max(longest, d.Lookback())
	}
	return longest
}

// Observe judges one event.
func (j *Judge) Observe(ev *event.Event) {
	place := ev.Place()
	if place.Compare(j.last) < 0 {
		j.late++
	} else {
		j.last = event.Place{
			Time: place.Time, Generation: place.Generation, Position: place.Position,
			Source: j.internSource(place.Source),
		}
		j.Advance(place.Time)
	}
	if ev.IngestedAt.After(j.newest) {
		j.newest = ev.IngestedAt
	}
	j.judged++
	for _, d := range j.detectors {
		d.Observe(ev, j.emit)
	}
}

// Advance tells the detectors that event time has reached t, in whole ticks; going back is ignored.
func (j *Judge) Advance(t time.Time) {
	t = t.Truncate(Tick)
	if !t.After(j.advanced) {
		return
	}
	j.advanced = t
	for _, d := range j.detectors {
		d.Advance(t, j.emit)
	}
}

// Stats of a judge.
type Stats struct {
	Judged, Late uint64
	Advanced     time.Time   // event time up to which windows are closed
	Last         event.Place // the furthest event judged
	Ingested     time.Time   // newest stamp among the events judged
}

// Stats returns the counts so far.
func (j *Judge) Stats() Stats {
	return Stats{Judged: j.judged, Late: j.late, Advanced: j.advanced, Last: j.last, Ingested: j.newest}
}

// internSource avoids keeping an event's buffer alive through its source name.
func (j *Judge) internSource(source string) string {
	if source == j.last.Source {
		return j.last.Source
	}
	return string(append([]byte(nil), source...))
}
