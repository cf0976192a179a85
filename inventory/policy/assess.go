package policy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gatewatch/gatewatch/inventory"
)

// Assessment is what the counts of a period say about a policy. A rate is judged event by event and is not in it.
type Assessment struct {
	Endpoints  int         `json:"endpoints"`  // that the policy is about
	Requests   uint64      `json:"requests"`   // successful ones, of those endpoints, that can be judged
	Violations uint64      `json:"violations"` // of these
	Worst      []Violation `json:"worst"`      // the endpoints with the most violations
	Off        []Off       `json:"off"`        // what cannot be judged, for want of fields in the log
}

// Violation counts an endpoint's requests against a policy.
type Violation struct {
	ID string `json:"id"`
	inventory.Key
	Detector   string `json:"detector"`
	Requests   uint64 `json:"requests"`
	Violations uint64 `json:"violations"`
}

// Off says that a part of a policy is off for a service.
type Off struct {
	Detector string   `json:"detector"`
	Service  string   `json:"service"`
	Missing  []string `json:"missing"` // fields, any of which would do
}

const maxWorst = 20

// Assess holds a policy against the endpoints' counts.
func Assess(p *Policy, endpoints []*inventory.Endpoint) Assessment {
	a := Assessment{Worst: []Violation{}, Off: []Off{}}
	has := fields(endpoints)
	off := map[part]bool{}
	least := version(p.MinTLS)
	for _, e := range endpoints {
		if !p.selects(e.Key) || e.Requests == 0 {
			continue
		}
		a.Endpoints++
		tls, auth := Violation{ID: e.ID, Key: e.Key, Detector: TLS}, Violation{ID: e.ID, Key: e.Key, Detector: Auth}
		for _, u := range e.Uses() {
			if u.Status < 200 || u.Status > 299 || e.Method == "HEAD" || e.Method == "OPTIONS" {
				continue
			}
			if v := u.Transport(); p.MinTLS != "" && v != "" && version(v) != unknownTLS {
				tls.add(u.Requests, version(v) < least)
			}
			if p.Auth && has[e.Service].credentials {
				auth.add(u.Requests, u.Identity == inventory.Anonymous)
			}
		}
		for _, v := range []Violation{tls, auth} {
			a.Requests += v.Requests
			a.Violations += v.Violations
			if v.Violations > 0 {
				a.Worst = append(a.Worst, v)
			}
		}
		h := has[e.Service]
		off[part{TLS, e.Service}] = p.MinTLS != "" && !h.transport
		off[part{Auth, e.Service}] = p.Auth && !h.credentials
		off[part{Rates, e.Service}] = p.Rate != nil && p.Rate.By == ByUser && !h.users
	}
	for o, is := range off {
		if is {
			a.Off = append(a.Off, Off{o.detector, o.service, missing[o.detector]})
		}
	}
	slices.SortFunc(a.Off, func(x, y Off) int {
		return cmp.Or(strings.Compare(x.Service, y.Service), strings.Compare(x.Detector, y.Detector))
	})
	slices.SortStableFunc(a.Worst, func(x, y Violation) int { return cmp.Compare(y.Violations, x.Violations) })
	a.Worst = a.Worst[:min(len(a.Worst), maxWorst)]
	return a
}

func (v *Violation) add(requests uint64, against bool) {
	v.Requests += requests
	if against {
		v.Violations += requests
	}
}

// part is one demand of a policy for a service.
type part struct{ detector, service string }

var missing = map[string][]string{
	TLS: {"tls_version", "scheme"}, Auth: {"user", "session", "auth_scheme"}, Rates: {"user"},
}

// shown is which fields a service's log has shown.
type shown struct{ transport, credentials, users bool }

func fields(endpoints []*inventory.Endpoint) map[string]shown {
	out := map[string]shown{}
	for _, e := range endpoints {
		h := out[e.Service]
		for _, u := range e.Uses() {
			h.transport = h.transport || u.Transport() != "" || u.Scheme != ""
			h.credentials = h.credentials || u.Identity != inventory.Anonymous
			h.users = h.users || u.Identity != inventory.Anonymous && u.Identity != "session" && u.Identity != "cookie"
		}
		out[e.Service] = h
	}
	return out
}
