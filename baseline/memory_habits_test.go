package baseline

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewatch/gatewatch/event"
)

// sets counts different things by two keys: what is learned of a hour or day of somebody.
type sets[K comparable] map[K]map[uint32]map[string]int

func (s sets[K]) add(k K, at uint32, thing string) {
	if s[k] == nil {
		s[k] = map[uint32]map[string]int{}
	}
	if s[k][at] == nil {
		s[k][at] = map[string]int{}
	}
	s[k][at][thing]++
}

func (s sets[K]) lens(k K, at []uint32) (out []uint32) {
	for _, h := range at {
		out = append(out, uint32(len(s[k][h])))
	}
	return out
}

func dayOf(e *event.Event) uint32 { return uint32(e.Time.Unix() / 86400 * 24) }

// habits are the actors' rows with what they do by the day.
func (m memory) habits(s Snapshot) map[ActorKey]ActorHours {
	agents, routes, ever, networks := sets[ActorKey]{}, sets[ActorKey]{}, sets[ActorKey]{}, sets[ActorKey]{}
	for _, e := range m.in(s) {
		k := whoOf(e).key()
		if !k.User && (e.IsBot || !e.ClientIP.IsValid()) || isExcluded(s, e) {
			continue
		}
		agents.add(k, dayOf(e), e.UserAgent)
		if k.User && e.Route != "" && e.Status > 0 && e.Status < 400 {
			routes.add(k, dayOf(e), e.Route)
			ever.add(k, 0, e.Route)
		}
		if k.User && e.ASN != 0 && e.Status > 0 && e.Status < 400 {
			networks.add(k, e.ASN, "")
		}
	}
	rows := map[ActorKey]ActorHours{}
	for k, days := range agents {
		r := ActorHours{Days: sortedHours(days), Ever: uint32(len(ever[k][0])), Networks: sortedHours(networks[k])}
		r.Agents, r.Routes = agents.lens(k, r.Days), routes.lens(k, r.Days)
		rows[k] = r
	}
	return rows
}

