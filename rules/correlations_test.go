package rules

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// allRules have every kind of correlation.
const allRules = windowRules + `---
title: Bytes
name: bytes
correlation:
  type: value_sum
  rules: [hit]
  group-by: [c-ip]
  timespan: 10s
  condition: {field: sc-bytes, gt: 1500}
---
title: Slow on average
name: average
correlation:
  type: value_avg
  rules: [hit]
  group-by: [c-ip]
  timespan: 10s
  condition: {field: time-taken, gte: 250}
---
title: Slow often
name: percentile
correlation:
  type: value_percentile
  rules: [hit]
  group-by: [c-ip]
  timespan: 10s
  condition: {field: time-taken, percentile: 75, gte: 300}
---
title: Few
name: few
correlation:
  type: event_count
  rules: [hit]
  group-by: [c-ip]
  timespan: 10s
  condition: {lt: 3}
---
title: Exactly two paths
name: exactly
correlation:
  type: value_count
  rules: [hit]
  group-by: [c-ip]
  timespan: 10s
  condition: {field: cs-uri-stem, eq: 2}
---
title: Some bytes
name: some-bytes
correlation:
  type: value_sum
  rules: [hit]
  group-by: [c-ip]
  timespan: 10s
  condition: {field: sc-bytes, gte: 300, lte: 900}
---
title: Logged in here, exported there
name: aliased
correlation:
  type: temporal
  rules: [login, export]
  aliases:
    who: {login: c-ip, export: cs-username}
  group-by: [who]
  timespan: 10s
---
title: Counted over aliases
name: aliased-count
correlation:
  type: event_count
  rules: [login, export]
  aliases:
    who: {login: c-ip, export: cs-username}
  group-by: [who]
  timespan: 10s
  condition: {gte: 4}
---
title: Counted, then exported
name: chain-ordered
correlation:
  type: temporal_ordered
  rules: [chain-base, export]
  group-by: [c-ip]
  timespan: 15s
---
title: Counted again
name: chain-base
correlation:
  type: event_count
  rules: [hit]
  group-by: [c-ip]
  timespan: 5s
  condition: {gte: 2}
---
title: Several counted
name: chain-count
correlation:
  type: event_count
  rules: [chain-base]
  group-by: [service]
  timespan: 60s
  condition: {gte: 3}
---
title: Several clients counted
name: chain-values
correlation:
  type: value_count
  rules: [chain-base]
  group-by: [service]
  timespan: 20s
  condition: {field: c-ip, gte: 2}
---
title: A chain of a chain
name: chain-of-chain
correlation:
  type: temporal
  rules: [chain-count, chain-values]
  group-by: [service]
  timespan: 60s
  generate: true
`

// measureOf evaluates a measure over events as the store does.
func measureOf(events []event.Event, m detect.Measure) float64 {
	if m.Aggregate == detect.AggregateParts {
		n := 0.0
		for _, p := range m.Parts {
			if measureOf(events, p.Measure) >= p.AtLeast {
				n++
			}
		}
		return n
	}
	var counted []*event.Event
	selects := m.Selector()
	for i := range events {
		if selects(&events[i]) {
			counted = append(counted, &events[i])
		}
	}
	slices.SortFunc(counted, event.Compare)
	met := func(ev *event.Event, step int) bool {
		return detect.Measure{Where: m.Any[step]}.Selector()(ev)
	}
	switch m.Aggregate {
	case detect.AggregateSteps:
		n := 0.0
		for step := range m.Any {
			if slices.ContainsFunc(counted, func(ev *event.Event) bool { return met(ev, step) }) {
				n++
			}
		}
		return n
	case detect.AggregateSequence:
		done := 0
		for _, ev := range counted {
			if done < len(m.Any) && met(ev, done) {
				done++
			}
		}
		return float64(done)
	case detect.AggregateCount:
		return float64(len(counted))
	}
	return numberOf(counted, m)
}

// numberOf evaluates the aggregates over a field.
func numberOf(counted []*event.Event, m detect.Measure) float64 {
	id, _ := lookupField(m.Field)
	distinct := map[string]bool{}
	var values []float64
	sum := 0.0
	for _, ev := range counted {
		distinct[fieldText(ev, id)] = true
		v, _ := fieldNumber(ev, id)
		sum += v
		if m.Bits > 0 {
			v = math.Float64frombits(math.Float64bits(v) &^ (1<<(52-m.Bits) - 1))
		}
		values = append(values, v)
	}
	slices.Sort(values)
	switch m.Aggregate {
	case detect.AggregateDistinct:
		return float64(len(distinct))
	case detect.AggregateSum:
		return sum
	case detect.AggregateAvg:
		return sum / float64(len(values))
	}
	h := m.Quantile * float64(len(values)-1)
	low := int(h)
	return values[low] + (h-float64(low))*(values[min(low+1, len(values)-1)]-values[low])
}

