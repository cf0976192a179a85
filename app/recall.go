package app

import (
	"context"
	"slices"
	"sort"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident"
)

// recalled answers for the events behind a measure out of the blocks that a walk still holds: the evidence of a finding
// is nearly always among the events just judged, and a query each would cost more than all of detection. What reaches
// further back is asked of the store.
type recalled struct {
	store  incident.Events
	blocks [][]*event.Event // in judging order but for late events, which hide from the search by time
	whole  bool             // nothing was let go yet
}

// recalledBlocks is how many blocks are held.
const recalledBlocks = 2

func (r *recalled) hold(block []*event.Event) {
	r.blocks = append(r.blocks, block)
	if len(r.blocks) > recalledBlocks {
		r.blocks = slices.Delete(r.blocks, 0, 1)
		r.whole = false
	}
}

// MeasureEvents implements incident.Events: the first and the last of the events that m counts, limit in all.
func (r *recalled) MeasureEvents(ctx context.Context, m detect.Measure, limit int) ([]*event.Event, error) {
	if len(r.blocks) == 0 || !r.whole && (m.From.IsZero() || !r.blocks[0][0].Time.Before(m.From)) {
		return r.store.MeasureEvents(ctx, m, limit)
	}
	var found []*event.Event
	selects := m.Selector()
	for _, block := range r.blocks {
		for _, ev := range between(block, m.From, m.To) {
			if selects(ev) {
				found = append(found, ev)
			}
		}
	}
	slices.SortFunc(found, event.Compare)
	if len(found) > limit {
		last := limit / 2
		found = append(found[:limit-last:limit-last], found[len(found)-last:]...)
	}
	return found, nil
}

// between cuts a block, about in order of time, down to what can lie in an interval, bounds included.
func between(block []*event.Event, from, to time.Time) []*event.Event {
	start, end := 0, len(block)
	if !from.IsZero() {
		start = sort.Search(len(block), func(i int) bool { return !block[i].Time.Before(from) })
	}
	if !to.IsZero() {
		end = sort.Search(len(block), func(i int) bool { return block[i].Time.After(to) })
	}
	return block[start:max(start, end)]
}
