package detect

import (
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// Detector judges events one after the other, in judging order. A detector is used by one goroutine.
//
// Its findings depend on the order of events and on its configuration alone, never on the wall clock, on batches or on
// how often Advance is called. It keeps no reference to an event or to its strings after Observe returned: what it
// keeps, it copies (strings.Clone), since an event's strings alias large buffers.
type Detector interface {
	// Observe judges ev. An event with a time before the last Advance is late: it counts where it belongs as far as
	// state is still there, may add a finding, and never changes an id that was issued.
	Observe(ev *event.Event, emit Emit)
	// Advance says that no more events before t are expected: windows and buckets that end at or before t are closed.
	// One call may pass over many buckets.
	Advance(t time.Time, emit Emit)
	// Restore tells a fresh detector which episodes of its own were open when the process stopped, before events are
	// replayed into it: their events prolong these findings instead of firing new ones.
	Restore(open []Finding)
	// Lookback is how much event time must be replayed to rebuild the state that Restore does not bring, an hour at most.
	Lookback() time.Duration
}

// Emit takes a finding. The callee owns it.
type Emit func(Finding)

// Info describes a detector to people: the rules and learned detectors list themselves with it.
type Info struct {
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Kind        Kind     `json:"kind"`
	Severity    Severity `json:"severity"`
	Needs       []string `json:"needs"` // event fields without which it is off for a source
	Learned     bool     `json:"learned"`
	OWASP       []string `json:"owasp,omitempty"`
	MITRE       []string `json:"mitre,omitempty"`
}

// Missing returns those of the detectors' needs that the available fields (snake_case names) do not cover, per
// detector id; a detector that can work is not in the map.
func Missing(detectors []Info, available map[string]bool) map[string][]string {
	off := map[string][]string{}
	for _, d := range detectors {
		for _, f := range d.Needs {
			if !available[f] {
				off[d.ID] = append(off[d.ID], f)
			}
		}
	}
	return off
}
