package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/inventory"
)

// Repository keeps policies as versioned rows; the store does.
type Repository interface {
	AppendInventory(ctx context.Context, kind, key string, version uint64, body []byte) error
	LoadInventory(ctx context.Context, kind string, each func(body []byte) error) error
}

// Registry owns all policies; every change is in the store before it counts. It is safe for concurrent use.
type Registry struct {
	repo    Repository
	now     func() time.Time
	changed func([]Policy)

	write sync.Mutex
	mu    sync.RWMutex
	byID  map[string]Policy
}

// NewRegistry returns an empty Registry; Load brings in what is stored. changed is told all policies after every change;
// nil: nobody is. now may be nil.
func NewRegistry(repo Repository, changed func([]Policy), now func() time.Time) *Registry {
	if now == nil {
		now = time.Now
	}
	if changed == nil {
		changed = func([]Policy) {}
	}
	return &Registry{repo: repo, now: now, changed: changed, byID: map[string]Policy{}}
}

// Load replaces what the Registry holds by what is stored.
func (r *Registry) Load(ctx context.Context) error {
	byID := map[string]Policy{}
	err := r.repo.LoadInventory(ctx, inventory.KindPolicy, func(body []byte) error {
		var p Policy
		if err := json.Unmarshal(body, &p); err != nil {
			return fmt.Errorf("decode policy: %w", err)
		}
		byID[p.ID] = p
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.byID = byID
	r.mu.Unlock()
	r.changed(r.judging())
	return nil
}

// all returns every policy, ended ones included, by id.
func (r *Registry) all() []Policy {
	r.mu.RLock()
	defer r.mu.RUnlock()
	list := make([]Policy, 0, len(r.byID))
	for _, p := range r.byID {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b Policy) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// endedFor is how long an ended policy is still told about: a replay may hold events from before its end.
const endedFor = 24 * time.Hour

// judging returns the policies that may have events to judge.
func (r *Registry) judging() []Policy {
	now := r.now()
	return slices.DeleteFunc(r.all(), func(p Policy) bool { return !p.EndedAt.IsZero() && now.Sub(p.EndedAt) > endedFor })
}

// List returns the policies that count, by id.
func (r *Registry) List() []Policy {
	return slices.DeleteFunc(r.all(), func(p Policy) bool { return !p.EndedAt.IsZero() })
}

// Get returns the policy of an id. Errors: ErrNotFound.
func (r *Registry) Get(id string) (Policy, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	p, ok := r.byID[id]
	if !ok || !p.EndedAt.IsZero() {
		return Policy{}, ErrNotFound
	}
	return p, nil
}

// soon is when a policy begins or ends that is not told when: a moment later than now, so that the events which it judges
// were not judged before it was there, and a replay finds the same.
const soon = 2 * time.Second

// maxPolicies bounds the policies, and with them what every new endpoint is compared with.
const maxPolicies = 1000

// Put makes or changes a policy in a person's name; made tells which. version is the one that the caller read, 0:
// whatever it is. Errors: *incident.InvalidError, *incident.ConflictError, the store's.
func (r *Registry) Put(ctx context.Context, id string, version uint64, n New, author string) (p Policy, made bool, err error) {
	if err := n.check(); err != nil {
		return Policy{}, false, err
	}
	r.write.Lock()
	defer r.write.Unlock()
	now := r.now().UTC()
	r.mu.RLock()
	old, known := r.byID[id]
	r.mu.RUnlock()
	switch count := len(r.List()); {
	case !known && count >= maxPolicies:
		return Policy{}, false, invalid("id", "there are %d policies already", count)
	case version != incident.AnyVersion && version != old.Version:
		return Policy{}, false, &incident.ConflictError{Want: version, Have: old.Version}
	}
	if n.From.IsZero() {
		n.From = now.Add(soon).Truncate(time.Millisecond)
	}
	n.From = n.From.UTC()
	p = Policy{ID: id, New: n, Author: author, CreatedAt: now, UpdatedAt: now, Version: old.Version + 1}
	made = !known || !old.EndedAt.IsZero()
	if !made {
		p.CreatedAt = old.CreatedAt
	}
	return p, made, r.keep(ctx, p)
}

// Delete ends a policy in the name of actor. Errors: ErrNotFound, *incident.ConflictError, the store's.
func (r *Registry) Delete(ctx context.Context, id string, version uint64, actor string) error {
	r.write.Lock()
	defer r.write.Unlock()
	p, err := r.Get(id)
	if err != nil {
		return err
	}
	if version != incident.AnyVersion && version != p.Version {
		return &incident.ConflictError{Want: version, Have: p.Version}
	}
	p.Version++
	p.UpdatedAt = r.now().UTC()
	p.EndedAt, p.EndedBy = p.UpdatedAt.Add(soon).Truncate(time.Millisecond), actor
	return r.keep(ctx, p)
}

// keep stores a version and makes it count. The caller holds write.
func (r *Registry) keep(ctx context.Context, p Policy) error {
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode policy: %w", err)
	}
	if err := r.repo.AppendInventory(ctx, inventory.KindPolicy, p.ID, p.Version, body); err != nil {
		return err
	}
	r.mu.Lock()
	r.byID[p.ID] = p
	r.mu.Unlock()
	r.changed(r.judging())
	return nil
}
