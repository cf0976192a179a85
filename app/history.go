package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/google/renameio/v2"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/incident/outcome"
	"github.com/gatewatch/gatewatch/store"
)

const (
	// historyGeneration of the models that judge history which was imported beside live sources.
	historyGeneration = "history"
	// historyPause is how long no history must have come before it is judged.
	historyPause = 10 * time.Second
	historyFile  = "history.json"
	// historyApply is how many events are judged between two hand-overs of findings.
	historyApply = 20_000
)

// history judges events that are days older than what the live stream judges: event time is the live sources', and what
// has to be counted over time cannot be counted for them there. They are stored like all others; once no more have come
// for a while they are read back in judging order, by detectors of their own, and baselines are learned day by day on the
// way, as in `analyze`. What waits to be judged is noted in a file before anything is acknowledged as judged, so that a
// restart begins the walk again: findings that are known are not repeated.
type history struct {
	store     *store.Store
	incidents *incident.Manager
	learner   *learner
	log       *slog.Logger
	file      string
	pause     time.Duration
	// detectors makes fresh ones: the rules' windows and the learned ones.
	detectors func() (*baseline.Detectors, []detect.Detector)
	outcomes  func(*baseline.Detectors) outcome.Options

	mu      sync.Mutex
	pending historyRange
	arrived time.Time // wall clock of the newest
}

// historyRange is what waits to be judged: events ingested after Since, up to Until.
type historyRange struct {
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
}

// isHistory reports whether an event was old when it came. It depends on what is stored alone, so that a walk finds the
// same events again.
func isHistory(ev *event.Event) bool { return ev.IngestedAt.Sub(ev.Time) > historyLag }

// take notes the history in a block of which live is the newest event time that was judged, and returns the rest; the
// block itself is left as it is. While the stream itself walks through history, nothing is taken.
func (h *history) take(block []*event.Event, live time.Time) ([]*event.Event, error) {
	if h == nil || live.IsZero() || len(block) == 0 || block[0].IngestedAt.Sub(live) > historyLag {
		return block, nil
	}
	kept := block[:0:0]
	for _, ev := range block {
		if !isHistory(ev) || live.Sub(ev.Time) < historyLag {
			kept = append(kept, ev)
		}
	}
	if len(kept) == len(block) {
		return block, nil
	}
	return kept, h.note(block[0].IngestedAt)
}

// note remembers that history was stored under a stamp. The file is written when the range begins or begins earlier.
func (h *history) note(stamp time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.arrived = time.Now()
	if stamp.After(h.pending.Until) {
		h.pending.Until = stamp
	}
	since := stamp.Add(-time.Millisecond) // the store's resolution
	if !h.pending.Since.IsZero() && !since.Before(h.pending.Since) {
		return nil
	}
	h.pending.Since = since
	return h.save()
}

func (h *history) save() error {
	b, err := json.Marshal(h.pending)
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(h.file, b, 0o600); err != nil {
		return fmt.Errorf("note imported history: %w", err)
	}
	return nil
}

// load takes up what an earlier process did not get to judge. newest is the newest stamp in the store.
func (h *history) load(newest time.Time) error {
	b, err := os.ReadFile(h.file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read what history waits: %w", err)
	}
	if err := json.Unmarshal(b, &h.pending); err != nil {
		return fmt.Errorf("read what history waits: %s: %w", h.file, err)
	}
	h.pending.Until = newest
	h.arrived = time.Now()
	return nil
}

// Run walks through what waits whenever no more has come for a while, until ctx ends.
func (h *history) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		h.mu.Lock()
		r, quiet := h.pending, time.Since(h.arrived)
		h.mu.Unlock()
		if r.Since.IsZero() || quiet < h.pause {
			continue
		}
		if err := h.walk(ctx, r); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if !errors.Is(err, store.ErrUnavailable) {
				return fmt.Errorf("judge imported history: %w", err)
			}
			h.log.Warn("the store does not give imported history; trying again", "err", err)
			continue
		}
		if err := h.done(r); err != nil {
			return err
		}
	}
}

// done forgets a range that was judged.
func (h *history) done(r historyRange) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pending.Until.After(r.Until) {
		h.pending.Since = r.Until
		return h.save()
	}
	h.pending = historyRange{}
	if err := os.Remove(h.file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("forget imported history: %w", err)
	}
	return nil
}

// historyWalk is one walk.
type historyWalk struct {
	h        *history
	ctx      context.Context //nolint:containedctx // the walk lives exactly as long as one call
	learned  *baseline.Detectors
	judge    *detect.Judge
	model    *baseline.Model
	findings []detect.Finding
	day      time.Time
	news     uint64
	until    time.Time // stamp
}

// walk judges the history of a range in order of event time.
func (h *history) walk(ctx context.Context, r historyRange) error {
	began := time.Now()
	w := &historyWalk{h: h, ctx: ctx, until: r.Until}
	var detectors []detect.Detector
	w.learned, detectors = h.detectors()
	w.judge = judgeOutcomes(h.outcomes(w.learned), func(f detect.Finding) { w.findings = append(w.findings, f) }, detectors...)
	q := store.Query{Since: r.Since, Cut: r.Until, To: r.Until.Add(-historyLag)}
	if err := h.store.ReadEvents(ctx, q, w.observe); err != nil {
		return err
	}
	stats := w.judge.Stats()
	if stats.Judged == 0 {
		return nil
	}
	w.judge.Advance(stats.Last.Time.Add(2 * detect.Tick))
	if err := w.apply(); err != nil {
		return err
	}
	h.log.Info("imported history is judged", "events", stats.Judged, "until", stats.Last.Time, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

func (w *historyWalk) observe(ev *event.Event) error {
	if !isHistory(ev) {
		return nil
	}
	if day := baseline.DayStart(ev.Time); day.After(w.day) {
		if err := w.newDay(day); err != nil {
			return err
		}
	}
	w.news++
	w.judge.Observe(ev)
	if w.judge.Stats().Judged%historyApply == 0 {
		return w.apply()
	}
	return nil
}

// newDay learns from the days before; the first day finds the detectors as history before it left them.
func (w *historyWalk) newDay(day time.Time) error {
	first := w.day.IsZero()
	w.day = day
	if first {
		return w.learned.Preload(w.ctx, w.h.store, day)
	}
	if !baseline.Due(w.model, day, w.news) {
		return nil
	}
	w.judge.Advance(day)
	m, err := w.h.learner.learnImported(w.ctx, day, w.until, w.model)
	if err != nil {
		return err
	}
	w.model, w.news = m, 0
	w.learned.UseModel(m)
	return w.apply()
}

// apply hands the findings on in the order in which they were made.
func (w *historyWalk) apply() error {
	if len(w.findings) == 0 {
		return nil
	}
	if err := w.h.incidents.Apply(w.ctx, w.findings); err != nil {
		return fmt.Errorf("group findings: %w", err)
	}
	w.findings = w.findings[:0]
	return nil
}
