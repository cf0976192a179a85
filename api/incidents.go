package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
)

// defaultPage is how many items a page has when the caller does not say.
const defaultPage = 50

// incidentList is one page of incidents, without their findings and evidence.
type incidentList struct {
	Incidents  any    `json:"incidents"` // incidents, or the members of them that were asked for
	Total      int    `json:"total"`
	NextCursor string `json:"next_cursor,omitempty"`
}

// filter reads the parameters that select incidents; lists and streams share them.
func (p *params) filter() incident.Filter {
	return incident.Filter{
		Severities: each(p, "severity", detect.ParseSeverity),
		Statuses:   each(p, "status", oneOf(incident.Statuses())),
		Kinds:      each(p, "kind", oneOf(detect.Kinds())),
		Outcomes:   each(p, "outcome", detect.ParseVerdict),
		Detectors:  p.words("detector"),
		Entity:     p.text("entity"),
		Service:    p.service("service"),
		Route:      p.text("route"),
		Assignee:   p.text("assignee"),
		MinScore:   p.number("min_score", 0, 100, 0),
		Since:      p.time("since"),
		Until:      p.time("until"),
		Text:       p.text("q"),
		Suppressed: p.suppressed(),
		Within:     p.services,
	}
}

// suppressed reads what is to be done about suppressed incidents: left out unless asked for.
func (p *params) suppressed() incident.Suppressed {
	list := each(p, "suppressed", oneOf([]incident.Suppressed{incident.SuppressedOnly, incident.SuppressedAll}))
	if len(list) == 0 {
		return incident.SuppressedOut
	}
	return list[0]
}

// oneOf parses a word that must be in the list.
func oneOf[T ~string](list []T) func(string) (T, error) {
	return func(s string) (T, error) {
		if slices.Contains(list, T(s)) {
			return T(s), nil
		}
		names := make([]string, len(list))
		for i, v := range list {
			names[i] = string(v)
		}
		return "", &incident.InvalidError{Field: strconv.Quote(s), Detail: "want one of " + strings.Join(names, ", ")}
	}
}

// listIncidents answers GET /v1/incidents.
func (s *Server) listIncidents(c echo.Context) error {
	p := s.query(c)
	f := p.filter()
	sort, cursor := p.text("sort"), p.text("cursor")
	limit := p.number("limit", 1, incident.MaxPage, defaultPage)
	members := p.chosen(incidentMembers)
	if err := p.err(); err != nil {
		return err
	}
	page, err := s.deps.Incidents.List(f, sort, cursor, limit)
	if err != nil {
		return err
	}
	s.linkNext(c, page.Next)
	return c.JSON(http.StatusOK, incidentList{Incidents: members.ofIncidents(page.Incidents), Total: page.Total, NextCursor: page.Next})
}

// linkNext sets the Link header to the next page (RFC 8288).
func (s *Server) linkNext(c echo.Context, cursor string) {
	if cursor == "" {
		return
	}
	next := *c.Request().URL
	q := next.Query()
	q.Set("cursor", cursor)
	next.RawQuery = q.Encode()
	c.Response().Header().Set("Link", "<"+next.RequestURI()+`>; rel="next"`)
}

// incidentID reads the path's id; one that cannot be an incident's is a 400 that names it.
func incidentID(c echo.Context) (string, error) {
	id := c.Param("id")
	rest, ok := strings.CutPrefix(id, "inc_")
	if !ok || !plainWord(rest) {
		return "", badField("id", "want an incident's id like inc_0a1b2c3d4e5f60718293")
	}
	return id, nil
}

func etag(version uint64) string { return `"` + strconv.FormatUint(version, 10) + `"` }

// find reads the path's id and the whole incident; there are no parameters.
func (s *Server) find(c echo.Context) (*incident.Incident, error) {
	if _, err := incidentID(c); err != nil {
		return nil, err
	}
	if err := s.noQuery(c); err != nil {
		return nil, err
	}
	return s.load(c)
}

// load reads the path's id and the whole incident, as far as the caller may see it.
func (s *Server) load(c echo.Context) (*incident.Incident, error) {
	id, err := incidentID(c)
	if err != nil {
		return nil, err
	}
	inc, err := s.deps.Incidents.Get(c.Request().Context(), id)
	if err != nil {
		return nil, storeFault(err)
	}
	if inc = inc.Within(servicesOf(c)); inc == nil {
		return nil, incident.ErrNotFound
	}
	return inc, nil
}

// answer writes one incident, or the members of it that were asked for, with its ETag.
func answer(c echo.Context, inc *incident.Incident, members ...string) error {
	tag := etag(inc.Version)
	h := c.Response().Header()
	h.Set("ETag", tag)
	h.Set("Cache-Control", "private, no-cache")
	if c.Request().Method == http.MethodGet && c.Request().Header.Get("If-None-Match") == tag {
		return c.NoContent(http.StatusNotModified)
	}
	body, err := chosen(members).of(inc)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, body)
}

