package detect

import (
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// Live puts the events of several live sources into judging order with a bounded wait. A single source that is in
// order does not wait at all; several wait for the slowest active one; nothing waits longer than the hold.
type Live struct {
	hold    time.Duration
	q       queue
	arrived map[*event.Event]time.Time
	sources map[string]*liveSource
}

type liveSource struct {
	newest  time.Time // newest event time seen
	arrival time.Time // wall clock of the last arrival
	step    time.Duration
	stepped time.Time // wall clock of the last step back
}

// A source that stepped back is given room for that step for this long.
const stepMemory = time.Minute

// NewLive returns a Live that holds an event for at most hold of wall-clock time.
func NewLive(hold time.Duration) *Live {
	return &Live{hold: hold, arrived: map[*event.Event]time.Time{}, sources: map[string]*liveSource{}}
}

// Push takes one stored block that arrived at now and releases what is ready.
func (l *Live) Push(block []*event.Event, now time.Time, release func(*event.Event)) {
	for _, ev := range block {
		s := l.sources[ev.Source]
		if s == nil {
			s = &liveSource{newest: ev.Time}
			l.sources[ev.Source] = s
		}
		s.arrival = now
		if back := s.newest.Sub(ev.Time); back > 0 {
			s.step, s.stepped = max(s.step, min(back, l.hold)), now
		} else {
			s.newest = ev.Time
		}
		l.arrived[ev] = now
		l.q.push(ev)
	}
	l.Release(now, release)
}

// Release gives out what is ready at now; it is called on a timer as well, so that nothing waits for the next block.
func (l *Live) Release(now time.Time, release func(*event.Event)) {
	n := l.expired(now)
	mark, alone := l.watermark(now)
	for l.q.len() > 0 {
		t := l.q.front().Time
		if n <= 0 && !t.Before(mark) && (!alone || t.After(mark)) {
			return
		}
		ev := l.q.pop()
		delete(l.arrived, ev)
		n--
		release(ev)
	}
}

// Waiting is the number of events held.
func (l *Live) Waiting() int { return l.q.len() }

// expired returns how many events from the front must go so that none is left that waited for the whole hold.
func (l *Live) expired(now time.Time) int {
	for i := len(l.q.events) - 1; i >= l.q.head; i-- {
		if now.Sub(l.arrived[l.q.events[i]]) >= l.hold {
			return i - l.q.head + 1
		}
	}
	return 0
}

// watermark returns the event time up to which all active sources have reported, and whether there is only one.
func (l *Live) watermark(now time.Time) (mark time.Time, alone bool) {
	active := 0
	for name, s := range l.sources {
		idle := now.Sub(s.arrival)
		if idle > stepMemory {
			delete(l.sources, name) // it comes back with its next event
			continue
		}
		if idle > l.hold {
			continue
		}
		if now.Sub(s.stepped) > stepMemory {
			s.step = 0
		}
		reported := s.newest.Add(-s.step)
		if active == 0 || reported.Before(mark) {
			mark = reported
		}
		active++
	}
	return mark, active == 1
}
