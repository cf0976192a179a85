package rules

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// observe judges an event that carries the tracker's signature.
func (t *tracker) observe(w *Windows, ev *event.Event, emit detect.Emit) {
	if t.perRule != nil || t.kind.temporal() {
		t.inbox = t.inbox[:0]
		for i, id := range t.reach.rules {
			if matched(ev, id) {
				t.inbox = append(t.inbox, link{rule: i, fires: true})
			}
		}
		t.observeLinks(w, ev, t.inbox, emit)
		return
	}
	if hash, ok := t.by.of(w, ev); ok {
		t.enter(w, ev, hash, emit)
	}
}

// observeLinks judges an event that stands for some of the rules, once for each group that these put it in.
func (t *tracker) observeLinks(w *Windows, ev *event.Event, links []link, emit detect.Emit) {
	slices.SortStableFunc(links, func(a, b link) int { return a.rule - b.rule })
	for i := range links {
		l := &links[i]
		l.hash, l.known = t.groupingOf(l.rule).of(w, ev)
	}
	for i := range links {
		l := &links[i]
		same := func(o link) bool { return o.known && o.hash == l.hash }
		if !l.known || slices.ContainsFunc(links[:i], same) {
			continue
		}
		t.reach.links = t.reach.links[:0]
		for _, o := range links[i:] {
			if same(o) {
				t.reach.links = append(t.reach.links, o)
			}
		}
		t.by = t.groupingOf(l.rule)
		t.enter(w, ev, l.hash, emit)
	}
}

// enter judges an event in its group.
func (t *tracker) enter(w *Windows, ev *event.Event, hash uint64, emit detect.Emit) {
	if t.value != fieldNone && !fieldExists(ev, t.value) {
		return
	}
	now := ev.Time.UnixNano()
	if t.closing && !t.enters(w, now) {
		w.stats.Late++
		return
	}
	p := hash % partitions
	g := t.table.find(hash ^ t.salt)
	if g != nil && g.stale(now, t.span) {
		t.forget(p, g) // as if expire had come by
		g = nil
	}
	if g == nil {
		g = t.create(w, hash, t.by.values, ev.Time)
	}
	before, was, size := g.newest, g.standing(), g.size()
	switch {
	case g.before(ev, now):
		g.newest, g.position, g.origin = now, ev.Position, w.originOf(ev)
	case now <= g.newest-t.span:
		w.stats.Late++
		return
	}
	t.judge(w, g, ev, t.count(g, ev, now, before), emit)
	if g.newest != before || g.standing() != was {
		t.place(p, g, was)
	}
	if grown := g.size() - size; grown != 0 {
		t.room.charge(t, p, grown)
	}
	if w.room.used[p] > w.room.share {
		w.makeRoom(p, g, emit)
	}
}

// judge acts on the verdict over a group's window at an event.
func (t *tracker) judge(w *Windows, g *group, ev *event.Event, v verdict, emit detect.Emit) {
	fires := false
	switch {
	case t.closing:
		t.name(g)
	case g.episode != nil && g.episode.restored:
		g.episode.meet(ev, v, emit)
		w.nextClose = min(w.nextClose, g.episode.closesAt())
	case g.episode != nil:
		g.episode.prolong(v)
		g.episode.count(ev, emit)
	case v.holds:
		fires = true
		t.fire(w, g, ev, v, emit)
	}
	t.tell(w, g, ev, v, fires)
}

// name keeps the group's values for the end of its window.
func (t *tracker) name(g *group) {
	if c := g.window.(*closingWindow); c.by == nil {
		c.by, c.group = t.by, t.by.values()
	}
}

// count adds an event to the group's window and judges it; before is when its newest event was until then.
func (t *tracker) count(g *group, ev *event.Event, now, before int64) verdict {
	r := t.reachOf(g)
	if g.window == nil {
		if v, done := t.countFew(g, ev, now, before, r); done {
			return v
		}
		t.open(g, before, r)
	}
	g.window.add(ev, now, r)
	return g.window.judge(g.newest, r)
}

