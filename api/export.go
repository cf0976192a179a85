package api

import (
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/incident"
)

// exportColumns are those of the CSV form.
var exportColumns = []string{
	"id", "title", "detector", "kind", "severity", "score", "status", "entity_type", "entity_value", "service", "route",
	"first_seen", "last_seen", "event_count", "observed", "expected", "unit", "assignee", "outcome", "outcome_reason", "explanation",
}

// exportIncidents answers GET /v1/incidents/export: all incidents that the filter selects, the newest first, one JSON
// object a line, as CSV, or as OCSF Detection Findings, one a line. An incident that changes meanwhile may be missing or
// come twice.
func (s *Server) exportIncidents(c echo.Context) error {
	p := s.query(c)
	f := p.filter()
	form := p.form(formNDJSON, formCSV, formOCSF)
	if err := p.err(); err != nil {
		return err
	}
	page, err := s.deps.Incidents.List(f, incident.DefaultSort, "", incident.MaxPage)
	if err != nil {
		return err
	}
	if err := s.record(c, "incident.export", "", c.Request().URL.RawQuery); err != nil {
		return err
	}
	out, err := newLines(c, form, shape[*incident.Incident]{
		columns: exportColumns, row: incidentRow, ocsf: func(inc *incident.Incident) any { return s.ocsf.Finding(inc) },
	})
	for err == nil {
		if err = out.write(page.Incidents); err != nil || page.Next == "" {
			return err
		}
		page, err = s.deps.Incidents.List(f, incident.DefaultSort, page.Next, incident.MaxPage)
	}
	breakOff()
	return nil
}

func incidentRow(i *incident.Incident) ([]string, error) {
	return []string{
		i.ID, i.Title, i.Detector, string(i.Kind), i.Severity.String(), strconv.Itoa(i.Score), string(i.Status), string(i.Entity.Type),
		i.Entity.Value, i.Service, i.Route, stamp(i.FirstSeen), stamp(i.LastSeen), strconv.FormatUint(i.EventCount, 10),
		strconv.FormatFloat(i.Observed, 'g', -1, 64), strconv.FormatFloat(i.Expected, 'g', -1, 64), i.Unit, i.Assignee, string(i.Outcome), i.OutcomeReason, i.Explanation,
	}, nil
}

// plainCells keeps a spreadsheet from taking cells for formulas: logs are written by strangers.
func plainCells(row []string) []string {
	for n, cell := range row {
		if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
			row[n] = "'" + cell
		}
	}
	return row
}
