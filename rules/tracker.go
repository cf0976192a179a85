package rules

import (
	"hash/fnv"
	"math"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// tracker runs the windows of one rule.
type tracker struct {
	rule      *Rule
	kind      CorrelationType
	signature string   // marks the events that count
	bases     []string // temporal types: the signatures of the rules, in order
	threshold int
	span      int64 // nanoseconds
	hold      int64 // how long the condition must be false before an episode is over
	by        []fieldID
	value     fieldID

	groups map[string]*group
	parts  [partitions]lruList
	cap    int // groups in a partition
	key    []byte

	expired int64 // event time of the last expire
}

// group is one group-by value of one rule: what its condition still has to remember, and its open episode.
type group struct {
	key       string
	t         *tracker
	window    window
	newest    int64
	place     event.Place // of the newest event
	episode   *episode
	threshold int
	baseline  *detect.BaselineRef

	prev, next *group
}

// window remembers what a condition needs of the past.
type window interface {
	// add counts an event at time t (nanoseconds) that may be older than the newest.
	add(ev *event.Event, t int64)
	// judge evaluates the condition over (newest - span, newest].
	judge(newest, span int64) verdict
}

// verdict is the outcome of judging a window.
type verdict struct {
	holds    bool
	until    int64   // if it holds: without further events it stops holding then
	observed float64 // the number the threshold was held against
	first    int64   // time of the window's first event that counted
	events   uint64  // events in the window, as far as they are remembered
	examples []string
}

func newTracker(s *Set, r *Rule, opts WindowOptions) *tracker {
	t := &tracker{rule: r, groups: map[string]*group{}, cap: max(1, opts.MaxGroups/partitions)}
	if c := r.Correlation; c != nil {
		t.kind, t.signature, t.threshold = c.Type, s.signatures[c.signature], c.Threshold
		t.span, t.hold = int64(c.Timespan), int64(c.Timespan)
		t.by, t.value = c.group, c.value
		for _, i := range c.base {
			t.bases = append(t.bases, s.signatures[i])
		}
		return t
	}
	t.kind, t.signature, t.threshold = EventCount, r.ID, 1
	t.span, t.by = int64(r.Quiet), []fieldID{fieldActor}
	return t
}

const keySeparator = '\x1f'

// groupKey builds the group's key in t.key; false when the event lacks one of the fields.
func (t *tracker) groupKey(ev *event.Event) bool {
	t.key = t.key[:0]
	for i, id := range t.by {
		if i > 0 {
			t.key = append(t.key, keySeparator)
		}
		n := len(t.key)
		switch id {
		case fieldClientIP:
			t.key = appendAddress(t.key, ev)
		case fieldActor:
			// A user may be called like an address: the prefix keeps them apart.
			if ev.User != "" {
				t.key = append(append(t.key, "user="...), ev.User...)
			} else if ev.ClientIP.IsValid() {
				t.key = appendAddress(t.key, ev)
			}
		default:
			t.key = append(t.key, fieldText(ev, id)...)
		}
		if len(t.key) == n {
			return false
		}
	}
	return true
}

func appendAddress(b []byte, ev *event.Event) []byte {
	if ev.ClientIP.IsValid() {
		b = ev.ClientIP.AppendTo(b)
	}
	return b
}

// values splits a key into the finding's group.
func (t *tracker) values(key string) []string {
	if len(t.by) == 0 {
		return nil
	}
	return strings.Split(key, string(keySeparator))
}

func (t *tracker) observe(w *Windows, ev *event.Event, emit detect.Emit) {
	if !t.groupKey(ev) || t.value != fieldNone && !fieldExists(ev, t.value) {
		return
	}
	now := ev.Time.UnixNano()
	g := t.groups[string(t.key)]
	if g == nil {
		g = t.create(w, string(t.key), ev.Time, emit)
	}
	switch place := ev.Place(); {
	case g.place.Compare(place) <= 0:
		g.newest, g.place = now, w.place(ev)
		t.part(g.key).touch(g)
	case now <= g.newest-t.span:
		w.stats.Late++
		return
	}
	g.window.add(ev, now)
	v := g.window.judge(g.newest, t.span)
	switch {
	case g.episode != nil && g.episode.restored:
		g.episode.meet(ev, v, emit)
		w.nextClose = min(w.nextClose, g.episode.closesAt())
	case g.episode != nil:
		g.episode.prolong(v)
		g.episode.count(ev, emit)
	case v.holds:
		t.fire(w, g, ev, v, emit)
	}
}

// excuse counts an event that speaks for its group, if there is one.
func (t *tracker) excuse(ev *event.Event) {
	if !t.groupKey(ev) {
		return
	}
	if g := t.groups[string(t.key)]; g != nil {
		g.window.(*excusedWindow).excuses.add(ev, ev.Time.UnixNano())
	}
}

func (t *tracker) create(w *Windows, key string, at time.Time, emit detect.Emit) *group {
	part := t.part(key)
	if part.n >= t.cap {
		t.expirePart(part, w.now)
	}
	if part.n >= t.cap {
		victim := part.oldest()
		if victim.episode != nil {
			victim.episode.finish(emit)
			victim.episode = nil
		}
		part.remove(victim)
		delete(t.groups, victim.key)
		w.stats.Evicted++
	}
	g := &group{key: key, t: t, newest: math.MinInt64, threshold: t.threshold}
	if l := t.rule.Learned; l != nil && w.opts.Thresholds != nil {
		if q, ref, ok := w.opts.Thresholds.Quantile(t.rule, t.values(key), at); ok {
			if learned := int(math.Ceil(min(q*l.Factor, maxThreshold))); learned > g.threshold {
				g.threshold, g.baseline = learned, ref
			}
		}
	}
	g.window = t.newWindow(g.threshold)
	if u := t.rule.Unless; u != nil {
		g.window = &excusedWindow{window: g.window, excuses: countWindow{limit: u.limit(g.threshold)}}
	}
	t.groups[key] = g
	part.push(g)
	return g
}

func (t *tracker) newWindow(threshold int) window {
	switch t.kind {
	case ValueCount:
		return &valueWindow{field: t.value, limit: threshold, span: t.span}
	case Temporal:
		return &temporalWindow{rules: t.bases}
	case TemporalOrdered:
		return &orderedWindow{rules: t.bases}
	}
	return &countWindow{limit: threshold}
}

// expire forgets the groups whose newest event lies a timespan back; nothing that they remember matters any more. It
// looks once in half a timespan of event time: until then they cost memory and change nothing.
func (t *tracker) expire(now int64) {
	if t.expired != 0 && now-t.expired < max(t.span/2, int64(time.Minute)) {
		return
	}
	t.expired = now
	for i := range t.parts {
		t.expirePart(&t.parts[i], now)
	}
}

func (t *tracker) expirePart(part *lruList, now int64) {
	for g := part.oldest(); g != nil && g.newest <= now-t.span; {
		following := g.prev
		if g.episode == nil {
			part.remove(g)
			delete(t.groups, g.key)
		}
		g = following
	}
}

func (t *tracker) part(key string) *lruList {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // hash.Hash never fails
	return &t.parts[h.Sum32()%partitions]
}

// restore opens the episode of a finding that was open when the process stopped.
func (t *tracker) restore(w *Windows, f *detect.Finding) {
	key := strings.Join(f.Group, string(keySeparator))
	g := t.groups[key]
	if g == nil {
		g = t.create(w, key, f.FiredAt, func(detect.Finding) {})
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
