package decision

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewatch/gatewatch/incident"
)

// Repository keeps decisions as versioned rows; the store does.
type Repository interface {
	// AppendDecision stores a version of a decision; the highest version of an id wins. body is opaque.
	AppendDecision(ctx context.Context, r Row) error
	// LoadDecisions calls each with the latest body of every decision that ends after since, in any order.
	LoadDecisions(ctx context.Context, since time.Time, each func(body []byte) error) error
}

// Row is one version of a decision; Decision serves columns that people query.
type Row struct {
	Decision Decision
	Version  uint64
	Body     []byte
}

// Guard is what allowlists say; incident/exception does. Nil protects nobody.
type Guard interface {
	// Protects returns what protects the value at now, "" when nothing does. For users p is invalid.
	Protects(p netip.Prefix, user string, now time.Time) string
}

// Options are what a Book is built with.
type Options struct {
	Config
	Guard      Guard
	Now        func() time.Time      // nil: time.Now
	Logger     *slog.Logger          // nil: discard
	Registerer prometheus.Registerer // nil: no metrics
}

// entry is a decision with its place among the changes.
type entry struct {
	Decision
	Version uint64 `json:"version"`
	Erased  bool   `json:"erased,omitempty"` // nothing is left of it but its id

	hits  *atomic.Uint64 // requests that Check's caller refused
	made  uint64         // sequence number of its making, within this process
	ended uint64         // of its undoing; 0 when nobody undid it
}

// shown is the decision as it is handed out.
func (e *entry) shown() Decision {
	d := e.Decision
	d.Refused = e.hits.Load()
	return d
}

// Book owns all decisions. It is safe for concurrent use.
type Book struct {
	repo    Repository
	opts    Options
	log     *slog.Logger
	now     func() time.Time
	metrics *metrics

	write sync.Mutex // held over one change

	mu      sync.RWMutex // guards what follows; written only under write as well
	byID    map[uint64]*entry
	index   index
	seq     uint64
	lastID  uint64
	cursors map[string]cursor
}

// keep is how long a decision is remembered after its end: repetition is counted over it, and a bouncer that was away
// for less is told of its end.
const keep = 30 * 24 * time.Hour

// NewBook returns an empty Book; Load brings in what is stored. Errors are of the configuration.
func NewBook(repo Repository, o Options) (*Book, error) {
	if faults := o.Config.Validate(); len(faults) > 0 {
		return nil, faults[0]
	}
	o.Config = o.withDefaults()
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	b := &Book{
		repo: repo, opts: o, log: o.Logger, now: o.Now,
		byID: map[uint64]*entry{}, index: newIndex(), cursors: map[string]cursor{},
	}
	b.metrics = newMetrics(o.Registerer, b)
	return b, nil
}

