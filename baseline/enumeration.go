package baseline

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// enumeration is the detector object-enumeration: one actor reads many different objects through one endpoint within an
// hour of the clock (OWASP API1:2023, broken object level authorisation). Only successful requests (2xx) count, and an
// object is the whole tuple of the values that the template's parameters took.
//
// Fires: at the request that makes the distinct objects cross the bound: the larger of min_objects and the mix of three
// times the reader's own highest hour and twice the 99.9th percentile of all readers of that endpoint; half of that when
// the ids run in sequence. A client without an identity needs four times min_objects, and a sequence.
//
// Does not fire: for who always reads that many, for declared crawlers without an identity, for endpoints on which fewer
// than fifty reader-hours on three days are known.
//
// Known false positives: an export or synchronisation job that runs for the first time.
type enumeration struct {
	hours
	voice
	cfg Config
	now map[reading]*reader
}

// reading is one actor at one endpoint.
type reading struct {
	endpoint EndpointKey
	actor    who
}

// reader is what an actor read through one endpoint in the present hour.
type reader struct {
	spell
	seen    hashSet
	numbers []uint64 // numeric ids, the last parameter's values
	bound   float64  // 0: not computed yet; negative: not judged
	next    int      // the number of objects at which it is looked at next
}

const mostNumbers = 2048

func newEnumeration(cfg Config, m *models) *enumeration {
	return &enumeration{hours: hours{models: m}, voice: newVoice(ObjectEnumeration, 1), cfg: cfg, now: map[reading]*reader{}}
}

// Observe implements detect.Detector.
func (d *enumeration) Observe(ev *event.Event, emit detect.Emit) {
	d.Advance(ev.Time, emit)
	if !d.judges(ev) || len(ev.ObjectIDs) == 0 || ev.Status < 200 || ev.Status > 299 {
		return
	}
	k := reading{endpointOf(ev), whoOf(ev)}
	if !k.actor.known() || ev.IsBot && ev.User == "" {
		return
	}
	r := d.now[k]
	if r == nil {
		if r = d.newReader(&k); r == nil {
			return
		}
	}
	r.count(ev)
	if r.bound < 0 || r.crossed || !r.read(ev.ObjectIDs) {
		return
	}
	if r.objects() >= r.next {
		d.judge(ev, k, r, emit)
	}
}

// newReader begins to count k, or returns nil when nothing is learned about the endpoint or too many are counted.
func (d *enumeration) newReader(k *reading) *reader {
	norm := d.model.Objects(k.endpoint)
	if norm == nil || !norm.crowd(k.actor.user != "").judgeable(d.model.MinDays) {
		return nil
	}
	if len(d.now) >= d.cfg.MaxEntities {
		d.overflow++
		return nil
	}
	k.endpoint, k.actor = norm.Key, k.actor.clone()
	r := &reader{next: d.cfg.MinObjects}
	if len(d.open) > 0 {
		r.episode = d.of(k.group())
	}
	d.now[*k] = r
	return r
}

func (k reading) group() []string {
	return k.actor.key().group(k.endpoint.Service, k.endpoint.Method, k.endpoint.Route)
}

// read notes an object and reports whether it is a new one.
func (r *reader) read(ids []string) bool {
	if !r.seen.add(objectHash(ids)) {
		return false
	}
	if n, ok := objectNumber(ids); ok && len(r.numbers) < mostNumbers {
		r.numbers = append(r.numbers, n)
	}
	return true
}

func (r *reader) objects() int { return r.seen.len() }

// sequence says how sequential the ids are: the share of neighbours, in order, that are at most two apart.
func (r *reader) sequence() (share float64, from, to uint64) {
	if len(r.numbers) < 5 || len(r.numbers)*2 < r.objects() && len(r.numbers) < mostNumbers {
		return 0, 0, 0
	}
	ids := slices.Clone(r.numbers)
	return neighbours(ids), ids[0], ids[len(ids)-1]
}

// neighbours sorts ids and returns the share of neighbours that are at most two apart.
func neighbours(ids []uint64) float64 {
	slices.Sort(ids)
	near := 0
	for i := 1; i < len(ids); i++ {
		if ids[i]-ids[i-1] <= 2 {
			near++
		}
	}
	return float64(near) / float64(len(ids)-1)
}

