package rules

import (
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// TestRestartWhileOthersEvict: rules that hold less than their even share find over a restart what they find without,
// while another rule's groups are given up all the time.
func TestRestartWhileOthersEvict(t *testing.T) {
	set := load(t, floodRules)
	evicted := uint64(0)
	rapid.Check(t, func(t *rapid.T) {
		var events []event.Event
		for i, refused := range crowdOf(t, 3)[:50] {
			refused.Status, refused.Position = 401, uint64(i*140)
			events = append(events, refused)
			for n := 1; n < 140; n++ {
				missed := refused
				missed.Status, missed.Position = 404, uint64(i*140+n)
				missed.ClientIP = netip.AddrFrom4([4]byte{10, 0, byte(missed.Position >> 8), byte(missed.Position)})
				events = append(events, missed)
			}
		}
		cut := rapid.IntRange(0, len(events)).Draw(t, "cut")
		opts := WindowOptions{Memory: scarce}
		whole, stats := observeAll(set, opts, events, nil)
		evicted += stats.Evicted
		refused := func(findings map[string]detect.Finding) map[string]uint64 {
			out := map[string]uint64{}
			for id, f := range findings {
				if f.Detector == "many-refused" {
					out[id] = f.EventCount
				}
			}
			return out
		}
		found := map[string]detect.Finding{}
		emit := func(f detect.Finding) { found[f.ID] = f }
		m, before := set.NewMatcher(), set.NewWindows(opts)
		for i := range events {
			m.Match(&events[i])
		}
		for i := range events[:cut] {
			before.Observe(&events[i], emit)
		}
		var open []detect.Finding
		for _, f := range found {
			if f.Open {
				open = append(open, f)
			}
		}
		after := set.NewWindows(opts)
		after.Restore(open)
		for i := range events {
			after.Observe(&events[i], emit)
		}
		after.Advance(scenarioStart.Add(10000*time.Hour), emit)
		want, got := refused(last(whole)), refused(found)
		if len(want) != len(got) {
			t.Fatalf("%v, want %v", got, want)
		}
		for id, n := range want {
			if got[id] != n {
				t.Fatalf("%s: %d events, want %d", id, got[id], n)
			}
		}
	})
	if evicted == 0 {
		t.Error("nothing was evicted: the test shows nothing")
	}
}
