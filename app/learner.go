package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

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
	holder    string        // names this installation among those on one store
	pending   chan struct{} // a recomputation is wanted as soon as none runs

	stored    atomic.Int64 // newest stored stamp, Unix ms
	eventTime atomic.Int64 // newest stored event time, Unix ms

	mu   sync.Mutex
	last *baseline.Model
}

func newLearner(cfg baseline.Config, st *store.Store, routes *route.Templates, holder string, log *slog.Logger) *learner {
	l := &learner{
		cfg: cfg, store: st, routes: routes, log: log, now: time.Now, holder: holder,
		published: make(chan *baseline.Model, 4), pending: make(chan struct{}, 1),
	}
	l.runner = baseline.NewRunner(baseline.RunnerOptions{
		Config: cfg, History: st.History(), Books: st, Snapshot: l.snapshot, Publish: l.publish, Now: time.Now, Log: log,
		Leases: st, Holder: holder,
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

// asOf is the present in event time: behind imported history that is where the history ends.
func (l *learner) asOf() time.Time {
	now := l.now().UTC()
	if newest := time.UnixMilli(l.eventTime.Load()).UTC(); l.eventTime.Load() > 0 && now.Sub(newest) > historyLag {
		now = newest.Add(time.Second)
	}
	return now.Truncate(time.Second)
}

// effective is the moment from which a version made now judges: the present, but after the version before it.
func (l *learner) effective() time.Time {
	at := l.asOf()
	if last := l.current(); last != nil && !at.After(last.EffectiveFrom) {
		at = last.EffectiveFrom.Add(time.Second)
	}
	return at
}

// snapshot is everything stored so far.
func (l *learner) snapshot(ctx context.Context) (baseline.Snapshot, error) {
	cut := l.now().UTC()
	if ms := l.stored.Load(); ms > 0 {
		cut = time.UnixMilli(ms).UTC()
	}
	s := l.cfg.Snapshot(l.asOf(), cut, liveGeneration)
	s.EffectiveFrom = l.effective()
	return s, l.complete(ctx, &s, l.current())
}

// complete adds to a snapshot what else its version depends on: the routes, the lasting changes, the confirmed incidents.
// last is the version before, or nil.
func (l *learner) complete(ctx context.Context, s *baseline.Snapshot, last *baseline.Model) error {
	s.Aliases = aliases(l.routes)
	byPeople, err := l.store.Acceptances(ctx)
	if err != nil {
		return err
	}
	s.Accepted = baseline.Accepted(last, byPeople, s.From())
	if last != nil {
		s.Forgotten = last.Snapshot.Forgotten
	}
	return l.exclude(s)
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
	if err := l.complete(ctx, &s, last); err != nil {
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

// Run takes up an interrupted recomputation, then recomputes on schedule and as people ask for it, and looks for what
// other servers on the store have published, until ctx ends.
func (l *learner) Run(ctx context.Context) error {
	schedule, err := baseline.ScheduleOf(l.cfg, l.holder)
	if err != nil {
		return err
	}
	if err := l.runner.Resume(ctx); err != nil && ctx.Err() == nil {
		l.log.Error("an interrupted recomputation was not taken up", "err", err)
	}
	var parts errgroup.Group
	parts.Go(func() error {
		return baseline.NewScheduler(schedule, l.runner, wallClock{}, l.held, l.log).Run(ctx)
	})
	parts.Go(func() error { return l.serve(ctx) })
	parts.Go(func() error { return every(ctx, lookEvery, func() { l.look(ctx) }) })
	return parts.Wait()
}

// lookEvery is how often other servers' models are looked for.
const lookEvery = time.Minute

// held reports whether the newest model is a roll back that no scheduled recomputation may replace yet.
func (l *learner) held(at time.Time) bool {
	last := l.current()
	return last != nil && last.Snapshot.RolledBack != nil && at.Before(last.Snapshot.RolledBack.Hold)
}

// look publishes the newest model in effect when another server made it.
func (l *learner) look(ctx context.Context) {
	list, err := l.store.ModelVersions(ctx, liveGeneration, 1)
	last := l.current()
	if err != nil || len(list) == 0 || last != nil && !list[0].EffectiveFrom.After(last.EffectiveFrom) {
		if err != nil && ctx.Err() == nil {
			l.log.Warn("other servers' baselines were not looked for", "err", err)
		}
		return
	}
	m, err := l.store.LoadModel(ctx, list[0].Version)
	if err != nil {
		l.log.Warn("another server's baselines were not loaded", "version", list[0].Version, "err", err)
		return
	}
	l.log.Info("another server published baselines", "version", m.Version)
	l.publish(m)
}

// serve recomputes for those who asked while a recomputation was running.
func (l *learner) serve(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.pending:
		}
		for {
			l.runner.Wait()
			_, err := l.runner.Recompute(ctx, "accepted change")
			if !errors.Is(err, baseline.ErrBusy) {
				if err != nil && ctx.Err() == nil {
					l.log.Error("baselines were not learned anew after a change was accepted", "err", err)
				}
				break
			}
			select { // another server's
			case <-ctx.Done():
				return nil
			case <-time.After(busyPause):
			}
		}
	}
}

const busyPause = 5 * time.Second

type wallClock struct{}

func (wallClock) Now() time.Time                         { return time.Now() }
func (wallClock) After(d time.Duration) <-chan time.Time { return time.After(d) }
