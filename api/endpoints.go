package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/inventory"
)

// endpointList is one page of the inventory.
type endpointList struct {
	Endpoints    []*inventory.Endpoint `json:"endpoints"`
	Total        int                   `json:"total"`
	CountedSince time.Time             `json:"counted_since,omitzero"` // the first day in the counts
	NextCursor   string                `json:"next_cursor,omitempty"`
}

// endpointFilter reads the parameters that select endpoints; lists, exports and reports share them.
func (p *params) endpointFilter() inventory.Filter {
	return inventory.Filter{
		Service:       p.service("service"),
		Methods:       p.words("method"),
		Route:         p.text("route"),
		Types:         each(p, "type", oneOf(inventory.Types())),
		Sensitivities: each(p, "sensitivity", oneOf(inventory.Sensitivities())),
		Standings:     each(p, "standing", oneOf(inventory.Standings())),
		Data:          p.text("data"),
		Owner:         p.text("owner"),
		Auth:          p.text("auth"),
		Since:         p.time("since"),
		Text:          p.text("q"),
		Within:        p.services,
	}
}

// period reads from and to as whole days (UTC) that hold both.
func (p *params) period() inventory.Period {
	const day = 24 * time.Hour
	out := inventory.Period{From: p.time("from").Truncate(day)}
	if to := p.time("to"); !to.IsZero() {
		out.To = to.Add(day - 1).Truncate(day)
		if !out.From.Before(out.To) {
			p.fault("to", "want a time after from")
		}
	}
	return out
}

// listEndpoints answers GET /v1/endpoints.
func (s *Server) listEndpoints(c echo.Context) error {
	if s.deps.Inventory == nil {
		return missing("an inventory")
	}
	p := s.query(c)
	f, period := p.endpointFilter(), p.period()
	sort, cursor := p.text("sort"), p.text("cursor")
	limit := p.number("limit", 1, inventory.MaxPage, defaultPage)
	if err := p.err(); err != nil {
		return err
	}
	page, err := s.deps.Inventory.List(c.Request().Context(), f, period, sort, cursor, limit)
	if err != nil {
		return storeFault(err)
	}
	since, err := s.deps.Inventory.CountedSince(c.Request().Context())
	if err != nil {
		return storeFault(err)
	}
	s.linkNext(c, page.Next)
	return c.JSON(http.StatusOK, endpointList{page.Endpoints, page.Total, since, page.Next})
}

// endpointID reads the path's id; one that cannot be an endpoint's is a 400 that names it.
func endpointID(c echo.Context) (string, error) {
	id := c.Param("id")
	if rest, ok := strings.CutPrefix(id, "ep_"); !ok || !plainWord(rest) {
		return "", badField("id", "want an endpoint's id like ep_0a1b2c3d4e5f60718293")
	}
	return id, nil
}

// getEndpoint answers GET /v1/endpoints/{id}.
func (s *Server) getEndpoint(c echo.Context) error {
	if s.deps.Inventory == nil {
		return missing("an inventory")
	}
	id, err := endpointID(c)
	if err != nil {
		return err
	}
	p := s.query(c)
	period := p.period()
	if err := p.err(); err != nil {
		return err
	}
	e, err := s.deps.Inventory.Get(c.Request().Context(), id, period)
	if err != nil {
		return storeFault(err)
	}
	if !p.services.Covers(e.Service) {
		return inventory.ErrNoEndpoint
	}
	return s.answerWithSeries(c, e, period)
}

// answerEndpoint writes one endpoint with its ETag, which is the version of what people say about it.
func answerEndpoint(c echo.Context, e *inventory.Endpoint) error {
	h := c.Response().Header()
	h.Set("ETag", etag(e.Version))
	h.Set("Cache-Control", "private, no-cache")
	return c.JSON(http.StatusOK, e)
}

// patchEndpoint answers PATCH /v1/endpoints/{id}.
func (s *Server) patchEndpoint(c echo.Context) error {
	if s.deps.Inventory == nil {
		return missing("an inventory")
	}
	id, err := endpointID(c)
	if err != nil {
		return err
	}
	if err := s.noQuery(c); err != nil {
		return err
	}
	version, err := expectedVersion(c)
	if err != nil {
		return err
	}
	var patch inventory.Patch
	if err := readJSON(c, &patch); err != nil {
		return err
	}
	detail, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	if services := servicesOf(c); services.Limited() {
		if e, err := s.deps.Inventory.Get(c.Request().Context(), id, inventory.Period{}); err != nil {
			return storeFault(err)
		} else if !services.Covers(e.Service) {
			return inventory.ErrNoEndpoint
		}
	}
	e, err := s.deps.Inventory.Patch(c.Request().Context(), id, version, patch)
	if err != nil {
		return storeFault(err)
	}
	if err := s.record(c, "endpoint.change", id, e.Service+" "+e.String()+" "+string(detail)); err != nil {
		return err
	}
	return answerEndpoint(c, e)
}

// endpointColumns are those of the CSV form.
var endpointColumns = []string{
	"id", "service", "method", "route", "type", "owner", "sensitivity", "data", "standing", "first_seen", "last_seen", "requests",
	"successes", "users", "clients", "auth", "tls", "statuses",
}

// exportEndpoints answers GET /v1/endpoints/export: all endpoints that the filter selects, one JSON object a line or CSV.
func (s *Server) exportEndpoints(c echo.Context) error {
	if s.deps.Inventory == nil {
		return missing("an inventory")
	}
	p := s.query(c)
	f, period := p.endpointFilter(), p.period()
	form := p.form(formNDJSON, formCSV)
	if err := p.err(); err != nil {
		return err
	}
	ctx := c.Request().Context()
	page, err := s.deps.Inventory.List(ctx, f, period, "", "", inventory.MaxPage)
	if err != nil {
		return storeFault(err)
	}
	if err := s.record(c, "endpoint.export", "", c.Request().URL.RawQuery); err != nil {
		return err
	}
	out, err := newLines(c, form, shape[*inventory.Endpoint]{columns: endpointColumns, row: endpointRow})
	for err == nil {
		if err = out.write(page.Endpoints); err != nil || page.Next == "" {
			return err
		}
		page, err = s.deps.Inventory.List(ctx, f, period, "", page.Next, inventory.MaxPage)
	}
	breakOff()
	return nil
}

func endpointRow(e *inventory.Endpoint) ([]string, error) {
	var users, clients uint64
	if e.Callers != nil {
		users, clients = e.Callers.Users, e.Callers.Clients
	}
	return []string{
		e.ID, e.Service, e.Method, e.Route, string(e.Type), e.Owner, string(e.Sensitivity), strings.Join(e.Data, " "), string(e.Standing),
		stampOr(e.FirstSeen), stampOr(e.LastSeen), count(e.Requests), count(e.Successes), count(users), count(clients), counts(e.Auth),
		counts(e.TLS), counts(e.Statuses),
	}, nil
}

func count(n uint64) string { return strconv.FormatUint(n, 10) }

// counts writes numbers by name: "200=17 404=2".
func counts(m map[string]uint64) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, name+"="+count(m[name]))
	}
	return strings.Join(list, " ")
}

// stampOr is a time, nothing for the zero time.
func stampOr(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return stamp(t)
}
