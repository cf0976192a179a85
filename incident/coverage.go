package incident

import (
	"slices"
	"time"
)

// coverage counts the events of an incident without counting one twice.
//
// Several detectors see the same requests: the sum over findings is too large, and which events are shared is not known.
// What is known: the episodes of one detector about one entity are disjoint sets of events, and findings whose
// intervals do not touch share no events. So the intervals are merged into segments; within a segment the detector that
// counted most speaks for all; segments are added. That is a lower bound of the true number. It depends on the sequence
// of findings alone, and Manager keeps the largest value seen (an earlier lower bound stays one), so it never shrinks.
type coverage struct {
	Segments []segment `json:"segments"`
}

// segment is a stretch of event time in which at least one finding's interval lies.
type segment struct {
	From time.Time         `json:"from"`
	To   time.Time         `json:"to"`
	Base uint64            `json:"base,omitempty"` // what folded segments counted
	By   map[string]uint64 `json:"by,omitempty"`   // events by detector
}

// maxSegments bounds the memory of a coverage: beyond it the two oldest segments are folded into one.
const maxSegments = 32

// add says that detector saw n more events and that they lie within [from, to].
func (c *coverage) add(detector string, from, to time.Time, n uint64) {
	merged := segment{From: from, To: to, By: map[string]uint64{detector: n}}
	kept := make([]segment, 0, len(c.Segments)+1)
	for _, s := range c.Segments {
		if s.To.Before(merged.From) || s.From.After(merged.To) {
			kept = append(kept, s)
			continue
		}
		merged = merged.merge(s)
	}
	at, _ := slices.BinarySearchFunc(kept, merged, func(a, b segment) int { return a.From.Compare(b.From) })
	kept = slices.Insert(kept, at, merged)
	if len(kept) > maxSegments {
		folded := segment{From: kept[0].From, To: kept[1].To, Base: kept[0].count() + kept[1].count()}
		kept = append([]segment{folded}, kept[2:]...)
	}
	c.Segments = kept
}

// merge returns the union of s and t without changing either. The counts of a folded segment cannot be told apart by
// detector any more, so the larger base stands for both.
func (s segment) merge(t segment) segment {
	u := segment{From: s.From, To: s.To, Base: max(s.Base, t.Base), By: make(map[string]uint64, len(s.By)+len(t.By))}
	if t.From.Before(u.From) {
		u.From = t.From
	}
	if t.To.After(u.To) {
		u.To = t.To
	}
	for d, n := range s.By {
		u.By[d] += n
	}
	for d, n := range t.By {
		u.By[d] += n
	}
	return u
}

func (s segment) count() uint64 {
	n := s.Base
	for _, v := range s.By {
		n = max(n, v)
	}
	return n
}

// count returns the lower bound over all segments.
func (c *coverage) count() uint64 {
	var n uint64
	for _, s := range c.Segments {
		n += s.count()
	}
	return n
}
