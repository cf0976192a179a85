package baseline

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewatch/gatewatch/detect"
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
