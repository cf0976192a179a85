package detect

import (
	"sort"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// queue keeps events in judging order. Logs are nearly in order, so that an insertion at the back is the common case.
type queue struct {
	events []*event.Event
	head   int
}

func (q *queue) len() int            { return len(q.events) - q.head }
func (q *queue) front() *event.Event { return q.events[q.head] }

// push inserts ev behind all events that do not come after it.
func (q *queue) push(ev *event.Event) {
	q.events = append(q.events, ev)
	last := len(q.events) - 1
	if last == q.head || event.Compare(q.events[last-1], ev) <= 0 {
		return
	}
	at := q.head + sort.Search(last-q.head, func(i int) bool { return event.Compare(q.events[q.head+i], ev) > 0 })
	copy(q.events[at+1:], q.events[at:last])
	q.events[at] = ev
}

func (q *queue) pop() *event.Event {
	ev := q.events[q.head]
	q.events[q.head] = nil
	q.head++
	if q.head > 1024 && q.head*2 > len(q.events) {
		n := copy(q.events, q.events[q.head:])
		clear(q.events[n:])
		q.events, q.head = q.events[:n], 0
	}
	return ev
}

// Reorder puts a log that steps back into judging order: an event waits until one has been seen that is Delay of event
// time newer. What it releases, and in which order, depends only on the sequence of pushes.
//
// A step forward of more than the delay is not believed at once, since a wrong clock would make everything after it
// late: it becomes the log's time once a tenth of the limit has come from beyond it in a row. What lies beyond waits in
// its place meanwhile.
type Reorder struct {
	delay  time.Duration
	limit  int
	q      queue
	newest time.Time
	beyond int       // events in a row from beyond a step forward
	step   time.Time // where that step led to
	reach  time.Time // how far time went on from there
	capped uint64
}

// NewReorder returns a Reorder with the delay in event time, holding at most limit events: beyond it the earliest is
// released at once and counted by Capped.
func NewReorder(delay time.Duration, limit int) *Reorder {
	return &Reorder{delay: delay, limit: max(limit, 1)}
}

// Push takes an event and releases those that have waited long enough, in order.
func (r *Reorder) Push(ev *event.Event, release func(*event.Event)) {
	r.q.push(ev)
	r.note(ev.Time)
	ready := r.newest.Add(-r.delay)
	for r.q.len() > 0 && !r.newest.IsZero() && !r.q.front().Time.After(ready) {
		release(r.q.pop())
	}
	for r.q.len() > r.limit {
		r.capped++
		release(r.q.pop())
	}
}

// note moves the log's time on.
func (r *Reorder) note(t time.Time) {
	switch {
	case !r.newest.IsZero() && !t.After(r.newest.Add(r.delay)):
		if t.Before(r.newest.Add(-r.delay)) {
			return // a step back: says nothing about the time that the log had
		}
		r.beyond = 0
		if t.After(r.newest) {
			r.newest = t
		}
		return
	case r.beyond == 0 || t.Before(r.step.Add(-r.delay)):
		r.beyond, r.step, r.reach = 1, t, t
	default:
		r.beyond++
		if t.After(r.reach) && !t.After(r.reach.Add(r.delay)) {
			r.reach = t
		}
	}
	if r.beyond >= r.limit/10 {
		r.beyond, r.newest = 0, r.reach
	}
}

// Flush releases all that waits, in order.
func (r *Reorder) Flush(release func(*event.Event)) {
	for r.q.len() > 0 {
		release(r.q.pop())
	}
}

// Capped counts the events that were released early because the limit was reached.
func (r *Reorder) Capped() uint64 { return r.capped }
