package api

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
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
// object a line, as CSV (RFC 4180), or as OCSF Detection Findings, one a line. An incident that changes meanwhile may be missing or come twice.
func (s *Server) exportIncidents(c echo.Context) error {
	p := s.query(c)
	f := p.filter()
	format := each(p, "format", oneOf([]string{"ndjson", "csv", "ocsf"}))
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
	res := c.Response()
	kind, write := "application/x-ndjson", json.NewEncoder(res).Encode
	var table *csv.Writer
	if len(format) == 1 && format[0] == "csv" {
		kind, table = "text/csv; charset=utf-8", csv.NewWriter(res)
		write = func(v any) error { return table.Write(csvRow(v.(*incident.Incident))) }
	}
	if len(format) == 1 && format[0] == "ocsf" {
		encode := write
		write = func(v any) error { return encode(s.ocsf.Finding(v.(*incident.Incident))) }
	}
	res.Header().Set(echo.HeaderContentType, kind)
	res.WriteHeader(http.StatusOK)
	if table != nil {
		if err := table.Write(exportColumns); err != nil {
			return err
		}
	}
	for {
		for _, inc := range page.Incidents {
			if err := write(inc); err != nil {
				return err
			}
		}
		if table != nil {
			table.Flush()
		}
		if page.Next == "" {
			return nil
		}
		if page, err = s.deps.Incidents.List(f, incident.DefaultSort, page.Next, incident.MaxPage); err != nil {
			panic(http.ErrAbortHandler) // a list that breaks off must not look whole
		}
	}
}

func csvRow(i *incident.Incident) []string {
	return plainCells([]string{
		i.ID, i.Title, i.Detector, string(i.Kind), i.Severity.String(), strconv.Itoa(i.Score), string(i.Status), string(i.Entity.Type),
		i.Entity.Value, i.Service, i.Route, stamp(i.FirstSeen), stamp(i.LastSeen), strconv.FormatUint(i.EventCount, 10),
		strconv.FormatFloat(i.Observed, 'g', -1, 64), strconv.FormatFloat(i.Expected, 'g', -1, 64), i.Unit, i.Assignee, string(i.Outcome), i.OutcomeReason, i.Explanation,
	})
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
