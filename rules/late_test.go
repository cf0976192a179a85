package rules

import (
	"net/netip"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// TestClockThatGoesBackRaisesOneFinding holds that a clock that was ahead does not make a finding of every later event.
func TestClockThatGoesBackRaisesOneFinding(t *testing.T) {
	set := load(t, windowRules)
	request := func(after time.Duration, client byte) event.Event {
		var ev event.Event
		ev.Reset()
		ev.Time, ev.Source, ev.Status, ev.Method, ev.Path = scenarioStart.Add(after), "s", 404, "GET", "/c"
		ev.IngestedAt = scenarioStart
		ev.ClientIP = netip.AddrFrom4([4]byte{203, 0, 113, client})
		return ev
	}
	events := []event.Event{request(9000*time.Hour, 1)}
	for i := range 60 {
		events = append(events, request(time.Duration(i)*time.Second, 2))
	}
	found := map[string]uint64{}
	for _, f := range run(set, events, nil) {
		found[f.ID] = max(found[f.ID], f.EventCount)
	}
	if len(found) != 1 {
		t.Fatalf("%d findings, want one: %v", len(found), found)
	}
	for id, n := range found {
		if n != 60 {
			t.Errorf("%s counts %d events, want 60", id, n)
		}
	}
}
