package rules

import (
	"math"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// tracker runs the windows of one rule.
type tracker struct {
	rule      *Rule
	kind      CorrelationType
	signature string // marks the events that count
	threshold int
	reach     reach
	span      int64       // nanoseconds
	hold      int64       // how long the condition must be false before an episode is over
	by        *grouping   // of the event at hand, where rules differ
	perRule   []*grouping // nil: all group alike
	value     fieldID

	closing bool        // windows that are judged at their end
	end     int64       // of the open ones; never when there is none
	chained bool        // over correlations
	silent  bool        // only for the chains over it
	outer   []outerLink // the chains over it
	inbox   []link      // of a chain: what the event at hand brought

	groups  map[uint64]*group // by the hash of their key
	learned map[*group]*detect.BaselineRef
	parts   [partitions]lruList
	free    []*group
	filled  uint64 // a bit for each part that has groups
	cap     int    // groups in a partition

	expired int64 // event time of the last expire
}

// group is one group-by value of one rule: what its condition still has to remember, and its open episode. There are
// millions of them: it holds neither its key, which the event at hand tells, nor what it shares with the others.
type group struct {
	hash      uint64 // of its key: its identity, as colliding is next to impossible
	window    window // nil while newest says all there is to remember
	newest    int64  // event time of the newest event,
	position  uint64
	origin    *origin // and its place otherwise
	episode   *episode
	threshold int

	prev, next *group
}

// origin is a source and generation, interned.
type origin struct {
	source     string
	generation uint64
}

// place is the place of the newest event.
func (g *group) place() event.Place {
	if g.origin == nil {
		return event.Place{}
	}
	return event.Place{Time: time.Unix(0, g.newest).UTC(), Source: g.origin.source, Generation: g.origin.generation, Position: g.position}
}

// before reports whether the group's newest event lies before ev, or is ev, in judging order.
func (g *group) before(ev *event.Event, now int64) bool {
	if g.newest != now || g.origin == nil {
		return g.newest < now
	}
	return g.place().Compare(ev.Place()) <= 0
}

// window remembers what a condition needs of the past.
type window interface {
	// add counts an event at time t (nanoseconds) that may be older than the newest.
	add(ev *event.Event, t int64, r *reach)
	// judge evaluates the condition over (newest - span, newest].
	judge(newest int64, r *reach) verdict
	// reset forgets everything and keeps the room.
	reset()
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

func newTracker(s *Set, r *Rule, opts WindowOptions) *tracker {
	t := &tracker{rule: r, groups: map[uint64]*group{}, cap: max(1, opts.MaxGroups/partitions), end: never}
	t.kind, t.signature, t.threshold = EventCount, r.ID, 1
	t.span, t.by = int64(r.Quiet), &grouping{fields: []fieldID{fieldActor}}
	if c := r.Correlation; c != nil {
		t.correlate(s, c)
	}
	t.reach.limit, t.reach.span, t.reach.field, t.reach.kind = t.threshold, t.span, t.value, t.kind
	t.reach.width = max(1, t.span/bucketsInSpan)
	if t.closing {
		t.reach.limit = closingLimit(t.reach.bounds)
	}
	if r.Unless != nil {
		t.reach.excuses = r.Unless.limit(t.threshold)
	}
	return t
}

// correlate takes over what a correlation says.
func (t *tracker) correlate(s *Set, c *Correlation) {
	t.kind, t.threshold, t.closing, t.chained = c.Type, c.Threshold, c.Closing, c.chained()
	if !t.chained {
		t.signature = s.signatures[c.signature]
	}
	t.span, t.hold = int64(c.Timespan), int64(c.Timespan)
	t.by, t.value = &grouping{fields: c.group}, c.value
	for _, fields := range c.perRule {
		t.perRule = append(t.perRule, &grouping{fields: fields})
	}
	for _, base := range c.bases {
		id := ""
		if base.Correlation == nil {
			id = base.ID
		}
		t.reach.rules = append(t.reach.rules, id)
	}
	t.reach.bounds, t.reach.quantile = c.Bounds, c.Percentile/100
}

// groupingOf is how the events of one of the rules group.
func (t *tracker) groupingOf(rule int) *grouping {
	if t.perRule == nil {
		return t.by
	}
	return t.perRule[rule]
}

// reachOf is the tracker's reach, or the group's where its threshold was learned.
func (t *tracker) reachOf(g *group) *reach {
	if g.threshold == t.threshold {
		return &t.reach
	}
	r := t.reach
	r.limit = g.threshold
	if t.rule.Unless != nil {
		r.excuses = t.rule.Unless.limit(g.threshold)
	}
	return &r
}

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
	g := t.groups[hash]
	if g == nil {
		g = t.create(w, hash, t.by.values, ev.Time, emit)
	}
	before := g.newest
	switch {
	case g.before(ev, now):
		g.newest, g.position, g.origin = now, ev.Position, w.originOf(ev)
		t.part(hash).touch(g)
	case now <= g.newest-t.span:
		w.stats.Late++
		return
	}
	v := t.count(g, ev, now, before)
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
		if before == math.MinInt64 && r.limit > 1 && !t.chained {
			return verdict{} // the first event: newest says all about it
		}
		t.open(g, before)
	}
	g.window.add(ev, now, r)
	return g.window.judge(g.newest, r)
}

// open gives a group that has seen one event at most its window.
func (t *tracker) open(g *group, only int64) {
	g.window = t.newWindow()
	if only != math.MinInt64 {
		g.window.add(nil, only, t.reachOf(g)) // counting windows look at the time alone
	}
}

