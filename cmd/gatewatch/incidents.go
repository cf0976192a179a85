package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/gatewatch/gatewatch/api/client"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
)

// incidentsCmd is a client of a running server's REST.
type incidentsCmd struct {
	Server string `help:"The server's address." default:"http://127.0.0.1:8642" placeholder:"URL"`
	Key    string `help:"API key; better given as GATEWATCH_KEY, where no process list shows it." placeholder:"KEY"`

	List    incidentsListCmd    `cmd:"" help:"List incidents."`
	Show    incidentsShowCmd    `cmd:"" help:"Show one incident with its findings and evidence."`
	Ack     incidentsAckCmd     `cmd:"" help:"Acknowledge incidents."`
	Resolve incidentsResolveCmd `cmd:"" help:"Resolve incidents, or call them false positives."`
}

func (i *incidentsCmd) client() (*client.Client, error) {
	if i.Key == "" {
		return nil, fmt.Errorf("a key is needed: set GATEWATCH_KEY, or --key (gatewatch keys create makes one)")
	}
	return client.New(i.Server, i.Key)
}

type incidentsListCmd struct {
	Severity string `help:"low, medium, high, critical; several separated by commas." placeholder:"LIST"`
	Status   string `help:"open, acknowledged, resolved, false_positive; several separated by commas." placeholder:"LIST"`
	Kind     string `help:"Kinds, separated by commas." placeholder:"LIST"`
	Outcome  string `help:"refused, failed, unclear, likely_succeeded; several separated by commas." placeholder:"LIST"`
	Detector string `help:"Detectors, separated by commas." placeholder:"LIST"`
	Entity   string `help:"The entity: a value, or type:value." placeholder:"ENTITY"`
	Service  string `help:"The service." placeholder:"NAME"`
	Since    string `help:"Seen since a time, or a duration before now such as 24h." placeholder:"TIME"`
	Until    string `help:"Seen before a time." placeholder:"TIME"`
	Query    string `name:"query" short:"q" help:"Text within title, explanation, entity or route." placeholder:"TEXT"`
	Sort     string `help:"score, severity, first_seen, last_seen, updated_at, event_count; a leading minus for descending." default:"-last_seen"`
	Limit    int    `help:"How many at most; 0 is all." default:"50"`
	JSON     bool   `help:"One incident a line, as JSON."`
}

// Run lists.
func (c *incidentsListCmd) Run(ctx context.Context, parent *incidentsCmd, std streams) error {
	api, err := parent.client()
	if err != nil {
		return err
	}
	if c.Limit < 0 {
		return fmt.Errorf("--limit: %d: want 0 (all) or more", c.Limit)
	}
	print, finish := c.printer(std.Out)
	query, left := c.query(), c.Limit
	for {
		page := incident.MaxPage
		if c.Limit > 0 {
			page = min(left, page)
		}
		query.Set("limit", strconv.Itoa(page))
		p, err := api.Incidents(ctx, query)
		if err != nil {
			return err
		}
		for _, inc := range p.Incidents {
			if err := print(inc); err != nil {
				return err
			}
		}
		left -= len(p.Incidents)
		if p.NextCursor == "" || c.Limit > 0 && left <= 0 {
			return finish()
		}
		query.Set("cursor", p.NextCursor)
	}
}

func (c *incidentsListCmd) query() url.Values {
	query := url.Values{}
	for name, v := range map[string]string{
		"severity": c.Severity, "status": c.Status, "kind": c.Kind, "outcome": c.Outcome, "detector": c.Detector, "entity": c.Entity,
		"service": c.Service, "since": c.Since, "until": c.Until, "q": c.Query, "sort": c.Sort,
	} {
		if v != "" {
			query.Set(name, v)
		}
	}
	return query
}

