package rules

import (
	"math"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// Bounds from above (lt, lte, eq) can only be judged when no more events come: these windows stand side by side on the
// grid of the timespan, [k*timespan, (k+1)*timespan) since 1970 in UTC, and are judged when event time has passed their
// end. A window without events is not judged. An event that comes after its window was judged is counted as late.

// closingWindow is what a group remembers of the window that is open.
type closingWindow struct {
	n           uint64
	first, last int64
	amount      amount
	cells       cells
	values      map[uint64]struct{} // at most the limit, beyond which no bound holds
	by          *grouping
	group       []string
	example     event.Event // the first
}

var _ window = (*closingWindow)(nil)

func (w *closingWindow) add(ev *event.Event, t int64, r *reach) {
	if w.n == 0 {
		w.first, w.last = t, t
		w.example = ev.Clone()
	}
	w.n++
	w.first, w.last = min(w.first, t), max(w.last, t)
	switch r.kind {
	case ValueCount:
		if len(w.values) < r.limit {
			if w.values == nil {
				w.values = map[uint64]struct{}{}
			}
			w.values[xxhash.Sum64String(fieldText(ev, r.field))] = struct{}{}
		}
	case ValueSum, ValueAvg:
		w.amount.add(amountOf(ev, r.field))
	case ValuePercentile:
		v, _ := fieldNumber(ev, r.field)
		w.cells.add(significant(v), 1)
	}
}

// judge never holds while the window is open.
func (w *closingWindow) judge(int64, *reach) verdict { return verdict{} }

func (w *closingWindow) reset() { *w = closingWindow{} }

func (w *closingWindow) size() int64 {
	n := int64(unsafe.Sizeof(*w)) + w.cells.size() + 32*int64(len(w.values))
	if w.n > 0 {
		n += sampleSize
	}
	return n
}

// close judges the window.
func (w *closingWindow) close(end int64, r *reach) verdict {
	v := verdict{until: end, first: w.first, events: w.n, edge: end - r.span, edged: true}
	switch r.kind {
	case ValueCount:
		v.observed = float64(len(w.values))
	case ValueSum, ValueAvg:
		v.observed = w.amount.number(r)
	case ValuePercentile:
		v.observed = w.cells.quantile(r.quantile)
	default:
		v.observed = float64(w.n)
	}
	v.holds = boundsHold(r.bounds, v.observed)
	return v
}

// enters opens the window that t lies in, and says whether it is open.
func (t *tracker) enters(w *Windows, at int64) bool {
	end := (floorDiv(at, t.span) + 1) * t.span
	if end <= w.now {
		return false
	}
	t.end = end
	w.nextEnd = min(w.nextEnd, end)
	return true
}

// closeWindows judges, in order of time, the windows that end at or before now.
func (w *Windows) closeWindows(now int64, emit detect.Emit) {
	for w.nextEnd <= now {
		end := w.nextEnd
		w.closeEpisodes(end-1, emit)
		w.nextEnd = never
		for _, t := range w.trackers {
			if t.closing && t.end == end {
				t.closeWindow(w, end, emit)
			}
			w.nextEnd = min(w.nextEnd, t.end)
		}
	}
}

// closeWindow judges the windows of all groups, in the order of their findings.
func (t *tracker) closeWindow(w *Windows, end int64, emit detect.Emit) {
	t.end = never
	var found []*group
	t.each(func(g *group) {
		if c, ok := g.window.(*closingWindow); ok && c.n > 0 {
			found = append(found, g)
		}
	})
	slices.SortFunc(found, func(a, b *group) int {
		return slices.CompareFunc(a.window.(*closingWindow).group, b.window.(*closingWindow).group, strings.Compare)
	})
	for _, g := range found {
		c, was, size := g.window.(*closingWindow), g.standing(), g.size()
		v := c.close(end, &t.reach)
		e := g.episode
		switch {
		case e != nil && e.restored:
			e.meetWindow(c, end, v, emit)
		case !v.holds:
		case e != nil:
			e.until = end
			e.grow(c, end, emit)
		default:
			t.fireWindow(w, g, c, end, v, emit)
		}
		c.reset()
		if g.standing() != was {
			t.place(t.partition(g), g, was)
		}
		t.room.charge(t, t.partition(g), g.size()-size)
	}
	for p := range uint64(partitions) {
		w.makeRoom(p, nil, emit)
	}
}

// grow adds the events of a further window that held.
func (e *episode) grow(c *closingWindow, end int64, emit detect.Emit) {
	e.f.EventCount += c.n
	e.f.LastSeen = time.Unix(0, c.last).UTC()
	e.sample(&c.example)
	e.emitted = end
	e.emit(emit)
}

// meetWindow is what meet is for other windows: replay brings again the windows that were judged before a restart.
func (e *episode) meetWindow(c *closingWindow, end int64, v verdict, emit detect.Emit) {
	switch fired := e.f.FiredAt.UnixNano(); {
	case end < fired:
	case end == fired:
		e.restored, e.until, e.known = false, end, e.f.EventCount
		e.f.EventCount, e.f.LastSeen = c.n, time.Unix(0, c.last).UTC()
	case v.holds && c.last > e.f.LastSeen.UnixNano(): // replay began too late for it
		e.restored, e.until = false, end
		e.grow(c, end, emit)
	}
}

// fireWindow opens an episode at the end of a window that held.
func (t *tracker) fireWindow(w *Windows, g *group, c *closingWindow, end int64, v verdict, emit detect.Emit) {
	t.by = c.by
	f := t.finding(&c.example, c.group, time.Unix(0, end).UTC(), v)
	f.LastSeen = time.Unix(0, c.last).UTC()
	f.Measure = t.measure(&c.example, c.group, v)
	f.Measure.From, f.Measure.To, f.Measure.Cut = time.Unix(0, v.edge).UTC(), f.FiredAt, w.cut
	f.Explanation = t.explain(&c.example, &f, v)
	e := &episode{f: f, until: v.until, hold: t.hold, emitted: end, silent: t.silent}
	e.sample(&c.example)
	t.begin(w, g, e)
	e.emit(emit)
}

// closingLimit is how many distinct values a closing count tells apart: one more than its largest bound.
func closingLimit(bounds []Bound) int {
	limit := 0.0
	for _, b := range bounds {
		limit = max(limit, b.Value)
	}
	return int(math.Floor(limit)) + 1
}
