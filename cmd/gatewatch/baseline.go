package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/gatewatch/gatewatch/api/client"
)

// baselineCmd is a client of a running server's REST, but for score, which needs no server.
type baselineCmd struct {
	Recompute baselineRecomputeCmd `cmd:"" help:"Learn baselines anew on a running server."`
	Show      baselineShowCmd      `cmd:"" help:"List the versions of the baselines of a running server."`
	Score     baselineScoreCmd     `cmd:"" help:"Score a series of timestamp,value: the same rows with an anomaly_score."`
}

// baselineFlags say which server, under which key.
type baselineFlags struct {
	Server string `help:"The server's address." default:"http://127.0.0.1:8642" placeholder:"URL"`
	Key    string `help:"API key; better given as GATEWATCH_KEY, where no process list shows it." placeholder:"KEY"`
	JSON   bool   `help:"Print JSON."`
}

func (f baselineFlags) client() (*client.Client, error) {
	if f.Key == "" {
		return nil, fmt.Errorf("a key is needed: set GATEWATCH_KEY, or --key (gatewatch keys create makes one)")
	}
	return client.New(f.Server, f.Key)
}

type baselineRecomputeCmd struct {
	baselineFlags
	Wait bool `help:"Wait until it is done; exit 1 when it failed." default:"true" negatable:""`
}

// jobPoll is how often a waiting command asks how its job stands.
const jobPoll = 500 * time.Millisecond

// Run starts a recomputation.
func (c *baselineRecomputeCmd) Run(ctx context.Context, std streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	job, err := api.Recompute(ctx)
	if err != nil {
		return err
	}
	for c.Wait && job.Status == "running" {
		select {
		case <-ctx.Done():
			return fmt.Errorf("job %s goes on without this command: %w", job.ID, ctx.Err())
		case <-time.After(jobPoll):
		}
		if job, err = api.Job(ctx, job.ID); err != nil {
			return err
		}
	}
	if err := c.print(std.Out, job); err != nil {
		return err
	}
	if c.Wait && job.Status != "succeeded" {
		return fmt.Errorf("job %s %s: %s", job.ID, job.Status, job.Error)
	}
	return nil
}

func (c *baselineRecomputeCmd) print(out io.Writer, job client.Job) error {
	if c.JSON {
		return json.NewEncoder(out).Encode(job)
	}
	_, err := fmt.Fprintf(out, "%s %s %s\n", job.ID, job.Status, job.Version)
	return err
}

type baselineShowCmd struct {
	baselineFlags
}

// Run lists the versions, the newest first.
func (c *baselineShowCmd) Run(ctx context.Context, std streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	list, err := api.Baselines(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(std.Out)
		for _, m := range list {
			if err := e.Encode(m); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(std.Out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "VERSION\tEFFECTIVE FROM\tLEARNED FROM\tEVENTS\tENDPOINTS\tUSERS AND CLIENTS")
	for _, m := range list {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\n", m.Version, m.EffectiveFrom.UTC().Format(time.RFC3339),
			m.Snapshot.From().UTC().Format(time.RFC3339), m.Events, m.Endpoints, m.Actors)
	}
	return w.Flush()
}
