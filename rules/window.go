package rules

import (
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/gatewatch/gatewatch/event"
)

// reach is what the windows of a rule have in common.
type reach struct {
	limit   int   // how many events or values make the condition true
	span    int64 // nanoseconds
	field   fieldID
	rules   []string // temporal types: the signatures of the rules, in order
	excuses int      // how many events of the rule that excuses are enough; 0: there is none
}

// countWindow is event_count: the times of the last limit events, oldest first.
type countWindow struct {
	times []int64
}

func (w *countWindow) add(_ *event.Event, t int64, r *reach) { w.remember(t, r.limit) }

func (w *countWindow) remember(t int64, limit int) {
	i := len(w.times)
	for i > 0 && w.times[i-1] > t {
		i--
	}
	if len(w.times) < limit {
		w.times = slices.Insert(w.times, i, t)
		return
	}
	if i > 0 { // the oldest gives way
		copy(w.times, w.times[1:i])
		w.times[i-1] = t
	}
}

func (w *countWindow) judge(newest int64, r *reach) verdict {
	if len(w.times) < r.limit || w.times[0] <= newest-r.span {
		return verdict{}
	}
	first := w.times[0]
	return verdict{holds: true, until: first + r.span, observed: float64(r.limit), first: first, events: uint64(r.limit)}
}

func (w *countWindow) reset() { w.times = w.times[:0] }

// excusedWindow does not hold while enough events of the rule that excuses lie beside those that make it hold.
type excusedWindow struct {
	window
	excuses countWindow
}

func (w *excusedWindow) judge(newest int64, r *reach) verdict {
	v := w.window.judge(newest, r)
	if v.holds && len(w.excuses.times) >= r.excuses && w.excuses.times[0] > v.first {
		return verdict{}
	}
	return v
}

func (w *excusedWindow) reset() {
	w.window.reset()
	w.excuses.reset()
}

// valueWindow is value_count: the last limit distinct values of a field.
type valueWindow struct {
	entries []valueEntry
}

type valueEntry struct {
	hash        uint64 // the value's identity
	first, last int64  // of the run of events that is still inside the window
	events      uint64
	head        string // the value, cut to maxExample bytes, where it is one of the examples
}

const (
	maxExample = 80
	examples   = 3 // values that a finding names
)

func (w *valueWindow) add(ev *event.Event, t int64, r *reach) {
	text := fieldText(ev, r.field)
	hash := xxhash.Sum64String(text)
	w.entries = slices.DeleteFunc(w.entries, func(e valueEntry) bool { return e.last <= t-r.span })
	oldest, named := 0, 0
	for i := range w.entries {
		e := &w.entries[i]
		if e.hash == hash {
			e.first, e.last = min(e.first, t), max(e.last, t)
			e.events++
			return
		}
		if e.last < w.entries[oldest].last {
			oldest = i
		}
		if e.head != "" {
			named++
		}
	}
	entry := valueEntry{hash: hash, first: t, last: t, events: 1}
	if named < examples {
		entry.head = strings.Clone(text[:min(len(text), maxExample)])
	}
	switch {
	case len(w.entries) < r.limit:
		w.entries = append(w.entries, entry)
	case w.entries[oldest].last <= t:
		w.entries[oldest] = entry
	}
}

func (w *valueWindow) judge(newest int64, r *reach) verdict {
	v := verdict{until: never, first: newest}
	inside := 0
	for i := range w.entries {
		e := &w.entries[i]
		if e.last <= newest-r.span {
			continue
		}
		inside++
		v.until = min(v.until, e.last+r.span)
		v.events += e.events
		v.first = min(v.first, max(e.first, newest-r.span+1))
	}
	if inside < r.limit {
		return verdict{}
	}
	v.holds, v.observed = true, float64(inside)
	for i := range w.entries {
		if head := w.entries[i].head; head != "" {
			v.examples = append(v.examples, head)
		}
	}
	return v
}

func (w *valueWindow) reset() {
	clear(w.entries)
	w.entries = w.entries[:0]
}

// temporalWindow is temporal: when each rule matched last.
type temporalWindow struct {
	last []int64
}

func (w *temporalWindow) add(ev *event.Event, t int64, r *reach) {
	if w.last == nil {
		w.last = nevers(len(r.rules))
	}
	for i, id := range r.rules {
		if matched(ev, id) {
			w.last[i] = max(w.last[i], t)
		}
	}
}

func nevers(n int) []int64 {
	times := make([]int64, n)
	for i := range times {
		times[i] = -never
	}
	return times
}

func (w *temporalWindow) judge(newest int64, r *reach) verdict {
	return chain(slices.Min(w.last), newest, r)
}

func (w *temporalWindow) reset() { w.last = nil }

// chain is the verdict of a temporal window whose oldest link is at first.
func chain(first, newest int64, r *reach) verdict {
	if first <= newest-r.span {
		return verdict{}
	}
	n := len(r.rules)
	return verdict{holds: true, until: first + r.span, observed: float64(n), first: first, events: uint64(n)}
}

// orderedWindow is temporal_ordered: start[i] is the latest time at which a chain began whose rules 0 to i matched one
// after the other; an event may be one link of a chain only.
type orderedWindow struct {
	start []int64
}

func (w *orderedWindow) add(ev *event.Event, t int64, r *reach) {
	if w.start == nil {
		w.start = nevers(len(r.rules))
	}
	for i := len(r.rules) - 1; i >= 0; i-- { // backwards: this event's link must not carry the next one
		if !matched(ev, r.rules[i]) {
			continue
		}
		if i == 0 {
			w.start[0] = max(w.start[0], t)
		} else {
			w.start[i] = max(w.start[i], w.start[i-1])
		}
	}
}

func (w *orderedWindow) judge(newest int64, r *reach) verdict {
	return chain(w.start[len(w.start)-1], newest, r)
}

func (w *orderedWindow) reset() { w.start = nil }

func matched(ev *event.Event, id string) bool {
	_, ok := slices.BinarySearch(ev.Signatures, id)
	return ok
}
