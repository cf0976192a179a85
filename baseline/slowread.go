package baseline

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// slowRead is the detector object-enumeration-slow: one actor reads many different objects through one endpoint within
// a day, too slowly for object-enumeration (an id every two minutes for a night).
//
// Fires: at the request that makes the distinct objects of the last 24 hours (the present hour of the clock and the 23
// before it) cross the bound: the larger of min_day_objects and the mix of twice the reader's own highest day and one and
// a half times the 99.9th percentile of all readers' days; half of that when the ids run in sequence. A client without an
// identity needs four times min_day_objects, and a sequence.
//
// Does not fire: when one hour made half of the objects (object-enumeration tells that), for who always reads that many in a day, for declared crawlers without an identity, for endpoints on
// which fewer than fifty reader-days on three days are known.
//
// Known false positives: a synchronisation job that runs for the first time.
type slowRead struct {
	hours
	episodes
	cfg     Config
	since   time.Time // everything from here on was counted
	readers map[reading]*dayReader
	room    room
}

// dayReader is what an actor read through one endpoint in the last day.
type dayReader struct {
	spell
	since   time.Time // everything from here on was counted
	oldest  time.Time // first read
	total   uint64    // requests
	objects recentSet
	next    int // the number of objects at which it is looked at next
}

const (
	dayHours = 24
	// objectsPerReader bounds the objects that are remembered, as a multiple of MaxEntities.
	objectsPerReader = 20
)

func newSlowRead(cfg Config, m *models) *slowRead {
	return &slowRead{
		hours: hours{models: m}, episodes: newEpisodes(ObjectEnumerationSlow, 3), cfg: cfg, readers: map[reading]*dayReader{},
		room: room{limit: objectsPerReader * cfg.MaxEntities},
	}
}

// Observe implements detect.Detector.
func (d *slowRead) Observe(ev *event.Event, emit detect.Emit) {
	d.Advance(ev.Time, emit)
	if d.since.IsZero() {
		d.since = ev.Time
	}
	if !d.arrive(ev) || len(ev.ObjectIDs) == 0 || ev.Status < 200 || ev.Status > 299 {
		return
	}
	k := reading{endpointOf(ev), whoOf(ev)}
	if !k.actor.known() || ev.IsBot && ev.User == "" {
		return
	}
	r := d.readers[k]
	if r == nil {
		if r = d.newReader(k, ev.Time); r == nil {
			return
		}
	}
	r.count(ev)
	r.total++
	if d.read(r, ev.ObjectIDs, d.hour) && !r.crossed && len(r.objects.items) >= r.next && d.model != nil {
		d.judge(ev, k, r, emit)
	}
}

func (d *slowRead) newReader(k reading, at time.Time) *dayReader {
	if len(d.readers) >= d.cfg.MaxEntities {
		d.overflow++
		return nil
	}
	k.endpoint, k.actor = k.endpoint.clone(), k.actor.clone()
	r := &dayReader{next: d.cfg.MinDayObjects, oldest: at, since: d.since}
	if d.overflow > 0 {
		r.since = at
	}
	if len(d.open) > 0 {
		r.episode = d.open[groupKey(k.group())]
	}
	d.readers[k] = r
	return r
}

// read notes an object and reports whether it is a new one.
func (d *slowRead) read(r *dayReader, ids []string, hour int64) bool {
	item := recentItem{hash: objectHash(ids), hour: hour}
	item.number, item.numeric = objectNumber(ids)
	before, full := d.room.meet(&r.objects, item)
	if full {
		d.overflow++
	}
	return before == never && !full
}

func (r *dayReader) sequence() (share float64, from, to uint64) {
	numbers := make([]uint64, 0, len(r.objects.items))
	for _, o := range r.objects.items {
		if o.numeric {
			numbers = append(numbers, o.number)
		}
	}
	if len(numbers) < 5 || len(numbers)*2 < len(r.objects.items) {
		return 0, 0, 0
	}
	return neighbours(numbers), slices.Min(numbers), slices.Max(numbers)
}

func (d *slowRead) judge(ev *event.Event, k reading, r *dayReader, emit detect.Emit) {
	norm, actor := d.model.Objects(k.endpoint), k.actor.key()
	if norm == nil {
		return
	}
	crowd := norm.dayCrowd(actor.User)
	if !crowd.judgeable(d.model.MinDays) {
		return
	}
	own := norm.readers[actor]
	floor := float64(d.cfg.MinDayObjects)
	if !actor.User {
		floor *= anonymity
	}
	full := max(floor, actorBound(2*float64(own.DayMax), trusted(own.Days*dayWeight, own.Accepted), 1.5*crowd.P999))
	n := float64(len(r.objects.items))
	bound, early := full, max(floor, full/2)
	share, from, to := r.sequence()
	switch {
	case share >= sequential && n > early:
		bound = early
	case actor.User && n > full:
	default:
		n = 0
	}
	if n == 0 || !r.objects.slow() {
		n = float64(len(r.objects.items))
		r.next = int(max(early+1, n*1.25))
		if n <= full && float64(r.next) > full {
			r.next = int(full) + 1
		}
		return
	}
	r.crossed = true
	if r.episode != nil {
		return
	}
	f := d.finding(ev, k, r, own, norm, bound)
	if share >= sequential {
		f.Tags = append(f.Tags, "sequential_ids")
		f.Explanation += fmt.Sprintf("; the ids run in sequence from %d to %d", from, to)
	}
	d.begin(f, ev.Time, emit)
	r.episode = d.open[groupKey(f.Group)]
	r.added = 0
}