// countFew is count for groups that have no window yet, and need none for this event: most see an event or two.
func (t *tracker) countFew(g *group, ev *event.Event, now, before int64, r *reach) (v verdict, done bool) {
	switch {
	case t.closing || t.chained:
		return v, false
	case t.kind == EventCount && r.limit == 1 && t.rule.Unless == nil:
		return verdict{holds: true, until: g.newest + r.span, observed: 1, first: g.newest, events: 1}, true
	case t.kind == EventCount && before == nothing && r.limit > 1:
		return v, true
	case t.kind == EventCount && g.memo == nothing && r.limit > 2:
		g.memo = min(before, now)
		return v, true
	case t.kind == ValueCount && before == nothing && r.limit > 1:
		g.memo = int64(xxhash.Sum64String(fieldText(ev, r.field)))
		return v, true
	}
	return v, false
}

// open gives a group its window, with what it remembers without one.
func (t *tracker) open(g *group, before int64, r *reach) {
	g.window = t.newWindow()
	if before == nothing {
		return
	}
	inner := g.window
	if excused, ok := inner.(*excusedWindow); ok {
		inner = excused.window
	}
	switch w := inner.(type) {
	case *countWindow:
		if g.memo != nothing {
			w.remember(g.memo, r.limit)
		}
		w.remember(before, r.limit)
	case *valueWindow:
		w.entries = append(w.entries, valueEntry{hash: uint64(g.memo), first: before, last: before, events: 1})
	}
}

// excuse counts an event that speaks for its group, if there is one; an event that counts against it does not.
func (t *tracker) excuse(w *Windows, ev *event.Event, emit detect.Emit) {
	if t.n == 0 || matched(ev, t.signature) {
		return
	}
	hash, ok := t.by.of(w, ev)
	if !ok {
		return
	}
	p := hash % partitions
	if t.filled>>p&1 == 0 {
		return
	}
	g := t.table.find(hash ^ t.salt)
	if g == nil {
		return
	}
	was, size, r := g.standing(), g.size(), t.reachOf(g)
	if g.window == nil {
		t.open(g, g.newest, r)
	}
	g.window.(*excusedWindow).excuses.remember(ev.Time.UnixNano(), r.excuses)
	if g.standing() != was {
		t.place(p, g, was)
	}
	t.room.charge(t, p, g.size()-size)
	if w.room.used[p] > w.room.share {
		w.makeRoom(p, g, emit)
	}
}

// create adds a group; values returns its group-by values.
func (t *tracker) create(w *Windows, hash uint64, values func() []string, at time.Time) *group {
	p := hash % partitions
	g := t.table.add(hash ^ t.salt)
	t.table.push(&t.parts[p].lists[newcomer], g)
	t.parts[p].n[newcomer]++
	t.filled |= 1 << p
	t.n++
	t.room.charge(t, p, g.size())
	if t.rule.Learned != nil && w.opts.Thresholds != nil {
		t.learn(w, g, values(), at)
	}
	return g
}

// learn gives a group the threshold that was learned for it, where that is higher than the written one.
func (t *tracker) learn(w *Windows, g *group, values []string, at time.Time) {
	q, ref, ok := w.opts.Thresholds.Quantile(t.rule, values, at)
	if !ok {
		return
	}
	most := float64(maxThreshold)
	if t.kind == ValueCount {
		most = maxLearnedValues
	}
	threshold := int(math.Ceil(min(q*t.rule.Learned.Factor, most)))
	if threshold <= t.threshold {
		return
	}
	if t.learned == nil {
		t.learned = map[*group]learnedThreshold{}
	}
	t.learned[g] = learnedThreshold{threshold, ref}
}

// maxLearnedValues bounds the different values that a learned threshold makes a group tell apart: each event looks at all.
const maxLearnedValues = 5000

// restore opens the episode of a finding that was open when the process stopped.
func (t *tracker) restore(w *Windows, f *detect.Finding) {
	hash := xxhash.Sum64String(strings.Join(f.Group, string(keySeparator)))
	g := t.table.find(hash ^ t.salt)
	if g == nil {
		g = t.create(w, hash, func() []string { return f.Group }, f.FiredAt)
	}
	was, size := g.standing(), g.size()
	t.begin(w, g, restoredEpisode(f, t.span, t.hold))
	t.place(hash%partitions, g, was)
	t.room.charge(t, hash%partitions, g.size()-size)
}