// Load replaces what the Book holds by what is stored.
func (b *Book) Load(ctx context.Context) error {
	b.write.Lock()
	defer b.write.Unlock()
	loaded := map[uint64]*entry{}
	var last uint64
	err := b.repo.LoadDecisions(ctx, b.now().Add(-keep), func(body []byte) error {
		var e entry
		if err := json.Unmarshal(body, &e); err != nil {
			return fmt.Errorf("decode decision: %w", err)
		}
		last = max(last, e.ID)
		if e.Erased {
			return nil
		}
		e.hits = new(atomic.Uint64)
		loaded[e.ID] = &e
		return nil
	})
	if err != nil {
		return fmt.Errorf("load decisions: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.byID, b.index, b.lastID = map[uint64]*entry{}, newIndex(), last
	clear(b.cursors) // whoever comes gets everything
	for id, e := range loaded {
		b.byID[id] = e
		b.index.add(e)
	}
	return nil
}

// Add makes a decision in a person's name. Errors: *incident.InvalidError, *ProtectedError, the store's.
func (b *Book) Add(ctx context.Context, n New, author string) (Decision, error) {
	now := b.now().UTC()
	d, err := n.decision(now)
	if err != nil {
		return Decision{}, err
	}
	d.Origin, d.Author, d.Scenario = OriginManual, author, "manual "+string(d.Type)+" by "+author
	if d.Reason != "" {
		d.Scenario = d.Reason
	}
	b.write.Lock()
	defer b.write.Unlock()
	if by := b.protector(&d, now); by != "" {
		return Decision{}, &ProtectedError{Value: d.Value, By: by}
	}
	return b.add(ctx, d)
}

// protector returns which allowlist covers any of what d would block, "" when none does.
func (b *Book) protector(d *Decision, now time.Time) string {
	p, _ := d.Prefix()
	user := ""
	if d.Scope == ScopeUser {
		user = d.Value
	}
	if by := b.opts.protects(p, user); by != "" {
		return by
	}
	if b.opts.Guard != nil {
		return b.opts.Guard.Protects(p, user, now)
	}
	return ""
}

// add stores a new decision and makes it count. The caller holds write.
func (b *Book) add(ctx context.Context, d Decision) (Decision, error) {
	d.ID = b.lastID + 1
	d.UUID = uuid.NewString()
	if err := b.put(ctx, &entry{Decision: d, Version: 1, hits: new(atomic.Uint64)}, true); err != nil {
		return Decision{}, err
	}
	b.metrics.made(&d)
	return d, nil
}

// put stores e and makes it current. The caller holds write.
func (b *Book) put(ctx context.Context, e *entry, fresh bool) error {
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode decision: %w", err)
	}
	if err := b.repo.AppendDecision(ctx, Row{Decision: e.Decision, Version: e.Version, Body: body}); err != nil {
		return fmt.Errorf("store decision: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seq++
	if fresh {
		e.made = b.seq
		b.lastID = e.ID
	} else {
		e.ended = b.seq
		b.index.remove(b.byID[e.ID])
	}
	b.byID[e.ID] = e
	b.index.add(e)
	b.forget()
	return nil
}

// forget drops what ended long ago, now and then. The caller holds mu.
func (b *Book) forget() {
	if b.seq%256 != 0 {
		return
	}
	before := b.now().Add(-keep)
	for id, e := range b.byID {
		if e.end().Before(before) {
			b.index.remove(e)
			delete(b.byID, id)
		}
	}
}

// End undoes a decision before its time, in the name of actor. Undoing one that is over changes nothing. Errors:
// ErrNotFound, the store's.
func (b *Book) End(ctx context.Context, id uint64, actor, why string) (Decision, error) {
	if len(why) > maxReason || !plain(why) {
		return Decision{}, invalid("reason", "want at most %d bytes of text without control characters", maxReason)
	}
	b.write.Lock()
	defer b.write.Unlock()
	return b.end(ctx, id, actor, why)
}

func (b *Book) end(ctx context.Context, id uint64, actor, why string) (Decision, error) {
	have, ok := b.byID[id]
	if !ok {
		return Decision{}, ErrNotFound
	}
	now := b.now().UTC()
	if !have.Active(now) {
		return have.Decision, nil
	}
	next := *have
	next.Version++
	next.EndedAt, next.EndedBy, next.EndedWhy = now, actor, why
	if err := b.put(ctx, &next, false); err != nil {
		return Decision{}, err
	}
	b.metrics.undone.Inc()
	return next.Decision, nil
}

// EndProtected undoes every decision that an allowlist covers by now, and returns how many.
func (b *Book) EndProtected(ctx context.Context, actor string) (int, error) {
	b.write.Lock()
	defer b.write.Unlock()
	now := b.now().UTC()
	n := 0
	for _, d := range b.List(Filter{Simulated: true}) {
		by := b.protector(&d, now)
		if by == "" {
			continue
		}
		if _, err := b.end(ctx, d.ID, actor, "covered by "+by); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// List returns what counts now and f selects, by id. Decisions of a policy that only watches are left out unless
// f.Simulated asks for them.
func (b *Book) List(f Filter) []Decision {
	now := b.now()
	b.mu.RLock()
	defer b.mu.RUnlock()
	var list []Decision
	for _, e := range b.byID {
		if e.Active(now) && f.matches(e) {
			seen, _ := e.shown().Within(f.Within)
			list = append(list, seen)
		}
	}
	sortDecisions(list)
	return list
}

// Get returns one decision, ended ones included; ErrNotFound when there is none of that id.
func (b *Book) Get(id uint64) (Decision, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	e, ok := b.byID[id]
	if !ok {
		return Decision{}, ErrNotFound
	}
	return e.shown(), nil
}

// OfIncident returns all decisions of an incident, ended ones included, by id.
func (b *Book) OfIncident(id string) []Decision {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var list []Decision
	for _, e := range b.byID {
		if e.Incident == id {
			list = append(list, e.shown())
		}
	}
	sortDecisions(list)
	return list
}

func sortDecisions(list []Decision) {
	slices.SortFunc(list, func(a, b Decision) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
}

// Feed is *incident.Manager.
type Feed interface {
	Subscribe(ctx context.Context, after uint64, fn func(incident.Published) error) error
}

// Run considers every incident as it changes until ctx ends. It begins with the state of all: what came up while nobody
// listened is considered as long as it is recent.
func (b *Book) Run(ctx context.Context, feed Feed) error {
	return feed.Subscribe(ctx, 0, func(p incident.Published) error {
		if _, _, err := b.Consider(ctx, p.Incident); err != nil && ctx.Err() == nil {
			b.metrics.failed.Inc()
			b.log.Warn("no decision could be stored; the incident's next change tries again", "incident", p.Incident.ID, "error", err)
		}
		return nil
	})
}
