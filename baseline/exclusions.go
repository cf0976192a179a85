package baseline

import (
	"slices"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/detect"
)

// Confirmed is an incident that people confirmed, as far as learning needs it.
type Confirmed struct {
	Entity   detect.Entity
	Services []string // that its findings named; needed for endpoints
	From, To time.Time
}

// Exclusions returns what a snapshot leaves out because of confirmed incidents, those that touch [from, until): hours of
// the user or client, or of the endpoint or service, that the incident is about. Sessions have no rows of their own. The
// result is sorted, so that the order of incidents does not make another version.
func Exclusions(list []Confirmed, from, until time.Time) []Exclusion {
	var out []Exclusion
	for _, c := range list {
		if !c.From.Before(until) || c.To.Before(from) {
			continue
		}
		// An hour is left out when the interval touches it; an incident of one event has no length.
		x := Exclusion{From: c.From.UTC(), To: c.To.UTC().Add(time.Nanosecond)}
		switch c.Entity.Type {
		case detect.EntityUser, detect.EntityClient:
			x.Actor = ActorKey{User: c.Entity.Type == detect.EntityUser, Value: c.Entity.Value}
			out = append(out, x)
		case detect.EntityService:
			x.Endpoint = EndpointKey{Service: c.Entity.Value}
			out = append(out, x)
		case detect.EntityEndpoint:
			method, route, ok := strings.Cut(c.Entity.Value, " ")
			for _, service := range c.Services {
				if ok {
					x.Endpoint = EndpointKey{Service: service, Method: method, Route: route}
					out = append(out, x)
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b Exclusion) int {
		if c := a.From.Compare(b.From); c != 0 {
			return c
		}
		if c := a.To.Compare(b.To); c != 0 {
			return c
		}
		if c := compareKeys(a.Endpoint, b.Endpoint); c != 0 {
			return c
		}
		return strings.Compare(a.Actor.rowKey(), b.Actor.rowKey())
	})
	return slices.CompactFunc(out, func(a, b Exclusion) bool { return a == b })
}
