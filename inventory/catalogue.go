package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/inventory/apidoc"
)

// Catalogue answers what endpoints there are and owns what people say about them: every change is in the store before it
// counts. It is safe for concurrent use.
type Catalogue struct {
	repo Repository
	opts Options

	write sync.Mutex // held over one change

	mu        sync.RWMutex // guards the maps; they are written under write as well
	overrides map[Key]*override
	documents map[string]*Description
	names     map[Key]*learned

	looked time.Time // up to which stamp LearnNames has looked; only it uses this
}

// Options are what a Catalogue is told beside its repository.
type Options struct {
	// Resolve returns the name that a route has now. Nil: routes keep their names.
	Resolve func(service, route string) string
	// Described is told the templates of a service whenever its document changes, none when it is gone. Nil: nobody is told.
	Described func(service string, routes []string) error
	Now       func() time.Time // nil: time.Now
}

// NewCatalogue returns an empty Catalogue; Load brings in what is stored.
func NewCatalogue(repo Repository, o Options) *Catalogue {
	if o.Resolve == nil {
		o.Resolve = func(_, route string) string { return route }
	}
	if o.Described == nil {
		o.Described = func(string, []string) error { return nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Catalogue{repo: repo, opts: o, overrides: map[Key]*override{}, documents: map[string]*Description{}, names: map[Key]*learned{}}
}

// Load replaces what the Catalogue holds by what is stored, and tells the templates of all documents.
func (c *Catalogue) Load(ctx context.Context) error {
	overrides, documents := map[Key]*override{}, map[string]*Description{}
	err := c.repo.LoadInventory(ctx, KindEndpoint, func(body []byte) error {
		o := &override{}
		if err := json.Unmarshal(body, o); err != nil {
			return fmt.Errorf("decode endpoint: %w", err)
		}
		overrides[o.Key] = o
		return nil
	})
	if err != nil {
		return err
	}
	err = c.repo.LoadInventory(ctx, KindOpenAPI, func(body []byte) error {
		d := &Description{}
		if err := json.Unmarshal(body, d); err != nil {
			return fmt.Errorf("decode OpenAPI document: %w", err)
		}
		d.index()
		documents[d.Service] = d
		return nil
	})
	if err != nil {
		return err
	}
	names, err := c.loadNames(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.overrides, c.documents, c.names = overrides, documents, names
	c.mu.Unlock()
	for service, d := range documents {
		if err := c.opts.Described(service, d.routes()); err != nil {
			return fmt.Errorf("templates of service %q: %w", service, err)
		}
	}
	return nil
}

// assemble makes the whole inventory, orphans included, by service, route and method. Counts are those of the period.
func (c *Catalogue) assemble(ctx context.Context, p Period) ([]*Endpoint, error) {
	uses, err := c.repo.EndpointUses(ctx, p)
	if err != nil {
		return nil, err
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := gather(uses, c.opts.Resolve)
	called := map[*apidoc.Operation]bool{}
	for _, e := range all {
		d := c.documents[e.Service]
		op := d.standing(e)
		called[op] = true
		e.describe(op, c.namesOf(e), c.overrideOf(e))
	}
	for service, d := range c.documents {
		if d.Gone {
			continue
		}
		for i := range d.Operations {
			op := &d.Operations[i]
			k := Key{service, op.Method, op.Route}
			if called[op] || all[k] != nil {
				continue
			}
			e := newEndpoint(k)
			e.Methods, e.Standing = []string{op.Method}, Orphan
			e.describe(op, nil, c.overrideOf(e))
			all[k] = e
		}
	}
	return inOrder(all), nil
}

// overrideOf finds what people said about an endpoint, under any name that it had. The caller holds mu.
func (c *Catalogue) overrideOf(e *Endpoint) *override {
	var best *override
	for _, k := range e.keys {
		if o := c.overrides[k]; o != nil && (best == nil || o.Version > best.Version) {
			best = o
		}
	}
	return best
}

// List returns a page of the endpoints that f selects, with their callers. sort is first_seen, last_seen, requests, route
// or sensitivity, with a leading minus for descending. Errors: *incident.InvalidError, the store's.
func (c *Catalogue) List(ctx context.Context, f Filter, p Period, sort, cursor string, limit int) (Page, error) {
	if _, err := page(nil, f, sort, cursor, limit); err != nil { // before the store is asked
		return Page{}, err
	}
	all, err := c.assemble(ctx, p)
	if err != nil {
		return Page{}, err
	}
	out, err := page(all, f, sort, cursor, limit)
	if err != nil {
		return Page{}, err
	}
	return out, c.count(ctx, out.Endpoints, p)
}

// count fills in the callers.
func (c *Catalogue) count(ctx context.Context, list []*Endpoint, p Period) error {
	callers, err := c.repo.EndpointCallers(ctx, groupsOf(list), p)
	if err != nil {
		return err
	}
	for i, e := range list {
		e.Callers = &callers[i]
	}
	return nil
}

// groupsOf is the keys that each endpoint is counted under.
func groupsOf(list []*Endpoint) [][]Key {
	groups := make([][]Key, len(list))
	for i, e := range list {
		groups[i] = e.keys
	}
	return groups
}

// Get returns one endpoint. Errors: ErrNoEndpoint, the store's.
func (c *Catalogue) Get(ctx context.Context, id string, p Period) (*Endpoint, error) {
	all, err := c.assemble(ctx, p)
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		if e.ID == id {
			return e, c.count(ctx, []*Endpoint{e}, p)
		}
	}
	return nil, ErrNoEndpoint
}

// Patch says something about an endpoint. version is the one that the caller read; 0: whatever it is. Errors:
// *incident.InvalidError, *incident.ConflictError, ErrNoEndpoint, the store's.
func (c *Catalogue) Patch(ctx context.Context, id string, version uint64, p Patch) (*Endpoint, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	c.write.Lock()
	defer c.write.Unlock()
	e, err := c.Get(ctx, id, Period{})
	if err != nil {
		return nil, err
	}
	if version != incident.AnyVersion && version != e.Version {
		return nil, &incident.ConflictError{Want: version, Have: e.Version}
	}
	was := override{Version: 1}
	c.mu.RLock()
	if o := c.overrideOf(e); o != nil {
		was = *o
	}
	c.mu.RUnlock()
	was.Key = e.Key
	o := was.with(p)
	body, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encode endpoint: %w", err)
	}
	if err := c.repo.AppendInventory(ctx, KindEndpoint, e.ID, o.Version, body); err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.overrides[o.Key] = &o
	c.mu.Unlock()
	after, err := c.Get(ctx, id, Period{})
	return after, err
}

// All returns every endpoint, orphans included, without its callers.
func (c *Catalogue) All(ctx context.Context, p Period) ([]*Endpoint, error) {
	return c.assemble(ctx, p)
}

// Identified tells since when services' logs have shown credentials, in event time.
func (c *Catalogue) Identified(ctx context.Context) (map[string]time.Time, error) {
	uses, err := c.repo.EndpointUses(ctx, Period{})
	if err != nil {
		return nil, err
	}
	since := map[string]time.Time{}
	for _, u := range uses {
		if first, ok := since[u.Service]; u.Identity != Anonymous && (!ok || u.First.Before(first)) {
			since[u.Service] = u.First
		}
	}
	return since, nil
}

// CountedSince is the first day whose requests are in the counts, zero when there is none.
func (c *Catalogue) CountedSince(ctx context.Context) (time.Time, error) {
	return c.repo.CountedSince(ctx)
}
