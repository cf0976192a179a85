package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/gatewatch/gatewatch/api/client"
	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
)

type baselineAcceptCmd struct {
	baselineFlags
	Type    string `arg:"" enum:"endpoint,service,user,client_ip" help:"endpoint, service, user or client_ip."`
	Value   string `arg:"" help:"Which: 'GET /orders/{id}', a service's name, a user, an address."`
	Service string `help:"The endpoint's service." placeholder:"NAME"`
	Measure string `help:"What changed: requests, duration_ms or bytes_out." default:"requests" enum:"requests,duration_ms,bytes_out"`
	Since   string `help:"When it began, RFC 3339; default: with the newest incident about it." placeholder:"TIME"`
	Reason  string `help:"Why it is normal." required:"" placeholder:"TEXT"`
	Wait    bool   `help:"Wait until it is learned." default:"true" negatable:""`
}

// Run accepts a change.
func (c *baselineAcceptCmd) Run(ctx context.Context, std streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	a := client.Accepting{
		Entity: detect.Entity{Type: detect.EntityType(c.Type), Value: c.Value}, Service: c.Service, Measure: c.Measure, Reason: c.Reason,
	}
	if c.Since != "" {
		if a.Since, err = time.Parse(time.RFC3339, c.Since); err != nil {
			return fmt.Errorf("--since: %q: want a time like 2026-03-01T12:00:00Z", c.Since)
		}
	}
	out, err := api.AcceptChange(ctx, a)
	if err != nil {
		return err
	}
	if out.Job == nil {
		_, err = fmt.Fprintf(std.Err, "accepted since %s; it is learned when the recomputation that is under way has ended\n",
			out.Accepted.Since.Format(time.RFC3339))
		return err
	}
	_, _ = fmt.Fprintf(std.Err, "accepted since %s\n", out.Accepted.Since.Format(time.RFC3339)) // the job's end tells the rest
	return c.follow(ctx, std, api, *out.Job, c.Wait)
}

type baselineRollbackCmd struct {
	baselineFlags
	Version string `arg:"" help:"The version, as gatewatch baseline show lists it."`
	Reason  string `help:"Why." required:"" placeholder:"TEXT"`
	Hold    int    `help:"For how many hours no scheduled recomputation replaces it." default:"24" placeholder:"HOURS"`
}

// Run rolls back.
func (c *baselineRollbackCmd) Run(ctx context.Context, std streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	m, err := api.RollBackBaselines(ctx, c.Version, c.Reason, c.Hold)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(std.Out).Encode(m)
	}
	_, err = fmt.Fprintf(std.Out, "%s judges from %s on as %s did\n", m.Version, m.EffectiveFrom.UTC().Format(time.RFC3339), c.Version)
	return err
}

type baselineJobsCmd struct{ baselineFlags }

// Run lists the jobs.
func (c *baselineJobsCmd) Run(ctx context.Context, std streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	jobs, err := api.Jobs(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(std.Out, 0, 0, 2, ' ', 0)
	if !c.JSON {
		_, _ = fmt.Fprintln(w, "JOB\tSTATUS\tSTARTED\tTOOK\tDONE\tVERSION\tERROR") // Flush tells
	}
	for _, j := range jobs {
		if c.JSON {
			if err := json.NewEncoder(std.Out).Encode(j); err != nil {
				return err
			}
			continue
		}
		took := ""
		if !j.FinishedAt.IsZero() {
			took = j.FinishedAt.Sub(j.StartedAt).Round(time.Millisecond).String()
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.0f%%\t%s\t%s\n", j.ID, j.Status, j.StartedAt.UTC().Format(time.RFC3339), took,
			j.Progress*100, j.Version, j.Error)
	}
	return w.Flush()
}

type baselineCancelCmd struct {
	baselineFlags
	ID string `arg:"" optional:"" name:"job" help:"The job; default: the one that runs."`
}

// Run cancels a job.
func (c *baselineCancelCmd) Run(ctx context.Context, std streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	if c.ID == "" {
		running, err := runningJob(ctx, api)
		if err != nil {
			return err
		}
		c.ID = running.ID
	}
	job, err := api.CancelJob(ctx, c.ID)
	if err != nil {
		return err
	}
	return c.print(std.Out, job)
}

// runningJob returns the recomputation that is under way.
func runningJob(ctx context.Context, api *client.Client) (client.Job, error) {
	jobs, err := api.Jobs(ctx)
	if err != nil {
		return client.Job{}, err
	}
	for _, j := range jobs {
		if j.Status == "running" {
			return j, nil
		}
	}
	return client.Job{}, fmt.Errorf("no recomputation is running")
}

// printDiff writes what changed between two versions for people.
func printDiff(out io.Writer, d baseline.Diff) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "from %s, in effect since %s\n", d.From.Version, d.From.EffectiveFrom.UTC().Format(time.RFC3339)) // Flush tells
	_, _ = fmt.Fprintf(w, "to   %s, in effect since %s\n", d.To.Version, d.To.EffectiveFrom.UTC().Format(time.RFC3339))
	for _, c := range []struct {
		word string
		n    baseline.Counts
	}{{"new", d.Added}, {"gone", d.Removed}} {
		_, _ = fmt.Fprintf(w, "%s: %d endpoints, %d users, %d clients\n", c.word, c.n.Endpoints, c.n.Users, c.n.Clients)
	}
	for _, c := range d.Changes {
		_, _ = fmt.Fprintf(w, "%s of %s are %.4g since %s, %.4g before: accepted by %s %s\n", c.Measure, c.Endpoint, c.After,
			c.Since.UTC().Format(time.RFC3339), c.Before, c.By, c.Reason)
	}
	_, _ = fmt.Fprintf(w, "%d differences\n", d.Total)
	if len(d.Differences) > 0 {
		_, _ = fmt.Fprintln(w, "\nSERVICE\tENTITY\tMEASURE\tBEFORE\tAFTER\tCHANGE")
	}
	for _, x := range d.Differences {
		change := "new"
		if x.Before != 0 {
			change = fmt.Sprintf("%+.0f%%", (x.After/x.Before-1)*100)
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%.4g\t%.4g\t%s\n", x.Service, x.Entity.Value, x.Measure, x.Before, x.After, change)
	}
	if left := d.Total - len(d.Differences); left > 0 {
		_, _ = fmt.Fprintf(w, "and %d smaller ones (--limit)\n", left)
	}
	return w.Flush()
}
