package decision

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// Filter selects decisions as the query of CrowdSec's local API does. An empty member selects all.
type Filter struct {
	Scopes       []string // in any case
	Value        string
	Types        []string
	Origins      []string
	Containing   []string // one of these is within the scenario
	Lacking      []string // none of these is
	Addresses    netip.Prefix
	Contains     bool // Addresses lies within the decision's range; else the decision's within Addresses
	Simulated    bool // also those that are only watched
	NoDuplicates bool // of equal (scope, type, value) only the longest

	Within event.Services // that the reader may see; see Decision.Within
}

// ParseFilter reads a bouncer's query. Unknown parameters are passed over, as are repeated ones but the first.
// The error is an *incident.InvalidError.
func ParseFilter(q url.Values) (Filter, error) {
	f := Filter{
		Scopes: list(q, "scopes"), Value: q.Get("value"), Types: list(q, "types"), Origins: list(q, "origins"),
		Containing: list(q, "scenarios_containing"), Lacking: list(q, "scenarios_not_containing"),
		Contains: q.Get("contains") != "false", Simulated: q.Get("simulated") == "true",
		NoDuplicates: q.Get("dedup") != "false",
	}
	if s := q.Get("scope"); s != "" {
		f.Scopes = append(f.Scopes, strings.ToLower(s))
	}
	if s := q.Get("type"); s != "" {
		f.Types = append(f.Types, s)
	}
	for _, name := range []string{"ip", "range"} {
		text := q.Get(name)
		if text == "" {
			continue
		}
		_, value, err := ParseValue("", text)
		if err != nil {
			return f, invalid(name, "%.60q: want an address or a range", text)
		}
		if f.Addresses, err = netip.ParsePrefix(value); err != nil {
			a := netip.MustParseAddr(value) // ParseValue made it
			f.Addresses = netip.PrefixFrom(a, a.BitLen())
		}
	}
	return f, nil
}

// list reads words separated by commas. Scopes are compared in lower case, which costs the others nothing.
func list(q url.Values, name string) []string {
	var words []string
	for w := range strings.SplitSeq(q.Get(name), ",") {
		if w = strings.TrimSpace(w); w == "" {
			continue
		}
		if name == "scopes" {
			w = strings.ToLower(w)
		}
		words = append(words, w)
	}
	return words
}

// matches looks at what the reader may see of the decision.
func (f *Filter) matches(e *entry) bool {
	seen, ok := e.Within(f.Within)
	if !ok {
		return false
	}
	among := func(list []string, word string) bool { return len(list) == 0 || slices.Contains(list, word) }
	within := func(w string) bool { return strings.Contains(seen.Scenario, w) }
	switch {
	case e.Simulated && !f.Simulated,
		!among(f.Scopes, strings.ToLower(string(e.Scope))),
		!among(f.Types, string(e.Type)),
		!among(f.Origins, e.Origin),
		f.Value != "" && f.Value != e.Value,
		len(f.Containing) > 0 && !slices.ContainsFunc(f.Containing, within),
		slices.ContainsFunc(f.Lacking, within):
		return false
	}
	return !f.Addresses.IsValid() || f.covers(e)
}

func (f *Filter) covers(e *entry) bool {
	p, ok := e.Prefix()
	if !ok {
		return false
	}
	if f.Contains {
		return p.Bits() <= f.Addresses.Bits() && p.Contains(f.Addresses.Addr())
	}
	return f.Addresses.Bits() <= p.Bits() && f.Addresses.Contains(p.Addr())
}

// same is what makes two decisions one for a bouncer.
type same struct {
	scope Scope
	kind  Type
	value string
}

func (e *entry) same() same { return same{e.Scope, e.Type, e.Value} }

// longest keeps, of equal decisions, the one that ends last.
func longest(list []*entry) []*entry {
	best := make(map[same]*entry, len(list))
	for _, e := range list {
		if have, ok := best[e.same()]; !ok || e.end().After(have.end()) {
			best[e.same()] = e
		}
	}
	return slices.DeleteFunc(list, func(e *entry) bool { return best[e.same()] != e })
}

// cursor is where a bouncer's last answer stood.
type cursor struct {
	seq uint64
	at  time.Time
}