// TestNumbersAgainstDefinition holds sums, averages and percentiles against looking at all events: at each event the
// number over the window, whose start lies on a bucket's edge.
func TestNumbersAgainstDefinition(t *testing.T) {
	set := load(t, allRules)
	const span, width = int64(10 * time.Second), int64(10*time.Second) / bucketsInSpan
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		first := map[string]string{}
		for _, f := range judge(set, slices.Clone(events)) {
			key := f.Detector + " " + f.Entity.Value
			if _, ok := first[key]; !ok {
				first[key] = fmt.Sprintf("%s %.6f", f.FiredAt.Format(time.TimeOnly), f.Observed)
			}
		}
		want := map[string]string{}
		for i := range events {
			for name, holds := range map[string]func(v []event.Event) (float64, bool){
				"bytes": func(v []event.Event) (float64, bool) {
					n := 0.0
					for _, ev := range v {
						n += float64(ev.BytesOut)
					}
					return n, n > 1500
				},
				"average": func(v []event.Event) (float64, bool) {
					n := 0.0
					for _, ev := range v {
						n += ev.DurationMS
					}
					n /= float64(len(v))
					return n, n >= 250
				},
				"percentile": func(v []event.Event) (float64, bool) {
					var list []*event.Event
					for i := range v {
						list = append(list, &v[i])
					}
					n := numberOf(list, detect.Measure{Aggregate: detect.AggregateQuantile, Field: "duration_ms", Quantile: 0.75, Bits: significantBits})
					return n, n >= 300
				},
			} {
				ev := &events[i]
				key := name + " " + ev.ClientIP.String()
				if _, known := want[key]; known || ev.Status != 404 {
					continue
				}
				now := ev.Time.UnixNano()
				edge := -floorDiv(span-now, width) * width
				var window []event.Event
				for _, o := range events[:i+1] {
					if o.Status == 404 && o.ClientIP == ev.ClientIP && o.Time.UnixNano() > edge {
						window = append(window, o)
					}
				}
				if v, ok := holds(window); ok {
					want[key] = fmt.Sprintf("%s %.6f", ev.Time.Format(time.TimeOnly), v)
				}
			}
		}
		for _, name := range []string{"bytes", "average", "percentile"} {
			for _, client := range []string{"203.0.113.1", "203.0.113.2"} {
				if key := name + " " + client; first[key] != want[key] {
					t.Fatalf("%s: fired %q, want %q", key, first[key], want[key])
				}
			}
		}
	})
}

