package inventory

import (
	"context"
	"net/netip"
	"time"
)

// Access is what one caller did at one endpoint in a period.
type Access struct {
	Key
	User      string     `json:"user,omitempty"`
	Client    netip.Addr `json:"client_ip,omitzero"` // of requests without a user
	Requests  uint64     `json:"requests"`
	Successes uint64     `json:"successes"` // 200 to 299
	Refused   uint64     `json:"refused"`   // 401 and 403
	Failures  uint64     `json:"failures"`  // 400 and more
	BytesOut  int64      `json:"bytes_out"`
	First     time.Time  `json:"first_seen"`
	Last      time.Time  `json:"last_seen"`

	Sensitivity Sensitivity `json:"sensitivity"`
	Data        []string    `json:"data"`
}

// Report says who accessed which endpoints in a period.
type Report struct {
	Period       Period
	CountedSince time.Time // the first day that is counted at all; zero: nothing is
	Endpoints    []*Endpoint
	Accesses     []Access // the most requests first
	Truncated    bool     // there are more
}

// MaxAccesses is how many rows a report has at most.
const MaxAccesses = 50_000

// Accesses reports who accessed the endpoints that f selects in a period of whole days.
func (c *Catalogue) Accesses(ctx context.Context, f Filter, p Period) (*Report, error) {
	all, err := c.assemble(ctx, p)
	if err != nil {
		return nil, err
	}
	r := &Report{Period: p}
	if r.CountedSince, err = c.repo.CountedSince(ctx); err != nil {
		return nil, err
	}
	of := map[Key]*Endpoint{}
	var keys []Key
	for _, e := range all {
		if !f.Match(e) || len(e.uses) == 0 {
			continue
		}
		r.Endpoints = append(r.Endpoints, e)
		for _, k := range e.keys {
			of[k] = e
			keys = append(keys, k)
		}
	}
	err = c.repo.EndpointAccesses(ctx, keys, p, MaxAccesses+1, func(a Access) error {
		e := of[a.Key]
		if e == nil { // the join of services and routes is wider than the keys
			return nil
		}
		if len(r.Accesses) == MaxAccesses {
			r.Truncated = true
			return nil
		}
		a.Key, a.Sensitivity, a.Data = e.Key, e.Sensitivity, e.Data
		r.Accesses = append(r.Accesses, a)
		return nil
	})
	return r, err
}
