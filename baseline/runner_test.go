package baseline

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// books keeps models and jobs in memory.
type books struct {
	mu     sync.Mutex
	models []string
	jobs   map[string]Job
	seen   []JobState // of every revision
	fail   error
}

func (b *books) SaveModel(_ context.Context, m *Model) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return b.fail
	}
	b.models = append(b.models, m.Version)
	return nil
}

func (b *books) SaveJob(_ context.Context, j Job) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.jobs == nil {
		b.jobs = map[string]Job{}
	}
	b.jobs[j.ID] = j
	b.seen = append(b.seen, j.State)
	return nil
}

func (b *books) LoadJobs(_ context.Context, _ string, _ int) (out []Job, _ error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, j := range b.jobs {
		out = append(out, j)
	}
	slices.SortFunc(out, func(a, b Job) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return out, nil
}

// gate is a History that waits until it is let through.
type gate struct {
	memory
	pass chan struct{}
}

func (g gate) Endpoints(ctx context.Context, s Snapshot, fn func(EndpointHours) error) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-g.pass:
	}
	return g.memory.Endpoints(ctx, s, fn)
}

func smallHistory() memory {
	l := newLab(5)
	l.minutes(labStart, labStart.Add(2*time.Hour), nil)
	return l.sorted()
}

func smallSnapshot(context.Context) (Snapshot, error) {
	until := labStart.AddDate(0, 0, 1)
	return Snapshot{Until: until, Cut: until, WindowDays: 2, Generation: "test"}, nil
}

func TestRunnerOneAtATime(t *testing.T) {
	b, g := &books{}, gate{smallHistory(), make(chan struct{})}
	var published []string
	r := NewRunner(RunnerOptions{
		History: g, Books: b, Snapshot: smallSnapshot, Publish: func(m *Model) { published = append(published, m.Version) },
	})
	first, err := r.Start(t.Context(), "request")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Start(t.Context(), "request"); !errors.Is(err, ErrBusy) {
		t.Errorf("a second start: %v, want ErrBusy", err)
	}
	if c := r.Current(); c == nil || c.ID != first.ID || c.State != JobRunning {
		t.Errorf("current job %+v", c)
	}
	close(g.pass)
	r.Wait()
	done := b.jobs[first.ID]
	if done.State != JobSucceeded || done.Progress != 1 || len(published) != 1 || done.Result != published[0] || r.Current() != nil {
		t.Errorf("job %+v, published %v", done, published)
	}
	again, err := r.Recompute(t.Context(), "request")
	if err != nil || again.Result != done.Result {
		t.Errorf("the same snapshot gave %q (%v), before %q", again.Result, err, done.Result)
	}
}

func TestRunnerCancelAndFailure(t *testing.T) {
	b, g := &books{}, gate{smallHistory(), make(chan struct{})}
	r := NewRunner(RunnerOptions{History: g, Books: b, Snapshot: smallSnapshot})
	j, err := r.Start(t.Context(), "request")
	if err != nil {
		t.Fatal(err)
	}
	if r.Cancel("another job") || !r.Cancel(j.ID) {
		t.Error("the wrong job was cancelled")
	}
	r.Wait()
	if got := b.jobs[j.ID]; got.State != JobCancelled || len(b.models) != 0 {
		t.Errorf("cancelled job %+v, models %v", got, b.models)
	}
	close(g.pass)
	b.fail = errors.New("disk full")
	got, err := r.Recompute(t.Context(), "request")
	if err != nil || got.State != JobFailed || got.Error != "save the model: disk full" {
		t.Errorf("job %+v, %v", got, err)
	}
}

func TestRunnerResumesWithTheRecordedSnapshot(t *testing.T) {
	snap, _ := smallSnapshot(t.Context())
	b := &books{}
	if err := b.SaveJob(t.Context(), Job{ID: "old", Kind: JobKind, State: JobRunning, Snapshot: &snap, Revision: 3}); err != nil {
		t.Fatal(err)
	}
	r := NewRunner(RunnerOptions{
		History: smallHistory(), Books: b,
		Snapshot: func(context.Context) (Snapshot, error) { return Snapshot{}, errors.New("a new snapshot was taken") },
	})
	if err := r.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	snap.ConfigHash = Config{}.Hash()
	if b.jobs["old"].State != JobInterrupted || len(b.models) != 1 || b.models[0] != snap.Version() {
		t.Errorf("old job %+v, models %v, want %s", b.jobs["old"], b.models, snap.Version())
	}
	if err := r.Resume(t.Context()); err != nil || len(b.models) != 1 {
		t.Errorf("a second resume learned again: %v %v", b.models, err)
	}
}

// testClock is a clock that jumps to whatever is waited for.
type testClock struct {
	mu  sync.Mutex
	now time.Time
	hit chan time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	ch := make(chan time.Time, 1)
	ch <- c.now
	select {
	case c.hit <- c.now:
	default:
		return nil // the test has seen enough
	}
	return ch
}

func TestSchedulerRunsWhenDue(t *testing.T) {
	schedule, err := ParseSchedule("17 3 * * *", "Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	c := &testClock{now: time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC), hit: make(chan time.Time, 4)}
	b := &books{}
	r := NewRunner(RunnerOptions{History: smallHistory(), Books: b, Snapshot: smallSnapshot, Now: c.Now})
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error)
	go func() { stopped <- NewScheduler(schedule, r, c, nil, nil).Run(ctx) }()
	var at []string
	for range 4 {
		at = append(at, (<-c.hit).Format(time.RFC3339))
	}
	cancel()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	// The clocks go forward on the 29th.
	want := []string{"2026-03-28T02:17:00Z", "2026-03-29T01:17:00Z", "2026-03-30T01:17:00Z", "2026-03-31T01:17:00Z"}
	if !slices.Equal(at, want) {
		t.Errorf("due at %v, want %v", at, want)
	}
	if len(b.models) < 3 {
		t.Errorf("%d recomputations", len(b.models))
	}
}

func TestDue(t *testing.T) {
	day := labStart.AddDate(0, 0, 5)
	model := &Model{Events: 100_000, EffectiveFrom: labStart}
	for _, c := range []struct {
		name string
		last *Model
		now  time.Time
		news uint64
		want bool
	}{
		{"nothing learned, too little seen", nil, day, 1999, false},
		{"nothing learned", nil, day, 2000, true},
		{"little news", model, day, 4999, false},
		{"news", model, day, 5000, true},
		{"the same day", model, labStart, 1 << 40, false},
		{"a sparse log", &Model{Events: 300, EffectiveFrom: labStart}, day, 1999, false},
	} {
		if got := Due(c.last, c.now, c.news); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
