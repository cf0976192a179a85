package rules

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// WindowOptions configure NewWindows. The zero value is the default.
type WindowOptions struct {
	// Memory bounds what all groups remember together, in bytes by an estimate that is about right; 0 is 416 MiB. What
	// is beyond is evicted: see WindowStats.
	Memory int64
	// Thresholds supplies learned thresholds; nil leaves the written ones.
	Thresholds Thresholds
	// Only runs one rule of the set; nil runs all that raise findings.
	Only *Rule
}

// Thresholds supplies what was learned about the measure of a rule.
type Thresholds interface {
	// Quantile returns the learned quantile of the rule's measure for a group (its group-by values), as known at event
	// time at, with the learned row it came from; ok is false when there is no such history.
	Quantile(rule *Rule, group []string, at time.Time) (value float64, ref *detect.BaselineRef, ok bool)
}

// Windows runs the correlations of a set, and turns matches of its other rules into findings. It reads Signatures
// alone and is used by one goroutine.
//
// Windows slide in event time over (t - timespan, t]. A group fires at the event that makes the condition true; that is
// one finding until the condition has been false for a timespan. A rule about single events is an event_count of at
// least one per actor (the user, else the client's address) over its quiet time, closed as soon as that has passed.
// An event that comes late counts in the windows that it lies in, as far as the group still remembers them: the
// condition is then judged over the window that ends at the group's newest event.
type Windows struct {
	set      *Set
	opts     WindowOptions
	trackers []*tracker
	led      map[string]*led
	chains   []*tracker // correlations over correlations, those first that others are over

	table      *groupTable
	room       room
	open       []*episode // in no order
	nextUpdate int64      // when open episodes are looked at for growth
	nextClose  int64      // no episode closes before
	nextEnd    int64      // no window that is judged at its end ends before
	now        int64      // newest event time seen
	cut        time.Time
	swept      int64  // the tick of event time at which stale groups were forgotten
	observed   uint64 // events
	origins    map[origin]*origin
	origin     *origin // of the last event
	groupings  []*grouping

	stats WindowStats
}

// WindowStats count what Windows had to leave out.
type WindowStats struct {
	Groups  int    // remembered now
	Bytes   int64  // that they take, by estimate
	Evicted uint64 // groups given up for want of memory
	Late    uint64 // events older than their group's window
}

var _ detect.Detector = (*Windows)(nil)

const never = int64(1<<63 - 1)

// NewWindows returns the windows of the set's rules.
func (s *Set) NewWindows(opts WindowOptions) *Windows {
	if opts.Memory <= 0 {
		opts.Memory = defaultMemory
	}
	w := &Windows{
		set: s, opts: opts, led: map[string]*led{}, origins: map[origin]*origin{},
		nextClose: never, nextEnd: never, now: -never, swept: -never, table: newGroupTable(), room: room{share: opts.Memory / partitions},
	}
	for _, r := range s.running(opts.Only) {
		w.track(newTracker(w, r))
	}
	w.assign()
	w.connect(opts.Only)
	return w
}

// running are the rules that need windows: those that raise findings (or the only one) and the correlations that these
// are over.
func (s *Set) running(only *Rule) []*Rule {
	needed := map[*Rule]bool{}
	var need func(r *Rule)
	need = func(r *Rule) {
		needed[r] = true
		if r.Correlation == nil {
			return
		}
		for _, base := range r.Correlation.bases {
			if base.Correlation != nil {
				need(base)
			}
		}
	}
	for _, r := range s.rules {
		if r == only || only == nil && r.raises {
			need(r)
		}
	}
	return slices.DeleteFunc(slices.Clone(s.rules), func(r *Rule) bool { return !needed[r] })
}

// track takes in a tracker.
func (w *Windows) track(t *tracker) {
	t.by = w.shared(t.by)
	for i := range t.perRule {
		t.perRule[i] = w.shared(t.perRule[i])
	}
	w.trackers = append(w.trackers, t)
	w.lead(t)
}

// lead makes events find the tracker.
func (w *Windows) lead(t *tracker) {
	if t.chained {
		w.chains = append(w.chains, t)
		return
	}
	l := w.ledBy(t.signature)
	l.trackers = append(l.trackers, t)
	if u := t.rule.Unless; u != nil {
		l := w.ledBy(u.Rule)
		l.excused = append(l.excused, t)
	}
}

// led are the trackers that the events with a signature go to.
type led struct {
	trackers []*tracker
	excused  []*tracker // those whose groups it excuses
}

func (w *Windows) ledBy(signature string) *led {
	l := w.led[signature]
	if l == nil {
		l = &led{}
		w.led[signature] = l
	}
	return l
}

