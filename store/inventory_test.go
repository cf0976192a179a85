package store

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/ingest/route"
	"github.com/gatewatch/gatewatch/inventory"
	"github.com/gatewatch/gatewatch/trafficgen"
)

// generatedShop is some hours of the generated shop as events with routes, and what the inventory must say about it.
func generatedShop(t *testing.T, start time.Time) (events []*event.Event, uses map[inventory.Key]uint64, callers map[inventory.Key]map[string]uint64) {
	t.Helper()
	routes, err := route.New(route.Config{})
	if err != nil {
		t.Fatal(err)
	}
	gen := trafficgen.New(trafficgen.Config{Seed: 3, Start: start, Duration: 30 * time.Hour, Rate: 0.1, Users: 20, Attacks: []trafficgen.Attack{}})
	uses, callers = map[inventory.Key]uint64{}, map[inventory.Key]map[string]uint64{}
	for n := uint64(0); ; n++ {
		r, ok := gen.Next()
		if !ok {
			break
		}
		e := new(event.Event)
		e.Reset()
		e.Time, e.Source, e.Position, e.Service = r.Time, "shop.log", n, "shop"
		e.ClientIP, e.User, e.Method, e.Path, e.Query, e.Status, e.BytesOut = r.Client, r.User, r.Method, r.Path, r.Query, r.Status, r.BytesOut
		if r.User != "" {
			e.AuthScheme, e.TLSVersion = "jwt", "TLSv1.3"
		}
		e.Route, e.ObjectIDs = routes.Template(e.Service, e.Method, e.Path, e.Status, e.Time)
		events = append(events, e)
		if e.Route == route.Other {
			continue
		}
		k := inventory.Key{Service: e.Service, Method: e.Method, Route: e.Route}
		uses[k]++
		if callers[k] == nil {
			callers[k] = map[string]uint64{}
		}
		callers[k][cmpOr(e.User, e.ClientIP.String())]++
	}
	return events, uses, callers
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

func TestInventoryCountsTheGeneratedShop(t *testing.T) {
	s := openTestStore(t)
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	events, want, callers := generatedShop(t, start)
	insertAll(t, s, events, start.AddDate(0, 1, 0)) // every block twice

	uses, err := s.EndpointUses(t.Context(), inventory.Period{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[inventory.Key]uint64{}
	for _, u := range uses {
		got[u.Key] += u.Requests
		if u.Identity != "jwt" && u.Identity != inventory.Anonymous || (u.Identity == "jwt") != (u.TLSVersion == "TLSv1.3") {
			t.Errorf("%s: identity %q with %q", u.Key, u.Identity, u.TLSVersion)
		}
		if u.First.Before(start) || u.Last.Before(u.First) || u.Last.After(start.Add(31*time.Hour)) {
			t.Errorf("%s: seen %s to %s", u.Key, u.First, u.Last)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("requests (-want +got):\n%s", d)
	}
	if since, err := s.CountedSince(t.Context()); err != nil || !since.Equal(start) {
		t.Errorf("counted since %s, %v", since, err)
	}

	products := inventory.Key{Service: "shop", Method: "GET", Route: "/api/v1/products/{id}"}
	blog := inventory.Key{Service: "shop", Method: "GET", Route: "/"}
	counted, err := s.EndpointCallers(t.Context(), [][]inventory.Key{{products}, {blog, {Service: "shop", Method: "GET", Route: "/gone"}}, {{Service: "x"}}}, inventory.Period{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]inventory.Callers{{Users: uint64(len(callers[products]))}, {Clients: uint64(len(callers[blog]))}, {}}, counted); d != "" {
		t.Errorf("callers (-want +got):\n%s", d)
	}

	accesses := map[string]uint64{}
	for _, limit := range []int{1000, 2} {
		var list []inventory.Access
		err := s.EndpointAccesses(t.Context(), [][]inventory.Key{{{Service: "other"}}, {products}}, inventory.Period{}, limit, func(group int, a inventory.Access) error {
			if group != 1 {
				t.Errorf("group %d", group)
			}
			list = append(list, a)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if limit == 2 && len(list) != 2 || !slices.IsSortedFunc(list, func(a, b inventory.Access) int { return int(b.Requests) - int(a.Requests) }) {
			t.Errorf("limit %d: %d accesses", limit, len(list))
		}
		for _, a := range list {
			if limit > 2 {
				accesses[a.User] += a.Requests
			}
			if a.Client.IsValid() || a.Successes > a.Requests || a.Successes+a.Failures < a.Requests-3 || a.BytesOut == 0 {
				t.Errorf("%+v", a)
			}
		}
	}
	if d := cmp.Diff(callers[products], accesses); d != "" {
		t.Errorf("accesses (-want +got):\n%s", d)
	}
}

func TestInventoryPeriodsAreDays(t *testing.T) {
	s := openTestStore(t)
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	events, _, _ := generatedShop(t, start)
	insertAll(t, s, events, start.AddDate(0, 1, 0))
	second := inventory.Period{From: start.AddDate(0, 0, 1), To: start.AddDate(0, 0, 2)}
	uses, err := s.EndpointUses(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	var want, got uint64
	for _, e := range events {
		if e.Route != route.Other && !e.Time.Before(second.From) {
			want++
		}
	}
	var earlier bool
	for _, u := range uses {
		got += u.Requests
		earlier = earlier || u.First.Before(second.From)
	}
	if got != want || got == 0 || !earlier {
		t.Errorf("%d requests of the second day, want %d; first seen before it: %v", got, want, earlier)
	}
}

func TestQueryNamesOfSeveralCallers(t *testing.T) {
	s := openTestStore(t)
	events := someEvents("a.log", 50)
	for i, e := range events {
		switch {
		case i < 3:
			e.Query = "email=a%40example.com&page=" + strconv.Itoa(i)
		case i < 9:
			e.Query, e.User, e.ClientIP = "token=x&token=y", "one", events[0].ClientIP // a single caller
		case i%5 == 3:
			e.Query = "password=x" // refused
		}
	}
	stamped := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	insertAll(t, s, events, stamped)
	want := map[string]int{"": 2, "earlier": 0, "later": 0}
	for name, span := range map[string][2]time.Time{
		"": {stamped.Add(-time.Hour), stamped}, "earlier": {stamped.Add(-time.Hour), stamped.Add(-time.Second)}, "later": {stamped, stamped.Add(time.Hour)},
	} {
		list, err := s.QueryNames(t.Context(), span[0], span[1])
		if err != nil || len(list) != want[name] {
			t.Errorf("%q: %+v %v", name, list, err)
		}
		for _, n := range list {
			if n.Name != "email" && n.Name != "page" || n.Route != "/orders/{id}" {
				t.Errorf("%+v", n)
			}
		}
	}
}

func TestInventoryRowsAreVersioned(t *testing.T) {
	s := openTestStore(t)
	for version, body := range map[uint64]string{2: "newer", 1: "older"} {
		if err := s.AppendInventory(t.Context(), inventory.KindPolicy, "it's one", version, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AppendInventory(t.Context(), inventory.KindEndpoint, "it's one", 9, []byte("another kind")); err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := s.LoadInventory(t.Context(), inventory.KindPolicy, func(b []byte) error { got = append(got, string(b)); return nil }); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"newer"}, got); d != "" {
		t.Error(d)
	}
}

func TestWithoutInventoryNothingIsCounted(t *testing.T) {
	s := openTestStore(t)
	if err := s.WithoutInventory(t.Context()); err != nil {
		t.Fatal(err)
	}
	insertAll(t, s, someEvents("a.log", 100), time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC))
	if uses, err := s.EndpointUses(t.Context(), inventory.Period{}); err != nil || len(uses) != 0 {
		t.Errorf("%d uses, %v", len(uses), err)
	}
	if since, err := s.CountedSince(t.Context()); err != nil || !since.IsZero() {
		t.Errorf("counted since %s, %v", since, err)
	}
}