// objectNumber is the value of the last parameter, when it is a number.
func objectNumber(ids []string) (n uint64, ok bool) {
	last := ids[len(ids)-1]
	if last == "" || last[0] < '0' || last[0] > '9' { // parsing would allocate an error
		return 0, false
	}
	n, err := strconv.ParseUint(last, 10, 64)
	return n, err == nil
}

const sequential = 0.5

func (o *Objects) crowd(users bool) Crowd {
	if users {
		return o.Users
	}
	return o.Clients
}

// judge looks at a reader whose number of objects has reached one of the counts at which it is looked at.
func (d *enumeration) judge(ev *event.Event, k reading, r *reader, emit detect.Emit) {
	norm := d.model.Objects(k.endpoint)
	actor := k.actor.key()
	crowd := norm.crowd(actor.User)
	own := norm.readers[actor]
	floor := float64(d.cfg.MinObjects)
	if !actor.User {
		floor *= anonymity
	}
	if r.bound == 0 {
		r.bound = max(floor, actorBound(3*float64(own.Max), own.weight(), 2*crowd.P999))
	}
	n := float64(r.objects())
	bound, early := r.bound, max(floor, r.bound/2)
	share, from, to := r.sequence()
	switch {
	case share >= sequential && n > early:
		bound = early
	case actor.User && n > bound:
	default:
		// Sequences are looked for at a few counts only: sorting at every object would cost too much.
		r.next = int(max(early+1, n*1.25))
		if n <= r.bound && float64(r.next) > r.bound {
			r.next = int(r.bound) + 1
		}
		return
	}
	r.crossed = true
	if r.episode == nil {
		f := d.finding(ev, k, r, own, norm, bound)
		if share >= sequential {
			f.Tags = append(f.Tags, "sequential_ids")
			f.Explanation += fmt.Sprintf("; the ids run in sequence from %d to %d", from, to)
		}
		d.raise(f, &r.spell, ev.Time, emit)
	}
	d.cross(groupKey(k.group()), &r.spell)
}

func (d *enumeration) finding(ev *event.Event, k reading, r *reader, own Reader, norm *Objects, bound float64) detect.Finding {
	info, actor := infoOf(ObjectEnumeration), k.actor.key()
	crowd := norm.crowd(actor.User)
	known := history(norm.Days, crowd.Hours, "hours of "+plural(crowd.Actors, actor))
	habit := ""
	if own.Hours > 0 {
		habit = fmt.Sprintf(" and its own highest is %s", count(float64(own.Max)))
	}
	where := append(actor.where(), k.endpoint.where()...)
	n := r.objects()
	return detect.Finding{
		Title: info.Title, Kind: info.Kind, Severity: info.Severity, OWASP: info.OWASP, MITRE: info.MITRE,
		Entity: actor.entity(), Service: k.endpoint.Service, Route: k.endpoint.Route, Group: k.group(),
		FiredAt: ev.Time, FirstSeen: r.first, LastSeen: ev.Time, EventCount: uint64(r.n),
		Observed: float64(n), Expected: round2(bound), Unit: "distinct objects",
		Measure: detect.Measure{
			Aggregate: detect.AggregateDistinct, Field: "object_ids",
			Where: append(where, atLeast("status", "200"), below("status", "300")),
			From:  d.start(), To: d.end(), Until: ownPlace(ev), Cut: d.cut,
		},
		Explanation: fmt.Sprintf("%s read %s different objects of %s in %s; the 99.9th percentile for this endpoint is %s an hour%s, from %s",
			actor.Value, detect.Thousands(uint64(n)), k.endpoint, lasted(ev.Time.Sub(r.first)), count(crowd.P999), habit, known), //nolint:gosec // a length
		Baseline: ref(d.model, k.endpoint.rowKey()+" "+actor.rowKey(), struct {
			Endpoint Crowd  `json:"endpoint"`
			Reader   Reader `json:"reader"`
		}{crowd, own}, known),
	}
}

// Advance implements detect.Detector.
func (d *enumeration) Advance(to time.Time, emit detect.Emit) {
	if !d.over(to) {
		return
	}
	d.endHour(&d.hours, to, emit)
	clear(d.now)
	d.next(to)
}

// Restore implements detect.Detector.
func (d *enumeration) Restore(open []detect.Finding) { d.restore(open) }

// Lookback implements detect.Detector: the hour that is being counted.
func (d *enumeration) Lookback() time.Duration { return time.Hour }

var _ detect.Detector = (*enumeration)(nil)
