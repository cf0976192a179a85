package store

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// staffedShop is shopEvents with thirty users, of whom one audits once an hour by day, everything from one country.
func staffedShop(start time.Time, days int) []*event.Event {
	list := shopEvents(start, days)
	for i, e := range list {
		e.DurationMS, e.BytesOut = 20+float64(i%20), int64(2000+i%500)
		e.Country, e.Lat, e.Lon, e.Session, e.AuthScheme, e.ASN = "DE", 52.5, 13.4, "", "", 64500
		e.UserAgent = fmt.Sprintf("browser %d", i%4)
		e.ClientIP = netip.AddrFrom4([4]byte{203, 0, 113, byte(i % 200)})
		if e.User != "" {
			e.User = fmt.Sprintf("u-%d", i/10%30)
			if h := e.Time.Hour(); e.Time.Minute() == 30 && h >= 8 && h < 18 {
				e.User, e.Method, e.Route, e.ObjectIDs = "auditor", "POST", "/audit", nil
			}
		}
	}
	return list
}

// loggingIn lets some of the shop's users log in.
func loggingIn(list []*event.Event) []*event.Event {
	for _, e := range list {
		if e.User == "u-0" {
			e.Method, e.Route, e.ObjectIDs = "POST", "/login", nil
		}
	}
	return list
}

// TestEveryLearnedDetectorIsReproducible learns from stored events, judges a day on which nearly everything happens,
// stores it, and takes the measure of every finding again with the engine.
func TestEveryLearnedDetectorIsReproducible(t *testing.T) {
	s := openTestStore(t)
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	judged := start.AddDate(0, 0, 15)
	history := loggingIn(staffedShop(start, 15))
	history = slices.DeleteFunc(history, func(e *event.Event) bool { // u-29 was only there on the first day
		return e.User == "u-29" && !e.Time.Before(start.AddDate(0, 0, 1))
	})
	insertAll(t, s, history, judged)
	snap := snapshotAt(judged)
	snap.Cut = judged.Add(time.Hour)
	model, err := baseline.Recompute(t.Context(), baseline.Config{}, s.History(), snap)
	if err != nil {
		t.Fatal(err)
	}

	day := loggingIn(staffedShop(judged, 1))
	day = slices.DeleteFunc(day, func(e *event.Event) bool { return e.User == "u-29" })
	at := uint64(len(day))
	add := func(n int, hour int, step time.Duration, user, method, route string, change func(i int, e *event.Event)) {
		for i := range n {
			e := *day[0]
			at++
			e.Time, e.Position = judged.Add(time.Duration(hour)*time.Hour+time.Duration(i+1)*step), at
			e.User, e.Method, e.Route, e.ObjectIDs, e.Status = user, method, route, nil, 200
			e.ClientIP = netip.AddrFrom4([4]byte{203, 0, 113, byte(at % 200)})
			if change != nil {
				change(i, &e)
			}
			day = append(day, &e)
		}
	}
	add(100, 1, 6*time.Minute, "u-1", "GET", "/orders/{id}", func(i int, e *event.Event) { e.ObjectIDs = []string{fmt.Sprint(9000 + i)} })
	add(600, 3, 5*time.Second, "", "GET", "/products", nil)
	add(200, 5, 10*time.Second, "", "GET", "/products", func(_ int, e *event.Event) { e.DurationMS, e.BytesOut = 900, 90_000 })
	add(9, 7, time.Minute, "", "GET", "/debug", nil)
	add(9, 8, time.Minute, "u-2", "DELETE", "/products", nil)
	add(5, 9, time.Minute, "", "GET", "/orders/{id}", func(_ int, e *event.Event) { e.ObjectIDs = []string{"1"} })
	add(1, 10, time.Minute, "u-3", "POST", "/audit", nil)
	add(40, 11, time.Minute, "u-4", "GET", "/products", func(_ int, e *event.Event) { e.BytesOut = 5 << 20 })
	add(30, 2, time.Minute, "auditor", "GET", "/products", nil)
	add(30, 16, time.Minute, "u-29", "GET", "/products", nil)
	const login = "/login"
	name := func(prefix string, status int) func(i int, e *event.Event) {
		return func(i int, e *event.Event) {
			e.User, e.Status, e.ClientIP = fmt.Sprint(prefix, i), status, netip.AddrFrom4([4]byte{198, 51, 100, 1})
		}
	}
	add(30, 12, time.Minute, "", "POST", login, name("leaked-", 401))
	add(50, 13, time.Minute, "", "POST", login, func(i int, e *event.Event) {
		name("name-", 401)(i, e)
		e.ClientIP = netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
	})
	add(20, 14, time.Minute, "u-5", "POST", login, func(_ int, e *event.Event) { e.Status = 401 })
	add(1, 14, 30*time.Minute, "u-5", "POST", login, nil)
	add(40, 15, 70*time.Second, "u-6", "GET", "/products", func(i int, e *event.Event) { e.Route = fmt.Sprint("/all/", i) })
	add(150, 17, 20*time.Second, "", "GET", "/products", func(i int, e *event.Event) {
		e.ClientIP, e.UserAgent = netip.AddrFrom4([4]byte{198, 51, 100, 2}), fmt.Sprint("agent ", i)
	})
	add(150, 18, 10*time.Second, "", "GET", "/products", func(i int, e *event.Event) {
		e.ClientIP, e.UserAgent = netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), "collector"
	})
	add(5, 18, time.Minute, "u-7", "GET", "/products", func(_ int, e *event.Event) { e.ASN = 65001 })
	add(12, 19, time.Minute, "u-8", "GET", "/products", func(i int, e *event.Event) { e.ASN = 64500 + uint32(i%2) })
	add(5, 20, time.Minute, "auditor", "GET", "/products", func(_ int, e *event.Event) { e.Country, e.Lat, e.Lon = "JP", 35.7, 139.7 })
	slices.SortFunc(day, event.Compare)
	insertAll(t, s, day, judged.AddDate(0, 0, 1))

	d := baseline.NewDetectors(baseline.Config{})
	d.UseModel(model)
	seen := map[string]bool{}
	j := detect.NewJudge(func(f detect.Finding) {
		if f.Revision > 1 {
			return
		}
		seen[f.Detector] = true
		got, err := s.Measure(t.Context(), f.Measure)
		if err != nil {
			t.Fatal(err)
		}
		if got != f.Observed {
			t.Errorf("%s: %s: observed %v, the store says %v", f.Detector, f.Explanation, f.Observed, got)
		}
	}, d.List()...)
	for _, e := range day {
		j.Observe(e)
	}
	j.Advance(judged.AddDate(0, 0, 1))
	for _, i := range baseline.Infos() {
		switch i.ID {
		case baseline.EndpointErrorBurst, baseline.UserRequestSpike, baseline.ObjectEnumeration:
			continue // in TestLearnedFindingsAreReproducible
		case baseline.LastingChange:
			continue // in TestLastingChangesAreReproducible
		}
		if !seen[i.ID] {
			t.Errorf("%s did not fire", i.ID)
		}
	}
}