// TestClosingAgainstDefinition holds lt, lte and eq against counting each window of the grid.
func TestClosingAgainstDefinition(t *testing.T) {
	set := load(t, allRules)
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		var got []string
		for _, f := range run(set, events, nil) {
			if f.Revision == 1 && slices.Contains([]string{"few", "exactly", "some-bytes"}, f.Detector) {
				got = append(got, fmt.Sprint(f.Detector, f.Entity.Value, f.FiredAt.Unix(), f.Observed))
			}
		}
		type window struct {
			client string
			end    int64
		}
		windows := map[window][]event.Event{}
		for _, ev := range events {
			if ev.Status == 404 {
				k := window{ev.ClientIP.String(), (ev.Time.Unix()/10 + 1) * 10}
				windows[k] = append(windows[k], ev)
			}
		}
		var want []string
		for k, in := range windows {
			paths, bytes := map[string]bool{}, 0.0
			for _, ev := range in {
				paths[ev.Path] = true
				bytes += float64(ev.BytesOut)
			}
			for name, number := range map[string]float64{"few": float64(len(in)), "exactly": float64(len(paths)), "some-bytes": bytes} {
				before, hasBefore := windows[window{k.client, k.end - 10}]
				if closingHolds(name, in) && !(hasBefore && closingHolds(name, before)) {
					want = append(want, fmt.Sprint(name, k.client, k.end, number))
				}
			}
		}
		sort.Strings(got)
		sort.Strings(want)
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

func closingHolds(name string, in []event.Event) bool {
	paths, bytes := map[string]bool{}, int64(0)
	for _, ev := range in {
		paths[ev.Path] = true
		bytes += ev.BytesOut
	}
	switch name {
	case "few":
		return len(in) < 3
	case "exactly":
		return len(paths) == 2
	}
	return bytes >= 300 && bytes <= 900
}

// TestChainsAgainstTheirParts holds chains against the findings of the rules that they are over, which another set raises.
func TestChainsAgainstTheirParts(t *testing.T) {
	set := load(t, allRules)
	inner := load(t, strings.ReplaceAll(allRules, "rules: [chain-base]\n", "rules: [chain-base]\n  generate: true\n"))
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		var fires []detect.Finding
		for _, f := range run(inner, events, nil) {
			if f.Detector == "chain-base" && f.Revision == 1 {
				fires = append(fires, f)
			}
		}
		want := map[string]time.Time{}
		for i, f := range fires {
			in, clients := 0, map[string]bool{}
			for _, o := range fires[:i+1] {
				if o.FiredAt.After(f.FiredAt.Add(-time.Minute)) {
					in++
				}
				if o.FiredAt.After(f.FiredAt.Add(-20 * time.Second)) {
					clients[o.Entity.Value] = true
				}
			}
			if _, known := want["chain-count"]; !known && in >= 3 {
				want["chain-count"] = f.FiredAt
			}
			if _, known := want["chain-values"]; !known && len(clients) >= 2 {
				want["chain-values"] = f.FiredAt
			}
		}
		got := map[string]time.Time{}
		for _, f := range run(set, events, nil) {
			if f.Detector == "chain-base" {
				t.Fatalf("a rule that only feeds others raised %q", f.Explanation)
			}
			if _, known := got[f.Detector]; !known {
				got[f.Detector] = f.FiredAt
			}
		}
		for _, name := range []string{"chain-count", "chain-values"} {
			if !got[name].Equal(want[name]) {
				t.Fatalf("%s first fired at %v, want %v", name, got[name], want[name])
			}
		}
	})
}

func TestChainFaults(t *testing.T) {
	for rule, want := range map[string]string{
		"title: A\nname: a\ncorrelation: {type: event_count, rules: [b], group-by: [c-ip], timespan: 1m, condition: {gte: 2}}\n---\n" +
			"title: B\nname: b\ncorrelation: {type: event_count, rules: [a], group-by: [c-ip], timespan: 1m, condition: {gte: 2}}\n": "in a circle",
		"title: A\ncorrelation: {type: event_count, rules: [counted], group-by: [c-ip], timespan: 1m, condition: {lt: 2}}\n":                         "over correlations only counts",
		"title: A\ncorrelation: {type: value_sum, rules: [counted], group-by: [c-ip], timespan: 1m, condition: {field: sc-bytes, gte: 2}}\n":         "over correlations only counts",
		"title: A\ncorrelation: {type: event_count, rules: [counted], group-by: [c-ip], timespan: 1m, condition: {gte: 2000}}\n":                     "over correlations only counts",
		"title: A\ncorrelation: {type: value_percentile, rules: [hit], group-by: [c-ip], timespan: 1m, condition: {field: sc-bytes, gte: 2}}\n":      "percentile: missing",
		"title: A\ncorrelation: {type: value_sum, rules: [hit], group-by: [c-ip], timespan: 1m, condition: {field: cs-method, gte: 2}}\n":            "not a number",
		"title: A\ncorrelation: {type: event_count, rules: [hit], group-by: [c-ip], timespan: 1m, condition: {lt: 1}}\n":                             "that a window with events can meet",
		"title: A\ncorrelation: {type: temporal, rules: [hit, login], group-by: [c-ip], timespan: 1m, condition: {gte: 3}}\n":                        "up to their number",
		"title: A\ncorrelation: {type: temporal, rules: [hit, login], aliases: {w: {hit: c-ip}}, group-by: [w], timespan: 1m}\n":                     "has no field for rule \"login\"",
		"title: A\ncorrelation: {type: temporal, rules: [hit, login], aliases: {w: {hit: c-ip, login: c-ip, x: c-ip}}, group-by: [w], timespan: 1m}": "not one of the rules",
	} {
		_, err := Load(fstest.MapFS{"x.yml": {Data: []byte(windowRules + "---\n" + rule)}}, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", rule, err, want)
		}
	}
}