func (m memory) Refusals(_ context.Context, s Snapshot, fn func(RefusalHours) error) error {
	users, clients, dayUsers, dayGuests, tries := sets[EndpointKey]{}, sets[EndpointKey]{}, sets[EndpointKey]{}, sets[EndpointKey]{}, sets[EndpointKey]{}
	names := map[EndpointKey]sets[string]{} // by endpoint, client, day
	for _, e := range m.in(s) {
		if !refusal(e) || e.Route == "" {
			continue
		}
		k, h, client := endpointOf(e), uint32(e.Time.Unix()/3600), e.ClientIP.String()
		tries.add(k, h, client)
		clients.add(k, h, client)
		dayGuests.add(k, dayOf(e), client)
		if names[k] == nil {
			names[k] = sets[string]{}
		}
		if e.User != "" {
			users.add(k, h, e.User)
			dayUsers.add(k, dayOf(e), e.User)
			names[k].add(client, dayOf(e), e.User)
		}
	}
	for k, hours := range tries {
		r := RefusalHours{Key: k, Hours: sortedHours(hours), Days: sortedHours(dayGuests[k])}
		r.Users, r.Clients = users.lens(k, r.Hours), clients.lens(k, r.Hours)
		for _, h := range r.Hours {
			most := 0
			for _, n := range hours[h] {
				most = max(most, n)
			}
			r.ByClient = append(r.ByClient, uint32(most))
		}
		r.DayUsers, r.DayGuests = dayUsers.lens(k, r.Days), dayGuests.lens(k, r.Days)
		for _, day := range r.Days {
			most := 0
			for _, days := range names[k] {
				most = max(most, len(days[day]))
			}
			r.DayNames = append(r.DayNames, uint32(most))
		}
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

func (m memory) Agents(_ context.Context, s Snapshot, fn func(AgentHours) error) error {
	clients, agents := sets[EndpointKey]{}, map[EndpointKey]sets[string]{}
	for _, e := range m.in(s) {
		if e.User != "" || e.UserAgent == "" || e.Route == "" || e.IsBot || !e.ClientIP.IsValid() {
			continue
		}
		k, h := endpointOf(e), uint32(e.Time.Unix()/3600)
		clients.add(k, h, e.ClientIP.String())
		if agents[k] == nil {
			agents[k] = sets[string]{}
		}
		agents[k].add(e.UserAgent, h, e.ClientIP.String())
	}
	for k, hours := range clients {
		r := AgentHours{Key: k, Hours: sortedHours(hours)}
		r.Clients = clients.lens(k, r.Hours)
		for _, h := range r.Hours {
			most := 0
			for _, byHour := range agents[k] {
				most = max(most, len(byHour[h]))
			}
			r.Top = append(r.Top, uint32(most))
		}
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

// WeekRoutes implements Recent.
func (m memory) WeekRoutes(_ context.Context, from, until time.Time, fn func(RouteReads) error) error {
	rows := map[[2]string]*RouteReads{}
	for _, e := range m {
		if e.Time.Before(from) || !e.Time.Before(until) || e.User == "" || e.Route == "" || e.Status < 1 || e.Status >= 400 {
			continue
		}
		k := [2]string{e.User, e.Route}
		if rows[k] == nil {
			rows[k] = &RouteReads{User: e.User, Route: e.Route, First: e.Time}
		}
		rows[k].Hour = uint32(e.Time.Unix() / 3600)
	}
	for _, r := range rows {
		if err := fn(*r); err != nil {
			return err
		}
	}
	return nil
}

// DayRefusals implements Recent.
func (m memory) DayRefusals(_ context.Context, from, until time.Time, fn func(RefusalReads) error) error {
	rows, order := map[string]*RefusalReads{}, []string{}
	for _, e := range m {
		if e.Time.Before(from) || !e.Time.Before(until) || !refusal(e) || e.Route == "" {
			continue
		}
		h := uint32(e.Time.Unix() / 3600)
		k := fmt.Sprint(h, endpointOf(e), e.ClientIP, e.User)
		if rows[k] == nil {
			rows[k] = &RefusalReads{Key: endpointOf(e), Client: e.ClientIP, User: e.User, Hour: h, First: e.Time}
			order = append(order, k)
		}
		rows[k].Refused++
	}
	for _, k := range order {
		if err := fn(*rows[k]); err != nil {
			return err
		}
	}
	return nil
}

func TestHabitsAreLearned(t *testing.T) {
	m := labModel()
	if m.networks.Users == 0 || len(m.networks.By) == 0 || m.breadth.Hours == 0 || m.userAgents.Hours == 0 || m.clientAgents.Hours == 0 {
		t.Fatalf("networks %+v, breadth %+v, agents %+v, %+v", m.networks, m.breadth, m.userAgents, m.clientAgents)
	}
	clerk, _ := m.Actor(ActorKey{true, "clerk"})
	if clerk.Routes != 1 || clerk.Ever != 1 || clerk.Agents != 1 || !slices.Equal(clerk.Networks, []uint32{labNetwork("clerk")}) {
		t.Errorf("the clerk: %+v", clerk)
	}
	products := m.Endpoint(EndpointKey{"shop", "GET", "/products"})
	if a := products.Agents; a == nil || a.Hours < 300 || a.Share <= 0 || a.Share >= commonAgent {
		t.Errorf("agents of products: %+v", a)
	}
	login := m.Endpoint(EndpointKey{"shop", "POST", "/login"})
	if r := login.Refusals; r == nil || r.Hours < 50 || r.Users < 1 || r.Clients < 1 || r.ByClient < 1 || r.DayUsers < r.Users {
		t.Errorf("refusals of the login: %+v", r)
	}
}

func TestEvennessOfHours(t *testing.T) {
	nothing := func(int64) bool { return false }
	var e evenness
	if share := e.add([]uint32{1, 2, 3, 4, 5, 8, 9}, []uint32{60, 60, 61, 60, 61, 20, 20}, nothing); share != 1 {
		t.Errorf("a machine: %v, want 1", share)
	}
	if share := e.add([]uint32{1, 2, 3, 4, 5}, []uint32{100, 60, 140, 142, 30}, nothing); share != 0.25 {
		t.Errorf("a person: %v, want 0.25", share)
	}
	if share := e.add([]uint32{1, 2, 3}, []uint32{60, 60, 60}, nothing); share != 0 {
		t.Errorf("who was hardly seen: %v, want 0", share)
	}
	if want := (evenness{Users: 2, Even: 1}); e != want {
		t.Errorf("evenness %+v, want %+v", e, want)
	}
}

func TestMostOf(t *testing.T) {
	p := 0.1 / hoursOfWeek
	if got := mostOf(nil, 300, p); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
	once := mostOf([]uint32{40}, 672, p)
	often := mostOf(slices.Repeat([]uint32{40, 30, 20}, 100), 672, p)
	if once > often || often < 40 || often > 120 || math.IsNaN(often) {
		t.Errorf("one hour of 40: %v, a hundred: %v", once, often)
	}
}

func TestRecentSet(t *testing.T) {
	var s recentSet
	r := room{limit: 100}
	for i := range 90 {
		if before, full := r.meet(&s, recentItem{hash: uint64(i), hour: int64(i)}); before != never || full {
			t.Fatalf("item %d: %d %v", i, before, full)
		}
	}
	if before, _ := r.meet(&s, recentItem{hash: 5, hour: 80}); before != 5 {
		t.Errorf("met before in hour %d, want 5", before)
	}
	if n := s.since(80); n != 11 {
		t.Errorf("%d since hour 80, want 11", n)
	}
	if gone := r.forget(&s, 70); gone != 69 || r.used != 21 || len(s.items) != 21 {
		t.Errorf("%d gone, %d used, %d left", gone, r.used, len(s.items))
	}
	if d := cmp.Diff(never, int(s.find(69, 90))); d != "" {
		t.Error(d)
	}
	if before := s.find(5, 90); before != 80 {
		t.Errorf("5 was met in %d, want 80", before)
	}
}
