package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// TestLearnedFindingsAreReproducible learns from stored events, judges a day on which users misbehave and products fail,
// stores it, and takes the measure of every finding again.
func TestLearnedFindingsAreReproducible(t *testing.T) {
	s := openTestStore(t)
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	judged := start.AddDate(0, 0, 10)
	insertAll(t, s, shopEvents(start, 10), judged)
	snap := snapshotAt(judged)
	snap.Cut = judged.Add(time.Hour)
	model, err := baseline.Recompute(t.Context(), baseline.Config{}, s.History(), snap)
	if err != nil {
		t.Fatal(err)
	}

	day := shopEvents(judged, 1)
	at := uint64(len(day))
	add := func(n int, from time.Time, change func(i int, e *event.Event)) {
		for i := range n {
			e := someEvents("shop.log", 1)[0]
			at++
			e.Time, e.Position = from.Add(time.Duration(i)*3*time.Second), at
			e.ClientIP = e.ClientIP.Next()
			change(i, e)
			day = append(day, e)
		}
	}
	add(80, judged.Add(9*time.Hour), func(i int, e *event.Event) {
		e.User, e.Route, e.ObjectIDs, e.Status = "u-1", "/orders/{id}", []string{fmt.Sprint(7000 + i)}, 200
	})
	add(400, judged.Add(14*time.Hour), func(_ int, e *event.Event) {
		e.User, e.Route, e.ObjectIDs, e.Status = "u-2", "/cart", nil, 200
	})
	add(60, judged.Add(17*time.Hour), func(i int, e *event.Event) {
		e.User, e.Route, e.ObjectIDs, e.Status = fmt.Sprintf("u-%d", i%30), "/products", nil, 503
	})
	slices.SortFunc(day, event.Compare)
	insertAll(t, s, day, judged.AddDate(0, 0, 1))

	d := baseline.NewDetectors(baseline.Config{})
	d.UseModel(model)
	var found []detect.Finding
	j := detect.NewJudge(func(f detect.Finding) {
		if f.Revision == 1 {
			found = append(found, f)
		}
	}, d.List()...)
	for _, e := range day {
		j.Observe(e)
	}
	j.Advance(judged.AddDate(0, 0, 1))
	seen := map[string]bool{}
	for _, f := range found {
		seen[f.Detector] = true
		got, err := s.Measure(t.Context(), f.Measure)
		if err != nil {
			t.Fatal(err)
		}
		if got != f.Observed {
			t.Errorf("%s observed %v, the store says %v", f.Explanation, f.Observed, got)
		}
	}
	for _, name := range []string{baseline.ObjectEnumeration, baseline.UserRequestSpike, baseline.EndpointErrorBurst} {
		if !seen[name] {
			t.Errorf("%s did not fire; fired: %v", name, seen)
		}
	}
}

func TestClientsOfTheRollupsAreThoseOfTheEvents(t *testing.T) {
	s := openTestStore(t)
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	list := shopEvents(start, 1)
	insertAll(t, s, list, start.AddDate(0, 0, 2))
	snap := snapshotAt(start.AddDate(0, 0, 1))
	snap.Cut = start.AddDate(0, 0, 3)
	want := map[baseline.ActorKey]uint32{}
	for _, e := range list {
		k := baseline.ActorKey{User: true, Value: e.User}
		if e.User == "" {
			k = baseline.ActorKey{Value: e.ClientIP.String()}
		}
		want[k]++
	}
	got := map[baseline.ActorKey]uint32{}
	err := s.History().Actors(t.Context(), snap, func(r baseline.ActorHours) error {
		for _, n := range r.Requests {
			got[r.Key] += n
		}
		if !slices.IsSorted(r.Hours) || len(r.Hours) != len(r.Requests) {
			t.Errorf("%+v", r)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for k, n := range want {
		if got[k] != n {
			t.Errorf("%+v: %d requests, want %d", k, got[k], n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d actors, want %d", len(got), len(want))
	}
}

func TestSeriesAreThoseOfTheEvents(t *testing.T) {
	s := openTestStore(t)
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	insertAll(t, s, shopEvents(start, 1), start.AddDate(0, 0, 2))
	from, to := start.Add(-time.Hour), start.Add(5*time.Hour)
	sum := func(list []float64, err error) (n float64) {
		t.Helper()
		if err != nil || len(list) != 6 || list[0] != 0 {
			t.Fatalf("%v, %v", list, err)
		}
		for _, x := range list {
			n += x
		}
		return n
	}
	products := baseline.EndpointKey{Service: "shop", Method: "GET", Route: "/products"}
	orders := baseline.EndpointKey{Service: "shop", Method: "GET", Route: "/orders/{id}"}
	got := []float64{
		sum(s.EndpointSeries(t.Context(), []baseline.EndpointKey{products}, from, to)),
		sum(s.EndpointSeries(t.Context(), []baseline.EndpointKey{products, orders}, from, to)),
		sum(s.EndpointSeries(t.Context(), []baseline.EndpointKey{{Service: "shop"}}, from, to)),
		sum(s.ActorSeries(t.Context(), baseline.ActorKey{User: true, Value: "u-0"}, from, to)),
		sum(s.ActorSeries(t.Context(), baseline.ActorKey{Value: "203.0.113.1"}, from, to)),
	}
	if want := []float64{270, 300, 300, 6, 270}; !slices.Equal(got, want) {
		t.Errorf("requests %v, want %v", got, want)
	}

	sets, err := s.ActorSets(t.Context(), baseline.ActorKey{User: true, Value: "u-0"}, from, to, "Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	routes, hours := sets[baseline.SetRoutes], sets[baseline.SetHours]
	if len(routes) != 1 || routes[0].Value != "GET /orders/{id}" || routes[0].Requests != 6 || routes[0].Share != 1 || routes[0].Days != 1 ||
		!routes[0].FirstSeen.Equal(start) || !routes[0].LastSeen.Equal(start.Add(50*time.Minute)) {
		t.Errorf("routes %+v", routes)
	}
	if len(hours) != 1 || hours[0].Value != "1" || len(sets[baseline.SetCountries]) != 0 || len(sets[baseline.SetAgents]) != 1 {
		t.Errorf("sets %+v", sets)
	}
}
