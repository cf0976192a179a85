package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewatch/gatewatch/event"
)

// Store is what the committer needs of the store.
type Store interface {
	// InsertEvents stores the events as one block: all or none. A repeat under the same token changes nothing.
	InsertEvents(ctx context.Context, token string, events []*event.Event) error
	// Positions calls each for every stored (source, generation) with its largest position, and returns the newest
	// IngestedAt (zero when the store is empty). It must be derived from the events themselves, so that it cannot
	// disagree with them after a crash.
	Positions(ctx context.Context, each func(source string, generation, position uint64)) (newest time.Time, err error)
}

// Enricher completes an event inside the server: geography, user agent, route. Calls for one source are in order and
// never concurrent; calls for different sources may be concurrent.
type Enricher interface {
	Enrich(ev *event.Event)
}

// Matcher runs the per-event rules over an event: it fills Signatures and AttackScore. It must be safe for concurrent
// use.
type Matcher interface {
	Match(ev *event.Event)
}

// Options configure a Committer. Store is required; the zero value of everything else is usable.
type Options struct {
	Store    Store
	Enricher Enricher // nil: none
	Matcher  Matcher  // nil: none

	// OnStored is handed every block once it is stored, in the order of their stamps, after its producers were
	// acknowledged. It may block: that is back pressure. The block's events must not be changed.
	OnStored func(block []*event.Event)

	MaxEvents int           // events of a block; 0: 50,000
	MaxBytes  int           // memory of a block's strings, about; 0: 64 MiB
	Linger    time.Duration // how long a block gathers after its first event when the store is idle; 0: 150 ms
	// RetryMin and RetryMax bound the pause between attempts to store a block; 0: 100 ms and 5 s.
	RetryMin, RetryMax time.Duration
	// DrainTimeout bounds how long Run keeps trying to store what was gathered when it is told to stop; 0: 10 s.
	DrainTimeout time.Duration

	Logger     *slog.Logger          // nil: silent
	Registerer prometheus.Registerer // nil: no metrics
	Now        func() time.Time      // the clock of the stamps; nil: time.Now
}

