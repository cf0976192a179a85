package api

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/incident/decision"
)

// bouncerError is an error in the words that CrowdSec's bouncers know.
type bouncerError struct {
	Message string `json:"message"`
}

// forBouncers is the guard of the routes that CrowdSec's bouncers call: a key in X-Api-Key (a bearer token serves as
// well), 403 with their body for whoever may not pass, their form for every other error, and never a compressed answer.
func (s *Server) forBouncers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set("Cache-Control", "no-store, no-transform")
		err := next(c)
		if err == nil || c.Response().Committed {
			return err
		}
		p := problemOf(err)
		switch p.Status {
		case http.StatusUnauthorized, http.StatusForbidden:
			return c.JSON(http.StatusForbidden, bouncerError{"access forbidden"})
		case http.StatusInternalServerError:
			return err // the log has to have it
		}
		if p.retryAfter > 0 {
			c.Response().Header().Set("Retry-After", strconv.Itoa(p.retryAfter))
		}
		return c.JSON(p.Status, bouncerError{p.Detail})
	}
}

// bouncerQuery parses a query as bouncers expect: what is unknown is passed over.
func bouncerQuery(c echo.Context) (url.Values, decision.Filter, error) {
	q, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return nil, decision.Filter{}, badField("query", "malformed")
	}
	f, err := decision.ParseFilter(q)
	f.Within = servicesOf(c)
	return q, f, err
}

// sendJSON writes a whole answer at once: it is complete before its first byte leaves.
func sendJSON(c echo.Context, body []byte) error {
	c.Response().Header().Set("Content-Length", strconv.Itoa(len(body)))
	if c.Request().Method == http.MethodHead {
		c.Response().Header().Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
		c.Response().WriteHeader(http.StatusOK)
		return nil
	}
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, body)
}

// listDecisions answers GET and HEAD /v1/decisions: what counts now, the literal null when nothing does.
func (s *Server) listDecisions(c echo.Context) error {
	if s.deps.Decisions == nil {
		return missing("decisions")
	}
	_, f, err := bouncerQuery(c)
	if err != nil {
		return err
	}
	list := s.deps.Decisions.List(f)
	if len(list) == 0 {
		return sendJSON(c, []byte("null"))
	}
	body, err := decision.Wire(list, s.now())
	if err != nil {
		return err
	}
	return sendJSON(c, body)
}

// streamDecisions answers GET and HEAD /v1/decisions/stream: what is new and what is over since the last answer to this key
// from this address; with startup=true all that counts. HEAD moves nothing.
func (s *Server) streamDecisions(c echo.Context) error {
	if s.deps.Decisions == nil {
		return missing("decisions")
	}
	q, f, err := bouncerQuery(c)
	if err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(c.Request().RemoteAddr)
	if err != nil {
		host = c.Request().RemoteAddr
	}
	delta := s.deps.Decisions.Changes(callerOf(c).id+" "+host, q.Get("startup") == "true", f)
	fresh, err := decision.Wire(delta.New, delta.At)
	if err != nil {
		return err
	}
	over, err := decision.Wire(delta.Deleted, delta.At)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]json.RawMessage{"new": fresh, "deleted": over})
	if err != nil {
		return err
	}
	if err := sendJSON(c, body); err != nil || c.Request().Method == http.MethodHead {
		return err
	}
	s.deps.Decisions.Acknowledge(delta)
	return nil
}

// maxUsage bounds a usage report, in bytes.
const maxUsage = 1 << 20

// usageReport is what is read of a bouncer's report (CrowdSec's AllMetrics): how much it dropped.
type usageReport struct {
	Components []struct {
		Type    string `json:"type"`
		Metrics []struct {
			Items []struct {
				Name  string  `json:"name"`
				Value float64 `json:"value"`
				Unit  string  `json:"unit"`
			} `json:"items"`
		} `json:"metrics"`
	} `json:"remediation_components"`
}

