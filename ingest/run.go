package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Run loads what is stored, then stores blocks until ctx ends. It then takes no more batches, stores what was gathered
// (for DrainTimeout at most) and returns nil; the error says what was not stored. It must be called once.
func (c *Committer) Run(ctx context.Context) error {
	if err := c.load(ctx); err != nil {
		c.close(false)
		return err
	}
	for {
		blk := c.next(ctx)
		if blk == nil {
			return c.drain(ctx)
		}
		if err := c.storeBlock(ctx, blk); err != nil {
			// Only the end of ctx gets here: one more bounded attempt, under the same token and stamp.
			return c.drain(ctx, blk)
		}
		c.stored(blk)
	}
}

// load asks the store for its positions until it answers.
func (c *Committer) load(ctx context.Context) error {
	wait := c.backoff()
	for attempt := 1; ; attempt++ {
		newest, err := c.opt.Store.Positions(ctx, c.streams.load)
		if err == nil {
			c.stamps.last = newest.Truncate(time.Millisecond)
			c.mu.Lock()
			c.ready = true
			close(c.start)
			c.mu.Unlock()
			return nil
		}
		if attempt == 1 {
			c.opt.Logger.Warn("stored positions cannot be read yet; ingest waits", "err", err)
		}
		if !sleep(ctx, wait.NextBackOff()) {
			return fmt.Errorf("read stored positions: %w", errors.Join(ctx.Err(), err))
		}
	}
}

// next waits until a block is worth storing and takes it; nil when ctx ended.
func (c *Committer) next(ctx context.Context) *block {
	for {
		c.mu.Lock()
		wait, have := c.ripeIn()
		if have && wait <= 0 {
			blk := c.take()
			c.mu.Unlock()
			return blk
		}
		c.mu.Unlock()

		var timer *time.Timer
		var ripe <-chan time.Time
		if have {
			timer = time.NewTimer(wait)
			ripe = timer.C
		}
		select {
		case <-ctx.Done():
		case <-c.wake:
		case <-ripe:
		}
		if timer != nil {
			timer.Stop()
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// ripeIn returns how long the gathering block shall still gather. A large block does not wait: its producers do.
func (c *Committer) ripeIn() (wait time.Duration, have bool) {
	n := len(c.cur.events)
	if n == 0 {
		return 0, false
	}
	if c.cur.full || n >= c.opt.MaxEvents/5 {
		return 0, true
	}
	return c.opt.Linger - time.Since(c.cur.first), true
}

// take swaps in an empty block and lets the writers that wait for room try again.
func (c *Committer) take() *block {
	blk := c.cur
	c.cur = newBlock()
	close(c.space)
	c.space = make(chan struct{})
	return blk
}

// storeBlock inserts blk until it is stored or ctx ends: always the same rows under the same token.
func (c *Committer) storeBlock(ctx context.Context, blk *block) error {
	if blk.token == "" {
		blk.token = c.tokens.block()
		stamp := c.stamps.next(c.opt.Now())
		for _, ev := range blk.events {
			ev.IngestedAt = stamp
		}
	}
	wait := c.backoff()
	var failing time.Time
	for {
		began := c.opt.Now()
		err := c.opt.Store.InsertEvents(ctx, blk.token, blk.events)
		if err == nil {
			c.metrics.inserted(len(blk.events), c.opt.Now().Sub(began))
			if !failing.IsZero() {
				c.opt.Logger.Info("the store takes events again", "after", c.opt.Now().Sub(failing).Round(time.Millisecond))
			}
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("store %d events: %w", len(blk.events), err)
		}
		c.metrics.retried()
		if failing.IsZero() {
			failing = began
			c.opt.Logger.Error("the store does not take events; they wait and nothing is acknowledged",
				"events", len(blk.events), "err", err)
		} else {
			c.opt.Logger.Debug("the store still does not take events", "err", err)
		}
		if !sleep(ctx, wait.NextBackOff()) {
			return fmt.Errorf("store %d events: %w", len(blk.events), err)
		}
	}
}

func (c *Committer) stored(blk *block) {
	blk.finish(nil)
	if c.opt.OnStored != nil {
		c.opt.OnStored(blk.events)
	}
}

// drain stops taking batches and stores what is left: blocks taken already, then the gathering one.
func (c *Committer) drain(ctx context.Context, blocks ...*block) error {
	c.close(true)
	c.mu.Lock()
	if len(c.cur.events) > 0 {
		blocks = append(blocks, c.take())
	}
	c.mu.Unlock()

	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.opt.DrainTimeout)
	defer cancel()
	var failed error
	for _, blk := range blocks {
		if failed == nil {
			failed = c.storeBlock(bounded, blk)
		}
		if failed != nil {
			blk.finish(ErrClosed)
			continue
		}
		c.stored(blk)
	}
	if failed != nil {
		return fmt.Errorf("stop ingest: not stored, not acknowledged: %w", failed)
	}
	return nil
}

// close makes every further Write fail; ready says whether start is closed already.
func (c *Committer) close(ready bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if !ready {
		close(c.start)
	}
	close(c.space)
	c.space = make(chan struct{})
}

func (c *Committer) backoff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = c.opt.RetryMin, c.opt.RetryMax
	b.Reset()
	return b
}

// sleep waits for d and tells whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
