// Package tail follows log files: globs of them, from a checkpoint on disk, through every kind of rotation, and hands
// their events to an ingest.Sink in batches whose exact byte range is on disk before they are sent.
//
// The live end of a file is followed with github.com/nxadm/tail. What that library cannot do exactly is done here:
// catching up, the rest of a file that was renamed, truncated or compressed away, the identity of a file, and the
// positions. It knows neither HTTP nor the store.
package tail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sort"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewatch/gatewatch/ingest"
	"github.com/gatewatch/gatewatch/parsers"
)

// Source is a set of files that one gateway writes. An event's source is Name, a colon and the path of the log that its
// line was written to, whatever rotation called the file later; the path alone when Name is empty.
type Source struct {
	Name    string
	Files   []string // globs
	Service string   // of events that name none

	// NewParser makes the parser of one log. It is called once a log.
	NewParser func() (parsers.Parser, error)
}

// Options configure a Follower. Sources, StateDir and Sink are required.
type Options struct {
	Sources    []Source
	StateDir   string // checkpoints; only one follower may use it at a time
	Sink       ingest.Sink
	Normalizer ingest.Normalizer // nil: events keep their raw material

	FromEnd bool // files that are there at the first start are read from their end

	MaxLine    int           // bytes; longer lines are cut and counted; 0: 1 MiB
	BatchLines int           // 0: 20,000
	BatchBytes int           // of the log; 0: 4 MiB, at least twice MaxLine
	Linger     time.Duration // how long a batch gathers at the live end of a file; 0: 50 ms
	Poll       time.Duration // how often a followed file is looked at for rotation; 0: 250 ms
	Scan       time.Duration // how often globs are looked at for new files; 0: 1 s
	// Grace is how long a renamed file must be quiet before it counts as finished: its writer may go on until it was
	// told to reopen its log; 0: 5 s.
	Grace time.Duration

	Logger     *slog.Logger          // nil: silent
	Registerer prometheus.Registerer // nil: no metrics
	Now        func() time.Time      // nil: time.Now
}

func (o *Options) setDefaults() error {
	if len(o.Sources) == 0 || o.StateDir == "" || o.Sink == nil {
		return errors.New("follow files: sources, a state folder and a sink are required")
	}
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&o.Linger, 50*time.Millisecond)
	set(&o.Poll, 250*time.Millisecond)
	set(&o.Scan, time.Second)
	set(&o.Grace, 5*time.Second)
	if o.MaxLine <= 0 {
		o.MaxLine = 1 << 20
	}
	if o.BatchLines <= 0 {
		o.BatchLines = 20_000
	}
	if o.BatchBytes <= 0 {
		o.BatchBytes = 4 << 20
	}
	o.BatchBytes = max(o.BatchBytes, 2*o.MaxLine)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

// Follower follows the logs of all sources, one goroutine each.
type Follower struct {
	opt   Options
	store *store
	first bool // the first look at the globs

	mu   sync.Mutex
	logs map[string]*tailed // by source name and path
	wg   sync.WaitGroup
}

// New checks the options, opens the state folder and takes its lock.
func New(o Options) (*Follower, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	for i := range o.Sources {
		s := &o.Sources[i]
		if s.NewParser == nil {
			return nil, fmt.Errorf("follow files: source %q has no parser", s.Name)
		}
		for _, glob := range s.Files {
			if _, err := filepath.Match(glob, ""); err != nil {
				return nil, fmt.Errorf("source %q: %q: %w", s.Name, glob, err)
			}
		}
	}
	st, err := newStore(o.StateDir)
	if err != nil {
		return nil, err
	}
	f := &Follower{opt: o, store: st, first: true, logs: map[string]*tailed{}}
	if o.Registerer != nil {
		if err := o.Registerer.Register(collector{f}); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return f, nil
}

// Run follows until ctx ends. Batches in flight are given up then; they are sent again at the next start. The error is
// about the state folder; a file that cannot be read is logged, reported and tried again.
func (f *Follower) Run(ctx context.Context) error {
	unlock, err := lockDir(f.opt.StateDir)
	if err != nil {
		return err
	}
	defer unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer f.wg.Wait()
	scan := time.NewTicker(f.opt.Scan)
	defer scan.Stop()
	for {
		f.scan(ctx, cancel)
		f.first = false
		select {
		case <-ctx.Done():
			if err := context.Cause(ctx); !errors.Is(err, ctx.Err()) {
				return err
			}
			return nil
		case <-scan.C:
		}
	}
}

// scan looks for logs that are not followed yet.
func (f *Follower) scan(ctx context.Context, fatal context.CancelCauseFunc) {
	for i := range f.opt.Sources {
		src := &f.opt.Sources[i]
		for _, glob := range src.Files {
			paths, err := filepath.Glob(glob)
			if err != nil {
				continue // checked by New
			}
			for _, path := range paths {
				if abs, err := filepath.Abs(path); err == nil {
					path = abs
				}
				f.found(ctx, fatal, src, path)
			}
		}
	}
}

// found starts to follow the log that path belongs to, or tells its follower that a rotated file is asked for too.
func (f *Follower) found(ctx context.Context, fatal context.CancelCauseFunc, src *Source, path string) {
	base := basePath(path)
	f.mu.Lock()
	defer f.mu.Unlock()
	key := src.Name + "\x00" + base
	t := f.logs[key]
	if t == nil {
		t = newTailed(f, src, base)
		f.logs[key] = t
		f.wg.Add(1)
		go func() {
			defer f.wg.Done()
			if err := t.run(ctx); err != nil {
				fatal(err)
			}
		}()
	}
	if path != base {
		t.want(path)
	}
}

// Report returns one row a followed log, by source.
func (f *Follower) Report() []Status {
	f.mu.Lock()
	logs := make([]*tailed, 0, len(f.logs))
	for _, t := range f.logs {
		logs = append(logs, t)
	}
	f.mu.Unlock()
	rows := make([]Status, 0, len(logs))
	for _, t := range logs {
		rows = append(rows, t.stats.row())
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i].Source < rows[j].Source })
	return rows
}
