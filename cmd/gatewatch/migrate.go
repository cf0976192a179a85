package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/gatewatch/gatewatch/app"
	"github.com/gatewatch/gatewatch/store"
	"github.com/gatewatch/gatewatch/store/engine"
)

type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" help:"Run the migrations that have not run yet."`
	Status migrateStatusCmd `cmd:"" help:"List the migrations and when they ran."`
}

// storeFlags say which store; a running server with an embedded engine holds its store, and migrates it when it starts.
type storeFlags struct {
	Config  string `help:"Configuration file." placeholder:"FILE"`
	DataDir string `help:"Where the embedded store is (default: the configuration's)." placeholder:"DIR"`
}

// with opens the store, calls use, and closes what it opened.
func (f storeFlags) with(ctx context.Context, log *slog.Logger, use func(*store.Store) error) (err error) {
	cfg, err := app.LoadConfig(f.Config, os.Environ())
	if err != nil {
		return err
	}
	if f.DataDir != "" {
		cfg.DataDir = f.DataDir
	}
	cfg = cfg.WithDefaults()
	cfg.Store.Logger = log
	if cfg.Store.DSN == "" {
		unlock, lockErr := app.LockDataDir(cfg.DataDir)
		if lockErr != nil {
			return lockErr
		}
		defer func() { err = errors.Join(err, unlock()) }()
		eng, startErr := engine.Start(ctx, engine.SupervisorOptions{
			Path: filepath.Join(cfg.DataDir, "store"), Config: cfg.Engine, Logger: log,
		})
		if startErr != nil {
			return startErr
		}
		defer func() { err = errors.Join(err, eng.Stop()) }()
		cfg.Store.Options = eng.Options()
	}
	st, err := store.Open(ctx, cfg.Store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	return use(st)
}

type migrateUpCmd struct{ storeFlags }

// Run runs what has not run and names it, one migration a line.
func (c *migrateUpCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	return c.with(ctx, log, func(st *store.Store) error {
		ran, err := st.Migrate(ctx)
		for _, m := range ran {
			if _, werr := fmt.Fprintln(std.Out, m.Name); werr != nil {
				return errors.Join(err, werr)
			}
		}
		if err == nil {
			_, err = fmt.Fprintf(std.Err, "%d migrations ran; the schema is up to date\n", len(ran))
		}
		return err
	})
}

type migrateStatusCmd struct{ storeFlags }

// Run lists all migrations; the exit status is 1 when one has not run.
func (c *migrateStatusCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	return c.with(ctx, log, func(st *store.Store) error {
		list, err := st.Migrations(ctx)
		if err != nil {
			return err
		}
		pending := 0
		w := tabwriter.NewWriter(std.Out, 0, 0, 2, ' ', 0)
		for _, m := range list {
			at := "pending"
			if m.Applied() {
				at = m.AppliedAt.Format(time.RFC3339)
			} else {
				pending++
			}
			if _, err := fmt.Fprintf(w, "%s\t%s\t%.12s\n", m.Name, at, m.Checksum); err != nil {
				return err
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if pending > 0 {
			_, _ = fmt.Fprintf(std.Err, "%d migrations have not run\n", pending) // the exit status says it too
			return exitCode(1)
		}
		return nil
	})
}
