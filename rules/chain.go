package rules

import (
	"slices"
	"strings"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// A chain is a correlation over correlations. One that counts counts the times at which a base correlation fires; a
// temporal one goes by the events at which a base correlation holds, so that it also sees one that began long ago.
// Groups are its own: group-by is read from the event at hand. What it counted is kept as measures, the parts of its own.

// link says that the event at hand stands for a rule.
type link struct {
	rule  int // its place in the correlation's rules
	hash  uint64
	known bool         // the event has the group-by fields
	fires bool         // the rule is about single events, or fires with this event
	part  *detect.Part // nil but in chains
}

// chainWindow is event_count and value_count over correlations: the last limit ones, oldest first, of values distinct.
type chainWindow struct {
	entries []chainEntry
}

type chainEntry struct {
	at   int64
	hash uint64 // of the value
	head string
	part detect.Part
}

var _ window = (*chainWindow)(nil)

func (w *chainWindow) add(ev *event.Event, t int64, r *reach) {
	for i := range r.links {
		l := &r.links[i]
		if !l.fires {
			continue
		}
		e := chainEntry{at: t, part: *l.part}
		if r.field != fieldNone {
			text := fieldText(ev, r.field)
			e.hash, e.head = xxhash.Sum64String(text), strings.Clone(text[:min(len(text), maxExample)])
			w.entries = slices.DeleteFunc(w.entries, func(o chainEntry) bool { return o.hash == e.hash && o.at <= t })
		}
		at := len(w.entries)
		for at > 0 && w.entries[at-1].at > t {
			at--
		}
		w.entries = slices.Insert(w.entries, at, e)
		if len(w.entries) > r.limit {
			w.entries = slices.Delete(w.entries, 0, 1)
		}
	}
}

func (w *chainWindow) judge(newest int64, r *reach) verdict {
	if len(w.entries) < r.limit || w.entries[0].at <= newest-r.span {
		return verdict{}
	}
	first := w.entries[0].at
	v := verdict{holds: true, until: first + r.span, observed: float64(r.limit), first: first, events: uint64(r.limit)}
	for i := range w.entries {
		v.parts = append(v.parts, w.entries[i].part)
		if head := w.entries[i].head; head != "" && len(v.examples) < examples {
			v.examples = append(v.examples, head)
		}
	}
	return v
}

func (w *chainWindow) size() int64 {
	return int64(unsafe.Sizeof(*w)) + int64(cap(w.entries))*(int64(unsafe.Sizeof(chainEntry{}))+partSize)
}

// partSize is about what a part refers to: the conditions of its measure.
const partSize = 512

// partsSize is what a list of parts takes.
func partsSize(parts []*detect.Part) int64 {
	n := 8 * int64(cap(parts))
	for _, p := range parts {
		if p != nil {
			n += int64(unsafe.Sizeof(*p)) + partSize
		}
	}
	return n
}

// partsOf are the parts of a temporal verdict.
func partsOf(parts []*detect.Part) []detect.Part {
	out := make([]detect.Part, 0, len(parts))
	for _, p := range parts {
		if p != nil {
			out = append(out, *p)
		}
	}
	return out
}

func partList(before []*detect.Part, p *detect.Part) []*detect.Part {
	if p == nil {
		return nil
	}
	return append(slices.Clip(before), p)
}

// tell hands what a tracker's group just did to the chains over it.
func (t *tracker) tell(w *Windows, g *group, ev *event.Event, v verdict, fires bool) {
	if len(t.outer) == 0 || !v.holds {
		return
	}
	m := t.measure(ev, t.by.values(), v)
	t.bound(&m, g, v, w.cut)
	for _, o := range t.outer {
		o.chain.inbox = append(o.chain.inbox, link{rule: o.rule, fires: fires, part: &detect.Part{Measure: m, AtLeast: v.observed}})
	}
}

// outerLink leads from a tracker to a chain over it.
type outerLink struct {
	chain *tracker
	rule  int
}

// runChains judges the chains that the event at hand has news for, those first that others are over.
func (w *Windows) runChains(ev *event.Event, emit detect.Emit) {
	for _, t := range w.chains {
		for i, id := range t.reach.rules {
			if id != "" && matched(ev, id) {
				t.inbox = append(t.inbox, link{rule: i, fires: true, part: t.eventPart(ev, i, w)})
			}
		}
		if len(t.inbox) > 0 {
			links := t.inbox
			t.observeLinks(w, ev, links, emit)
			t.inbox = links[:0]
		}
	}
}

// eventPart is the measure of one event that matched a rule.
func (t *tracker) eventPart(ev *event.Event, rule int, w *Windows) *detect.Part {
	place := ev.Place()
	place.Source = ownString(place.Source)
	by := t.groupingOf(rule)
	return &detect.Part{AtLeast: 1, Measure: detect.Measure{
		Aggregate: detect.AggregateCount,
		Where:     append([]detect.Condition{hasSignature(t.reach.rules[rule])}, eventConditions(by.fields, ev)...),
		From:      ev.Time.UTC(), Until: &place, Cut: w.cut,
	}}
}
