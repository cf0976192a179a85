package api

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
)

// accepting is the body of POST /v1/baselines/accept: what is normal, since when, and why. The entity is named as in an
// incident.
type accepting struct {
	Entity  detect.Entity `json:"entity"`
	Service string        `json:"service"` // of an endpoint
	Measure string        `json:"measure"` // requests by default
	Since   time.Time     `json:"since"`   // default: the first sight of the newest incident about it
	Reason  string        `json:"reason"`
}

// mostReason bounds a reason, in bytes.
const mostReason = 1000

// read checks the body and returns it as an acceptance without its time.
func (a accepting) read(now time.Time) (baseline.Acceptance, error) {
	out := baseline.Acceptance{Measure: baseline.MeasuredRequests, Since: a.Since.UTC().Truncate(time.Hour), Reason: strings.TrimSpace(a.Reason)}
	if a.Measure != "" {
		m, ok := baseline.MeasuredOf(a.Measure)
		if !ok {
			return out, badField("measure", fmt.Sprintf("%.40q: want requests, duration_ms or bytes_out", a.Measure))
		}
		out.Measure = m
	}
	switch {
	case out.Reason == "" || len(out.Reason) > mostReason:
		return out, badField("reason", fmt.Sprintf("want the reason in words, up to %d bytes", mostReason))
	case a.Since.After(now):
		return out, badField("since", "it lies in the future: want the time at which the change began")
	case len(a.Entity.Value) > maxParam || a.Entity.Value == "":
		return out, badField("entity.value", "want the entity as an incident names it")
	}
	switch a.Entity.Type {
	case detect.EntityEndpoint:
		method, route, ok := strings.Cut(a.Entity.Value, " ")
		if !ok {
			return out, badField("entity.value", "want METHOD ROUTE, like GET /orders/{id}")
		}
		if a.Service == "" {
			return out, badField("service", "want the endpoint's service")
		}
		out.Endpoint = baseline.EndpointKey{Service: a.Service, Method: method, Route: route}
	case detect.EntityService:
		out.Endpoint = baseline.EndpointKey{Service: a.Entity.Value}
	case detect.EntityUser, detect.EntityClient:
		if out.Measure != baseline.MeasuredRequests {
			return out, badField("measure", "want requests of a user or client: it stands for all that is learned of it")
		}
		if addr, err := netip.ParseAddr(a.Entity.Value); a.Entity.Type == detect.EntityClient && err != nil {
			return out, badField("entity.value", "want an IP address")
		} else if err == nil && a.Entity.Type == detect.EntityClient {
			a.Entity.Value = addr.Unmap().String()
		}
		out.Actor = baseline.ActorKey{User: a.Entity.Type == detect.EntityUser, Value: a.Entity.Value}
	default:
		return out, badField("entity.type", "want endpoint, service, user or client_ip")
	}
	return out, nil
}

// acceptChange answers POST /v1/baselines/accept: 202 with what is accepted and the job that learns it.
func (s *Server) acceptChange(c echo.Context) error {
	if err := s.noQuery(c); err != nil {
		return err
	}
	if s.deps.Baselines == nil {
		return missing("baselines")
	}
	var body accepting
	if err := readJSON(c, &body); err != nil {
		return err
	}
	a, err := body.read(s.now())
	if err != nil {
		return err
	}
	if body.Since.IsZero() {
		if a.Since, err = s.firstSight(body.Entity, body.Service); err != nil {
			return err
		}
	}
	a.By = callerOf(c).name
	a, job, err := s.deps.Baselines.Accept(c.Request().Context(), a)
	if err != nil {
		return storeFault(err)
	}
	detail := fmt.Sprintf("%s since %s: %s", a.Measure, a.Since.Format(time.RFC3339), a.Reason)
	if err := s.record(c, "baseline.accept", strings.TrimSpace(body.Service+" "+body.Entity.Value), detail); err != nil {
		return err
	}
	out := map[string]any{"accepted": a}
	if job.ID != "" {
		out["job"] = job
		c.Response().Header().Set("Location", "/v1/jobs/"+job.ID)
	}
	return c.JSON(http.StatusAccepted, out)
}

