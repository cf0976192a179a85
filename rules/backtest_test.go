package rules

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Played alone over history, each rule finds what it finds live among all the others.
func TestBacktestAgreesWithStreaming(t *testing.T) {
	set := load(t, allRules)
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		if len(events) == 0 {
			return
		}
		live := map[string][]string{}
		for _, f := range judge(set, slices.Clone(events)) {
			live[f.Detector] = append(live[f.Detector], f.ID)
		}
		from, to := events[0].Time, events[len(events)-1].Time.Add(time.Second)
		for _, info := range set.Infos() {
			b, err := set.NewBacktest(info.ID, from, to)
			if err != nil {
				t.Fatal(err)
			}
			for i := range events {
				ev := events[i]
				b.Observe(&ev)
			}
			report := b.Report()
			var got []string
			for _, f := range report.Findings {
				got = append(got, f.ID)
			}
			want := live[info.ID]
			if !slices.Equal(got, want) || report.FindingsTotal != uint64(len(want)) {
				t.Fatalf("%s: backtest found %v, live %v", info.ID, got, want)
			}
			if report.Events != uint64(len(events)) {
				t.Fatalf("%s: %d events of %d", info.ID, report.Events, len(events))
			}
		}
	})
}

func TestBacktestCountsOnlyItsRange(t *testing.T) {
	set, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	start := scenarioStart
	b, err := set.NewBacktest("brute-force", start.Add(time.Hour), start.Add(2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if want := start.Add(40 * time.Minute); !b.Since().Equal(want) {
		t.Errorf("reads from %s, want %s: two timespans before", b.Since(), want)
	}
	for i := range 3 * 60 * 4 { // four refusals a minute for three hours
		ev := crowdEvent(1, nil)
		ev.Time, ev.Position = start.Add(time.Duration(i)*15*time.Second), uint64(i)
		ev.Method, ev.Path, ev.Status = "POST", "/api/login", 401
		if i < 4*50 {
			ev.Path = "/orders" // the attack begins ten minutes before the range
		}
		b.Observe(&ev)
	}
	r := b.Report()
	if r.Events != 240 || r.Matched != 240 {
		t.Errorf("%d events, %d matched, want 240 of both", r.Events, r.Matched)
	}
	if r.FindingsTotal != 0 {
		t.Errorf("%d findings: the attack fired before the range", r.FindingsTotal)
	}
	for _, bad := range []struct {
		rule     string
		from, to time.Time
	}{{"nobody", start, start.Add(1)}, {"brute-force", start, start}} {
		if _, err := set.NewBacktest(bad.rule, bad.from, bad.to); err == nil {
			t.Errorf("%v accepted", bad)
		}
	}
}
