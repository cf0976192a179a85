package rules

import (
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// reach is what the windows of a rule have in common.
type reach struct {
	limit   int   // how many events or values make the condition true
	span    int64 // nanoseconds
	field   fieldID
	rules   []string // the signatures of the rules, in order; of correlations ""
	excuses int      // how many events of the rule that excuses are enough; 0: there is none

	kind     CorrelationType
	bounds   []Bound
	quantile float64
	width    int64  // of a bucket
	links    []link // temporal types and chains: which rules the event at hand stands for
}

// countWindow is event_count: the times of the last limit events, in order from oldest on and then from the start.
type countWindow struct {
	times  []int64
	oldest int
}

func (w *countWindow) add(_ *event.Event, t int64, r *reach) { w.remember(t, r.limit) }

func (w *countWindow) remember(t int64, limit int) {
	if len(w.times) < limit {
		i := len(w.times) // not full: oldest is 0
		for i > 0 && w.times[i-1] > t {
			i--
		}
		w.times = slices.Insert(w.times, i, t)
		return
	}
	if t < w.times[w.oldest] {
		return
	}
	// The oldest gives its place, the last in order, to t; what is later moves up.
	i := w.oldest
	if w.oldest++; w.oldest == len(w.times) {
		w.oldest = 0
	}
	for n := len(w.times); n > 1; n-- {
		before := i - 1
		if before < 0 {
			before = len(w.times) - 1
		}
		if w.times[before] <= t {
			break
		}
		w.times[i], i = w.times[before], before
	}
	w.times[i] = t
}

func (w *countWindow) judge(newest int64, r *reach) verdict {
	if len(w.times) < r.limit || w.times[w.oldest] <= newest-r.span {
		return verdict{}
	}
	first := w.times[w.oldest]
	return verdict{holds: true, until: first + r.span, observed: float64(r.limit), first: first, events: uint64(r.limit)}
}

func (w *countWindow) reset() { w.times, w.oldest = w.times[:0], 0 }

// excusedWindow does not hold while enough events of the rule that excuses lie beside those that make it hold.
type excusedWindow struct {
	window
	excuses countWindow
}

func (w *excusedWindow) judge(newest int64, r *reach) verdict {
	v := w.window.judge(newest, r)
	if v.holds && len(w.excuses.times) >= r.excuses && w.excuses.times[w.excuses.oldest] > v.first {
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
	last  []int64
	parts []*detect.Part // of chains
}

func (w *temporalWindow) add(_ *event.Event, t int64, r *reach) {
	if w.last == nil {
		w.last, w.parts = nevers(len(r.rules)), make([]*detect.Part, len(r.rules))
	}
	for _, l := range r.links {
		if t >= w.last[l.rule] {
			w.last[l.rule], w.parts[l.rule] = t, l.part
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
	times := w.last
	if r.limit < len(times) { // the limit's latest
		times = slices.Clone(times)
		slices.Sort(times)
		times = times[len(times)-r.limit:]
	}
	first := slices.Min(times)
	if first <= newest-r.span {
		return verdict{}
	}
	seen := 0
	for _, t := range w.last {
		if t > newest-r.span {
			seen++
		}
	}
	return verdict{holds: true, until: first + r.span, observed: float64(seen), first: first, events: uint64(seen), parts: partsOf(w.parts)}
}

func (w *temporalWindow) reset() { w.last, w.parts = nil, nil }

// orderedWindow is temporal_ordered: start[i] is the latest time at which a chain began whose rules 0 to i matched one
// after the other; an event may be one link of a chain only.
type orderedWindow struct {
	start []int64
	parts [][]*detect.Part // of chains
}

func (w *orderedWindow) add(_ *event.Event, t int64, r *reach) {
	if w.start == nil {
		w.start, w.parts = nevers(len(r.rules)), make([][]*detect.Part, len(r.rules))
	}
	for k := len(r.links) - 1; k >= 0; k-- { // backwards: this event's link must not carry the next one
		l := &r.links[k]
		i := l.rule
		switch {
		case i == 0 && t >= w.start[0]:
			w.start[0], w.parts[0] = t, partList(nil, l.part)
		case i > 0 && w.start[i-1] > -never && w.start[i-1] >= w.start[i]:
			w.start[i], w.parts[i] = w.start[i-1], partList(w.parts[i-1], l.part)
		}
	}
}

func (w *orderedWindow) judge(newest int64, r *reach) verdict {
	last := len(w.start) - 1
	first := w.start[last]
	if first <= newest-r.span {
		return verdict{}
	}
	n := len(r.rules)
	return verdict{
		holds: true, until: first + r.span, observed: float64(n), first: first, events: uint64(n), parts: partsOf(w.parts[last]),
	}
}

func (w *orderedWindow) reset() { w.start, w.parts = nil, nil }

func matched(ev *event.Event, id string) bool {
	_, ok := slices.BinarySearch(ev.Signatures, id)
	return ok
}
