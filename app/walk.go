package app

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/incident/outcome"
	"github.com/gatewatch/gatewatch/ingest/route"
	"github.com/gatewatch/gatewatch/store"
)

const (
	// reorderDelay is how far a log may step back in event time: real ones do by up to twenty minutes.
	reorderDelay = 30 * time.Minute
	// reorderLimit bounds the events that wait, so that a dense log needs no more memory than a sparse one.
	reorderLimit = 100_000
	// unmergedBlocks is how many blocks are stored before their parts are merged: a log of a few million lines is done by
	// then, and has saved the work.
	unmergedBlocks = 200
	// walkBlock is the number of events stored at once.
	walkBlock = 50_000
)

// walk takes a history of events through the same detection as live ones, walking forward in event time: events are put
// in order, stored, then judged; at day boundaries baselines are learned from what was judged before.
type walk struct {
	store     *store.Store
	baselines baseline.Config
	learned   *baseline.Detectors
	outcomes  outcome.Options
	judge     *detect.Judge
	incidents *incident.Manager
	recalled  *recalled
	routes    *route.Templates
	log       *slog.Logger
	blockSize int

	reorder  *detect.Reorder
	block    []*event.Event
	steps    chan walkStep
	day      time.Time
	newest   time.Time
	released uint64
	fresh    uint64 // released since the last model

	// What follows belongs to the goroutine that runs the steps.
	stamp    time.Time
	models   int
	model    *baseline.Model // the newest
	findings []detect.Finding
	blocks   uint64
}

// walkStep is a block to store and judge, then perhaps a moment at which to learn.
type walkStep struct {
	block    []*event.Event
	boundary time.Time        // zero: none
	aliases  []baseline.Alias // the routes' as of the boundary
}

// start runs the steps in group until finish.
func (w *walk) start(ctx context.Context, group *errgroup.Group, rulesWindows detect.Detector) {
	if w.blockSize == 0 {
		w.blockSize = walkBlock
	}
	w.reorder = detect.NewReorder(reorderDelay, reorderLimit)
	w.steps = make(chan walkStep, 1)
	w.judge = judgeOutcomes(w.outcomes, func(f detect.Finding) { w.findings = append(w.findings, f) }, append([]detect.Detector{rulesWindows}, w.learned.List()...)...)
	group.Go(func() error {
		for step := range w.steps {
			if err := w.run(ctx, step); err != nil {
				for range w.steps { // let push go on; the group's context tells it to stop
				}
				return err
			}
		}
		return nil
	})
}

// push takes the next event of the log.
func (w *walk) push(ev *event.Event) { w.reorder.Push(ev, w.release) }

// finish judges what waits. The detectors are told that the log's last minute is over, and no more: what the silence
// after the end of a file means, nobody can say.
func (w *walk) finish() {
	w.reorder.Flush(w.release)
	w.steps <- walkStep{block: w.block}
	close(w.steps)
}

func (w *walk) release(ev *event.Event) {
	if ev.Time.After(w.newest) {
		w.newest = ev.Time
		if day := baseline.DayStart(ev.Time); day.After(w.day) {
			if !w.day.IsZero() {
				w.flush(day)
			}
			w.day = day
		}
	}
	w.released++
	w.fresh++
	w.block = append(w.block, ev)
	if len(w.block) >= w.blockSize {
		w.flush(time.Time{})
	}
}

// flush hands the block over. A day's boundary is passed on when there is enough to learn from: models and blocks of a
// few events would cost more than all else on a sparse log. What is enough depends on the sequence of events alone.
func (w *walk) flush(boundary time.Time) {
	step := walkStep{block: w.block, boundary: boundary}
	if !boundary.IsZero() {
		if w.fresh < max(leastToLearn, min(w.released/3, mostToLearn)) {
			return
		}
		w.fresh = 0
		step.aliases = aliases(w.routes) // here, where the routes learn, so that it is the same in every run
	}
	w.steps <- step
	w.block = make([]*event.Event, 0, w.blockSize)
}

// A model is learned once this many events have come since the last one: a third of all so far, within bounds.
const (
	leastToLearn = 2000
	mostToLearn  = 200_000
)

func (w *walk) run(ctx context.Context, step walkStep) error {
	if err := w.storeAndJudge(ctx, step.block); err != nil {
		return err
	}
	if !step.boundary.IsZero() {
		if err := w.learn(ctx, step.boundary, step.aliases); err != nil {
			return err
		}
	}
	return w.apply(ctx)
}

func (w *walk) storeAndJudge(ctx context.Context, block []*event.Event) error {
	if len(block) == 0 {
		return nil
	}
	// The stamp follows event time, so that a model's snapshot is the same whenever the log is analysed.
	last := block[0].Time
	for _, ev := range block {
		if ev.Time.After(last) {
			last = ev.Time
		}
	}
	last = last.Truncate(time.Millisecond)
	if !last.After(w.stamp) {
		last = w.stamp.Add(time.Millisecond)
	}
	w.stamp = last
	for _, ev := range block {
		ev.IngestedAt = w.stamp
	}
	if w.blocks++; w.blocks == unmergedBlocks {
		if err := w.store.SetMerges(ctx, true); err != nil {
			return err
		}
	}
	if err := w.store.InsertEvents(ctx, "walk-"+strconv.FormatUint(w.blocks, 10), block); err != nil {
		return err
	}
	w.recalled.hold(block)
	for _, ev := range block {
		w.judge.Observe(ev)
	}
	return nil
}

// learn publishes a model at the boundary: it knows what was judged before and judges what comes after.
func (w *walk) learn(ctx context.Context, boundary time.Time, known []baseline.Alias) error {
	w.judge.Advance(boundary)
	snapshot := w.baselines.Snapshot(boundary, w.stamp, "analyze")
	snapshot.Aliases = known
	snapshot.Accepted = baseline.Accepted(w.model, nil, snapshot.From())
	model, err := baseline.Recompute(ctx, w.baselines, w.store.History(), snapshot)
	if err != nil {
		return fmt.Errorf("learn baselines up to %s: %w", boundary.Format(time.RFC3339), err)
	}
	w.models++
	w.model = model
	w.learned.UseModel(model)
	w.log.Debug("baselines learned", "until", boundary, "version", model.Version, "events", model.Events)
	return nil
}

// apply hands the findings on in the order in which they were made.
func (w *walk) apply(ctx context.Context) error {
	if len(w.findings) == 0 {
		return nil
	}
	if err := w.incidents.Apply(ctx, w.findings); err != nil {
		return fmt.Errorf("group findings: %w", err)
	}
	w.findings = w.findings[:0]
	return nil
}

// close ends the walk after all steps ran.
func (w *walk) close(ctx context.Context) error {
	if s := w.judge.Stats(); s.Judged > 0 {
		w.judge.Advance(s.Last.Time.Add(2 * detect.Tick))
	}
	return w.apply(ctx)
}
