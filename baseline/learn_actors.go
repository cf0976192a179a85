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

// learnActors learns what is usual of every user and client, and of all of them.
func (l *learner) learnActors(ctx context.Context, h History, s Snapshot) error {
	users, clients, volume := newCrowdBuilder(), newCrowdBuilder(), newCrowdBuilder()
	habits := newHabitsBuilder(l.excluded)
	var scratch, sent []float64
	err := h.Actors(ctx, s, func(row ActorHours) error {
		b := clients
		if row.Key.User {
			b = users
		}
		leftOut := func(h int64) bool { return l.excluded.actor(row.Key, h) }
		own, days := b.add(row.Hours, row.Requests, leftOut, scratch)
		scratch = own
		if row.Key.User && len(row.KiB) == len(row.Hours) {
			sent, _ = volume.add(row.Hours, row.KiB, leftOut, sent)
		}
		accepted := l.excluded.accepted(row.Key)
		known := len(own) >= leastReaderHours || len(own) > 0 && accepted
		var a Actor
		habits.add(&row, &a, known)
		if !known {
			return nil
		}
		a.Hours, a.Days = uint16(min(len(own), 65535)), days //nolint:gosec // bounded
		a.Median, a.P99, a.Max = float32(median(own)), round4(quantile(own, 0.99)), float32(slices.Max(own))
		a.Accepted = accepted
		a.Last, a.Clock = l.span.clock(row.Hours, leftOut)
		if !row.Key.User {
			a.Clock = 0
		} else {
			a.Even = l.model.evenness.add(row.Hours, row.Requests, leftOut)
			if len(sent) > 0 {
				a.MaxKiB = float32(slices.Max(sent))
			}
		}
		l.model.actors[ActorKey{row.Key.User, strings.Clone(row.Key.Value)}] = a
		return nil
	})
	l.model.users, l.model.clients, l.model.volume = users.crowd(), clients.crowd(), volume.crowd()
	habits.into(l.model)
	return err
}

// clock returns the last hour and the hours of the day among those that are not left out.
func (sp span) clock(hours []uint32, leftOut func(int64) bool) (last, bits uint32) {
	for _, h := range hours {
		if leftOut(int64(h)) {
			continue
		}
		last = h
		if at := int64(h) - sp.from; at >= 0 && at < int64(len(sp.slots)) {
			bits |= 1 << (sp.slots[at] % 24)
		}
	}
	return last, bits
}

// objectsBuilder gathers one endpoint's object reads.
type objectsBuilder struct {
	users, clients *crowdBuilder
	days           [2]*crowdBuilder // users, clients
	readers        map[ActorKey]Reader
	// dayMax are the readers' most in a day, where a route that had several names brings an actor several times; nil
	// elsewhere.
	dayMax map[ActorKey]float32
}

func newObjectsBuilder(several bool) *objectsBuilder {
	b := &objectsBuilder{
		users: newCrowdBuilder(), clients: newCrowdBuilder(), days: [2]*crowdBuilder{newCrowdBuilder(), newCrowdBuilder()},
		readers: map[ActorKey]Reader{},
	}
	if several {
		b.dayMax = map[ActorKey]float32{}
	}
	return b
}

// read takes what one actor, perhaps an accepted one, read under one name of the endpoint: its counts by the hour and by
// the day, without those that are left out.
func (b *objectsBuilder) read(actor ActorKey, accepted bool, own []float64, days uint16, byDay []float64) {
	most := float32(0)
	if len(byDay) > 0 {
		most = float32(slices.Max(byDay))
	}
	if b.dayMax != nil {
		b.dayMax[ActorKey{actor.User, strings.Clone(actor.Value)}] = max(b.dayMax[actor], most)
	}
	if len(own) == 0 || len(own) < leastReaderHours && !accepted {
		return
	}
	r := b.readers[actor]
	b.readers[ActorKey{actor.User, strings.Clone(actor.Value)}] = Reader{
		Hours: r.Hours + uint16(min(len(own), 30000)), //nolint:gosec // bounded
		Days:  max(r.Days, days), Max: max(r.Max, float32(slices.Max(own))), DayMax: max(r.DayMax, most), Accepted: accepted,
	}
}

// objects returns what was gathered.
func (b *objectsBuilder) objects(k EndpointKey) *Objects {
	for actor, most := range b.dayMax {
		if r, ok := b.readers[actor]; ok {
			r.DayMax = most
			b.readers[actor] = r
		}
	}
	o := &Objects{
		Key: k, Users: b.users.crowd(), Clients: b.clients.crowd(), readers: b.readers,
		DayUsers: b.days[0].crowd(), DayClients: b.days[1].crowd(),
	}
	o.Days = max(o.Users.Days, o.Clients.Days)
	return o
}

// reads reports whether one of so many hours from h on is left out, of the reader or of the endpoint.
func (x exclusions) reads(reader ActorKey, k EndpointKey, h, hours int64) bool {
	if len(x.actors) == 0 && len(x.endpoints) == 0 {
		return false
	}
	for i := range hours {
		if x.actor(reader, h+i) || x.endpoint(k, h+i) {
			return true
		}
	}
	return false
}

func (l *learner) learnObjects(ctx context.Context, h History, s Snapshot) error {
	building := map[EndpointKey]*objectsBuilder{}
	var own, byDay []float64
	err := h.Objects(ctx, s, func(row ObjectHours) error {
		k := l.routes.resolve(row.Key)
		b := building[k]
		if b == nil {
			b = newObjectsBuilder(len(l.routes) > 0)
			building[k.clone()] = b
		}
		crowd, daily := b.clients, b.days[1]
		if row.Actor.User {
			crowd, daily = b.users, b.days[0]
		}
		var days uint16
		own, days = crowd.add(row.Hours, row.Distinct, func(h int64) bool { return l.excluded.reads(row.Actor, k, h, 1) }, own)
		// A day with an hour that is left out is left out.
		byDay, _ = daily.add(row.Days, row.DayDistinct, func(h int64) bool { return l.excluded.reads(row.Actor, k, h, 24) }, byDay)
		b.read(row.Actor, l.excluded.accepted(row.Actor), own, days, byDay)
		return nil
	})
	for k, b := range building {
		l.model.objects[k] = b.objects(k)
	}
	return err
}
