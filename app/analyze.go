package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/ingest/enrich"
	"github.com/gatewatch/gatewatch/ingest/route"
	"github.com/gatewatch/gatewatch/parsers"
	"github.com/gatewatch/gatewatch/rules"
	"github.com/gatewatch/gatewatch/store"
	"github.com/gatewatch/gatewatch/store/engine"
)

// AnalyzeOptions configure Analyze.
type AnalyzeOptions struct {
	Paths   []string // logs, plain, gzip or zstd; "-" is In
	Format  parsers.Spec
	Parse   parsers.Options
	GeoIP   []string // databases in MaxMind's format
	Service string   // for logs that name none; empty: DefaultService
	In      io.Reader
	TempDir string // where the private store lies while it is needed; empty: the system's
	// Progress is told how many bytes of the logs (as they lie on disk) were read; it may be called by several
	// goroutines. Nil: nobody is told.
	Progress func(read int64)
	Logger   *slog.Logger
	// BlockSize is the number of events stored at once, 0 for the default. It changes no incident.
	BlockSize int

	engineCommand []string // starts the engine; nil: this binary
}

// Report is what Analyze found.
type Report struct {
	Logs      []logStats
	Incidents []*incident.Incident // by score, the highest first, then by first_seen
	Events    uint64
	Models    int                 // baselines learned on the way
	Off       map[string][]string // detectors that a log's missing fields turn off, with the fields
	Detectors []detect.Info
	Warnings  []string
}

// AnalyzeMemory is what the process itself may take before it collects garbage more often, in bytes; see
// debug.SetMemoryLimit. The command sets it; whoever calls Analyze within a larger program decides for that one.
const AnalyzeMemory = 500 << 20

// AnalyzeGCPercent lets garbage grow to AnalyzeMemory before it is collected; see debug.SetGCPercent. The command sets it.
const AnalyzeGCPercent = 800

// analyzeEngineMemory caps the private engine, in bytes: with the process's own memory it stays under 1 GiB.
const analyzeEngineMemory = 450 << 20

// Analyze reads logs to their end and reports the incidents in them. It runs the server's detection, walking forward in
// event time, over a private store that is removed before it returns.
func Analyze(ctx context.Context, o AnalyzeOptions) (_ *Report, err error) {
	if o.Logger == nil {
		o.Logger = discard()
	}
	if o.Service == "" {
		o.Service = DefaultService
	}
	dir, err := os.MkdirTemp(o.TempDir, "gatewatch-analyze-")
	if err != nil {
		return nil, fmt.Errorf("make room for the private store: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	eng, err := engine.Start(ctx, engine.SupervisorOptions{
		Path: filepath.Join(dir, "store"), Command: o.engineCommand, Config: engine.Config{MemoryLimit: analyzeEngineMemory}, Logger: o.Logger,
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, eng.Stop()) }()
	st, err := openStore(ctx, store.Config{
		Options: eng.Options(), Retention: store.Retention{EventsDays: store.KeepForever}, Logger: o.Logger,
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	return analyzeInto(ctx, st, o)
}

// analyzeInto is Analyze over an empty, migrated store of its own.
func analyzeInto(ctx context.Context, st *store.Store, o AnalyzeOptions) (_ *Report, err error) {
	set, err := rules.Builtin()
	if err != nil {
		return nil, err
	}
	norm, err := enrich.NewNormalizer(enrich.Config{}, enrich.NormalizerOptions{})
	if err != nil {
		return nil, err
	}
	routes, err := route.New(route.Config{})
	if err != nil {
		return nil, err
	}
	geo, err := openGeo(o.GeoIP, o.Logger)
	if err != nil {
		return nil, err
	}
	enricher := enrich.NewEnricher(enrich.Options{Geo: geo.lookup(), Routes: routes})

	recent := &recalled{store: st, whole: true}
	learned := baseline.NewDetectors(baseline.Config{})
	w := &walk{
		store: st, recalled: recent, learned: learned, outcomes: outcomeOptions(set, learned), routes: routes, log: o.Logger, blockSize: o.BlockSize,
		incidents: incident.NewManager(incident.NewMemory(recent), incident.Options{Logger: o.Logger}),
	}
	if err := errors.Join(st.SetMerges(ctx, false), st.WithoutInventory(ctx)); err != nil {
		return nil, err
	}
	group, gctx := errgroup.WithContext(ctx)
	logs, err := openLogs(gctx, group, logMergeOptions{
		Paths: o.Paths, Format: o.Format, Parse: o.Parse, Normalizer: norm, Service: o.Service, Stdin: o.In, Read: o.Progress,
	})
	if err != nil {
		return nil, err
	}
	w.start(gctx, group, set.NewWindows(rules.WindowOptions{Thresholds: learnedRates{w.learned}}))
	group.Go(func() error { return feed(gctx, logs, enricher, set.NewMatcher(), w) })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if err := w.close(ctx); err != nil {
		return nil, err
	}
	return w.report(ctx, logs, detectorInfos(set))
}

// feed completes every event in the order of the merged logs, which is what routes are learned in, and passes it on.
func feed(ctx context.Context, logs *logMerge, enricher *enrich.Enricher, matcher *rules.Matcher, w *walk) error {
	defer w.finish()
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		ev, err := logs.next()
		if ev == nil || err != nil {
			return err
		}
		enricher.Enrich(ev)
		matcher.Match(ev)
		w.push(ev)
	}
}

func (w *walk) report(ctx context.Context, logs *logMerge, infos []detect.Info) (*Report, error) {
	r := &Report{Models: w.models, Detectors: infos, Events: w.judge.Stats().Judged}
	var all event.FieldSet
	for _, log := range logs.done {
		r.Logs = append(r.Logs, log.stats)
		all |= log.stats.Fields
	}
	r.Off = detect.Missing(infos, available(all))
	if capped := w.reorder.Capped(); capped > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d events were judged before all of the 30 minutes around them were read "+
			"(more than %d events wait): if this log steps back by minutes, some may have been judged out of order", capped, reorderLimit))
	}
	err := w.incidents.Each(ctx, incident.Filter{}, func(inc *incident.Incident) error {
		r.Incidents = append(r.Incidents, inc)
		return nil
	})
	sortIncidents(r.Incidents)
	return r, err
}