// dayWeight is how many hours a day counts for where an actor's own bound is mixed with the crowd's.
const dayWeight = 4

func (o *Objects) dayCrowd(users bool) Crowd {
	if users {
		return o.DayUsers
	}
	return o.DayClients
}

func (d *slowRead) finding(ev *event.Event, k reading, r *dayReader, own Reader, norm *Objects, bound float64) detect.Finding {
	info, actor := infoOf(ObjectEnumerationSlow), k.actor.key()
	from, crowd := hourTime(d.hour-dayHours+1), norm.dayCrowd(actor.User)
	if from.Before(r.since) {
		from = r.since
	}
	first := r.oldest
	if first.Before(from) {
		first = from
	}
	known := history(crowd.Days, crowd.Hours, "days of "+plural(crowd.Actors, actor))
	habit := ""
	if own.DayMax > 0 {
		habit = fmt.Sprintf(" and its own highest is %s", count(float64(own.DayMax)))
	}
	k.endpoint, k.actor = k.endpoint.clone(), k.actor.clone()
	actor = k.actor.key()
	where := append(actor.where(), k.endpoint.where()...)
	n := len(r.objects.items)
	return detect.Finding{
		Title: info.Title, Kind: info.Kind, Severity: info.Severity, OWASP: info.OWASP, MITRE: info.MITRE,
		Entity: actor.entity(), Service: k.endpoint.Service, Route: k.endpoint.Route, Group: k.group(),
		FiredAt: ev.Time, FirstSeen: first, LastSeen: ev.Time, EventCount: r.total,
		Observed: float64(n), Expected: round2(bound), Unit: "distinct objects",
		Measure: detect.Measure{
			Aggregate: detect.AggregateDistinct, Field: "object_ids",
			Where: append(where, atLeast("status", "200"), below("status", "300")),
			From:  from, To: d.end(), Until: ownPlace(ev), Cut: d.cut,
		},
		Explanation: fmt.Sprintf("%s read %s different objects of %s in %s; the 99.9th percentile for this endpoint is %s a day%s, from %s",
			actor.Value, detect.Thousands(uint64(n)), k.endpoint, lasted(ev.Time.Sub(first)), count(crowd.P999), habit, known), //nolint:gosec // a length
		Baseline: ref(d.model, k.endpoint.rowKey()+" "+actor.rowKey(), struct {
			Endpoint Crowd  `json:"endpoint"`
			Reader   Reader `json:"reader"`
		}{crowd, own}, known),
	}
}

// Advance implements detect.Detector.
func (d *slowRead) Advance(to time.Time, emit detect.Emit) {
	if !d.over(to) {
		return
	}
	next := hourOf(to)
	var crossed []closing
	for k, r := range d.readers {
		if r.crossed && r.n > 0 {
			crossed = append(crossed, closing{groupKey(k.group()), &r.spell})
		}
	}
	d.closeHours(d.hour, next, crossed, emit)
	d.next(to)
	for k, r := range d.readers {
		wasCrossed := r.crossed
		r.spell = spell{episode: d.open[groupKey(k.group())]}
		r.crossed = wasCrossed && r.episode != nil
		if wasCrossed && !r.crossed { // its episode is over: half as many again would be another one
			r.next = 2 * len(r.objects.items)
		}
		if d.forget(r, next-dayHours+1); len(r.objects.items) == 0 {
			delete(d.readers, k)
		}
	}
}

// forget drops the objects that were read last before the given hour.
func (d *slowRead) forget(r *dayReader, before int64) {
	if d.room.forget(&r.objects, before) > 0 && len(r.objects.items) < d.cfg.MinDayObjects {
		r.next = d.cfg.MinDayObjects
	}
}

// preload counts what was read in the day before until.
func (d *slowRead) preload(ctx context.Context, recent Recent, until time.Time) error {
	from := hourTime(hourOf(until) - dayHours + 1)
	d.since = from
	err := recent.DayObjects(ctx, from, until, func(row ObjectReads) error {
		k := reading{row.Key, row.Actor.who()}
		r := d.readers[k]
		if r == nil {
			if r = d.newReader(k, row.First.UTC()); r == nil {
				return nil
			}
		}
		r.total += row.Requests
		for _, ids := range row.Objects {
			d.read(r, ids, int64(row.Hour))
		}
		// Who is in an open episode goes on in it.
		r.crossed = r.episode != nil
		return nil
	})
	if err != nil {
		return fmt.Errorf("rebuild the last day's object reads: %w", err)
	}
	return nil
}

// Restore implements detect.Detector.
func (d *slowRead) Restore(open []detect.Finding) { d.restore(open) }

// Lookback implements detect.Detector: an hour; Detectors.Preload brings the rest of the day.
func (d *slowRead) Lookback() time.Duration { return time.Hour }

var _ detect.Detector = (*slowRead)(nil)

// objectHash identifies the tuple of the values that a template's parameters took.
func objectHash(ids []string) (h uint64) {
	for _, id := range ids {
		h = h*0x9e3779b97f4a7c15 + xxhash.Sum64String(id) + 1
	}
	return h
}

// who is the inverse of who.key.
func (k ActorKey) who() who {
	if k.User {
		return who{user: strings.Clone(k.Value)}
	}
	return who{ip: parseAddr(k.Value)}
}
