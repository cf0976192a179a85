package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/google/renameio/v2"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/incident/outcome"
	"github.com/gatewatch/gatewatch/inventory/policy"
	"github.com/gatewatch/gatewatch/rules"
	"github.com/gatewatch/gatewatch/store"
)

const (
	liveHold     = time.Second            // how long an event may wait for another source
	releaseEvery = 200 * time.Millisecond // how often what waits is looked at
	// idleAfter is how long after the last event of live sources the wall clock moves event time on.
	idleAfter = 10 * time.Second
	// liveLag is how far behind the wall clock a stream may be and still be called live.
	liveLag = 5 * time.Minute
	// historyLag is how old an event is that belongs to imported history: baselines are then learned on the way.
	historyLag = 26 * time.Hour
	saveEvery  = 10 * time.Second
)

// stream judges what was stored: it orders the blocks, feeds the detectors, and hands findings to the incidents. One
// goroutine runs it. Its place is saved in a file, and after a restart the events before and behind that place are
// read out of the store and go through the same code.
type stream struct {
	store     *store.Store
	judge     *detect.Judge
	ahead     *ahead
	history   *history // nil: none is judged apart
	incidents *incident.Manager
	learned   *baseline.Detectors
	policies  *policy.Detector
	outcomes  outcome.Options
	learner   *learner
	rulebook  *ruleBook
	windows   *rules.Windows // of the rules
	metrics   *windowMetrics
	log       *slog.Logger
	file      string // of the saved place
	now       func() time.Time

	blocks   chan []*event.Event
	live     *detect.Live
	findings []detect.Finding
	muted    bool // replaying what was judged before: its findings are known
	day      time.Time
	news     uint64
	newest   time.Time    // event time
	isLive   *atomic.Bool // newest is about now; for whoever waits for it
	arrived  time.Time    // wall clock of the last block
	saved    time.Time
	ctx      context.Context //nolint:containedctx // Run's, for callbacks of the judge
	err      error
}

// streamPlace is what the file holds.
type streamPlace struct {
	Last     event.Place `json:"last"`     // the furthest event judged
	Ingested time.Time   `json:"ingested"` // its stamp or a newer one
}

// newStream returns a stream with the rules' windows and the learned detectors; apart are further windows, for the events
// of clocks that are ahead.
func newStream(s stream, windows, apart *rules.Windows) *stream {
	st := &s
	st.blocks = make(chan []*event.Event, 2)
	st.live = detect.NewLive(liveHold)
	st.isLive = new(atomic.Bool)
	if st.now == nil {
		st.now = time.Now
	}
	st.windows = windows
	emit := st.found
	st.judge = judgeOutcomes(st.outcomes, emit, append([]detect.Detector{windows, st.policies}, st.learned.List()...)...)
	st.ahead = newAhead(st.log, st.outcomes, emit, apart)
	st.learner.confirmed = confirmedOf(st.incidents)
	return st
}

// offer hands over a stored block. It blocks while two blocks wait: that is back pressure.
func (s *stream) offer(ctx context.Context, block []*event.Event) {
	select {
	case s.blocks <- block:
	case <-ctx.Done(): // replayed out of the store at the next start
	}
}

// Run replays, then judges blocks until ctx ends.
func (s *stream) Run(ctx context.Context) error {
	s.ctx = ctx
	ticker := time.NewTicker(releaseEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return s.finish()
		case block := <-s.blocks:
			s.arrived = s.now()
			s.push(block)
		case r := <-s.rulebook.windows:
			r.done <- s.reload(r.set)
		case m := <-s.learner.published:
			s.learned.UseModel(m)
		case <-ticker.C:
			s.live.Release(s.now(), s.observe)
			s.idle()
			s.metrics.tell(s.windows.Stats(), s.now(), s.log)
		}
		if err := s.settle(ctx); err != nil {
			return err
		}
	}
}

// push takes out what others judge, and puts the rest in order.
func (s *stream) push(block []*event.Event) {
	rest, err := s.history.take(s.ahead.take(block), s.newest)
	if err != nil {
		s.err = err
		return
	}
	s.live.Push(rest, s.now(), s.observe)
}

