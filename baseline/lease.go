package baseline

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrLeaseLost says that somebody else took a lease over.
var ErrLeaseLost = errors.New("the lease was taken over")

// Leases keeps the recomputations of several servers on one store apart; the store implements it. Times are wall clocks,
// which may differ by less than a lease's length.
type Leases interface {
	// TakeLease takes the named lease for holder until the given time. It returns the lease's term. While another holder
	// has it at now the error is ErrBusy; one's own is taken again under a new term.
	TakeLease(ctx context.Context, name, holder string, now, until time.Time) (term uint64, err error)
	// KeepLease prolongs a lease, also to a time that is over: that gives it back. ErrLeaseLost when there is a newer term.
	KeepLease(ctx context.Context, name, holder string, term uint64, now, until time.Time) error
}

const (
	leaseName = JobKind
	// leaseTime is how long a server that was killed keeps the others from recomputing.
	leaseTime = 2 * time.Minute
	// leaseKept is how often a lease is prolonged, as a share of its length.
	leaseKept = 4
)

// hold takes the lease and keeps it until release is called; the returned context ends when it is lost. Without Leases
// nobody else is there.
func (r *Runner) hold(ctx context.Context) (held context.Context, release func(), err error) {
	if r.opts.Leases == nil {
		return ctx, func() {}, nil
	}
	now := r.opts.Now()
	term, err := r.opts.Leases.TakeLease(ctx, leaseName, r.opts.Holder, now, now.Add(r.opts.LeaseTime))
	if err != nil {
		return nil, nil, fmt.Errorf("take the lease of recomputations: %w", err)
	}
	held, lose := context.WithCancelCause(ctx)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		r.keep(held, lose, stop, term)
	}()
	return held, func() {
		close(stop)
		<-stopped
		lose(nil)
		// The job may have ended because its context did: the lease is given back all the same.
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		now := r.opts.Now()
		if err := r.opts.Leases.KeepLease(end, leaseName, r.opts.Holder, term, now, now); err != nil && !errors.Is(err, ErrLeaseLost) {
			r.opts.Log.Warn("the lease of recomputations was not given back; it ends by itself", "error", err)
		}
	}, nil
}

// keep prolongs the lease until stop. A store that cannot be reached is tried again while the lease lasts.
func (r *Runner) keep(ctx context.Context, lose context.CancelCauseFunc, stop <-chan struct{}, term uint64) {
	tick := time.NewTicker(r.opts.LeaseTime / leaseKept)
	defer tick.Stop()
	until := r.opts.Now().Add(r.opts.LeaseTime)
	for {
		select {
		case <-stop:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := r.opts.Now()
		err := r.opts.Leases.KeepLease(ctx, leaseName, r.opts.Holder, term, now, now.Add(r.opts.LeaseTime))
		switch {
		case err == nil:
			until = now.Add(r.opts.LeaseTime)
		case errors.Is(err, ErrLeaseLost) || now.After(until):
			r.opts.Log.Error("another server recomputes; this recomputation ends", "error", err)
			lose(err)
			return
		}
	}
}
