package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/ingest/route"
	"github.com/gatewatch/gatewatch/store"
)

// generation of the models that judge the server's stream.
const liveGeneration = "live"

// learner makes the server's models: on schedule, on request, and while imported history passes through the stream.
// Whatever way a model was made, the stream gets it from published or from learn.
type learner struct {
	cfg    baseline.Config
	store  *store.Store
	routes *route.Templates
	log    *slog.Logger
	now    func() time.Time

	confirmed func(f incident.Filter) ([]baseline.Confirmed, error) // nil: no incidents are known
	runner    *baseline.Runner
	published chan *baseline.Model

	stored    atomic.Int64 // newest stored stamp, Unix ms
	eventTime atomic.Int64 // newest stored event time, Unix ms

	mu   sync.Mutex
	last *baseline.Model
}

func newLearner(cfg baseline.Config, st *store.Store, routes *route.Templates, log *slog.Logger) *learner {
	l := &learner{cfg: cfg, store: st, routes: routes, log: log, now: time.Now, published: make(chan *baseline.Model, 4)}
	l.runner = baseline.NewRunner(baseline.RunnerOptions{
		Config: cfg, History: st.History(), Books: st, Snapshot: l.snapshot, Publish: l.publish, Now: time.Now, Log: log,
	})
	return l
}

// load finds the model that was in effect last and hands it to the stream.
func (l *learner) load(ctx context.Context) error {
	newest, err := l.store.NewestEvent(ctx)
	if err != nil {
		return err
	}
	l.eventTime.Store(earlier(newest, l.now()).UnixMilli()) // a clock that was ahead says nothing
	m, err := l.store.ModelAt(ctx, liveGeneration, l.now())
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("load baselines: %w", err)
	}
	l.publish(m)
	return nil
}

// noteStored remembers how far the store has come.
func (l *learner) noteStored(stamp, eventTime time.Time) {
	raise(&l.stored, stamp)
	raise(&l.eventTime, eventTime)
}

func raise(v *atomic.Int64, t time.Time) {
	for ms := t.UnixMilli(); ; {
		old := v.Load()
		if ms <= old || v.CompareAndSwap(old, ms) {
			return
		}
	}
}

// snapshot is everything stored so far. The model judges from now on, in event time: behind imported history that
// is where the history ends.
func (l *learner) snapshot(context.Context) (baseline.Snapshot, error) {
	now := l.now().UTC()
	cut := now
	if ms := l.stored.Load(); ms > 0 {
		cut = time.UnixMilli(ms).UTC()
	}
	if newest := time.UnixMilli(l.eventTime.Load()).UTC(); l.eventTime.Load() > 0 && now.Sub(newest) > historyLag {
		now = newest.Add(time.Second)
	}
	s := l.cfg.Snapshot(now.Truncate(time.Second), cut, liveGeneration)
	s.Aliases = aliases(l.routes)
	s.Accepted = baseline.Accepted(l.current(), nil, s.From())
	return s, l.exclude(&s)
}

// exclude leaves the hours of confirmed incidents out of what is learned.
func (l *learner) exclude(s *baseline.Snapshot) error {
	if l.confirmed == nil {
		return nil
	}
	from, until := s.From(), s.Until
	list, err := l.confirmed(incident.Filter{Since: from, Until: until})
	if err != nil {
		return fmt.Errorf("look for confirmed incidents: %w", err)
	}
	s.Excluded = baseline.Exclusions(list, from, until)
	return nil
}

// confirmedOf returns the confirmed incidents among m's: those that were resolved.
func confirmedOf(m *incident.Manager) func(incident.Filter) ([]baseline.Confirmed, error) {
	return func(f incident.Filter) ([]baseline.Confirmed, error) {
		f.Statuses = []incident.Status{incident.StatusResolved}
		var list []baseline.Confirmed
		for cursor := ""; ; {
			page, err := m.List(f, "first_seen", cursor, incident.MaxPage)
			if err != nil {
				return nil, err
			}
			for _, inc := range page.Incidents {
				if inc.Kind == detect.KindChange { // what was accepted is to be learned from
					continue
				}
				list = append(list, baseline.Confirmed{
					Entity: inc.Entity, Services: inc.Services, From: inc.FirstSeen, To: inc.LastSeen,
				})
			}
			if cursor = page.Next; cursor == "" {
				return list, nil
			}
		}
	}
}

// learn makes a model on the way through history, up to the event time until and for what comes after.
func (l *learner) learn(ctx context.Context, until, cut time.Time) (*baseline.Model, error) {
	m, err := l.make(ctx, liveGeneration, l.current(), until, cut)
	if err == nil {
		l.remember(m)
	}
	return m, err
}

// learnImported is learn for history that is judged beside the live stream, whose models stay as they are. last is the model
// before, or nil.
func (l *learner) learnImported(ctx context.Context, until, cut time.Time, last *baseline.Model) (*baseline.Model, error) {
	return l.make(ctx, historyGeneration, last, until, cut)
}

func (l *learner) make(ctx context.Context, generation string, last *baseline.Model, until, cut time.Time) (*baseline.Model, error) {
	s := l.cfg.Snapshot(until, cut, generation)
	s.Aliases = aliases(l.routes)
	s.Accepted = baseline.Accepted(last, nil, s.From())
	if err := l.exclude(&s); err != nil {
		return nil, err
	}
	m, err := baseline.Recompute(ctx, l.cfg, l.store.History(), s)
	if err != nil {
		return nil, fmt.Errorf("learn baselines up to %s: %w", until.Format(time.RFC3339), err)
	}
	if err := l.store.SaveModel(ctx, m); err != nil {
		return nil, fmt.Errorf("save baselines: %w", err)
	}
	l.log.Info("baselines learned from history", "until", until, "version", m.Version, "events", m.Events)
	return m, nil
}

func (l *learner) publish(m *baseline.Model) {
	l.remember(m)
	l.published <- m
}

func (l *learner) remember(m *baseline.Model) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil || m.EffectiveFrom.After(l.last.EffectiveFrom) {
		l.last = m
	}
}

// current is the newest model, nil when there is none.
func (l *learner) current() *baseline.Model {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// Run takes up an interrupted recomputation, then recomputes on schedule until ctx ends.
func (l *learner) Run(ctx context.Context) error {
	schedule, err := baseline.ScheduleOf(l.cfg)
	if err != nil {
		return err
	}
	if err := l.runner.Resume(ctx); err != nil && ctx.Err() == nil {
		l.log.Error("an interrupted recomputation was not taken up", "err", err)
	}
	return baseline.NewScheduler(schedule, l.runner, wallClock{}, l.log).Run(ctx)
}

type wallClock struct{}

func (wallClock) Now() time.Time                         { return time.Now() }
func (wallClock) After(d time.Duration) <-chan time.Time { return time.After(d) }
