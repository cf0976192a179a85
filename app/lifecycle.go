package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// stopPatience bounds how long one part may take to stop, unless it says otherwise.
const stopPatience = 20 * time.Second

// lifecycle starts named parts and stops them in the reverse order, each with a bound.
type lifecycle struct {
	log    *slog.Logger
	parts  []part
	failed chan error
}

type part struct {
	name     string
	patience time.Duration
	stop     func() error
}

func newLifecycle(log *slog.Logger) *lifecycle {
	return &lifecycle{log: log, failed: make(chan error, 1)}
}

// run starts a long-lived part. Its context ends when it is its turn to stop. A part that returns before that, with an
// error or without, ends the whole.
func (l *lifecycle) run(name string, fn func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		err := fn(ctx)
		if ctx.Err() == nil {
			if err == nil {
				err = errors.New("stopped by itself")
			}
			err = fmt.Errorf("%s: %w", name, err)
			select {
			case l.failed <- err:
			default:
			}
			done <- nil // it was told already
			return
		}
		if errors.Is(err, context.Canceled) {
			err = nil
		}
		done <- err
	}()
	l.onStop(name, func() error {
		cancel()
		return <-done
	})
}

// onStop adds something to do when it is its turn to stop.
func (l *lifecycle) onStop(name string, fn func() error) { l.onStopWithin(name, stopPatience, fn) }

// onStopWithin is onStop for what has a bound of its own.
func (l *lifecycle) onStopWithin(name string, patience time.Duration, fn func() error) {
	l.parts = append(l.parts, part{name, patience, fn})
}

// wait blocks until ctx ends (nil) or a part fails.
func (l *lifecycle) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-l.failed:
		return err
	}
}

// stop stops all parts, the last started first, and joins what went wrong.
func (l *lifecycle) stop() error {
	var errs []error
	for i := len(l.parts) - 1; i >= 0; i-- {
		p := l.parts[i]
		done := make(chan error, 1)
		go func() { done <- p.stop() }()
		select {
		case err := <-done:
			if err != nil {
				errs = append(errs, fmt.Errorf("stop %s: %w", p.name, err))
			}
		case <-time.After(p.patience):
			errs = append(errs, fmt.Errorf("stop %s: not done after %s", p.name, p.patience))
		}
		l.log.Debug("stopped", "part", p.name)
	}
	l.parts = nil
	return errors.Join(errs...)
}
