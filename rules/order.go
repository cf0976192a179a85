package rules

import (
	"slices"

	"github.com/gatewatch/gatewatch/event"
)

// sortEvents orders events by time; equal times keep their order.
func sortEvents(events []event.Event) {
	slices.SortStableFunc(events, func(a, b event.Event) int { return a.Time.Compare(b.Time) })
}
