package rules

import (
	"slices"
	"strings"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// window remembers what a condition needs of the past.
type window interface {
	// add counts an event at time t (nanoseconds) that may be older than the newest.
	add(ev *event.Event, t int64, r *reach)
	// judge evaluates the condition over (newest - span, newest].
	judge(newest int64, r *reach) verdict
	// size is how many bytes it takes.
	size() int64
}

// verdict is the outcome of judging a window.
type verdict struct {
	holds    bool
	until    int64   // if it holds: without further events it stops holding then
	observed float64 // the number the threshold was held against
	first    int64   // time of the window's first event that counted
	events   uint64  // events in the window, as far as they are remembered
	edge     int64   // where the window begins, when edged: not a timespan back
	edged    bool
	examples []string
	parts    []detect.Part // of chains
}

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
		w.times = slices.Insert(roomForOne(w.times), i, t)
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

// roomForOne makes room for another element: half as many again, where append would double.
func roomForOne[T any](s []T) []T {
	if len(s) < cap(s) {
		return s
	}
	return append(make([]T, 0, len(s)+max(1, len(s)/2)), s...)
}

func (w *countWindow) judge(newest int64, r *reach) verdict {
	if len(w.times) < r.limit || w.times[w.oldest] <= newest-r.span {
		return verdict{}
	}
	first := w.times[w.oldest]
	return verdict{holds: true, until: first + r.span, observed: float64(r.limit), first: first, events: uint64(r.limit)}
}

func (w *countWindow) size() int64 { return int64(unsafe.Sizeof(*w)) + 8*int64(cap(w.times)) }

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

func (w *excusedWindow) size() int64 { return w.window.size() + w.excuses.size() + 16 }

// valueWindow is value_count: the last limit distinct values of a field.
type valueWindow struct {
	entries []valueEntry
	named   []namedValue
}

type valueEntry struct {
	hash        uint64 // the value's identity
	first, last int64  // of the run of events that is still inside the window
	events      uint32
	named       bool
}

// namedValue is one of the values that a finding names.
type namedValue struct {
	hash uint64
	head string // cut to maxExample bytes
}

const (
	maxExample = 80
	examples   = 3 // values that a finding names
)

func (w *valueWindow) add(ev *event.Event, t int64, r *reach) {
	text := fieldText(ev, r.field)
	hash := xxhash.Sum64String(text)
	w.leave(t - r.span)
	oldest := 0
	for i := range w.entries {
		e := &w.entries[i]
		if e.hash == hash {
			e.first, e.last = min(e.first, t), max(e.last, t)
			e.events++
			w.name(e, text, r)
			return
		}
		if e.last < w.entries[oldest].last {
			oldest = i
		}
	}
	entry := valueEntry{hash: hash, first: t, last: t, events: 1}
	switch {
	case len(w.entries) < r.limit:
		w.entries = append(roomForOne(w.entries), entry)
		w.name(&w.entries[len(w.entries)-1], text, r)
	case w.entries[oldest].last <= t:
		w.unname(&w.entries[oldest])
		w.entries[oldest] = entry
		w.name(&w.entries[oldest], text, r)
	}
}

// leave forgets the values that were seen last at edge or before.
func (w *valueWindow) leave(edge int64) {
	w.entries = slices.DeleteFunc(w.entries, func(e valueEntry) bool {
		if e.last > edge {
			return false
		}
		w.unname(&e)
		return true
	})
}

// name makes the value one of the examples while there are too few. Most windows never fire: they get none before they
// are half full.
func (w *valueWindow) name(e *valueEntry, text string, r *reach) {
	if !e.named && len(w.named) < examples && len(w.entries) >= min(r.limit/2, r.limit-examples+1) {
		e.named = true
		w.named = append(w.named, namedValue{e.hash, strings.Clone(text[:min(len(text), maxExample)])})
	}
}

func (w *valueWindow) unname(e *valueEntry) {
	if e.named {
		w.named = slices.DeleteFunc(w.named, func(n namedValue) bool { return n.hash == e.hash })
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
		v.events += uint64(e.events)
		v.first = min(v.first, max(e.first, newest-r.span+1))
	}
	if inside < r.limit {
		return verdict{}
	}
	v.holds, v.observed = true, float64(inside)
	for i := range w.named {
		v.examples = append(v.examples, w.named[i].head)
	}
	return v
}

func (w *valueWindow) size() int64 {
	n := int64(unsafe.Sizeof(*w)) + int64(cap(w.entries))*int64(unsafe.Sizeof(valueEntry{})) +
		int64(cap(w.named))*int64(unsafe.Sizeof(namedValue{}))
	for i := range w.named {
		n += int64(len(w.named[i].head))
	}
	return n
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

func (w *temporalWindow) size() int64 {
	return int64(unsafe.Sizeof(*w)) + 8*int64(cap(w.last)) + partsSize(w.parts)
}

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

func (w *orderedWindow) size() int64 {
	n := int64(unsafe.Sizeof(*w)) + 8*int64(cap(w.start))
	for _, parts := range w.parts {
		n += 24 + partsSize(parts)
	}
	return n
}

func matched(ev *event.Event, id string) bool {
	_, ok := slices.BinarySearch(ev.Signatures, id)
	return ok
}
