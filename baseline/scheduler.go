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
	log      *slog.Logger
}

// NewScheduler returns a Scheduler that starts recomputations of r; log may be nil.
func NewScheduler(s Schedule, r *Runner, c Clock, log *slog.Logger) *Scheduler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Scheduler{schedule: s, runner: r, clock: c, log: log}
}

// Next returns when the schedule is due next.
func (s *Scheduler) Next() time.Time { return s.schedule.Next(s.clock.Now()) }

// Run waits for the schedule and recomputes until ctx ends; it returns nil then, after the running recomputation has
// stopped. A due time that finds one running is skipped; a failed one is logged and the next is waited for.
func (s *Scheduler) Run(ctx context.Context) error {
	for {
		next := s.Next()
		if next.IsZero() {
			<-ctx.Done()
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.clock.After(next.Sub(s.clock.Now())):
		}
		if s.clock.Now().Before(next) {
			continue // woken early
		}
		if _, err := s.runner.Recompute(ctx, "schedule"); err != nil && ctx.Err() == nil {
			if errors.Is(err, ErrBusy) {
				s.log.Info("scheduled recomputation skipped", "reason", err)
				continue
			}
			s.log.Error("scheduled recomputation", "error", err)
		}
	}
}
