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
type Reorder struct {
	delay  time.Duration
	limit  int
	q      queue
	newest time.Time
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
	if ev.Time.After(r.newest) {
		r.newest = ev.Time
	}
	ready := r.newest.Add(-r.delay)
	for r.q.len() > 0 && !r.q.front().Time.After(ready) {
		release(r.q.pop())
	}
	for r.q.len() > r.limit {
		r.capped++
		release(r.q.pop())
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
