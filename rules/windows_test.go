package rules

import (
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"sort"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// load compiles rules from one text or fails the test.
func load(t testing.TB, text string) *Set {
	t.Helper()
	set, err := Load(fstest.MapFS{"rules.yml": {Data: []byte(text)}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

const windowRules = `
title: Hit
name: hit
logsource: {category: webserver}
detection:
  sel: {sc-status: 404}
  condition: sel
level: low
gatewatch: {signal: true}
---
title: Counted
name: counted
correlation:
  type: event_count
  rules: [hit]
  group-by: [c-ip]
  timespan: 10s
  condition: {gte: 3}
---
title: Different
name: different
correlation:
  type: value_count
  rules: [hit]
  group-by: [c-ip]
  timespan: 10s
  condition: {field: cs-uri-stem, gt: 2}
---
title: Single
name: single
logsource: {category: webserver}
detection:
  sel: {cs-method: DELETE}
  condition: sel
gatewatch: {quiet: 10s}
---
title: Login
name: login
logsource: {category: webserver}
detection:
  sel: {cs-uri-stem: /a}
  condition: sel
gatewatch: {signal: true}
---
title: Export
name: export
logsource: {category: webserver}
detection:
  sel: {cs-uri-stem: /b}
  condition: sel
gatewatch: {signal: true}
---
title: Both
name: both
correlation:
  type: temporal
  rules: [login, export]
  group-by: [c-ip]
  timespan: 10s
---
title: One after the other
name: ordered
correlation:
  type: temporal_ordered
  rules: [login, export]
  group-by: [c-ip]
  timespan: 10s
`

// drawEvents draws events of few clients and paths, close in time, in judging order.
func drawEvents(t *rapid.T) []event.Event {
	n := rapid.IntRange(0, 80).Draw(t, "n")
	events := make([]event.Event, n)
	at := scenarioStart
	for i := range events {
		ev := &events[i]
		ev.Reset()
		at = at.Add(time.Duration(rapid.IntRange(0, 8).Draw(t, "gap")) * time.Second)
		ev.Time, ev.Source, ev.Position = at, "s", uint64(i)
		ev.IngestedAt = at.Add(time.Second)
		ev.ClientIP = netip.AddrFrom4([4]byte{203, 0, 113, byte(rapid.IntRange(1, 2).Draw(t, "client"))})
		ev.Path = rapid.SampledFrom([]string{"/a", "/b", "/c", "/d"}).Draw(t, "path")
		ev.Method = rapid.SampledFrom([]string{"GET", "GET", "GET", "DELETE"}).Draw(t, "method")
		ev.Status = rapid.SampledFrom([]int{404, 404, 200}).Draw(t, "status")
		ev.User = rapid.SampledFrom([]string{"", "203.0.113.1", "eve"}).Draw(t, "user")
		ev.BytesOut = int64(rapid.IntRange(-1, 8).Draw(t, "bytes")) * 100
		ev.BytesOut = max(ev.BytesOut, 0)
		ev.DurationMS = rapid.SampledFrom([]float64{0, 0.25, 100, 300.125, 511.3}).Draw(t, "duration")
		ev.Service = "shop"
	}
	return events
}

type firing struct {
	rule, client string
	at           time.Time
}

// naiveFirings evaluates the rules of windowRules by looking at all pairs of events: a condition holds at an event when
// the events in (t - span, t] up to it meet it, and on until its window has lost what made it true.
func naiveFirings(events []event.Event) []firing {
	const span = 10 * time.Second
	var out []firing
	clients := map[string][]event.Event{}
	for _, ev := range events {
		clients[ev.ClientIP.String()] = append(clients[ev.ClientIP.String()], ev)
	}
	rules := []struct {
		name   string
		counts func(event.Event) bool
		holds  func(window []event.Event) (time.Time, bool) // the earliest event that is needed
		hold   time.Duration
	}{
		{"counted", is404, func(w []event.Event) (time.Time, bool) {
			if len(w) < 3 {
				return time.Time{}, false
			}
			return w[len(w)-3].Time, true
		}, span},
		{"different", is404, func(w []event.Event) (time.Time, bool) { return lastDistinct(w, 3) }, span},
		{"single", func(e event.Event) bool { return e.Method == "DELETE" }, func(w []event.Event) (time.Time, bool) {
			return w[len(w)-1].Time, true
		}, 0},
		{"both", isAB, func(w []event.Event) (time.Time, bool) { return lastDistinct(w, 2) }, span},
		{"ordered", isAB, func(w []event.Event) (time.Time, bool) {
			for i := len(w) - 1; i >= 0; i-- {
				if w[i].Path != "/b" {
					continue
				}
				for j := i - 1; j >= 0; j-- {
					if w[j].Path == "/a" {
						return w[j].Time, true
					}
				}
				return time.Time{}, false
			}
			return time.Time{}, false
		}, span},
	}
	for client, list := range clients {
		for _, r := range rules {
			var counted []event.Event
			open, until := false, time.Time{}
			for _, ev := range list {
				if !r.counts(ev) {
					continue
				}
				if open && !ev.Time.Before(until.Add(r.hold)) {
					open = false
				}
				counted = append(counted, ev)
				var window []event.Event
				for _, c := range counted {
					if c.Time.After(ev.Time.Add(-span)) {
						window = append(window, c)
					}
				}
				first, ok := r.holds(window)
				if !ok {
					continue
				}
				if !open {
					out = append(out, firing{r.name, client, ev.Time})
					until = time.Time{}
				}
				open = true
				if end := first.Add(span); end.After(until) {
					until = end
				}
			}
		}
	}
	sortFirings(out)
	return out
}

func is404(e event.Event) bool { return e.Status == 404 }
func isAB(e event.Event) bool  { return e.Path == "/a" || e.Path == "/b" }

// lastDistinct returns the time of the oldest of the last sightings of the n paths that were seen last.
func lastDistinct(w []event.Event, n int) (time.Time, bool) {
	seen := map[string]bool{}
	for i := len(w) - 1; i >= 0; i-- {
		if seen[w[i].Path] {
			continue
		}
		seen[w[i].Path] = true
		if len(seen) == n {
			return w[i].Time, true
		}
	}
	return time.Time{}, false
}

func sortFirings(f []firing) {
	sort.SliceStable(f, func(i, j int) bool {
		return fmt.Sprint(f[i].at, f[i].rule, f[i].client) < fmt.Sprint(f[j].at, f[j].rule, f[j].client)
	})
}

// TestWindowsAgainstReference holds the bounded windows against the definition on random events.
func TestWindowsAgainstReference(t *testing.T) {
	set := load(t, windowRules)
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		for i := range events {
			events[i].User = ""
		}
		want := naiveFirings(events)
		got := []firing{}
		for _, f := range run(set, events, nil) {
			if f.Revision == 1 {
				got = append(got, firing{f.Detector, f.Entity.Value, f.FiredAt})
			}
		}
		sortFirings(got)
		if len(want) != len(got) || len(want) > 0 && !slices.Equal(want, got) {
			t.Fatalf("want %v\n got %v", want, got)
		}
	})
}

// run judges events and closes everything; advance, when given, is called before each event.
func run(set *Set, events []event.Event, advance func(w *Windows, ev *event.Event, emit detect.Emit)) []detect.Finding {
	out, _ := observeAll(set, WindowOptions{}, events, advance)
	return out
}

// TestAdvanceChangesNothing holds that findings do not depend on how often Advance is called.
func TestAdvanceChangesNothing(t *testing.T) {
	set := load(t, allRules)
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		plain := run(set, events, nil)
		often := run(set, events, func(w *Windows, ev *event.Event, emit detect.Emit) {
			w.Advance(ev.Time.Truncate(time.Second), emit)
		})
		if !reflect.DeepEqual(plain, often) {
			t.Fatal(cmp.Diff(plain, often, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })))
		}
	})
}

