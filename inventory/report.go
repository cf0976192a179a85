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

// Report says who accessed which endpoints in a period. Each tells the accesses.
type Report struct {
	Period       Period
	CountedSince time.Time // the first day that is counted at all; zero: nothing is
	Endpoints    []*Endpoint

	repo Repository
}

// Accesses prepares a report about the endpoints that f selects, in a period of whole days.
func (c *Catalogue) Accesses(ctx context.Context, f Filter, p Period) (*Report, error) {
	all, err := c.assemble(ctx, p)
	if err != nil {
		return nil, err
	}
	r := &Report{Period: p, Endpoints: []*Endpoint{}, repo: c.repo}
	if r.CountedSince, err = c.repo.CountedSince(ctx); err != nil {
		return nil, err
	}
	for _, e := range all {
		if f.Match(e) && e.Requests > 0 {
			r.Endpoints = append(r.Endpoints, e)
		}
	}
	return r, c.count(ctx, r.Endpoints, p)
}

// Each calls fn with every access of the report, the most requests first; limit at most, 0: all.
func (r *Report) Each(ctx context.Context, limit int, fn func(Access) error) error {
	return r.repo.EndpointAccesses(ctx, groupsOf(r.Endpoints), r.Period, limit, func(group int, a Access) error {
		e := r.Endpoints[group]
		a.Key, a.Sensitivity, a.Data = e.Key, e.Sensitivity, e.Data
		return fn(a)
	})
}