// printer returns how to print an incident, and what to do at the end.
func (c *incidentsListCmd) printer(out io.Writer) (func(*incident.Incident) error, func() error) {
	if c.JSON {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		return func(inc *incident.Incident) error { return e.Encode(inc) }, func() error { return nil }
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ID\tSCORE\tSEVERITY\tOUTCOME\tSTATUS\tLAST SEEN\tEVENTS\tTITLE")
	return func(inc *incident.Incident) error {
		_, err := fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%d\t%s\n", inc.ID, inc.Score, inc.Severity, orDash(string(inc.Outcome)), inc.Status,
			moment(inc.LastSeen), inc.EventCount, detect.Printable(inc.Title))
		return err
	}, w.Flush
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

type incidentsShowCmd struct {
	JSON bool   `help:"The incident as JSON."`
	ID   string `arg:"" help:"The incident's id."`
}

// Run shows one incident.
func (c *incidentsShowCmd) Run(ctx context.Context, parent *incidentsCmd, std streams) error {
	api, err := parent.client()
	if err != nil {
		return err
	}
	inc, err := api.Incident(ctx, c.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(std.Out)
		e.SetEscapeHTML(false)
		return e.Encode(inc)
	}
	return tell(std.Out, inc)
}

// tell writes an incident for people.
func tell(out io.Writer, inc *incident.Incident) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n\n", detect.Printable(inc.Title), detect.Printable(inc.Explanation))
	fmt.Fprintf(&b, "id        %s\nstatus    %s\nseverity  %s\nscore     %d\n", inc.ID, inc.Status, inc.Severity, inc.Score)
	if inc.Outcome != "" {
		fmt.Fprintf(&b, "outcome   %s: %s\n", inc.Outcome, detect.Printable(inc.OutcomeReason))
	}
	for _, p := range inc.ScoreParts {
		fmt.Fprintf(&b, "          %+3d %s: %s\n", p.Points, p.Name, detect.Printable(p.Reason))
	}
	fmt.Fprintf(&b, "entity    %s %s\n", inc.Entity.Type, detect.Printable(inc.Entity.Value))
	if inc.Service != "" {
		fmt.Fprintf(&b, "service   %s\n", detect.Printable(inc.Service))
	}
	fmt.Fprintf(&b, "seen      %s to %s\nevents    %d\n", moment(inc.FirstSeen), moment(inc.LastSeen), inc.EventCount)
	fmt.Fprintf(&b, "observed  %g %s, expected %g\n", inc.Observed, inc.Unit, inc.Expected)
	if len(inc.OWASP)+len(inc.MITRE) > 0 {
		fmt.Fprintf(&b, "refers to %s\n", strings.Join(append(append([]string{}, inc.OWASP...), inc.MITRE...), ", "))
	}
	if len(inc.NextSteps) > 0 {
		fmt.Fprintf(&b, "\nwhat to do\n")
	}
	for i, step := range inc.NextSteps {
		fmt.Fprintf(&b, "  %d. %s\n", i+1, step)
	}
	fmt.Fprintf(&b, "\nfindings\n")
	for _, f := range inc.Findings {
		fmt.Fprintf(&b, "  %s  %-8s  %s: %s\n", moment(f.FiredAt), f.Severity, detect.Printable(f.Title), detect.Printable(f.Explanation))
	}
	fmt.Fprintf(&b, "\nevidence\n")
	for _, e := range inc.Evidence {
		fmt.Fprintf(&b, "  %s\n", detect.Printable(string(e)))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

type incidentsAckCmd struct {
	Reason string   `help:"Why, for the history." placeholder:"TEXT"`
	IDs    []string `arg:"" name:"id" help:"The incidents' ids."`
}

// Run acknowledges.
func (c *incidentsAckCmd) Run(ctx context.Context, parent *incidentsCmd, std streams) error {
	return setStatus(ctx, parent, std, c.IDs, incident.StatusAcknowledged, c.Reason)
}

type incidentsResolveCmd struct {
	FalsePositive bool     `help:"It was no attack: call it a false positive."`
	Reason        string   `help:"Why, for the history." placeholder:"TEXT"`
	IDs           []string `arg:"" name:"id" help:"The incidents' ids."`
}

// Run resolves.
func (c *incidentsResolveCmd) Run(ctx context.Context, parent *incidentsCmd, std streams) error {
	status := incident.StatusResolved
	if c.FalsePositive {
		status = incident.StatusFalsePositive
	}
	return setStatus(ctx, parent, std, c.IDs, status, c.Reason)
}

func setStatus(ctx context.Context, parent *incidentsCmd, std streams, ids []string, status incident.Status, reason string) error {
	api, err := parent.client()
	if err != nil {
		return err
	}
	for _, id := range ids {
		inc, err := api.PatchIncident(ctx, id, incident.AnyVersion, incident.Patch{Status: &status, Reason: reason})
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		if _, err := fmt.Fprintf(std.Err, "%s is %s\n", inc.ID, inc.Status); err != nil {
			return err
		}
	}
	return nil
}
