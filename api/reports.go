package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed" // the report's template
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/inventory"
)

//go:embed report.html
var reportHTML string

//go:embed report.css
var reportCSS string

var reportTemplate = template.Must(template.New("report").Parse(reportHTML))

// reportPolicy lets the report's own style apply and nothing else.
var reportPolicy = func() string {
	sum := sha256.Sum256([]byte(reportCSS))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

const (
	reportDays = 30   // without from
	reportRows = 5000 // of callers in the HTML form; CSV has all
)

// reportAccess answers GET /v1/reports/access: who accessed which endpoints. It is audited before anything of it is sent.
func (s *Server) reportAccess(c echo.Context) error {
	if s.deps.Inventory == nil {
		return missing("an inventory")
	}
	p := s.query(c)
	f := inventory.Filter{
		Service: p.service("service"), Within: p.services, Route: p.text("route"), Methods: p.words("method"), Data: p.text("data"), Owner: p.text("owner"),
		Sensitivities: each(p, "sensitivity", oneOf(inventory.Sensitivities())),
	}
	period := p.period()
	format := each(p, "format", oneOf([]string{"html", "csv"}))
	if err := p.err(); err != nil {
		return err
	}
	if len(f.Sensitivities) == 0 {
		f.Sensitivities = []inventory.Sensitivity{inventory.High}
	}
	const day = 24 * time.Hour
	if period.To.IsZero() {
		period.To = s.now().UTC().Truncate(day).Add(day)
	}
	if period.From.IsZero() {
		period.From = period.To.Add(-reportDays * day)
	}
	ctx := c.Request().Context()
	report, err := s.deps.Inventory.Accesses(ctx, f, period)
	if err != nil {
		return storeFault(err)
	}
	if err := s.record(c, "report.access", f.Service, c.Request().URL.RawQuery); err != nil {
		return err
	}
	name := fmt.Sprintf("access-%s-%s", period.From.Format(time.DateOnly), period.To.Add(-day).Format(time.DateOnly))
	if slices.Contains(format, "csv") {
		return writeAccessCSV(c, report, name+".csv")
	}
	page, err := s.accessPage(ctx, report, f, callerOf(c).name)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Content-Security-Policy", reportPolicy)
	h.Set("Cache-Control", "no-store")
	h.Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`.html"`)
	return c.HTMLBlob(http.StatusOK, page)
}

var accessColumns = []string{
	"service", "method", "route", "sensitivity", "data", "user", "client_ip", "requests", "successes", "refused", "failures", "bytes_out",
	"first_seen", "last_seen",
}

// writeAccessCSV streams all accesses. What breaks off does not look whole.
func writeAccessCSV(c echo.Context, r *inventory.Report, name string) error {
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/csv; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	table := csv.NewWriter(c.Response())
	begun := false
	begin := func() error {
		begun = true
		return table.Write(accessColumns)
	}
	err := r.Each(c.Request().Context(), 0, func(a inventory.Access) error {
		if !begun {
			if err := begin(); err != nil {
				return err
			}
		}
		client := ""
		if a.Client.IsValid() {
			client = a.Client.String()
		}
		return table.Write(plainCells([]string{
			a.Service, a.Method, a.Route, string(a.Sensitivity), strings.Join(a.Data, " "), a.User, client, count(a.Requests), count(a.Successes),
			count(a.Refused), count(a.Failures), strconv.FormatInt(a.BytesOut, 10), stamp(a.First), stamp(a.Last),
		}))
	})
	if err != nil && !begun {
		return storeFault(err)
	}
	if err == nil && !begun {
		err = begin()
	}
	table.Flush()
	if err != nil || table.Error() != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// accessSection is an endpoint with its callers as the page shows them.
type accessSection struct {
	*inventory.Endpoint
	Data, Auth     string
	Users, Clients uint64
	Rows           []accessRow
}

type accessRow struct {
	inventory.Access
	Caller, First, Last string
}

// accessPage renders the HTML form, which needs nothing from elsewhere.
func (s *Server) accessPage(ctx context.Context, r *inventory.Report, f inventory.Filter, who string) ([]byte, error) {
	rows, truncated := map[string][]accessRow{}, false
	left := reportRows
	err := r.Each(ctx, reportRows+1, func(a inventory.Access) error {
		if left--; left < 0 {
			truncated = true
			return nil
		}
		row := accessRow{Access: a, Caller: a.User, First: clock(a.First), Last: clock(a.Last)}
		if a.User == "" {
			row.Caller = a.Client.String()
		}
		rows[a.Key.ID()] = append(rows[a.Key.ID()], row)
		return nil
	})
	if err != nil {
		return nil, storeFault(err)
	}
	var sections []accessSection
	for _, e := range r.Endpoints {
		sections = append(sections, accessSection{
			Endpoint: e, Data: strings.Join(e.Data, ", "), Auth: strings.Join(slices.Sorted(maps.Keys(e.Auth)), ", "),
			Users: e.Callers.Users, Clients: e.Callers.Clients, Rows: rows[e.ID],
		})
	}
	slices.SortStableFunc(sections, func(a, b accessSection) int { return int(min(b.Requests, 1<<31)) - int(min(a.Requests, 1<<31)) })
	var remarks []string
	if r.CountedSince.IsZero() {
		remarks = append(remarks, "Nothing is counted yet.")
	} else if r.CountedSince.After(r.Period.From) {
		remarks = append(remarks, "Requests are counted from "+r.CountedSince.Format(time.DateOnly)+" on; days before are not in this report.")
	}
	if truncated {
		remarks = append(remarks, fmt.Sprintf("There are more than %d rows; this page shows those with the most requests, the CSV form has all.", reportRows))
	}
	var page bytes.Buffer
	err = reportTemplate.Execute(&page, map[string]any{
		"From": r.Period.From.Format(time.DateOnly), "To": r.Period.To.Add(-time.Nanosecond).Format(time.DateOnly), "Style": template.CSS(reportCSS), //nolint:gosec // our own file
		"Selection": selection(f), "MadeAt": clock(s.now()) + " UTC", "MadeBy": who, "Version": s.deps.Version, "Remarks": remarks, "Sections": sections,
	})
	return page.Bytes(), err
}

func clock(t time.Time) string { return t.UTC().Format(time.DateTime) }

// selection says in words what a report is about.
func selection(f inventory.Filter) string {
	words := []string{}
	for _, s := range f.Sensitivities {
		words = append(words, string(s))
	}
	out := "sensitivity " + strings.Join(words, ", ")
	for _, part := range [][2]string{{"service", f.Service}, {"method", strings.Join(f.Methods, ", ")}, {"route", f.Route}, {"data", f.Data}, {"owner", f.Owner}} {
		if part[1] != "" {
			out += ", " + part[0] + " " + part[1]
		}
	}
	return out
}
