package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/ingest/route"
	"github.com/gatewatch/gatewatch/rules"
	"github.com/gatewatch/gatewatch/store"
)

// openStore opens the store and brings its schema up to date.
func openStore(ctx context.Context, cfg store.Config) (*store.Store, error) {
	st, err := store.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if _, err := st.Migrate(ctx); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return st, nil
}

// openStorePatiently waits for a server that cannot be reached yet, and says so.
func openStorePatiently(ctx context.Context, cfg store.Config, log *slog.Logger) (*store.Store, error) {
	told := ""
	for pause := time.Second; ; pause = min(2*pause, 10*time.Second) {
		st, err := openStore(ctx, cfg)
		if err == nil || !errors.Is(err, store.ErrUnavailable) {
			return st, err
		}
		if text := err.Error(); text != told {
			told = text
			log.Warn("the store cannot be used yet; trying until it can", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("gave up waiting for the store: %w", errors.Join(ctx.Err(), err))
		case <-time.After(pause):
		}
	}
}

// loadRules compiles the built-in pack and the configured folders together.
func loadRules(cfg RulesConfig) (*rules.Set, error) {
	layers := []fs.FS{rules.BuiltinFiles()}
	for _, dir := range cfg.Dirs {
		info, err := os.Stat(dir)
		if err != nil {
			return nil, fmt.Errorf("rules.dirs: %w", err)
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("rules.dirs: %s: want a folder of rule files", dir)
		}
		layers = append(layers, os.DirFS(dir))
	}
	return rules.LoadAll(rules.Options{}, layers...)
}

// detectorInfos describes everything that can raise a finding: rules and learned detectors.
func detectorInfos(set *rules.Set) []detect.Info {
	return slices.Concat(set.Infos(), baseline.Infos(), pipelineInfos())
}

// loadRoutes restores the route templates that were learned before.
func loadRoutes(ctx context.Context, cfg route.Config, st *store.Store) (*route.Templates, error) {
	routes, err := route.New(cfg)
	if err != nil {
		return nil, err
	}
	saved, err := st.LoadRoutes(ctx)
	if err != nil {
		return nil, err
	}
	rows := make([]route.Row, len(saved))
	for i, r := range saved {
		rows[i] = route.Row{Service: r.Service, Route: r.Route, AliasOf: r.AliasOf, FirstSeen: r.FirstSeen, Established: r.Established}
	}
	routes.Load(rows)
	return routes, nil
}

// saveRoutes stores what the templates learned, every few seconds and at the end.
func saveRoutes(ctx context.Context, routes *route.Templates, st *store.Store, log *slog.Logger) error {
	var pending []store.Route
	save := func(ctx context.Context) error {
		for _, r := range routes.TakeChanges() {
			pending = append(pending, store.Route{
				Service: r.Service, Route: r.Route, AliasOf: r.AliasOf, FirstSeen: r.FirstSeen, Established: r.Established, Source: "inferred",
			})
		}
		if err := st.SaveRoutes(ctx, pending); err != nil {
			return err
		}
		pending = pending[:0]
		return nil
	}
	err := every(ctx, 5*time.Second, func() {
		if err := save(ctx); err != nil && ctx.Err() == nil {
			log.Warn("route templates could not be saved; trying again", "err", err)
		}
	})
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience/2)
	defer cancel()
	return errors.Join(err, save(last))
}

// every calls fn on a fixed beat until ctx ends.
func every(ctx context.Context, beat time.Duration, fn func()) error {
	t := time.NewTicker(beat)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			fn()
		}
	}
}

// aliases are the routes that have another name by now.
func aliases(routes *route.Templates) []baseline.Alias {
	var list []baseline.Alias
	for _, r := range routes.Rows() {
		if r.AliasOf != "" {
			list = append(list, baseline.Alias{Service: r.Service, From: r.Route, To: r.AliasOf})
		}
	}
	return list
}