// found takes a finding.
func (s *stream) found(f detect.Finding) {
	if !s.muted {
		s.findings = append(s.findings, f)
	}
}

// reload goes on with another set of rules; what is about clocks that are ahead follows.
func (s *stream) reload(set *rules.Set) rules.Reloaded {
	s.ahead.windows.Reload(set, s.ahead.judge.Emit)
	return s.windows.Reload(set, s.judge.Emit)
}

// observe judges one event, and before the first of a new day in imported history learns from the days before.
func (s *stream) observe(ev *event.Event) {
	if ev.Time.After(s.newest) {
		s.newest = ev.Time
		if day := baseline.DayStart(ev.Time); day.After(s.day) {
			if !s.day.IsZero() && s.now().Sub(day) > historyLag {
				s.learnHistory(day)
			}
			s.day = day
		}
	}
	s.news++
	s.isLive.Store(ev.IngestedAt.Sub(s.newest) <= historyLag)
	s.judge.Observe(ev)
}

func (s *stream) learnHistory(day time.Time) {
	if !baseline.Due(s.learner.current(), day, s.news) || s.err != nil {
		return
	}
	s.judge.Advance(day)
	m, err := s.learner.learn(s.ctx, day, s.judge.Stats().Ingested)
	if err != nil {
		s.err = err
		return
	}
	s.news = 0
	s.learned.UseModel(m)
}

// idle moves event time on by the wall clock while live sources are silent, so that windows close and a drop to
// nothing is seen. A stream that lags behind (history, a backlog) is left alone.
func (s *stream) idle() {
	quiet := s.now().Sub(s.arrived)
	if s.newest.IsZero() || quiet < idleAfter || s.live.Waiting() > 0 {
		return
	}
	if lag := s.arrived.Sub(s.newest); lag >= 0 && lag <= liveLag {
		s.judge.Advance(s.newest.Add(quiet - idleAfter))
	}
}

// settle makes the findings durable, trying until the store takes them, and saves the place now and then.
func (s *stream) settle(ctx context.Context) error {
	if s.err != nil {
		return s.err
	}
	for wait := 100 * time.Millisecond; len(s.findings) > 0; wait = min(2*wait, 5*time.Second) {
		err := s.incidents.Apply(ctx, s.findings)
		if err == nil {
			s.findings = s.findings[:0]
			break
		}
		if !errors.Is(err, store.ErrUnavailable) {
			return fmt.Errorf("group findings: %w", err)
		}
		s.log.Warn("the store takes no findings; detection waits", "err", err, "findings", len(s.findings))
		select {
		case <-ctx.Done():
			return nil // not saved: judged again at the next start
		case <-time.After(wait):
		}
	}
	if now := s.now(); now.Sub(s.saved) >= saveEvery {
		s.saved = now
		return s.save()
	}
	return nil
}

// finish judges what came in before the stop and saves the place.
func (s *stream) finish() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience/2)
	defer cancel()
	s.ctx = ctx
	for len(s.blocks) > 0 {
		s.push(<-s.blocks)
	}
	s.live.Release(s.now().Add(2*liveHold), s.observe)
	if err := s.settle(ctx); err != nil || len(s.findings) > 0 {
		return err
	}
	return s.save()
}

func (s *stream) save() error {
	st := s.judge.Stats()
	if st.Judged == 0 {
		return nil
	}
	return s.savePlace(streamPlace{Last: st.Last, Ingested: st.Ingested})
}

func (s *stream) savePlace(p streamPlace) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(s.file, b, 0o600); err != nil {
		return fmt.Errorf("save the place of detection: %w", err)
	}
	return nil
}

// load reads the saved place. The zero place means that nothing was judged yet; known is false when nobody can say what was.
func (s *stream) load() (p streamPlace, known bool, err error) {
	b, err := os.ReadFile(s.file)
	if errors.Is(err, os.ErrNotExist) {
		return p, false, nil
	}
	if err != nil {
		return p, false, fmt.Errorf("read the place of detection: %w", err)
	}
	if err := json.Unmarshal(b, &p); err != nil {
		aside := s.file + ".corrupt"
		s.log.Error("the saved place of detection is damaged; it is set aside, and the last hour of events is judged again "+
			"(findings that are known are not repeated)", "file", aside, "err", err)
		return streamPlace{}, false, os.Rename(s.file, aside)
	}
	return p, true, nil
}

