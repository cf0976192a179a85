package baseline

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// activeAt returns a moment in the earlier half of an hour in which the user was active, from the given one on.
func activeAt(user string, from time.Time) time.Time {
	for _, e := range labHistory() {
		if e.User == user && !e.Time.Before(from) && e.Time.Minute() < 30 {
			return e.Time
		}
	}
	panic("the laboratory has no such user")
}

func TestExclusions(t *testing.T) {
	until := labStart.AddDate(0, 0, 14)
	at := activeAt("u-1", clock(-48, 0))
	one := time.Nanosecond
	list := []Confirmed{
		{Entity: detect.Entity{Type: detect.EntityService, Value: "shop"}, From: at.Add(time.Hour), To: at.Add(time.Hour)},
		{Entity: detect.Entity{Type: detect.EntityUser, Value: "u-1"}, From: at, To: at.Add(time.Minute)},
		{Entity: detect.Entity{Type: detect.EntityUser, Value: "u-1"}, From: at, To: at.Add(time.Minute)},
		{Entity: detect.Entity{Type: detect.EntityEndpoint, Value: "GET /a b"}, Services: []string{"shop"}, From: at, To: at},
		{Entity: detect.Entity{Type: detect.EntitySession, Value: "s"}, From: at, To: at},
		{Entity: detect.Entity{Type: detect.EntityClient, Value: "203.0.113.9"}, From: until, To: until.Add(time.Hour)},
	}
	want := []Exclusion{
		{Endpoint: EndpointKey{"shop", "GET", "/a b"}, From: at, To: at.Add(one)},
		{Actor: ActorKey{true, "u-1"}, From: at, To: at.Add(time.Minute + one)},
		{Endpoint: EndpointKey{Service: "shop"}, From: at.Add(time.Hour), To: at.Add(time.Hour + one)},
	}
	if d := cmp.Diff(want, Exclusions(list, labStart, until)); d != "" {
		t.Errorf("exclusions (-want +got):\n%s", d)
	}

	s := labSnapshot()
	s.Excluded = want
	m, err := Recompute(t.Context(), Config{}, labHistory(), s)
	if err != nil {
		t.Fatal(err)
	}
	all, _ := labModel().Actor(ActorKey{true, "u-1"})
	kept, _ := m.Actor(ActorKey{true, "u-1"})
	if kept.Hours+1 != all.Hours {
		t.Errorf("u-1 has %d hours, %d with the hour of the incident", kept.Hours, all.Hours)
	}
}

// What an attacker did in a confirmed incident opens no door: the country and the network stay new, the endpoint privileged, the hour off,
// until somebody accepts it.
func TestAConfirmedIncidentTeachesNothing(t *testing.T) {
	l := newLab(1)
	l.minutes(labStart, labStart.AddDate(0, 0, historyDays), nil)
	at := labStart.AddDate(0, 0, 12).Add(2 * time.Hour)
	attack := by("clerk", func(_ int, e *event.Event) {
		abroad(e, "BR", -23.5, -46.6)
		e.ASN = 64999
	})
	l.burst(30, at, at.Add(40*time.Minute), "POST", "/audit", attack)
	events, audit := l.sorted(), EndpointKey{"shop", "POST", "/audit"}
	clerk := ActorKey{true, "clerk"}
	incident := Confirmed{Entity: detect.Entity{Type: detect.EntityUser, Value: "clerk"}, From: at, To: at.Add(40 * time.Minute)}
	for _, c := range []struct {
		name     string
		excluded []Confirmed
		accepted []Acceptance
		learned  bool
	}{
		{"not confirmed", nil, nil, true},
		{"confirmed", []Confirmed{incident}, nil, false},
		{"accepted later", []Confirmed{incident}, []Acceptance{{Actor: clerk, Measure: MeasuredRequests, Since: at, By: "ann"}}, true},
	} {
		s := labSnapshot()
		s.Excluded, s.Accepted = Exclusions(c.excluded, s.From(), s.Until), c.accepted
		m, err := Recompute(t.Context(), Config{}, memory(events), s)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := m.Actor(clerk)
		member := m.members[audit] == nil || slices.Contains(m.members[audit].Users, "clerk")
		got := []bool{slices.Contains(a.Countries, "BR"), slices.Contains(a.Networks, 64999), a.Clock&(1<<2) != 0, member}
		if d := cmp.Diff([]bool{c.learned, c.learned, c.learned, c.learned}, got); d != "" {
			t.Errorf("%s: learned country, network, hour, right (-want +got):\n%s", c.name, d)
		}
		if a.Accepted != (c.accepted != nil) || a.Accepted && a.weight() < 600 {
			t.Errorf("%s: accepted %v, weight %d", c.name, a.Accepted, a.weight())
		}
	}
}
