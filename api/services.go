package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/ingest"
)

// forServices are the routes that a key for some services may use, each of which shows and changes nothing of others. A
// route that is not here refuses such keys: what it is about is the installation's. The contract marks the same ones with
// x-service-keys, which a test holds.
var forServices = map[string]bool{
	"GET /v1/incidents":               true,
	"GET /v1/incidents/stream":        true,
	"GET /v1/incidents/export":        true,
	"POST /v1/incidents/bulk":         true,
	"GET /v1/incidents/:id":           true,
	"PATCH /v1/incidents/:id":         true,
	"POST /v1/incidents/:id/notes":    true,
	"GET /v1/incidents/:id/evidence":  true,
	"GET /v1/incidents/:id/timeline":  true,
	"GET /v1/incidents/:id/reproduce": true,
	"GET /v1/incidents/:id/decisions": true,
	"GET /v1/metrics/security":        true,
	"GET /v1/events":                  true,
	"GET /v1/events/export":           true,
	"GET /v1/rules":                   true,
	"GET /v1/detectors":               true,
	"GET /v1/suppressions":            true,
	"POST /v1/suppressions":           true,
	"DELETE /v1/suppressions/:id":     true,
	"GET /v1/decisions":               true,
	"HEAD /v1/decisions":              true,
	"GET /v1/decisions/stream":        true,
	"HEAD /v1/decisions/stream":       true,
	"POST /v1/usage-metrics":          true,
	"DELETE /v1/decisions/:id":        true,
	"GET /v1/check":                   true,
	"GET /v1/check/*":                 true,
	"GET /v1/endpoints":               true,
	"GET /v1/endpoints/export":        true,
	"GET /v1/endpoints/:id":           true,
	"PATCH /v1/endpoints/:id":         true,
	"GET /v1/entities/:type/:value":   true,
	"GET /v1/openapi":                 true,
	"GET /v1/openapi/:service":        true,
	"PUT /v1/openapi/:service":        true,
	"DELETE /v1/openapi/:service":     true,
	"GET /v1/policies":                true,
	"GET /v1/policies/:id":            true,
	"PUT /v1/policies/:id":            true,
	"DELETE /v1/policies/:id":         true,
	"GET /v1/reports/access":          true,
	"POST /v1/ingest/raw":             true,
	"GET /v1/ingest/position":         true,
	"POST /v1/ingest/events":          true,
	"POST /v1/ingest/firehose":        true,
	"POST /v1/ingest/cloudflare":      true,
	"POST /v1/logs":                   true,
	"POST /v1/ingest/identities":      true,
}

// servicesOf are the services that the caller's key is for; nil: all.
func servicesOf(c echo.Context) event.Services { return callerOf(c).services }

// maxServices bounds the services of one key, maxService a service's name in bytes.
const (
	maxServices = 100
	maxService  = 200
)

// checkServices returns the names sorted and each once; none are all.
func checkServices(names []string) ([]string, error) {
	if names != nil && len(names) == 0 {
		return nil, badField("services", "an empty list: want the services that the key is for, or leave it out for all")
	}
	if len(names) > maxServices {
		return nil, badField("services", fmt.Sprintf("%d of them: want at most %d", len(names), maxServices))
	}
	for _, name := range names {
		if name == "" || len(name) > maxService || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return nil, badField("services", fmt.Sprintf("%.40q: want services' names of 1 to %d bytes", name, maxService))
		}
	}
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names), nil
}

// notCovered is a 403 that names the field whose service the key is not for.
func notCovered(field string, services event.Services) *Problem {
	p := problem(http.StatusForbidden, field+": this key is for the services "+strings.Join(services, ", ")+" alone")
	p.Errors = []FieldError{{field, "want one of " + strings.Join(services, ", ")}}
	return p
}

// covered refuses a service that the caller's key is not for.
func covered(c echo.Context, field, service string) error {
	if services := servicesOf(c); !services.Covers(service) {
		return notCovered(field, services)
	}
	return nil
}

// spans refuses to change what is also about services that the caller's key is not for.
func spans(what string) *Problem {
	return problem(http.StatusForbidden, what+" is also about services that this key is not for; a key for all of them may change it")
}

// mayChange returns the problem of an incident that the caller may not see (404) or not change (403); nil when it may.
func (s *Server) mayChange(c echo.Context, id string) error {
	services := servicesOf(c)
	if !services.Limited() {
		return nil
	}
	inc, err := s.deps.Incidents.Get(c.Request().Context(), id)
	switch {
	case err != nil:
		return storeFault(err)
	case inc.Within(services) == nil:
		return incident.ErrNotFound
	case !inc.Whole(services):
		return spans("the incident")
	}
	return nil
}

// assign gives events that name no service the only one of the caller's key, and refuses a batch with an event of a
// service that the key is not for: nothing of it is stored.
func assign(c echo.Context, b *ingest.Batch) error {
	services := servicesOf(c)
	if !services.Limited() {
		return nil
	}
	for i := range b.Events {
		ev := &b.Events[i]
		if ev.Service == "" && len(services) == 1 {
			ev.Service = services[0]
		}
		if !services.Covers(ev.Service) {
			p := notCovered("service", services)
			p.Detail = fmt.Sprintf("an event is of the service %q; %s", ev.Service, p.Detail)
			return p
		}
	}
	return nil
}
