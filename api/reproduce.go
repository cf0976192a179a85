package api

import (
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
)

// stamp writes a time with a fixed number of digits, so that texts sort like times.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z") }

// reproduction is what GET /v1/incidents/{id}/reproduce answers.
type reproduction struct {
	Incident        string              `json:"incident"`
	Finding         string              `json:"finding"`
	Detector        string              `json:"detector"`
	Measure         detect.Measure      `json:"measure"`
	SQL             string              `json:"sql"`
	Parameters      map[string]string   `json:"parameters"`
	Baseline        *detect.BaselineRef `json:"baseline"` // null when nothing learned was involved
	Observed        float64             `json:"observed"` // as stored with the finding
	Expected        float64             `json:"expected"`
	Unit            string              `json:"unit"`
	Reproduced      float64             `json:"reproduced"`
	Same            bool                `json:"same"`
	Source          string              `json:"source"`           // "events", or "evidence" when these are gone
	EventsAvailable bool                `json:"events_available"` // the events that the measure selects are still stored
	EventsSelected  uint64              `json:"events_selected"`
	Detail          string              `json:"detail"`
}

// reproduce answers GET /v1/incidents/{id}/reproduce?finding=…: it runs the finding's stored measure again.
func (s *Server) reproduce(c echo.Context) error {
	if _, err := incidentID(c); err != nil {
		return err
	}
	p := s.query(c)
	wanted := p.text("finding")
	if err := p.err(); err != nil {
		return err
	}
	inc, err := s.load(c)
	if err != nil {
		return err
	}
	f := pick(inc, wanted)
	switch {
	case f == nil && wanted != "":
		return badField("finding", "the incident has no finding of that id")
	case f == nil:
		return problem(http.StatusNotFound, "the incident's findings are not stored")
	case servicesOf(c).Limited() && !f.Local():
		return problem(http.StatusForbidden, "the finding's number counts requests to any service; a key for all services may take it again")
	case f.Measure.Aggregate == "":
		return problem(http.StatusConflict, "the finding carries no measure, so there is nothing to run again")
	}
	if err := s.record(c, "evidence.reproduce", inc.ID, f.ID); err != nil {
		return err
	}
	sql, args, value, events, err := s.deps.Store.Reproduce(c.Request().Context(), f.Measure)
	if err != nil {
		return unavailable("the store did not answer", err)
	}
	return c.JSON(http.StatusOK, judge(inc, f, sql, args, value, events))
}

// pick returns the finding of the id, or without one the leading detector's that the incident's numbers stand for.
func pick(inc *incident.Incident, id string) *detect.Finding {
	var lead *detect.Finding
	for i := range inc.Findings {
		f := &inc.Findings[i]
		if f.ID == id {
			return f
		}
		speaks := f.Detector == inc.Detector && f.Observed == inc.Observed && f.Expected == inc.Expected
		if id == "" && (lead == nil || speaks && lead.Observed != inc.Observed) {
			lead = f
		}
	}
	return lead
}

// judge compares what was stored with what came out now.
func judge(inc *incident.Incident, f *detect.Finding, sql string, args map[string]string, value float64, events uint64) reproduction {
	r := reproduction{
		Incident: inc.ID, Finding: f.ID, Detector: f.Detector, Measure: f.Measure, SQL: sql, Parameters: args,
		Baseline: f.Baseline, Observed: f.Observed, Expected: f.Expected, Unit: f.Unit,
		Reproduced: value, Same: equal(value, f.Observed), Source: "events", EventsSelected: events,
		EventsAvailable: events > 0 || f.Observed == 0,
	}
	switch {
	case r.Same:
		r.Detail = "the stored query gives the same number over the events in the store"
	case !r.EventsAvailable:
		r.Source, r.Reproduced, r.Same = "evidence", f.Observed, true
		r.Detail = fmt.Sprintf("the events are no longer in the store; the number is the one kept with the finding, "+
			"beside %d events of evidence", len(inc.Evidence))
	default:
		r.Detail = "the number differs: some of the events are no longer in the store, or came after the finding was made"
	}
	return r
}

// equal compares two results of one computation: sums and averages may differ in the last bits.
func equal(a, b float64) bool {
	return a == b || math.Abs(a-b) <= 1e-9*math.Max(math.Abs(a), math.Abs(b))
}