// replay brings the detectors to where they were: open episodes out of the findings, then the events since the saved
// place, with as many before it as the windows reach back. What was judged before raises nothing a second time.
func (s *stream) replay(ctx context.Context) error {
	s.ctx = ctx
	place, known, err := s.load()
	if err != nil {
		return err
	}
	open, err := s.incidents.OpenFindings(ctx)
	if err != nil {
		return fmt.Errorf("load open findings: %w", err)
	}
	now := s.now()
	common, apart := split(open, now)
	s.judge.Restore(common)
	s.ahead.judge.Restore(apart)
	q := store.Query{To: now.Add(aheadLimit)}
	if !known {
		newest, err := s.store.NewestEvent(ctx)
		if err != nil {
			return err
		}
		if newest.IsZero() { // events that are judged by nobody when the process is killed shall be judged then
			return s.savePlace(place)
		}
		place.Last.Time = earlier(newest, now)
	}
	s.newest = earlier(place.Last.Time, now)
	since := time.Time{}
	if !place.Last.Time.IsZero() {
		q.From = earlier(place.Last.Time, now).Add(-s.judge.Lookback())
		since = earlier(cmp.Or(place.Ingested, now), now).Add(-s.judge.Lookback())
	}
	if !q.From.IsZero() {
		if err := s.learned.Preload(ctx, s.store, q.From); err != nil {
			return err
		}
	}
	if !q.From.IsZero() {
		if err := s.recall(ctx, place.Last.Time, q.From); err != nil {
			return fmt.Errorf("recall what long windows remember: %w", err)
		}
	}
	var replayed uint64
	again := func(ev *event.Event) error {
		if isAhead(ev) {
			return nil
		}
		if rest, err := s.history.take([]*event.Event{ev}, place.Last.Time); len(rest) == 0 || err != nil {
			return err
		}
		s.muted = ev.Place().Compare(place.Last) <= 0 && !ev.IngestedAt.After(place.Ingested)
		s.observe(ev)
		replayed++
		return s.settle(ctx)
	}
	if !place.Ingested.IsZero() { // a source that lags behind the others
		err = s.store.ReadEvents(ctx, store.Query{To: q.From, Since: place.Ingested}, again)
	}
	if err == nil {
		err = s.store.ReadEvents(ctx, q, again)
	}
	if err == nil {
		err = s.replayAhead(ctx, place, since)
	}
	s.muted = false
	if err != nil {
		return fmt.Errorf("replay events since %s: %w", q.From.Format(time.RFC3339), err)
	}
	if replayed > 0 {
		s.log.Info("detection took up where it was", "replayed", replayed, "from", q.From, "open_findings", len(open))
	}
	s.news = 0
	return s.settle(ctx)
}

// recall gives windows that reach back beyond what is replayed whole the events that count for them.
func (s *stream) recall(ctx context.Context, last, from time.Time) error {
	limit := s.windows.Lookback()
	signatures, reach := s.windows.Beyond(limit)
	if len(signatures) == 0 {
		return nil
	}
	q := store.Query{From: earlier(last, from).Add(-reach), To: from}
	for _, id := range signatures {
		q.Any = append(q.Any, []detect.Condition{{Field: "signatures", Op: detect.OpHas, Value: id}})
	}
	return s.windows.Recall(limit, func(yield func(*event.Event)) error {
		return s.store.ReadEvents(ctx, q, func(ev *event.Event) error {
			if !isAhead(ev) {
				yield(ev)
			}
			return nil
		})
	})
}

// replayAhead replays the events of clocks that are ahead, whose times say nothing about when they came.
func (s *stream) replayAhead(ctx context.Context, place streamPlace, since time.Time) error {
	return s.store.ReadEvents(ctx, store.Query{From: since, Since: since}, func(ev *event.Event) error {
		if !isAhead(ev) {
			return nil
		}
		s.muted = !ev.IngestedAt.After(place.Ingested)
		s.ahead.observe(ev)
		return s.settle(ctx)
	})
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
