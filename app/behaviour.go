package app

import (
	"context"
	"time"

	"github.com/gatewatch/gatewatch/api"
	"github.com/gatewatch/gatewatch/baseline"
)

// behaviour shows to REST what was observed beside what is expected.
type behaviour struct{ *learner }

var _ api.Behaviour = behaviour{}

// EndpointSeries implements api.Behaviour.
func (b behaviour) EndpointSeries(ctx context.Context, names []baseline.EndpointKey, from, to time.Time) (baseline.Series, error) {
	observed, err := b.store.EndpointSeries(ctx, names, from, to)
	if err != nil {
		return baseline.Series{}, err
	}
	s := baseline.HourlySeries(from, observed)
	if m := b.current(); m != nil {
		m.EndpointBand(b.cfg, names[0], &s)
	}
	return s, nil
}

// ActorSeries implements api.Behaviour.
func (b behaviour) ActorSeries(ctx context.Context, k baseline.ActorKey, from, to time.Time) (baseline.Series, *baseline.Actor, error) {
	observed, err := b.store.ActorSeries(ctx, k, from, to)
	if err != nil {
		return baseline.Series{}, nil, err
	}
	s := baseline.HourlySeries(from, observed)
	m := b.current()
	if m == nil {
		return s, nil, nil
	}
	m.ActorBand(b.cfg, k, &s)
	if own, ok := m.Actor(k); ok {
		return s, &own, nil
	}
	return s, nil, nil
}

// ActorSets implements api.Behaviour.
func (b behaviour) ActorSets(ctx context.Context, k baseline.ActorKey) (map[string][]baseline.SetMember, error) {
	snapshot := b.cfg.Snapshot(b.asOf(), b.asOf(), liveGeneration)
	return b.store.ActorSets(ctx, k, snapshot.From(), snapshot.Until.Add(time.Hour), b.cfg.Zone())
}

// Newest implements api.Behaviour.
func (b behaviour) Newest() time.Time { return b.asOf() }
