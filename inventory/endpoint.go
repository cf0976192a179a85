package inventory

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/inventory/apidoc"
)

// Standing is how an endpoint stands to its service's OpenAPI document.
type Standing string

// The standings. Shadow and zombie endpoints answer successfully; without a document there is none.
const (
	Documented Standing = "documented"
	Deprecated Standing = "deprecated" // in the document, marked so, and not called in the period
	Shadow     Standing = "shadow"     // in the logs, not in the document
	Zombie     Standing = "zombie"     // deprecated or taken out of the document, and still called
	Orphan     Standing = "orphan"     // in the document, never called
	Removed    Standing = "removed"    // taken out of the document, and not called since
	Unknown    Standing = "unknown"    // the document does not have it, and it never answered with success
)

// Standings lists all.
func Standings() []Standing {
	return []Standing{Documented, Deprecated, Shadow, Zombie, Orphan, Removed, Unknown}
}

// Endpoint is one row of the inventory.
type Endpoint struct {
	ID string `json:"id"`
	Key
	Type        Type        `json:"type"`
	Owner       string      `json:"owner"`
	Data        []string    `json:"data"` // classes of data that it handles
	Sensitivity Sensitivity `json:"sensitivity"`
	Reasons     []string    `json:"reasons"`    // words that type, data and sensitivity were inferred from
	Overridden  []string    `json:"overridden"` // members that a person set
	Version     uint64      `json:"version"`    // of what people say; 1: nobody said anything

	Standing  Standing  `json:"standing,omitempty"`  // empty: the service has no document
	Operation string    `json:"operation,omitempty"` // the document's template, when it is written otherwise
	FirstSeen time.Time `json:"first_seen,omitzero"`
	LastSeen  time.Time `json:"last_seen,omitzero"`

	// What follows is counted in the period that was asked for.
	Requests  uint64            `json:"requests"`
	Successes uint64            `json:"successes"` // 200 to 299, and 304
	Statuses  map[string]uint64 `json:"statuses"`
	Methods   []string          `json:"methods"` // that the route was asked for with
	Auth      map[string]uint64 `json:"auth"`    // requests by identity kind
	TLS       map[string]uint64 `json:"tls"`     // requests by TLS version; http: unencrypted. Empty when the log has neither.
	Callers   *Callers          `json:"callers,omitempty"`

	keys []Key // the key and those that became aliases of it
	uses []Use
}

// Keys returns the key and the former keys that stand for the endpoint.
func (e *Endpoint) Keys() []Key { return e.keys }

func (e *Endpoint) add(u *Use) {
	if e.FirstSeen.IsZero() || u.First.Before(e.FirstSeen) {
		e.FirstSeen = u.First
	}
	if u.Last.After(e.LastSeen) {
		e.LastSeen = u.Last
	}
	e.uses = append(e.uses, *u)
	if u.Requests == 0 { // outside the period
		return
	}
	e.Requests += u.Requests
	if u.Status >= 200 && u.Status < 300 || u.Status == 304 {
		e.Successes += u.Requests
	}
	if u.Status != 0 {
		e.Statuses[strconv.Itoa(u.Status)] += u.Requests
	}
	e.Auth[u.Identity] += u.Requests
	if v := u.Transport(); v != "" {
		e.TLS[v] += u.Requests
	}
}

// Uses returns the parts that the endpoint's requests are made of, those outside the period with no requests.
func (e *Endpoint) Uses() []Use { return e.uses }

// Transport is a use's TLS version, http when it was not encrypted, empty when the log does not tell.
func (u *Use) Transport() string {
	switch {
	case u.TLSVersion != "":
		return u.TLSVersion
	case u.Scheme == "http":
		return "http"
	}
	return ""
}

func newEndpoint(k Key) *Endpoint {
	return &Endpoint{
		ID: k.ID(), Key: k, Version: 1, keys: []Key{k},
		Statuses: map[string]uint64{}, Auth: map[string]uint64{}, TLS: map[string]uint64{},
	}
}

// gather makes endpoints of uses, under the names that their routes have now.
func gather(uses []Use, resolve func(service, route string) string) map[Key]*Endpoint {
	all := map[Key]*Endpoint{}
	methods := map[Key][]string{}
	for i := range uses {
		u := &uses[i]
		k := u.Key
		k.Route = resolve(k.Service, k.Route)
		e := all[k]
		if e == nil {
			e = newEndpoint(k)
			all[k] = e
			route := Key{Service: k.Service, Route: k.Route}
			methods[route] = append(methods[route], k.Method)
		}
		if !slices.Contains(e.keys, u.Key) {
			e.keys = append(e.keys, u.Key)
		}
		e.add(u)
	}
	for k, e := range all {
		e.Methods = methods[Key{Service: k.Service, Route: k.Route}]
		slices.Sort(e.Methods)
	}
	return all
}

// describe fills in what words and people say.
func (e *Endpoint) describe(op *apidoc.Operation, parameters []string, o *override) {
	if op != nil {
		parameters = append(parameters, op.Words...)
		if op.Route != e.Route {
			e.Operation = op.Route
		}
	}
	in := Infer(e.Route, parameters)
	e.Type, e.Data, e.Sensitivity, e.Reasons, e.Overridden = in.Type, in.Data, in.Sensitivity, in.Reasons, []string{}
	if o != nil {
		o.apply(e)
	}
	if e.Data == nil {
		e.Data = []string{}
	}
	if e.Reasons == nil {
		e.Reasons = []string{}
	}
}

// inOrder returns the endpoints by service, route and method.
func inOrder(all map[Key]*Endpoint) []*Endpoint {
	return slices.SortedFunc(maps.Values(all), func(a, b *Endpoint) int { return a.compare(b.Key) })
}

// isPage reports whether an endpoint is of those that a document describes: not a static file, and no method that comes
// with every endpoint.
func (k Key) isPage() bool {
	last := k.Route[strings.LastIndexByte(k.Route, '/')+1:]
	return !strings.HasPrefix(last, "*") && k.Method != "OPTIONS" && k.Method != "HEAD" && k.Method != "TRACE" && k.Method != "CONNECT"
}

// position is a place in a sorted list: what it is sorted by, and the id among equals.
type position struct {
	Sort string `json:"s"`
	Num  int64  `json:"n,omitempty"`
	Text string `json:"t,omitempty"`
	ID   string `json:"i"`
}

func (p position) compare(o position, desc bool) int {
	c := cmp.Compare(p.Num, o.Num)
	if c == 0 {
		c = strings.Compare(p.Text, o.Text)
	}
	if desc {
		c = -c
	}
	if c == 0 {
		c = strings.Compare(p.ID, o.ID)
	}
	return c
}