// getIncident answers GET /v1/incidents/{id}. It carries evidence, so it is audited.
func (s *Server) getIncident(c echo.Context) error {
	p := s.query(c)
	members := p.chosen(incidentMembers)
	if _, err := incidentID(c); err != nil {
		return err
	}
	if err := p.err(); err != nil {
		return err
	}
	inc, err := s.load(c)
	if err != nil {
		return err
	}
	if err := s.record(c, "incident.read", inc.ID, c.Request().URL.RawQuery); err != nil {
		return err
	}
	return answer(c, inc, members...)
}

// expectedVersion reads If-Match: one version, or * or nothing for whatever it is.
func expectedVersion(c echo.Context) (uint64, error) {
	text := strings.TrimSpace(c.Request().Header.Get("If-Match"))
	if text == "" || text == "*" {
		return incident.AnyVersion, nil
	}
	inner, ok := strings.CutPrefix(text, `"`)
	inner, ok2 := strings.CutSuffix(inner, `"`)
	v, err := strconv.ParseUint(inner, 10, 64)
	if !ok || !ok2 || err != nil || v == incident.AnyVersion {
		return 0, badField("If-Match", `want the ETag that a GET gave, like "3"`)
	}
	return v, nil
}

// patchIncident answers PATCH /v1/incidents/{id}.
func (s *Server) patchIncident(c echo.Context) error {
	id, err := incidentID(c)
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
	var patch incident.Patch
	if err := readJSON(c, &patch); err != nil {
		return err
	}
	detail, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	if err := s.mayChange(c, id); err != nil {
		return err
	}
	inc, err := s.deps.Incidents.Patch(c.Request().Context(), id, version, patch, callerOf(c).name)
	if err != nil {
		return storeFault(err)
	}
	if err := s.record(c, "incident.change", id, string(detail)); err != nil {
		return err
	}
	return answer(c, inc.Within(servicesOf(c)))
}

// addNote answers POST /v1/incidents/{id}/notes.
func (s *Server) addNote(c echo.Context) error {
	id, err := incidentID(c)
	if err != nil {
		return err
	}
	if err := s.noQuery(c); err != nil {
		return err
	}
	var body struct {
		Text string `json:"text"`
	}
	if err := readJSON(c, &body); err != nil {
		return err
	}
	if err := s.mayChange(c, id); err != nil {
		return err
	}
	inc, err := s.deps.Incidents.AddNote(c.Request().Context(), id, body.Text, callerOf(c).name)
	if err != nil {
		return storeFault(err)
	}
	if err := s.record(c, "incident.note", id, ""); err != nil {
		return err
	}
	c.Response().Header().Set("ETag", etag(inc.Version))
	return c.JSON(http.StatusCreated, inc.Notes[len(inc.Notes)-1])
}

// getEvidence answers GET /v1/incidents/{id}/evidence, and audits it.
func (s *Server) getEvidence(c echo.Context) error {
	inc, err := s.find(c)
	if err != nil {
		return err
	}
	if err := s.record(c, "evidence.read", inc.ID, ""); err != nil {
		return err
	}
	events := inc.Evidence
	if events == nil {
		events = []json.RawMessage{}
	}
	return c.JSON(http.StatusOK, map[string]any{"incident": inc.ID, "event_count": inc.EventCount, "events": events})
}

// step is one entry of an incident's timeline.
type step struct {
	At      string           `json:"at"`
	Type    string           `json:"type"` // finding, change or note
	Finding *detect.Finding  `json:"finding,omitempty"`
	Change  *incident.Change `json:"change,omitempty"`
	Note    *incident.Note   `json:"note,omitempty"`
}

// getTimeline answers GET /v1/incidents/{id}/timeline: findings in event time; changes and notes by the clock.
func (s *Server) getTimeline(c echo.Context) error {
	inc, err := s.find(c)
	if err != nil {
		return err
	}
	steps := make([]step, 0, len(inc.Findings)+len(inc.History)+len(inc.Notes))
	for i := range inc.Findings {
		steps = append(steps, step{At: stamp(inc.Findings[i].FiredAt), Type: "finding", Finding: &inc.Findings[i]})
	}
	for i := range inc.History {
		steps = append(steps, step{At: stamp(inc.History[i].At), Type: "change", Change: &inc.History[i]})
	}
	for i := range inc.Notes {
		steps = append(steps, step{At: stamp(inc.Notes[i].At), Type: "note", Note: &inc.Notes[i]})
	}
	slices.SortStableFunc(steps, func(a, b step) int { return strings.Compare(a.At, b.At) })
	return c.JSON(http.StatusOK, map[string]any{"incident": inc.ID, "timeline": steps})
}