func TestDayObjectsAreThoseOfTheEvents(t *testing.T) {
	s := openTestStore(t)
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	list := shopEvents(start, 1)
	insertAll(t, s, list, start.AddDate(0, 0, 2))
	from, until := start.Add(2*time.Hour), start.Add(5*time.Hour+30*time.Minute)
	count := func(k baseline.EndpointKey, user string, hour int64, ids []string) string {
		return fmt.Sprint(k, user, hour, ids)
	}
	want, got := map[string]bool{}, map[string]bool{}
	for _, e := range list {
		if len(e.ObjectIDs) > 0 && e.Status == 200 && !e.Time.Before(from) && e.Time.Before(until) {
			want[count(baseline.EndpointKey{Service: e.Service, Method: e.Method, Route: e.Route}, e.User, e.Time.Unix()/3600, e.ObjectIDs)] = true
		}
	}
	last := uint32(0)
	err := s.DayObjects(t.Context(), from, until, func(r baseline.ObjectReads) error {
		for _, ids := range r.Objects {
			got[count(r.Key, r.Actor.Value, int64(r.Hour), ids)] = true
		}
		if r.Hour < last || r.Requests == 0 || r.First.Unix()/3600 != int64(r.Hour) || !r.Actor.User {
			t.Errorf("row %+v", r)
		}
		last = r.Hour
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(want) == 0 || fmt.Sprint(want) != fmt.Sprint(got) {
		t.Errorf("objects %v\nwant %v", got, want)
	}
}