// takeUsage answers POST /v1/usage-metrics: 201 without a body.
func (s *Server) takeUsage(c echo.Context) error {
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxUsage))
	if err != nil {
		return problem(http.StatusRequestEntityTooLarge, "the report is larger than 1 MiB")
	}
	var report usageReport
	if err := json.Unmarshal(body, &report); err != nil {
		return badField("body", "want a JSON object of usage metrics")
	}
	for _, component := range report.Components {
		for _, m := range component.Metrics {
			for _, item := range m.Items {
				if item.Name == "dropped" && item.Value > 0 && (item.Unit == "request" || item.Unit == "packet" || item.Unit == "byte") {
					s.metrics.dropped.WithLabelValues(callerOf(c).name, item.Unit).Add(item.Value)
				}
			}
		}
	}
	return c.NoContent(http.StatusCreated)
}

// decisionFault maps the Book's errors.
func decisionFault(err error) error {
	var protected *decision.ProtectedError
	switch {
	case errors.As(err, &protected):
		p := problem(http.StatusConflict, protected.Error())
		p.Errors = []FieldError{{"value", protected.Error()}}
		return p
	case errors.Is(err, decision.ErrNotFound):
		return problem(http.StatusNotFound, err.Error())
	}
	return storeFault(err)
}

// addDecision answers POST /v1/decisions, for people.
func (s *Server) addDecision(c echo.Context) error {
	if s.deps.Decisions == nil {
		return missing("decisions")
	}
	if err := s.noQuery(c); err != nil {
		return err
	}
	var n decision.New
	if err := readJSON(c, &n); err != nil {
		return err
	}
	if n.Incident != "" {
		switch inc, err := s.deps.Incidents.Get(c.Request().Context(), n.Incident); {
		case err == nil:
			n.Services = inc.Services
		case !errors.Is(err, incident.ErrNotFound):
			return storeFault(err)
		}
	}
	d, err := s.deps.Decisions.Add(c.Request().Context(), n, callerOf(c).name)
	if err != nil {
		return decisionFault(err)
	}
	if err := s.record(c, "decision.add", decisionID(d.ID), string(d.Type)+" "+string(d.Scope)+" "+d.Value+" until "+d.Until.Format(time.RFC3339)); err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, d)
}

func decisionID(id uint64) string { return strconv.FormatUint(id, 10) }

// endDecision answers DELETE /v1/decisions/{id}: undo.
func (s *Server) endDecision(c echo.Context) error {
	if s.deps.Decisions == nil {
		return missing("decisions")
	}
	p := s.query(c)
	why := p.text("reason")
	id, err := strconv.ParseUint(c.Param("id"), 10, 64)
	if err != nil {
		p.fault("id", "want a decision's number")
	}
	if err := p.err(); err != nil {
		return err
	}
	if services := servicesOf(c); services.Limited() {
		d, err := s.deps.Decisions.Get(id)
		if err != nil {
			return decisionFault(err)
		}
		if _, seen := d.Within(services); !seen {
			return decisionFault(decision.ErrNotFound)
		}
		if !services.CoversAll(d.Services) {
			return spans("the decision")
		}
	}
	d, err := s.deps.Decisions.End(c.Request().Context(), id, callerOf(c).name, why)
	if err != nil {
		return decisionFault(err)
	}
	if err := s.record(c, "decision.end", decisionID(id), why); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, d)
}

// incidentDecisions answers GET /v1/incidents/{id}/decisions, ended ones included.
func (s *Server) incidentDecisions(c echo.Context) error {
	if s.deps.Decisions == nil {
		return missing("decisions")
	}
	id, err := incidentID(c)
	if err != nil {
		return err
	}
	if err := s.noQuery(c); err != nil {
		return err
	}
	if _, err := s.load(c); err != nil {
		return err
	}
	list := []decision.Decision{}
	for _, d := range s.deps.Decisions.OfIncident(id) {
		if seen, ok := d.Within(servicesOf(c)); ok {
			list = append(list, seen)
		}
	}
	return c.JSON(http.StatusOK, map[string]any{"incident": id, "decisions": list})
}

// showPolicies answers GET /v1/decisions/policies: what the configuration lets incidents become.
func (s *Server) showPolicies(c echo.Context) error {
	if s.deps.Decisions == nil {
		return missing("decisions")
	}
	if err := s.noQuery(c); err != nil {
		return err
	}
	list, mode, left := s.deps.Decisions.Policies()
	return c.JSON(http.StatusOK, map[string]any{"mode": mode, "policies": list, "left_this_hour": left})
}