// connect leads each chain's correlations to it, and puts the chains in order.
func (w *Windows) connect(only *Rule) {
	byRule := map[*Rule]*tracker{}
	for _, t := range w.trackers {
		byRule[t.rule] = t
		t.silent = t.rule != only && (only != nil || !t.rule.raises)
	}
	for _, t := range w.chains {
		for i, base := range t.rule.Correlation.bases {
			if inner := byRule[base]; inner != nil {
				inner.outer = append(inner.outer, outerLink{t, i})
			}
		}
	}
	slices.SortStableFunc(w.chains, func(a, b *tracker) int { return a.rule.depth() - b.rule.depth() })
}

// depth is how many correlations stand on each other.
func (r *Rule) depth() int {
	if r.Correlation == nil {
		return 0
	}
	deepest := 0
	for _, base := range r.Correlation.bases {
		deepest = max(deepest, base.depth())
	}
	return deepest + 1
}

// Stats returns the counts.
func (w *Windows) Stats() WindowStats {
	s := w.stats
	s.Groups = w.table.n
	for _, used := range w.room.used {
		s.Bytes += used
	}
	return s
}

// Observe implements detect.Detector.
func (w *Windows) Observe(ev *event.Event, emit detect.Emit) {
	w.closeBefore(ev.Time.UnixNano(), emit)
	if ev.IngestedAt.After(w.cut) {
		w.cut = ev.IngestedAt
	}
	w.observed++
	for _, sig := range ev.Signatures {
		l := w.led[sig]
		if l == nil {
			continue
		}
		for _, t := range l.excused {
			t.excuse(w, ev, emit)
		}
		for _, t := range l.trackers {
			t.observe(w, ev, emit)
		}
	}
	if len(w.chains) > 0 {
		w.runChains(ev, emit)
	}
}

// Advance implements detect.Detector.
func (w *Windows) Advance(t time.Time, emit detect.Emit) {
	w.closeBefore(t.UnixNano(), emit)
}

// Lookback implements detect.Detector: twice the longest timespan, an hour at most.
func (w *Windows) Lookback() time.Duration {
	longest := time.Minute
	for _, t := range w.trackers {
		longest = max(longest, t.rule.reach())
	}
	return min(longest, time.Hour)
}

// Restore implements detect.Detector.
func (w *Windows) Restore(open []detect.Finding) {
	for i := range open {
		f := &open[i]
		for _, t := range w.trackers {
			if t.rule.ID == f.Detector {
				t.restore(w, f)
			}
		}
	}
}

// closeBefore judges the windows that have ended at t, closes the episodes that are over and forgets stale groups. It runs
// before each event, so that what is emitted does not depend on how often Advance is called.
func (w *Windows) closeBefore(t int64, emit detect.Emit) {
	w.now = max(w.now, t)
	if w.now >= w.nextEnd {
		w.closeWindows(w.now, emit)
	}
	w.closeEpisodes(w.now, emit)
	if w.now >= w.swept+int64(detect.Tick) {
		w.swept = floorDiv(w.now, int64(detect.Tick)) * int64(detect.Tick)
		for _, tr := range w.trackers {
			tr.expire(w.swept)
		}
	}
}

// closeEpisodes closes the episodes whose condition has been false long enough at t, and tells of those that grew since
// they were told of last, a minute ago or more, in order of time.
func (w *Windows) closeEpisodes(now int64, emit detect.Emit) {
	if now < w.nextClose && now < w.nextUpdate {
		return
	}
	var due []dueEpisode
	w.nextClose, w.nextUpdate = never, now-now%updateEvery+updateEvery
	for _, e := range w.open {
		ends := e.closesAt()
		if at, grew := e.updateDue(); grew && at <= min(now, ends) {
			due = append(due, dueEpisode{at, e, false})
		}
		if ends <= now {
			due = append(due, dueEpisode{ends, e, true})
			continue
		}
		w.nextClose = min(w.nextClose, ends)
	}
	slices.SortStableFunc(due, func(a, b dueEpisode) int {
		return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.episode.f.ID, b.episode.f.ID))
	})
	for _, d := range due {
		if !d.ends {
			d.episode.emitted = d.at
			d.episode.emit(emit)
			continue
		}
		w.closed(d.episode)
		d.episode.finish(emit)
		// When time comes in small steps the grid's point may have passed while the episode kept its group.
		if t, g := d.episode.tracker, d.episode.group; g.stale(t.edge(d.at), t.span) {
			t.forget(t.partition(g), g)
		}
	}
}

// dueEpisode is an episode that has something to tell as of the event time at.
type dueEpisode struct {
	at      int64
	episode *episode
	ends    bool
}

// originOf returns where ev came from, interned, so that it may be kept.
func (w *Windows) originOf(ev *event.Event) *origin {
	if o := w.origin; o != nil && o.generation == ev.Generation && o.source == ev.Source {
		return o
	}
	key := origin{ev.Source, ev.Generation}
	o := w.origins[key]
	if o == nil {
		if len(w.origins) >= maxOrigins {
			clear(w.origins)
		}
		o = &origin{strings.Clone(ev.Source), ev.Generation}
		w.origins[*o] = o
	}
	w.origin = o
	return o
}

// maxOrigins bounds the interned places; after that they are gathered anew.
const maxOrigins = 1 << 16
