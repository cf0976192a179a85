// Package exception owns what people except: suppressions hide incidents that are known and meant, allowlists protect
// addresses and users from decisions. Both have a reason, an author and, as a rule, an end.
package exception

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
)

// Effect is what an exception does.
type Effect string

// The effects.
const (
	Suppress Effect = "suppress" // incidents are hidden, and nothing is decided about them
	Allow    Effect = "allow"    // nothing is decided about the address or user
)

// New is what a person makes an exception of. All members that are given must hold for a finding.
type New struct {
	CIDR      string    `json:"cidr,omitempty"` // an address or a range
	User      string    `json:"user,omitempty"`
	Route     string    `json:"route,omitempty"`
	Service   string    `json:"service,omitempty"`
	Detector  string    `json:"detector,omitempty"` // a rule's id or a learned detector's name
	From      time.Time `json:"from,omitzero"`      // of event time
	To        time.Time `json:"to,omitzero"`
	ExpiresAt time.Time `json:"expires_at,omitzero"` // of the exception itself; zero: never
	Reason    string    `json:"reason"`
}

// Exception is one with who made it.
type Exception struct {
	ID     string `json:"id"`
	Effect Effect `json:"effect"`
	New
	Author    string    `json:"author"`
	CreatedAt time.Time `json:"created_at"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	EndedBy   string    `json:"ended_by,omitempty"`
	Version   uint64    `json:"version"`

	prefix netip.Prefix
}

// ErrNotFound says that there is no exception of that id.
var ErrNotFound = errors.New("no such exception")

func invalid(field, format string, args ...any) error {
	return &incident.InvalidError{Field: field, Detail: fmt.Sprintf(format, args...)}
}

const maxText = 1000

// check reads n. Errors are *incident.InvalidError.
func (n *New) check(effect Effect, now time.Time) (netip.Prefix, error) {
	for field, s := range map[string]string{"user": n.User, "route": n.Route, "service": n.Service, "detector": n.Detector, "reason": n.Reason} {
		if len(s) > maxText || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return netip.Prefix{}, invalid(field, "want at most %d bytes of text without control characters", maxText)
		}
	}
	switch {
	case strings.TrimSpace(n.Reason) == "":
		return netip.Prefix{}, invalid("reason", "empty: say why")
	case effect == Allow && (n.CIDR == "") == (n.User == ""):
		return netip.Prefix{}, invalid("cidr", "an allowlist entry wants either cidr or user")
	case effect == Allow && (n.Route != "" || n.Service != "" || n.Detector != "" || !n.From.IsZero() || !n.To.IsZero()):
		return netip.Prefix{}, invalid("cidr", "an allowlist entry has no route, service, detector or window")
	case n.CIDR == "" && n.User == "" && n.Route == "" && n.Service == "" && n.Detector == "":
		return netip.Prefix{}, invalid("cidr", "want at least one of cidr, user, route, service, detector")
	case n.CIDR != "" && n.User != "":
		return netip.Prefix{}, invalid("user", "want cidr or user: an incident is about one of them")
	case !n.From.IsZero() && !n.To.IsZero() && !n.To.After(n.From):
		return netip.Prefix{}, invalid("to", "want a time after from")
	case !n.ExpiresAt.IsZero() && !n.ExpiresAt.After(now):
		return netip.Prefix{}, invalid("expires_at", "want a time to come")
	case n.CIDR == "":
		return netip.Prefix{}, nil
	}
	p, err := parse(n.CIDR)
	if err != nil {
		return p, invalid("cidr", "%.60q: want an address or a range", n.CIDR)
	}
	n.CIDR = p.String()
	return p, nil
}

func parse(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err
}

// active reports whether the exception counts at now.
func (x *Exception) active(now time.Time) bool {
	return x.EndedAt.IsZero() && (x.ExpiresAt.IsZero() || now.Before(x.ExpiresAt))
}

// about reports whether the entity is what the exception names.
func (x *Exception) about(e detect.Entity) bool {
	if x.User != "" && (e.Type != detect.EntityUser || e.Value != x.User) {
		return false
	}
	if x.CIDR == "" {
		return true
	}
	a, err := netip.ParseAddr(e.Value)
	return e.Type == detect.EntityClient && err == nil && x.prefix.Contains(a.Unmap())
}

func (x *Exception) within(from, to time.Time) bool {
	return (x.From.IsZero() || !from.Before(x.From)) && (x.To.IsZero() || to.Before(x.To))
}

// Covers reports whether x hides the finding.
func (x *Exception) Covers(f *detect.Finding) bool {
	return x.about(f.Entity) && (x.Route == "" || x.Route == f.Route) && (x.Service == "" || x.Service == f.Service) &&
		(x.Detector == "" || x.Detector == f.Detector) && x.within(f.FirstSeen, f.LastSeen)
}

// Hides reports whether x would have hidden the whole incident: all its detectors, routes and services.
func (x *Exception) Hides(inc *incident.Incident) bool {
	only := func(want string, list []string) bool {
		return want == "" || len(list) > 0 && !slices.ContainsFunc(list, func(s string) bool { return s != want })
	}
	others := slices.ContainsFunc(inc.Signals, func(s incident.Signal) bool { return x.Detector != "" && s.Detector != x.Detector })
	return x.about(inc.Entity) && only(x.Route, inc.Routes) && only(x.Service, inc.Services) && !others && x.within(inc.FirstSeen, inc.LastSeen)
}

// Repository keeps exceptions as versioned rows; the store does.
type Repository interface {
	AppendException(ctx context.Context, id string, version uint64, body []byte) error
	LoadExceptions(ctx context.Context, each func(body []byte) error) error
}

// Registry owns all exceptions; every change is in the store before it counts. It is safe for concurrent use.
type Registry struct {
	repo Repository
	now  func() time.Time

	write sync.Mutex
	mu    sync.RWMutex
	list  []*Exception // in order of creation
}

// NewRegistry returns an empty Registry; Load brings in what is stored. now may be nil.
func NewRegistry(repo Repository, now func() time.Time) *Registry {
	if now == nil {
		now = time.Now
	}
	return &Registry{repo: repo, now: now}
}

// Load replaces what the Registry holds by what is stored.
func (r *Registry) Load(ctx context.Context) error {
	var list []*Exception
	err := r.repo.LoadExceptions(ctx, func(body []byte) error {
		x := &Exception{}
		if err := json.Unmarshal(body, x); err != nil {
			return fmt.Errorf("decode exception: %w", err)
		}
		if x.CIDR != "" {
			p, err := parse(x.CIDR)
			if err != nil {
				return fmt.Errorf("decode exception %s: %w", x.ID, err)
			}
			x.prefix = p
		}
		list = append(list, x)
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = inOrder(list)
	return nil
}

// Draft returns the exception that n would make, for trying out. Errors are *incident.InvalidError.
func (r *Registry) Draft(effect Effect, n New, author string) (Exception, error) {
	now := r.now().UTC()
	p, err := n.check(effect, now)
	return Exception{Effect: effect, New: n, Author: author, CreatedAt: now, Version: 1, prefix: p}, err
}

// Add makes an exception in a person's name. Errors: *incident.InvalidError, the store's.
func (r *Registry) Add(ctx context.Context, effect Effect, n New, author string) (Exception, error) {
	x, err := r.Draft(effect, n, author)
	if err != nil {
		return Exception{}, err
	}
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	x.ID = "exc_" + hex.EncodeToString(b[:])
	r.write.Lock()
	defer r.write.Unlock()
	if err := r.store(ctx, &x); err != nil {
		return Exception{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = inOrder(append(slices.Clip(r.list), &x))
	return x, nil
}

func (r *Registry) store(ctx context.Context, x *Exception) error {
	body, err := json.Marshal(x)
	if err != nil {
		return fmt.Errorf("encode exception: %w", err)
	}
	if err := r.repo.AppendException(ctx, x.ID, x.Version, body); err != nil {
		return fmt.Errorf("store exception: %w", err)
	}
	return nil
}

// End ends an exception in the name of actor. Ending it again changes nothing. Errors: ErrNotFound, the store's.
func (r *Registry) End(ctx context.Context, effect Effect, id, actor string) (Exception, error) {
	r.write.Lock()
	defer r.write.Unlock()
	i := slices.IndexFunc(r.list, func(x *Exception) bool { return x.ID == id && x.Effect == effect })
	if i < 0 {
		return Exception{}, ErrNotFound
	}
	if !r.list[i].EndedAt.IsZero() {
		return *r.list[i], nil
	}
	x := *r.list[i]
	x.Version++
	x.EndedAt, x.EndedBy = r.now().UTC(), actor
	if err := r.store(ctx, &x); err != nil {
		return Exception{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = slices.Clone(r.list)
	r.list[i] = &x
	return x, nil
}

// Forget drops the exceptions about a user, or about a single address, under any of its names. The repository's rows are its
// owner's to erase, after this.
func (r *Registry) Forget(entity detect.EntityType, names []string) {
	r.write.Lock()
	defer r.write.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = slices.DeleteFunc(slices.Clone(r.list), func(x *Exception) bool {
		if entity == detect.EntityUser {
			return x.User != "" && slices.Contains(names, x.User)
		}
		return x.CIDR != "" && x.prefix.IsSingleIP() && slices.Contains(names, x.prefix.Addr().String())
	})
}

// List returns all exceptions of an effect, ended ones included, in order of creation.
func (r *Registry) List(effect Effect) []Exception {
	r.mu.RLock()
	defer r.mu.RUnlock()
	list := []Exception{}
	for _, x := range r.list {
		if x.Effect == effect {
			list = append(list, *x)
		}
	}
	return list
}

// inOrder sorts a list by age and id, so that it is the same after a restart.
func inOrder(list []*Exception) []*Exception {
	slices.SortFunc(list, func(a, b *Exception) int {
		if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list
}

// Suppresses returns the id of the suppression that hides the finding, "" when none does.
func (r *Registry) Suppresses(f *detect.Finding) string {
	now := r.now()
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, x := range r.list {
		if x.Effect == Suppress && x.active(now) && x.Covers(f) {
			return x.ID
		}
	}
	return ""
}

// Protects implements decision.Guard.
func (r *Registry) Protects(p netip.Prefix, user string, now time.Time) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, x := range r.list {
		if x.Effect != Allow || !x.active(now) {
			continue
		}
		if user != "" && x.User == user || x.CIDR != "" && p.IsValid() && x.prefix.Overlaps(p) {
			return "allowlist " + x.ID
		}
	}
	return ""
}
