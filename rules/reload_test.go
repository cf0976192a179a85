package rules

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// TestReloadKeepsUnchangedRules: with a reload in the middle, rules that did not change find what they find without.
func TestReloadKeepsUnchangedRules(t *testing.T) {
	set := load(t, allRules)
	changed := load(t, strings.Replace(allRules, "title: Single\n", "title: Single, changed\n", 1))
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		cut := rapid.IntRange(0, len(events)).Draw(t, "cut")
		want := map[string]uint64{}
		for id, f := range last(run(set, events, nil)) {
			if f.Detector != "single" {
				want[id] = f.EventCount
			}
		}
		w := set.NewWindows(WindowOptions{})
		found := map[string]detect.Finding{}
		emit := func(f detect.Finding) { found[f.ID] = f }
		m := set.NewMatcher()
		for i := range events {
			if i == cut {
				m = changed.NewMatcher()
				if r := w.Reload(changed, emit); r.Started != 1 || r.Ended != 1 {
					t.Fatalf("%+v, want one rule that changed", r)
				}
			}
			ev := events[i]
			m.Match(&ev)
			w.Observe(&ev, emit)
		}
		w.Advance(scenarioStart.Add(10000*time.Hour), emit)
		got := map[string]uint64{}
		for id, f := range found {
			if f.Open {
				t.Fatalf("%s %s stays open", f.Detector, id)
			}
			if f.Detector != "single" {
				got[id] = f.EventCount
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

// TestReloadOfWhatRulesStandOn: a correlation begins anew when a rule that it counts changed, and the findings of a rule
// that is gone are closed.
func TestReloadOfWhatRulesStandOn(t *testing.T) {
	set := load(t, windowRules)
	w := set.NewWindows(WindowOptions{})
	r := w.Reload(load(t, strings.Replace(windowRules, "sel: {sc-status: 404}", "sel: {sc-status: 403}", 1)), func(detect.Finding) {})
	if r != (Reloaded{Kept: 3, Started: 2, Ended: 2}) {
		t.Errorf("%+v, want the two that count hits begun anew", r)
	}
	m := set.NewMatcher()
	var closed []string
	emit := func(f detect.Finding) {
		if !f.Open {
			closed = append(closed, f.Detector)
		}
	}
	w = set.NewWindows(WindowOptions{})
	ev := crowdEvent(1, nil)
	ev.Method = "DELETE"
	m.Match(&ev)
	w.Observe(&ev, emit)
	without := windowRules[:strings.Index(windowRules, "title: Single")] + windowRules[strings.Index(windowRules, "title: Login"):]
	if r := w.Reload(load(t, without), emit); r.Ended != 1 || len(closed) != 1 || closed[0] != "single" {
		t.Errorf("%+v, closed %v", r, closed)
	}
}

// TestLongWindowsSurviveARestart: fresh windows that are given the signed events of long ago, and then all of the last
// hour, find what the old ones would have.
func TestLongWindowsSurviveARestart(t *testing.T) {
	set := load(t, windowRules+`---
title: Few a day
name: daily
correlation:
  type: event_count
  rules: [hit]
  group-by: [c-ip]
  timespan: 1d
  condition: {gte: 5}
---
title: Days after each other
name: days
correlation:
  type: event_count
  rules: [counted]
  group-by: [c-ip]
  timespan: 7d
  condition: {gte: 3}
`)
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		for i := range events { // spread over weeks
			events[i].Time = scenarioStart.Add(events[i].Time.Sub(scenarioStart) * 4000)
			events[i].IngestedAt = events[i].Time
		}
		cut := rapid.IntRange(0, len(events)).Draw(t, "cut")
		found := map[string]bool{}
		for _, f := range run(set, events, nil) {
			found[f.ID] = true
		}
		got := map[string]bool{}
		note := func(f detect.Finding) { got[f.ID] = true }
		m := set.NewMatcher()
		before, open := set.NewWindows(WindowOptions{}), map[string]detect.Finding{}
		for i := range events {
			m.Match(&events[i])
		}
		for i := range events[:cut] {
			before.Observe(&events[i], func(f detect.Finding) { note(f); open[f.ID] = f })
		}
		after := set.NewWindows(WindowOptions{})
		var restored []detect.Finding
		for _, f := range open {
			if f.Open {
				restored = append(restored, f)
			}
		}
		after.Restore(restored)
		limit := after.Lookback()
		signatures, reach := after.Beyond(limit)
		if strings.Join(signatures, " ") != "hit" || reach < 14*24*time.Hour {
			t.Fatalf("%v, %v", signatures, reach)
		}
		since := scenarioStart
		if cut > 0 {
			since = events[cut-1].Time
		}
		err := after.Recall(limit, func(yield func(*event.Event)) error {
			for i := range events[:cut] {
				if ev := &events[i]; ev.Time.Before(since.Add(-limit)) && ev.Time.After(since.Add(-reach)) && matched(ev, "hit") {
					yield(ev)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range events {
			if !events[i].Time.Before(since.Add(-limit)) {
				after.Observe(&events[i], note)
			}
		}
		if d := cmp.Diff(found, got); d != "" {
			t.Fatal(d)
		}
	})
}
