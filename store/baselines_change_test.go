package store

import (
	"slices"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// TestLastingChangesAreReproducible learns from two weeks in which products became slow and are asked for three times as
// often since day eight, brings the model back from the store, and takes the measures of what is told again.
func TestLastingChangesAreReproducible(t *testing.T) {
	s := openTestStore(t)
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	changed, until := start.AddDate(0, 0, 8), start.AddDate(0, 0, 14)
	var list []*event.Event
	for _, e := range shopEvents(start, 14) {
		e.DurationMS = 20
		list = append(list, e)
		if e.Route != "/products" || e.Time.Before(changed) {
			continue
		}
		e.DurationMS = 400
		for i := range 2 {
			more := *e
			more.Position += uint64(i+1) << 40
			list = append(list, &more)
		}
	}
	slices.SortFunc(list, event.Compare)
	insertAll(t, s, list, until)
	learned, err := baseline.Recompute(t.Context(), baseline.Config{}, s.History(), snapshotAt(until))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SaveModel(t.Context(), learned); err != nil {
		t.Fatal(err)
	}
	model, err := s.LoadModel(t.Context(), learned.Version)
	if err != nil {
		t.Fatal(err)
	}

	told := map[string]bool{}
	d := baseline.NewDetectors(baseline.Config{})
	d.UseModel(model)
	j := detect.NewJudge(func(f detect.Finding) {
		told[f.Entity.Value+" "+f.Tags[0]] = true
		got, err := s.Measure(t.Context(), f.Measure)
		if err != nil {
			t.Fatal(err)
		}
		if got != f.Observed || !f.FirstSeen.Equal(changed) {
			t.Errorf("%s: observed %v since %v, the store says %v", f.Explanation, f.Observed, f.FirstSeen, got)
		}
	}, d.List()...)
	last := *list[len(list)-1]
	last.Time = until.Add(time.Minute)
	j.Observe(&last)
	if want := map[string]bool{"GET /products requests": true, "GET /products duration_ms": true}; len(told) != 2 || !told["GET /products requests"] || !told["GET /products duration_ms"] {
		t.Errorf("told %v, want %v", told, want)
	}
}