// excuse counts an event that speaks for its group, if there is one; an event that counts against it does not.
func (t *tracker) excuse(w *Windows, ev *event.Event) {
	if len(t.groups) == 0 || matched(ev, t.signature) {
		return
	}
	hash, ok := t.by.of(w, ev)
	if !ok || t.filled>>(hash%partitions)&1 == 0 {
		return
	}
	if g := t.groups[hash]; g != nil {
		if g.window == nil {
			t.open(g, g.newest)
		}
		g.window.(*excusedWindow).excuses.remember(ev.Time.UnixNano(), t.reachOf(g).excuses)
	}
}

// create adds a group; values returns its group-by values.
func (t *tracker) create(w *Windows, hash uint64, values func() []string, at time.Time, emit detect.Emit) *group {
	part := t.part(hash)
	if part.n >= t.cap {
		t.expirePart(part, w.now)
	}
	if part.n >= t.cap {
		victim := part.oldest()
		if victim.episode != nil {
			victim.episode.finish(emit)
			victim.episode = nil
		}
		t.forget(part, victim)
		w.stats.Evicted++
	}
	g := t.blank()
	g.hash, g.newest, g.threshold = hash, math.MinInt64, t.threshold
	if l := t.rule.Learned; l != nil && w.opts.Thresholds != nil {
		if q, ref, ok := w.opts.Thresholds.Quantile(t.rule, values(), at); ok {
			most := float64(maxThreshold)
			if t.kind == ValueCount {
				most = maxLearnedValues
			}
			if learned := int(math.Ceil(min(q*l.Factor, most))); learned > g.threshold {
				g.threshold = learned
				if t.learned == nil {
					t.learned = map[*group]*detect.BaselineRef{}
				}
				t.learned[g] = ref
			}
		}
	}
	t.groups[hash] = g
	part.push(g)
	t.filled |= 1 << (hash % partitions)
	return g
}

// maxLearnedValues bounds the different values that a learned threshold makes a group tell apart: each event looks at all.
const maxLearnedValues = 5000

// blank returns a group that remembers nothing. Most groups see one event: of those that count events the window is made
// with the second.
func (t *tracker) blank() *group {
	if n := len(t.free); n > 0 {
		g := t.free[n-1]
		t.free = t.free[:n-1]
		return g
	}
	g := &group{}
	if t.kind != EventCount || t.closing || t.chained {
		g.window = t.newWindow()
	}
	return g
}

func (t *tracker) newWindow() window {
	var w window
	switch {
	case t.closing:
		return &closingWindow{}
	case t.kind == Temporal:
		w = &temporalWindow{}
	case t.kind == TemporalOrdered:
		w = &orderedWindow{}
	case t.chained:
		return &chainWindow{}
	case t.kind.numeric():
		w = &bucketWindow{}
	case t.kind == ValueCount:
		w = &valueWindow{}
	default:
		w = &countWindow{}
	}
	if t.rule.Unless != nil {
		return &excusedWindow{window: w}
	}
	return w
}

func (t *tracker) forget(part *lruList, g *group) {
	part.remove(g)
	delete(t.groups, g.hash)
	if t.learned != nil {
		delete(t.learned, g)
	}
}

// recycle keeps the room of a group that nobody knows any more.
func (t *tracker) recycle(g *group) {
	if len(t.free) < maxFree && g.window != nil {
		g.window.reset()
		*g = group{window: g.window}
		t.free = append(t.free, g)
	}
}

// maxFree bounds the groups that are kept for the next.
const maxFree = 256

// due is the event time at which expire is worth its while: half a timespan after the last.
func (t *tracker) due() int64 {
	if len(t.groups) == 0 {
		return never
	}
	return t.expired + max(t.span/2, int64(time.Minute))
}

// expire forgets the groups whose newest event lies a timespan back; nothing that they remember matters any more. Until
// then they cost memory and change nothing.
func (t *tracker) expire(now int64) {
	t.expired = now
	for filled := t.filled; filled != 0; filled &= filled - 1 {
		i := bits.TrailingZeros64(filled)
		t.expirePart(&t.parts[i], now)
		if t.parts[i].n == 0 {
			t.filled &^= 1 << i
		}
	}
}

func (t *tracker) expirePart(part *lruList, now int64) {
	for g := part.oldest(); g != nil && g.newest <= now-t.span; {
		following := g.prev
		if g.episode == nil {
			t.forget(part, g)
			t.recycle(g)
		}
		g = following
	}
}

func (t *tracker) part(hash uint64) *lruList { return &t.parts[hash%partitions] }

// restore opens the episode of a finding that was open when the process stopped.
func (t *tracker) restore(w *Windows, f *detect.Finding) {
	hash := xxhash.Sum64String(strings.Join(f.Group, string(keySeparator)))
	g := t.groups[hash]
	if g == nil {
		g = t.create(w, hash, func() []string { return f.Group }, f.FiredAt, func(detect.Finding) {})
	}
	g.episode = restoredEpisode(f, t.span, t.hold)
	w.opened(g)
}

// lruList is a list of groups, the most recently active first.
type lruList struct {
	first, last *group
	n           int
}

func (l *lruList) oldest() *group { return l.last }

func (l *lruList) push(g *group) {
	g.prev, g.next = nil, l.first
	if l.first != nil {
		l.first.prev = g
	} else {
		l.last = g
	}
	l.first = g
	l.n++
}

func (l *lruList) remove(g *group) {
	if g.prev != nil {
		g.prev.next = g.next
	} else {
		l.first = g.next
	}
	if g.next != nil {
		g.next.prev = g.prev
	} else {
		l.last = g.prev
	}
	g.prev, g.next = nil, nil
	l.n--
}

func (l *lruList) touch(g *group) {
	if l.first != g {
		l.remove(g)
		l.push(g)
	}
}
