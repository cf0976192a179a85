package api

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/inventory"
)

const (
	seriesLength     = 7 * 24 * time.Hour  // by default
	mostSeriesLength = 31 * 24 * time.Hour // a longer period shows its end
)

// seriesSpan is the whole hours that a series shows: the end of what was asked for, a week by default.
func (s *Server) seriesSpan(from, to time.Time) (time.Time, time.Time) {
	newest := s.deps.Behaviour.Newest()
	if to.IsZero() || to.After(newest) {
		to = newest.Add(time.Hour)
	}
	to = to.UTC().Truncate(time.Hour)
	if from.IsZero() || !from.Before(to) {
		from = to.Add(-seriesLength)
	}
	from = from.UTC().Truncate(time.Hour)
	if to.Sub(from) > mostSeriesLength {
		from = to.Add(-mostSeriesLength)
	}
	return from, to
}

// endpointWithSeries is an endpoint with its hours and the band that is expected.
type endpointWithSeries struct {
	*inventory.Endpoint
	Series *baseline.Series `json:"series,omitempty"`
}

// answerWithSeries writes one endpoint with its series.
func (s *Server) answerWithSeries(c echo.Context, e *inventory.Endpoint, period inventory.Period) error {
	if s.deps.Behaviour == nil {
		return answerEndpoint(c, e)
	}
	names := []baseline.EndpointKey{baseline.EndpointKey(e.Key)}
	for _, k := range e.Keys() {
		if k != e.Key {
			names = append(names, baseline.EndpointKey(k))
		}
	}
	from, to := s.seriesSpan(period.From, period.To)
	series, err := s.deps.Behaviour.EndpointSeries(c.Request().Context(), names, from, to)
	if err != nil {
		return unavailable("the store did not answer", err)
	}
	h := c.Response().Header()
	h.Set("ETag", etag(e.Version))
	h.Set("Cache-Control", "private, no-cache")
	return c.JSON(http.StatusOK, endpointWithSeries{e, &series})
}

// entityProfile is what is known of an entity.
type entityProfile struct {
	Entity  detect.Entity `json:"entity"`
	Service string        `json:"service,omitempty"` // of an endpoint
	// Risk is the highest score of its incidents that are open or acknowledged, 0 without any.
	Risk      int                  `json:"risk"`
	Incidents []*incident.Incident `json:"incidents"` // the newest
	Total     int                  `json:"total"`     // of its incidents
	Profile   *baseline.Actor      `json:"profile"`   // of a user or client; null when it was hardly ever seen
	// Sets are what a user or client was seen with in the window that is learned from; null of others.
	Sets   map[string][]baseline.SetMember `json:"sets"`
	Series baseline.Series                 `json:"series"`
}

// profileIncidents is how many incidents a profile lists.
const profileIncidents = 20

// getEntity answers GET /v1/entities/{type}/{value}: a user, a client_ip, a service, or an endpoint (METHOD ROUTE, with the
// parameter service). Who looked is in the audit.
func (s *Server) getEntity(c echo.Context) error {
	if s.deps.Behaviour == nil {
		return missing("baselines")
	}
	e := detect.Entity{Type: detect.EntityType(plainParam(c, "type")), Value: plainParam(c, "value")}
	p := s.query(c)
	from, to, service := p.time("from"), p.time("to"), p.service("service")
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		p.fault("to", "want a time after from")
	}
	if err := p.err(); err != nil {
		return err
	}
	if e.Value == "" || len(e.Value) > maxParam {
		return badField("value", "want the entity as an incident names it")
	}
	from, to = s.seriesSpan(from, to)
	out := entityProfile{Entity: e, Incidents: []*incident.Incident{}}
	ctx, filter := c.Request().Context(), incident.Filter{Entity: string(e.Type) + ":" + e.Value, Within: p.services}
	var err error
	switch e.Type {
	case detect.EntityUser, detect.EntityClient:
		k := baseline.ActorKey{User: e.Type == detect.EntityUser, Value: e.Value}
		if addr, err := netip.ParseAddr(e.Value); !k.User && err != nil {
			return badField("value", "want an IP address")
		} else if !k.User {
			k.Value = addr.Unmap().String()
		}
		if p.services.Limited() { // what is known of an actor is known over all services
			out.Series = baseline.HourlySeries(from, []float64{})
			break
		}
		if out.Series, out.Profile, err = s.deps.Behaviour.ActorSeries(ctx, k, from, to); err == nil {
			out.Sets, err = s.deps.Behaviour.ActorSets(ctx, k)
		}
	case detect.EntityService:
		if err := covered(c, "value", e.Value); err != nil {
			return err
		}
		out.Series, err = s.deps.Behaviour.EndpointSeries(ctx, []baseline.EndpointKey{{Service: e.Value}}, from, to)
	case detect.EntityEndpoint:
		method, route, ok := strings.Cut(e.Value, " ")
		if !ok || service == "" {
			return badField("service", "want an endpoint as METHOD ROUTE, and its service")
		}
		out.Service, filter.Service = service, service
		out.Series, err = s.deps.Behaviour.EndpointSeries(ctx, []baseline.EndpointKey{{Service: service, Method: method, Route: route}}, from, to)
	default:
		return badField("type", "want user, client_ip, service or endpoint")
	}
	if err != nil {
		return unavailable("the store did not answer", err)
	}
	if err := s.addIncidents(&out, filter); err != nil {
		return err
	}
	if err := s.record(c, "entity.read", string(e.Type)+":"+e.Value, ""); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

// addIncidents adds the entity's newest incidents and its risk.
func (s *Server) addIncidents(out *entityProfile, f incident.Filter) error {
	page, err := s.deps.Incidents.List(f, incident.DefaultSort, "", profileIncidents)
	if err != nil {
		return err
	}
	if page.Incidents != nil {
		out.Incidents = page.Incidents
	}
	out.Total = page.Total
	f.Statuses = []incident.Status{incident.StatusOpen, incident.StatusAcknowledged}
	worst, err := s.deps.Incidents.List(f, "-score", "", 1)
	if err != nil {
		return err
	}
	for _, inc := range worst.Incidents {
		out.Risk = inc.Score
	}
	return nil
}

// plainParam is a part of the path without its escapes.
func plainParam(c echo.Context, name string) string {
	v := c.Param(name)
	if plain, err := url.PathUnescape(v); c.Request().URL.RawPath != "" && err == nil {
		return plain
	}
	return v
}