// firstSight is when the newest incident about an entity began.
func (s *Server) firstSight(e detect.Entity, service string) (time.Time, error) {
	f := incident.Filter{Entity: string(e.Type) + ":" + e.Value, Suppressed: incident.SuppressedAll}
	if e.Type == detect.EntityEndpoint {
		f.Service = service
	}
	page, err := s.deps.Incidents.List(f, incident.DefaultSort, "", 1)
	if err != nil {
		return time.Time{}, err
	}
	if len(page.Incidents) == 0 {
		return time.Time{}, badField("since", "there is no incident about this entity to take it from: want the time at which the change began")
	}
	return page.Incidents[0].FirstSeen.UTC().Truncate(time.Hour), nil
}

// listAccepted answers GET /v1/baselines/accepted.
func (s *Server) listAccepted(c echo.Context) error {
	if err := s.noQuery(c); err != nil {
		return err
	}
	if s.deps.Baselines == nil {
		return missing("baselines")
	}
	list, err := s.deps.Baselines.Accepted(c.Request().Context())
	if err != nil {
		return unavailable("the store did not answer", err)
	}
	if list == nil {
		list = []baseline.Acceptance{}
	}
	return c.JSON(http.StatusOK, map[string]any{"accepted": list})
}

// mostDifferences is how many differences one answer has at most.
const mostDifferences = 1000

// diffBaselines answers GET /v1/baselines/diff: what two versions know differently, the largest differences first.
func (s *Server) diffBaselines(c echo.Context) error {
	p := s.query(c)
	from, to := p.version("from"), p.version("to")
	limit := p.number("limit", 1, mostDifferences, defaultPage)
	if err := p.err(); err != nil {
		return err
	}
	if s.deps.Baselines == nil {
		return missing("baselines")
	}
	d, err := s.deps.Baselines.Diff(c.Request().Context(), from, to, limit)
	if err != nil {
		return storeFault(versionFault(err))
	}
	d.Differences, d.Changes = listed(d.Differences), listed(d.Changes)
	return c.JSON(http.StatusOK, d)
}

// versionFault keeps what storeFault would take for a store that is away.
func versionFault(err error) error {
	if p := problemOf(err); p.Status < http.StatusInternalServerError {
		return p
	}
	return err
}

// version returns a version's id.
func (p *params) version(name string) string {
	text := p.text(name)
	if text != "" && !plainWord(text) {
		p.fault(name, fmt.Sprintf("%.40q: want a version of the baselines, as GET /v1/baselines lists them", text))
	}
	return text
}

// rollingBack is the body of POST /v1/baselines/rollback.
type rollingBack struct {
	Version   string `json:"version"`
	Reason    string `json:"reason"`
	HoldHours *int   `json:"hold_hours"` // default 24
}

const (
	defaultHold = 24
	mostHold    = 90 * 24
)

// rollBack answers POST /v1/baselines/rollback: 201 with the version that judges from now on.
func (s *Server) rollBack(c echo.Context) error {
	if err := s.noQuery(c); err != nil {
		return err
	}
	if s.deps.Baselines == nil {
		return missing("baselines")
	}
	var body rollingBack
	if err := readJSON(c, &body); err != nil {
		return err
	}
	hold := defaultHold
	if body.HoldHours != nil {
		hold = *body.HoldHours
	}
	reason := strings.TrimSpace(body.Reason)
	switch {
	case !plainWord(body.Version):
		return badField("version", "want a version of the baselines, as GET /v1/baselines lists them")
	case reason == "" || len(reason) > mostReason:
		return badField("reason", fmt.Sprintf("want the reason in words, up to %d bytes", mostReason))
	case hold < 0 || hold > mostHold:
		return badField("hold_hours", fmt.Sprintf("want 0 to %d", mostHold))
	}
	meta, err := s.deps.Baselines.RollBack(c.Request().Context(), baseline.RollBack{
		To: body.Version, By: callerOf(c).name, Reason: reason, Hold: s.now().UTC().Add(time.Duration(hold) * time.Hour),
	})
	if err != nil {
		return storeFault(versionFault(err))
	}
	if err := s.record(c, "baseline.rollback", body.Version, reason); err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, meta)
}

// cancelJob answers POST /v1/jobs/{id}/cancel: the job as it ended.
func (s *Server) cancelJob(c echo.Context) error {
	if err := s.noQuery(c); err != nil {
		return err
	}
	id := c.Param("id")
	if !plainWord(id) {
		return badField("id", "want a job's id")
	}
	if s.deps.Baselines == nil {
		return missing("baselines")
	}
	job, err := s.deps.Baselines.Cancel(c.Request().Context(), id)
	if err != nil {
		return storeFault(versionFault(err))
	}
	if err := s.record(c, "baseline.cancel", id, ""); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, job)
}