// TestMeasureReproduces holds that a finding's measure, evaluated over all events, gives what was observed.
func TestMeasureReproduces(t *testing.T) {
	set := load(t, allRules)
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		m := set.NewMatcher()
		for i := range events {
			m.Match(&events[i])
		}
		for _, f := range run(set, events, nil) {
			if got := measureOf(events, f.Measure); math.Abs(got-f.Observed) > 1e-9*got {
				t.Fatalf("%s at %v: measured %v, observed %v (%+v)", f.Detector, f.FiredAt, got, f.Observed, f.Measure)
			}
		}
	})
}

// TestRestoreContinues stops in the middle, restores the open findings into fresh windows, replays all events and
// holds that no finding gets another id, and none is lost.
func TestRestoreContinues(t *testing.T) {
	set := load(t, allRules)
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		cut := rapid.IntRange(0, len(events)).Draw(t, "cut")
		whole := last(run(set, events, nil))

		m, w := set.NewMatcher(), set.NewWindows(WindowOptions{})
		before := map[string]detect.Finding{}
		emit := func(f detect.Finding) { before[f.ID] = f }
		for i := range events[:cut] {
			ev := events[i]
			m.Match(&ev)
			w.Observe(&ev, emit)
		}
		var open []detect.Finding
		for _, f := range before {
			if f.Open {
				open = append(open, f)
			}
		}
		sort.Slice(open, func(i, j int) bool { return open[i].ID < open[j].ID })
		w2 := set.NewWindows(WindowOptions{})
		w2.Restore(open)
		for i := range events {
			ev := events[i]
			m.Match(&ev)
			w2.Observe(&ev, emit)
		}
		w2.Advance(scenarioStart.Add(10000*time.Hour), emit)
		for id, f := range whole {
			g, ok := before[id]
			if !ok {
				t.Fatalf("%s lost", id)
			}
			if g.EventCount != f.EventCount || g.Open {
				t.Fatalf("%s %s: %d events open=%v, want %d closed", f.Detector, id, g.EventCount, g.Open, f.EventCount)
			}
		}
		if len(before) != len(whole) {
			t.Fatalf("%d findings, want %d", len(before), len(whole))
		}
	})
}

func last(findings []detect.Finding) map[string]detect.Finding {
	m := map[string]detect.Finding{}
	for _, f := range findings {
		m[f.ID] = f
	}
	return m
}
