package rules

import (
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/gatewatch/gatewatch/event"
)

// countWindow is event_count: the times of the last limit events, oldest first.
type countWindow struct {
	limit int
	times []int64
}

func (w *countWindow) add(_ *event.Event, t int64) {
	i := len(w.times)
	for i > 0 && w.times[i-1] > t {
		i--
	}
	if len(w.times) < w.limit {
		w.times = slices.Insert(w.times, i, t)
		return
	}
	if i > 0 { // the oldest gives way
		copy(w.times, w.times[1:i])
		w.times[i-1] = t
	}
}

func (w *countWindow) judge(newest, span int64) verdict {
	inside := len(w.times)
	for i := 0; i < len(w.times) && w.times[i] <= newest-span; i++ {
		inside--
	}
	if inside < w.limit {
		return verdict{}
	}
	first := w.times[0]
	return verdict{holds: true, until: first + span, observed: float64(inside), first: first, events: uint64(inside)}
}

// excusedWindow does not hold while enough events of the rule that excuses lie beside those that make it hold.
type excusedWindow struct {
	window
	excuses countWindow
}

func (w *excusedWindow) judge(newest, span int64) verdict {
	v := w.window.judge(newest, span)
	if !v.holds || len(w.excuses.times) < w.excuses.limit {
		return v
	}
	if w.excuses.times[0] >= v.first {
		return verdict{}
	}
	return v
}

// valueWindow is value_count: the last limit distinct values of a field.
type valueWindow struct {
	field   fieldID
	limit   int
	span    int64
	entries []valueEntry
}

type valueEntry struct {
	hash        uint64 // the value's identity
	first, last int64  // of the run of events that is still inside the window
	events      uint32
	head        string // the value, cut to maxExample bytes
}

const maxExample = 80

func (w *valueWindow) add(ev *event.Event, t int64) {
	text := fieldText(ev, w.field)
	hash := xxhash.Sum64String(text)
	w.entries = slices.DeleteFunc(w.entries, func(e valueEntry) bool { return e.last <= t-w.span })
	oldest := 0
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
	}
	entry := valueEntry{hash: hash, first: t, last: t, events: 1}
	switch {
	case len(w.entries) < w.limit:
		entry.head = strings.Clone(text[:min(len(text), maxExample)])
		w.entries = append(w.entries, entry)
	case w.entries[oldest].last <= t:
		entry.head = strings.Clone(text[:min(len(text), maxExample)])
		w.entries[oldest] = entry
	}
}

func (w *valueWindow) judge(newest, span int64) verdict {
	v := verdict{until: never, first: newest}
	inside := 0
	for i := range w.entries {
		e := &w.entries[i]
		if e.last <= newest-span {
			continue
		}
		inside++
		v.until = min(v.until, e.last+span)
		v.events += uint64(e.events)
		v.first = min(v.first, max(e.first, newest-span+1))
	}
	if inside < w.limit {
		return verdict{}
	}
	v.holds, v.observed = true, float64(inside)
	for i := range w.entries[:min(3, len(w.entries))] {
		v.examples = append(v.examples, w.entries[i].head)
	}
	return v
}

// temporalWindow is temporal: when each rule matched last.
type temporalWindow struct {
	rules []string
	last  []int64
}

func (w *temporalWindow) add(ev *event.Event, t int64) {
	if w.last == nil {
		w.last = make([]int64, len(w.rules))
		for i := range w.last {
			w.last[i] = -never
		}
	}
	for i, id := range w.rules {
		if matched(ev, id) {
			w.last[i] = max(w.last[i], t)
		}
	}
}

func (w *temporalWindow) judge(newest, span int64) verdict {
	first := slices.Min(w.last)
	if first <= newest-span {
		return verdict{}
	}
	n := len(w.rules)
	return verdict{holds: true, until: first + span, observed: float64(n), first: first, events: uint64(n)}
}

// orderedWindow is temporal_ordered: start[i] is the latest time at which a chain began whose rules 0 to i matched one
// after the other; an event may be one link of a chain only.
type orderedWindow struct {
	rules []string
	start []int64
}

func (w *orderedWindow) add(ev *event.Event, t int64) {
	if w.start == nil {
		w.start = make([]int64, len(w.rules))
		for i := range w.start {
			w.start[i] = -never
		}
	}
	for i := len(w.rules) - 1; i >= 0; i-- { // backwards: this event's link must not carry the next one
		if !matched(ev, w.rules[i]) {
			continue
		}
		if i == 0 {
			w.start[0] = max(w.start[0], t)
		} else {
			w.start[i] = max(w.start[i], w.start[i-1])
		}
	}
}

func (w *orderedWindow) judge(newest, span int64) verdict {
	first := w.start[len(w.start)-1]
	if first <= newest-span {
		return verdict{}
	}
	n := len(w.rules)
	return verdict{holds: true, until: first + span, observed: float64(n), first: first, events: uint64(n)}
}

func matched(ev *event.Event, id string) bool {
	_, ok := slices.BinarySearch(ev.Signatures, id)
	return ok
}
