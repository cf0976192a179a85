package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"github.com/gatewatch/gatewatch/api/client"
	"github.com/gatewatch/gatewatch/app"
	"github.com/gatewatch/gatewatch/ingest/ship"
)

type importCmd struct {
	formatFlags
	Server      string   `help:"The server's address." default:"http://127.0.0.1:8642" placeholder:"URL"`
	Key         string   `help:"API key with the role admin, or agent (the baselines are then learned on schedule); better given as GATEWATCH_KEY." required:"" placeholder:"KEY"`
	DataDir     string   `help:"The server's data directory, whose secret gives sessions their names." default:"gatewatch-data" placeholder:"DIR"`
	SecretFile  string   `help:"The installation's secret, when the data directory is elsewhere." placeholder:"FILE"`
	Source      string   `help:"Name of the source." default:"import" placeholder:"NAME"`
	Service     string   `help:"Service of logs that name none." placeholder:"NAME"`
	Config      string   `help:"File whose identity section is used." placeholder:"FILE"`
	NoRecompute bool     `help:"Leave the baselines to their schedule."`
	Files       []string `arg:"" name:"file" help:"Logs or globs: plain, gzip or zstd, rotated ones in any order."`
}

// Run sends the logs, then has the baselines learned.
func (c *importCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	spec, opts, err := c.spec()
	if err != nil {
		return err
	}
	files, err := globs(c.Files)
	if err != nil {
		return err
	}
	o := app.ImportOptions{
		Paths: files, Server: c.Server, Key: c.Key, Source: c.Source, Service: c.Service, Format: spec, Parse: opts,
		DataDir: c.DataDir, Secret: c.SecretFile, Ship: ship.Options{Logger: log},
	}
	if c.Config != "" {
		cfg, err := app.LoadConfig(c.Config, nil)
		if err != nil {
			return err
		}
		o.Identity, o.Privacy = cfg.Identity, cfg.Privacy
	}
	bar := newProgress(std.Err, files)
	o.Progress = bar.add
	began := time.Now()
	r, err := app.Import(ctx, o)
	bar.close()
	for _, t := range r.Truncated {
		log.Warn("a log breaks off; what could be read is imported", "log", t)
	}
	if err != nil {
		return fmt.Errorf("%w\nwhat the server has it keeps; the same command again goes on", err)
	}
	if r.Known > 0 {
		log.Info("an earlier import was gone on with", "lines_there", r.Known)
	}
	_, err = fmt.Fprintf(std.Out, "%d logs, %d lines: %d events, %d failed, %d without a request, from %s to %s, in %s\n",
		r.Logs, r.Lines, r.Events, r.Failed, r.Skipped, r.First.Format(time.RFC3339), r.Last.Format(time.RFC3339),
		time.Since(began).Round(100*time.Millisecond))
	if err != nil || c.NoRecompute || r.Events == 0 {
		return err
	}
	return c.recompute(ctx, std, log)
}

// globs expands the arguments; one that matches nothing is an error.
func globs(args []string) ([]string, error) {
	var files []string
	seen := map[string]bool{}
	for _, arg := range args {
		found, err := filepath.Glob(arg)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", arg, err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%s: no such file", arg)
		}
		for _, f := range found {
			if !seen[f] {
				seen[f] = true
				files = append(files, f)
			}
		}
	}
	return files, nil
}

// recompute has the baselines learned from what was imported and waits for it.
func (c *importCmd) recompute(ctx context.Context, std streams, log *slog.Logger) error {
	api, err := client.New(c.Server, c.Key)
	if err != nil {
		return err
	}
	job, err := api.Recompute(ctx)
	var refused *client.Error
	switch {
	case errors.As(err, &refused) && refused.Status == http.StatusForbidden:
		log.Warn("this key may not start a recomputation; the baselines learn from the import on schedule")
		return nil
	case errors.As(err, &refused) && refused.Status == http.StatusConflict:
		log.Warn("the baselines are being learned already; what was imported last counts the next time")
		return nil
	case err != nil:
		return fmt.Errorf("learn baselines: %w", err)
	}
	for job.Status == "running" {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
		if job, err = api.Job(ctx, job.ID); err != nil {
			return fmt.Errorf("learn baselines: %w", err)
		}
	}
	if job.Status != "succeeded" {
		return fmt.Errorf("learn baselines: %s", job.Error)
	}
	_, err = fmt.Fprintf(std.Out, "baselines learned: version %s\n", job.Version)
	return err
}
