package baseline

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Clock is the wall clock that a Scheduler waits by.
type Clock interface {
	Now() time.Time
	// After returns a channel that receives once d has passed.
	After(d time.Duration) <-chan time.Time
}

// Scheduler runs recomputations when their schedule is due.
type Scheduler struct {
	schedule Schedule
	runner   *Runner
	clock    Clock
	held     func(at time.Time) bool
	log      *slog.Logger
}

// ReasonSchedule is the reason of a job that was due.
const ReasonSchedule = "schedule"

// NewScheduler returns a Scheduler that starts recomputations of r, but not at times for which held is true; held and log
// may be nil.
func NewScheduler(s Schedule, r *Runner, c Clock, held func(at time.Time) bool, log *slog.Logger) *Scheduler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if held == nil {
		held = func(time.Time) bool { return false }
	}
	return &Scheduler{schedule: s, runner: r, clock: c, held: held, log: log}
}

// Run waits for the schedule and recomputes until ctx ends; it returns nil then, after the running recomputation has
// stopped. A due time that finds one running, or done already by another server, is skipped; a failed one is logged and the
// next is waited for.
func (s *Scheduler) Run(ctx context.Context) error {
	for {
		due, start := s.schedule.next(s.clock.Now())
		if due.IsZero() {
			<-ctx.Done()
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.clock.After(start.Sub(s.clock.Now())):
		}
		if s.clock.Now().Before(start) {
			continue // woken early
		}
		if err := s.recompute(ctx, due); err != nil && ctx.Err() == nil {
			s.log.Error("scheduled recomputation", "error", err)
		}
	}
}

// recompute does what was due, unless a roll back holds it or somebody else has done it or does it.
func (s *Scheduler) recompute(ctx context.Context, due time.Time) error {
	if s.held(due) {
		s.log.Info("scheduled recomputation skipped", "reason", "a roll back holds the baselines")
		return nil
	}
	done, err := s.runner.DoneSince(ctx, ReasonSchedule, due)
	if err != nil {
		return err
	}
	if done {
		s.log.Info("scheduled recomputation skipped", "reason", "another server has done it")
		return nil
	}
	_, err = s.runner.Recompute(ctx, ReasonSchedule)
	if errors.Is(err, ErrBusy) {
		s.log.Info("scheduled recomputation skipped", "reason", err)
		return nil
	}
	return err
}