func (o *Options) setDefaults() {
	if o.MaxEvents <= 0 {
		o.MaxEvents = 50_000
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 64 << 20
	}
	if o.Linger <= 0 {
		o.Linger = 150 * time.Millisecond
	}
	if o.RetryMin <= 0 {
		o.RetryMin = 100 * time.Millisecond
	}
	if o.RetryMax <= 0 {
		o.RetryMax = 5 * time.Second
	}
	if o.DrainTimeout <= 0 {
		o.DrainTimeout = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// Committer is the Sink inside the server. Many producers write batches to it; it drops what is stored or on its way
// already, enriches, matches, gathers one block at a time, stores it, and only then lets the producers go.
//
// Memory is bounded: one block is gathered while one is being stored; further writers wait.
type Committer struct {
	opt     Options
	streams *streams
	sources *Sources
	metrics *metrics
	stamps  stamps
	tokens  tokens

	mu     sync.Mutex
	cur    *block
	closed bool
	ready  bool          // the stored positions are loaded
	start  chan struct{} // closed once ready or closed
	wake   chan struct{} // tells Run that cur has its first event or is full
	space  chan struct{} // closed and replaced when Run takes cur away
}

var _ Sink = (*Committer)(nil)

// New returns a committer that stores nothing until Run is called: writers wait for it.
func New(o Options) (*Committer, error) {
	if o.Store == nil {
		return nil, errors.New("committer: a store is required")
	}
	o.setDefaults()
	c := &Committer{
		opt:     o,
		streams: newStreams(),
		sources: NewSources(),
		tokens:  newTokens(o.Now),
		start:   make(chan struct{}),
		wake:    make(chan struct{}, 1),
		space:   make(chan struct{}),
	}
	c.cur = newBlock()
	c.metrics = newMetrics(o.Registerer)
	return c, nil
}

// Sources reports what was seen of each source since the process started.
func (c *Committer) Sources() *Sources { return c.sources }

// Write implements Sink. It returns when the batch is stored, when ctx ends (the batch may then still be stored; a
// repeat is recognised), or with ErrClosed.
func (c *Committer) Write(ctx context.Context, b *Batch) error {
	if err := c.waitStarted(ctx); err != nil {
		return err
	}
	if err := c.prepare(b); err != nil {
		return err
	}
	done, err := c.enqueue(ctx, b)
	if err != nil || done == nil {
		return err
	}
	select {
	case <-done.done:
		return done.err
	case <-ctx.Done():
		return fmt.Errorf("wait for the store: %w", ctx.Err())
	}
}

// enqueue puts what is new of b into the gathering block and returns the block to wait for; nil when nothing of b is on
// its way.
func (c *Committer) enqueue(ctx context.Context, b *Batch) (*block, error) {
	st, err := c.streams.acquire(ctx, b.Source, b.Generation)
	if err != nil {
		return nil, err
	}
	defer st.release()

	fresh, dup := st.fresh(b.Events)
	events := make([]*event.Event, len(fresh))
	size := 0
	for i := range fresh {
		ev := &fresh[i]
		events[i] = ev
		if c.opt.Enricher != nil {
			c.opt.Enricher.Enrich(ev)
		}
		if c.opt.Matcher != nil {
			c.opt.Matcher.Match(ev)
		}
		size += footprint(ev)
	}
	if len(events) == 0 {
		c.count(b, 0, dup)
		return st.pending(), nil
	}
	blk, err := c.add(ctx, events, size, st)
	if err != nil {
		return nil, err
	}
	c.count(b, len(events), dup)
	return blk, nil
}

// add waits for room and appends events to the gathering block. The reservation happens together with it: events that
// found no room are not reserved.
func (c *Committer) add(ctx context.Context, events []*event.Event, size int, st *stream) (*block, error) {
	for {
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return nil, ErrClosed
		}
		if c.cur.fits(len(events), size, c.opt.MaxEvents, c.opt.MaxBytes) {
			blk := c.cur
			blk.add(events, size, time.Now()) // monotonic: the clock of the stamps may stand or step
			st.reserve(events[len(events)-1].Position, blk)
			c.mu.Unlock()
			c.signal()
			return blk, nil
		}
		c.cur.full = true
		space := c.space
		c.mu.Unlock()
		c.signal()
		select {
		case <-space:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for room: %w", ctx.Err())
		}
	}
}

func (c *Committer) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *Committer) waitStarted(ctx context.Context) error {
	select {
	case <-c.start:
	case <-ctx.Done():
		return fmt.Errorf("wait for the store: %w", ctx.Err())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ready || c.closed {
		return ErrClosed
	}
	return nil
}

// prepare checks b and gives a push its generation and positions.
func (c *Committer) prepare(b *Batch) error {
	if b.Source == "" {
		return fmt.Errorf("%w: no source", ErrRejected)
	}
	assign := b.push() && b.Generation == 0
	if assign {
		b.Generation = c.tokens.generation(b.Source, b.Key)
	}
	kept := b.Events[:0]
	for i := range b.Events {
		ev := &b.Events[i]
		ev.Source, ev.Generation = b.Source, b.Generation
		if assign {
			ev.Position = uint64(i)
		}
		if n := len(kept); n > 0 && kept[n-1].Position >= ev.Position {
			return fmt.Errorf("%w: positions %d and %d of %s are not ascending", ErrRejected,
				kept[n-1].Position, ev.Position, b.Source)
		}
		if !b.push() && (ev.Position < b.From || ev.Position >= b.To) {
			return fmt.Errorf("%w: position %d of %s is outside the range [%d, %d)", ErrRejected,
				ev.Position, b.Source, b.From, b.To)
		}
		if err := checkStorable(ev); err != nil {
			b.fail(Failure{Position: ev.Position, Error: err.Error()})
			continue
		}
		if len(kept) != i {
			kept = append(kept, *ev)
			continue
		}
		kept = b.Events[:i+1]
	}
	b.Events = kept
	return nil
}

// count counts a batch once: a repeat of one that is stored or on its way adds duplicates only.
func (c *Committer) count(b *Batch, stored, duplicate int) {
	if stored == 0 && duplicate > 0 {
		b = &Batch{Source: b.Source, Lag: b.Lag}
	}
	c.sources.record(b, stored, duplicate, c.opt.Now())
	c.metrics.count(b, stored, duplicate)
}
