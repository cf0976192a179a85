package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/gatewatch/gatewatch/api/client"
)

// baselineCmd is a client of a running server's REST, but for score, which needs no server.
type baselineCmd struct {
	Recompute baselineRecomputeCmd `cmd:"" help:"Learn baselines anew on a running server."`
	Show      baselineShowCmd      `cmd:"" help:"List the versions of the baselines of a running server, or what changed between two."`
	Accept    baselineAcceptCmd    `cmd:"" help:"Say that what an endpoint, service, user or client does since a moment is normal."`
	Rollback  baselineRollbackCmd  `cmd:"" help:"Put an older version into effect again, from now on."`
	Jobs      baselineJobsCmd      `cmd:"" help:"List the recomputations, the newest first."`
	Cancel    baselineCancelCmd    `cmd:"" help:"End a running recomputation."`
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
	var refused *client.Error
	if errors.As(err, &refused) && refused.Status == http.StatusConflict && c.Wait { // the one that runs will do
		job, err = runningJob(ctx, api)
	}
	if err != nil {
		return err
	}
	return c.follow(ctx, std, api, job, c.Wait)
}

// follow waits for a job when it is told to, saying on stderr how far it has come, and prints how it ended.
func (f baselineFlags) follow(ctx context.Context, std streams, api *client.Client, job client.Job, wait bool) (err error) {
	said := ""
	for wait && job.Status == "running" {
		if far := fmt.Sprintf("%3.0f%% %s", job.Progress*100, job.Detail); far != said {
			said = far
			_, _ = fmt.Fprintln(std.Err, far) // nobody may be there to read it
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("job %s goes on without this command: %w", job.ID, ctx.Err())
		case <-time.After(jobPoll):
		}
		if job, err = api.Job(ctx, job.ID); err != nil {
			return err
		}
	}
	if err := f.print(std.Out, job); err != nil {
		return err
	}
	if wait && job.Status != "succeeded" {
		return fmt.Errorf("job %s %s: %s", job.ID, job.Status, job.Error)
	}
	return nil
}

func (f baselineFlags) print(out io.Writer, job client.Job) error {
	if f.JSON {
		return json.NewEncoder(out).Encode(job)
	}
	_, err := fmt.Fprintf(out, "%s %s %s\n", job.ID, job.Status, job.Version)
	return err
}

type baselineShowCmd struct {
	baselineFlags
	Diff  string `help:"Compare this version with the one that follows, or with the newest: --diff A B, --diff A." placeholder:"VERSION"`
	To    string `arg:"" optional:"" name:"version" help:"The second version of --diff."`
	Limit int    `help:"How many differences at most." default:"50"`
}

// Run lists the versions, the newest first, or compares two.
func (c *baselineShowCmd) Run(ctx context.Context, std streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	if c.Diff != "" {
		d, err := api.DiffBaselines(ctx, c.Diff, c.To, c.Limit)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(std.Out).Encode(d)
		}
		return printDiff(std.Out, d)
	}
	if c.To != "" {
		return fmt.Errorf("a version is compared with --diff: gatewatch baseline show --diff A B")
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
	_, _ = fmt.Fprintln(w, "VERSION\tEFFECTIVE FROM\tLEARNED FROM\tEVENTS\tENDPOINTS\tUSERS AND CLIENTS\tREMARK")
	for _, m := range list {
		remark := ""
		if r := m.Snapshot.RolledBack; r != nil {
			remark = fmt.Sprintf("%s went back to %s: %s", r.By, r.To, r.Reason)
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%s\n", m.Version, m.EffectiveFrom.UTC().Format(time.RFC3339),
			m.Snapshot.From().UTC().Format(time.RFC3339), m.Events, m.Endpoints, m.Actors, remark)
	}
	return w.Flush()
}
