package decision

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// index finds the decisions over an address or a user without walking all.
type index struct {
	users    map[string][]*entry
	prefixes map[netip.Prefix][]*entry
	lengths  map[bool]map[int]int // prefix lengths in use, by family (IPv4 is true), with their numbers
}

func newIndex() index {
	return index{users: map[string][]*entry{}, prefixes: map[netip.Prefix][]*entry{}, lengths: map[bool]map[int]int{true: {}, false: {}}}
}

// add enters what is to be enforced.
func (x *index) add(e *entry) {
	if e.Simulated {
		return
	}
	if e.Scope == ScopeUser {
		x.users[e.Value] = append(x.users[e.Value], e)
		return
	}
	if p, ok := e.Prefix(); ok {
		x.prefixes[p] = append(x.prefixes[p], e)
		x.lengths[p.Addr().Is4()][p.Bits()]++
	}
}

func (x *index) remove(e *entry) {
	if e == nil || e.Simulated {
		return
	}
	if e.Scope == ScopeUser {
		if x.users[e.Value] = without(x.users[e.Value], e); len(x.users[e.Value]) == 0 {
			delete(x.users, e.Value)
		}
		return
	}
	p, ok := e.Prefix()
	if !ok {
		return
	}
	if x.prefixes[p] = without(x.prefixes[p], e); len(x.prefixes[p]) == 0 {
		delete(x.prefixes, p)
	}
	family := x.lengths[p.Addr().Is4()]
	if family[p.Bits()]--; family[p.Bits()] <= 0 {
		delete(family, p.Bits())
	}
}

// without returns a new list, so that a reader of the old one is not disturbed.
func without(list []*entry, gone *entry) []*entry {
	var kept []*entry
	for _, e := range list {
		if e.ID != gone.ID {
			kept = append(kept, e)
		}
	}
	return kept
}

// Under is the decision that a request is under.
type Under struct {
	Decision
	hits *atomic.Uint64
}

// Count notes that the request was refused for it.
func (u Under) Count() { u.hits.Add(1) }

// Check returns the decision that a request of this client and user (either may be empty) is under. A freeze comes before a
// ban, a ban before the rest. What an allowlist protects is under none: the user for the user's, the address for its own.
// Decisions that the asker may not see (Decision.Within) are none.
func (b *Book) Check(client netip.Addr, user string, within event.Services) (Under, bool) {
	now := b.now()
	client = client.Unmap()
	b.mu.RLock()
	var best *entry
	if user != "" {
		best = strongest(best, b.index.users[user], now, within)
	}
	if client.IsValid() {
		for bits := range b.index.lengths[client.Is4()] {
			p, err := client.Prefix(bits)
			if err != nil {
				continue
			}
			best = strongest(best, b.index.prefixes[p], now, within)
		}
	}
	b.mu.RUnlock()
	if best == nil {
		return Under{}, false
	}
	if b.checkProtects(best, client, user, now) {
		return Under{}, false
	}
	return Under{Decision: best.Decision, hits: best.hits}, true
}

// checkProtects is asked only about who is under a decision, which is rare.
func (b *Book) checkProtects(e *entry, client netip.Addr, user string, now time.Time) bool {
	var p netip.Prefix
	if e.Scope == ScopeUser {
		client = netip.Addr{}
	} else {
		user = ""
	}
	if client.IsValid() {
		p = netip.PrefixFrom(client, client.BitLen())
	}
	if b.opts.protects(p, user) != "" {
		return true
	}
	return b.opts.Guard != nil && b.opts.Guard.Protects(p, user, now) != ""
}

var strength = map[Type]int{Freeze: 4, Ban: 3, Captcha: 2, Throttle: 1}

func strongest(best *entry, list []*entry, now time.Time, within event.Services) *entry {
	for _, e := range list {
		if !e.Active(now) {
			continue
		}
		if _, seen := e.Within(within); !seen {
			continue
		}
		if best == nil || strength[e.Type] > strength[best.Type] {
			best = e
		}
	}
	return best
}
