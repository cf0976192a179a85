package baseline

import (
	"context"
	"slices"
	"strings"
)

// leastReaderHours is the active hours from which an actor has a row of its own; who was seen less is judged as one of
// the crowd.
const leastReaderHours = 3

// crowdBuilder gathers the hourly counts of many actors.
type crowdBuilder struct {
	counts tally
	actors int
	days   map[uint32]struct{}
}

func newCrowdBuilder() *crowdBuilder {
	return &crowdBuilder{counts: tally{}, days: map[uint32]struct{}{}}
}

func (b *crowdBuilder) crowd() Crowd {
	return Crowd{
		Actors: b.actors, Hours: b.counts.total(), Days: len(b.days),
		Median: b.counts.quantile(0.5), P99: b.counts.quantile(0.99), P999: b.counts.quantile(0.999),
		Max: b.counts.quantile(1),
	}
}

// add takes one actor's counts, without the hours that are left out, and returns what is known of it: its counts
// (in a slice that is reused) and the days on which it was active.
func (b *crowdBuilder) add(hours, counts []uint32, leftOut func(int64) bool, scratch []float64) (own []float64, days uint16) {
	own = scratch[:0]
	last := uint32(0)
	for i, h := range hours {
		if leftOut(int64(h)) {
			continue
		}
		day := h / 24
		if len(own) == 0 || day != last {
			days++
			last = day
			b.days[day] = struct{}{}
		}
		own = append(own, float64(counts[i]))
		b.counts[counts[i]]++
	}
	if len(own) > 0 {
		b.actors++
	}
	return own, days
}

func (l *learner) learnActors(ctx context.Context, h History, s Snapshot) error {
	users, clients := newCrowdBuilder(), newCrowdBuilder()
	var scratch []float64
	err := h.Actors(ctx, s, func(row ActorHours) error {
		b := clients
		if row.Key.User {
			b = users
		}
		own, days := b.add(row.Hours, row.Requests, func(h int64) bool { return l.excluded.actor(row.Key, h) }, scratch)
		scratch = own
		if len(own) < leastReaderHours {
			return nil
		}
		k := ActorKey{row.Key.User, strings.Clone(row.Key.Value)}
		l.model.actors[k] = Actor{
			Hours: uint16(min(len(own), 65535)), Days: days, //nolint:gosec // bounded
			Median: float32(median(own)), P99: round4(quantile(own, 0.99)), Max: float32(slices.Max(own)),
		}
		return nil
	})
	l.model.users, l.model.clients = users.crowd(), clients.crowd()
	return err
}

// objectsBuilder gathers one endpoint's object reads.
type objectsBuilder struct {
	users, clients *crowdBuilder
	readers        map[ActorKey]Reader
}

func (l *learner) learnObjects(ctx context.Context, h History, s Snapshot) error {
	building := map[EndpointKey]*objectsBuilder{}
	var scratch []float64
	err := h.Objects(ctx, s, func(row ObjectHours) error {
		k := l.routes.resolve(row.Key)
		b := building[k]
		if b == nil {
			b = &objectsBuilder{newCrowdBuilder(), newCrowdBuilder(), map[ActorKey]Reader{}}
			building[k.clone()] = b
		}
		crowd := b.clients
		if row.Actor.User {
			crowd = b.users
		}
		leftOut := func(h int64) bool { return l.excluded.actor(row.Actor, h) || l.excluded.endpoint(k, h) }
		own, days := crowd.add(row.Hours, row.Distinct, leftOut, scratch)
		scratch = own
		if len(own) < leastReaderHours {
			return nil
		}
		actor := ActorKey{row.Actor.User, strings.Clone(row.Actor.Value)}
		r := b.readers[actor] // a route that had two names brings an actor twice
		b.readers[actor] = Reader{
			Hours: r.Hours + uint16(min(len(own), 30000)), //nolint:gosec // bounded
			Days:  max(r.Days, days), Max: max(r.Max, float32(slices.Max(own))),
		}
		return nil
	})
	for k, b := range building {
		o := &Objects{Key: k, Users: b.users.crowd(), Clients: b.clients.crowd(), readers: b.readers}
		o.Days = max(o.Users.Days, o.Clients.Days)
		l.model.objects[k] = o
	}
	return err
}
