package rules

import (
	"github.com/cespare/xxhash/v2"

	"github.com/gatewatch/gatewatch/detect"
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

	table   *groupTable // of all trackers
	room    *room       // of all trackers
	slot    int         // its place among the trackers; -1 before it has one
	salt    uint64      // tells its groups from those of other rules
	parts   [partitions]part
	n       int    // groups
	filled  uint64 // a bit for each part that may have some
	learned map[*group]learnedThreshold
	due     int64 // event time at which stale groups are forgotten next
}

// learnedThreshold is a threshold that was learned, which is higher than the written one.
type learnedThreshold struct {
	threshold int
	baseline  *detect.BaselineRef
}

func newTracker(w *Windows, r *Rule) *tracker {
	t := &tracker{rule: r, end: never, table: w.table, room: &w.room, slot: -1, due: -never, salt: xxhash.Sum64String(r.ID)}
	t.kind, t.signature, t.threshold = EventCount, r.ID, 1
	t.span, t.by = int64(r.Quiet), &grouping{fields: []fieldID{fieldActor}}
	if c := r.Correlation; c != nil {
		t.correlate(w.set, c)
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

// thresholdOf is the tracker's threshold, or the group's where it was learned.
func (t *tracker) thresholdOf(g *group) int {
	if t.learned != nil {
		if l, ok := t.learned[g]; ok {
			return l.threshold
		}
	}
	return t.threshold
}

// reachOf is the tracker's reach, or the group's where its threshold was learned.
func (t *tracker) reachOf(g *group) *reach {
	threshold := t.thresholdOf(g)
	if threshold == t.threshold {
		return &t.reach
	}
	r := t.reach
	r.limit = threshold
	if t.rule.Unless != nil {
		r.excuses = t.rule.Unless.limit(threshold)
	}
	return &r
}

// partition is where a group belongs.
func (t *tracker) partition(g *group) uint64 { return (g.key ^ t.salt) % partitions }

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
