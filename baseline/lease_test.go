package baseline

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// leases is Leases in memory.
type leases struct {
	mu     sync.Mutex
	term   uint64
	holder string
	until  time.Time
	kept   int
	stolen bool
}

func (l *leases) TakeLease(_ context.Context, _, holder string, now, until time.Time) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holder != holder && l.until.After(now) {
		return 0, ErrBusy
	}
	l.term, l.holder, l.until = l.term+1, holder, until
	return l.term, nil
}

func (l *leases) KeepLease(_ context.Context, _, holder string, term uint64, _, until time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept++
	if l.stolen || l.term != term || l.holder != holder {
		return ErrLeaseLost
	}
	l.until = until
	return nil
}

// job returns a job while others may change it.
func (b *books) job(id string) Job {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.jobs[id]
}

func leased(b Books, h History, l Leases, holder string, now func() time.Time) *Runner {
	return NewRunner(RunnerOptions{
		History: h, Books: b, Snapshot: smallSnapshot, Leases: l, Holder: holder, Now: now, LeaseTime: 200 * time.Millisecond,
	})
}

func TestOneRecomputationAcrossServers(t *testing.T) {
	b, l, g := &books{}, &leases{}, gate{smallHistory(), make(chan struct{})}
	now := func() time.Time { return labStart }
	first, second := leased(b, g, l, "a", now), leased(b, smallHistory(), l, "b", now)
	j, err := first.Start(t.Context(), "request")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Start(t.Context(), "request"); !errors.Is(err, ErrBusy) {
		t.Errorf("a second server: %v, want ErrBusy", err)
	}
	if err := second.Resume(t.Context()); err != nil || b.job(j.ID).State != JobRunning {
		t.Errorf("a server that starts took the other's job for dead: %v, %+v", err, b.job(j.ID))
	}
	close(g.pass)
	first.Wait()
	if b.jobs[j.ID].State != JobSucceeded {
		t.Errorf("job %+v", b.jobs[j.ID])
	}
	if again, err := second.Recompute(t.Context(), "request"); err != nil || again.State != JobSucceeded {
		t.Errorf("after the first was done: %+v, %v", again, err)
	}
}

func TestALostLeaseEndsTheRecomputation(t *testing.T) {
	b, l, g := &books{}, &leases{}, gate{smallHistory(), make(chan struct{})}
	r := leased(b, g, l, "a", func() time.Time { return labStart })
	j, err := r.Start(t.Context(), "request")
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	l.stolen = true
	l.mu.Unlock()
	r.Wait()
	if got := b.jobs[j.ID]; got.State != JobFailed || got.Error != ErrLeaseLost.Error() || len(b.models) > 0 {
		t.Errorf("job %+v, models %v", got, b.models)
	}
}

// The server that was killed comes back, or another one takes over when its lease has ended.
func TestAKilledServersJobIsTakenUp(t *testing.T) {
	snap, _ := smallSnapshot(t.Context())
	for _, c := range []struct {
		name, holder string
		after        time.Duration
		taken        bool
	}{
		{"itself, at once", "a", time.Second, true},
		{"another, at once", "b", time.Second, false},
		{"another, later", "b", time.Hour, true},
	} {
		b, l := &books{}, &leases{term: 4, holder: "a", until: labStart.Add(time.Minute)}
		if err := b.SaveJob(t.Context(), Job{ID: "old", Kind: JobKind, State: JobRunning, Snapshot: &snap, Revision: 3}); err != nil {
			t.Fatal(err)
		}
		r := leased(b, smallHistory(), l, c.holder, func() time.Time { return labStart.Add(c.after) })
		if err := r.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := b.jobs["old"].State == JobInterrupted && len(b.models) == 1; got != c.taken {
			t.Errorf("%s: taken up %v: %+v", c.name, got, b.jobs["old"])
		}
	}
}

func TestJitterIsBoundedAndFixed(t *testing.T) {
	schedule, err := ScheduleOf(Config{Jitter: 10 * time.Minute}, "server a")
	if err != nil {
		t.Fatal(err)
	}
	other, err := ScheduleOf(Config{Jitter: 10 * time.Minute}, "server b")
	if err != nil {
		t.Fatal(err)
	}
	differ := 0
	for at, day := labStart, 0; day < 20; day++ {
		due, start := schedule.next(at)
		if d := start.Sub(due); d < 0 || d >= 10*time.Minute || due.Hour() != 3 || due.Minute() != 17 {
			t.Fatalf("due %v, started %v", due, start)
		}
		if again, s := schedule.next(start.Add(-time.Second)); !again.Equal(due) || !s.Equal(start) {
			t.Errorf("asked again just before: due %v at %v", again, s)
		}
		if _, s := other.next(at); !s.Equal(start) {
			differ++
		}
		at = start
	}
	if differ < 15 {
		t.Errorf("two servers start at the same second on %d of 20 days", 20-differ)
	}
}

func TestWhatAnotherServerDidIsNotDoneAgain(t *testing.T) {
	due := labStart.Add(3 * time.Hour)
	b := &books{}
	r := NewRunner(RunnerOptions{History: smallHistory(), Books: b, Snapshot: smallSnapshot, Now: func() time.Time { return due.Add(time.Minute) }})
	s := NewScheduler(Schedule{}, r, nil, nil, nil)
	for range 2 {
		if err := s.recompute(t.Context(), due); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.models) != 1 {
		t.Errorf("%d recomputations of one due time", len(b.models))
	}
	held := NewScheduler(Schedule{}, r, nil, func(at time.Time) bool { return at.Equal(due.Add(time.Hour)) }, nil)
	if err := held.recompute(t.Context(), due.Add(time.Hour)); err != nil || len(b.models) != 1 {
		t.Errorf("a roll back did not hold: %v", err)
	}
}
