package baseline

import (
	"fmt"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// userSpike is the detector user-request-spike: one user, or one client where there is no user, sends many more requests
// in an hour of the clock than it and others do.
//
// Fires: at the request that makes the hour's count cross the bound: the larger of min_user_requests and the mix of three
// times the actor's own highest hour and one and a half times the 99.9th percentile of all actors' hours. A client without
// an identity needs four times min_user_requests.
//
// Does not fire: for who always sends that many, for declared crawlers without an identity, before there are three days
// and fifty hours of actors to compare with.
//
// Known false positives: a batch job that runs for the first time, many people behind one address.
type userSpike struct {
	hours
	voice
	cfg Config
	now map[who]*spell
}

func newUserSpike(cfg Config, m *models) *userSpike {
	return &userSpike{hours: hours{models: m}, voice: newVoice(UserRequestSpike, 1), cfg: cfg, now: map[who]*spell{}}
}

// Observe implements detect.Detector.
func (d *userSpike) Observe(ev *event.Event, emit detect.Emit) {
	d.Advance(ev.Time, emit)
	w := whoOf(ev)
	if !d.judges(ev) || !w.known() || ev.IsBot && ev.User == "" {
		return
	}
	s := d.now[w]
	if s == nil {
		if len(d.now) >= d.cfg.MaxEntities {
			d.overflow++
			return
		}
		s = &spell{}
		w = w.clone()
		if len(d.open) > 0 {
			s.episode = d.of(w.key().group())
		}
		d.now[w] = s
	}
	s.count(ev)
	if int(s.n) > d.cfg.MinUserRequests && !s.crossed {
		d.judge(ev, w, s, emit)
	}
}

// spikeBound is the requests of an hour above which an actor's are a spike.
func spikeBound(cfg Config, k ActorKey, own Actor, crowd Crowd) float64 {
	floor := float64(cfg.MinUserRequests)
	if !k.User {
		floor *= anonymity
	}
	return max(floor, actorBound(3*float64(own.Max), own.weight(), 1.5*crowd.P999))
}

// judge holds the hour's count against the actor's bound.
func (d *userSpike) judge(ev *event.Event, w who, s *spell, emit detect.Emit) {
	k := w.key()
	crowd := d.model.Crowd(k.User)
	if !crowd.judgeable(d.model.MinDays) {
		return
	}
	own, _ := d.model.Actor(k)
	bound := spikeBound(d.cfg, k, own, crowd)
	if float64(s.n) <= bound {
		return
	}
	k = w.clone().key()
	s.crossed = true
	if s.episode == nil {
		d.raise(d.finding(ev, k, s, own, crowd, bound), s, ev.Time, emit)
	}
	d.cross(groupKey(k.group()), s)
}

func (d *userSpike) finding(ev *event.Event, k ActorKey, s *spell, own Actor, crowd Crowd, bound float64) detect.Finding {
	info := infoOf(UserRequestSpike)
	known := history(crowd.Days, crowd.Hours, "hours of "+plural(crowd.Actors, k))
	habit := "it is not known by itself"
	if own.Hours > 0 {
		habit = fmt.Sprintf("its own highest hour is %s", count(float64(own.Max)))
	}
	return detect.Finding{
		Title: info.Title, Kind: info.Kind, Severity: info.Severity, OWASP: info.OWASP, MITRE: info.MITRE,
		Entity: k.entity(), Group: k.group(),
		FiredAt: ev.Time, FirstSeen: s.first, LastSeen: ev.Time, EventCount: uint64(s.n),
		Observed: float64(s.n), Expected: round2(bound), Unit: "requests",
		Measure: detect.Measure{
			Aggregate: detect.AggregateCount, Where: k.where(), From: d.start(), To: d.end(),
			Until: ownPlace(ev), Cut: d.cut,
		},
		Explanation: fmt.Sprintf("%s sent %s requests in %s; %s and the 99.9th percentile of all is %s an hour, from %s",
			k.Value, detect.Thousands(uint64(s.n)), lasted(ev.Time.Sub(s.first)), habit, count(crowd.P999), known),
		Baseline: ref(d.model, k.rowKey(), struct {
			Actor Actor `json:"actor"`
			Crowd Crowd `json:"crowd"`
		}{own, crowd}, known),
	}
}

// Advance implements detect.Detector.
func (d *userSpike) Advance(to time.Time, emit detect.Emit) {
	if !d.over(to) {
		return
	}
	d.endHour(&d.hours, to, emit)
	clear(d.now)
	d.next(to)
}

// Restore implements detect.Detector.
func (d *userSpike) Restore(open []detect.Finding) { d.restore(open) }

// Lookback implements detect.Detector: the hour that is being counted.
func (d *userSpike) Lookback() time.Duration { return time.Hour }

var _ detect.Detector = (*userSpike)(nil)

func plural(n int, k ActorKey) string {
	word := "clients"
	if k.User {
		word = "users"
	}
	return detect.Thousands(uint64(n)) + " " + word //nolint:gosec // a length
}

// lasted writes how long something took: "37 minutes", "12 seconds".
func lasted(d time.Duration) string {
	unit, n := "second", int(d.Seconds())
	if d >= 2*time.Minute {
		unit, n = "minute", int(d.Minutes())
	}
	if n = max(n, 1); n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
