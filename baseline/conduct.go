package baseline

import (
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// conduct is the detectors that hold how an actor behaves against how it and others do by habit: rotating-user-agents
// (below), robotic-timing (pace.go) and route-breadth (breadth.go). They share the count of the hour.
//
// rotating-user-agents fires when one actor uses more user agents within an hour of the clock than the larger of the
// written floor (8, a client without an identity 100) and the mix of twice its own highest day and one and a half times
// the 99.9th percentile of all actors' days, and at least every second request comes with another one than the request
// before. Does not fire for an office behind one address, which has many user agents every day. Known false positives:
// an office or a mobile network seen for the first time.
type conduct struct {
	hours
	cfg    Config
	voices [conductKinds]voice
	now    map[who]*conductHour
	weeks  map[string]*weekRoutes
	room   room
	since  time.Time // everything from here on was counted
}

const (
	conductAgents = iota
	conductPace
	conductBreadth
	conductKinds
)

// The least user agents in an hour that are unusual, whatever the habits.
const (
	leastUserAgents   = 8
	leastClientAgents = 100
)

// conductHour is what an actor did in the present hour.
type conductHour struct {
	key    ActorKey
	own    Actor
	known  bool // own was learned
	n      uint32
	first  time.Time
	agents agentCount
	pace   pace
	routes *weekRoutes // of users
	spells [conductKinds]*spell
}

// agentCount counts user agents.
type agentCount struct {
	last     uint64
	seen     hashSet
	switches uint32
	bound    float64 // 0: not computed yet
}

func newConduct(cfg Config, m *models) *conduct {
	d := &conduct{
		hours: hours{models: m}, cfg: cfg, now: map[who]*conductHour{}, weeks: map[string]*weekRoutes{},
		room: room{limit: objectsPerReader * cfg.MaxEntities},
	}
	d.voices = [conductKinds]voice{newVoice(RotatingUserAgents, 1), newVoice(RoboticTiming, 2), newVoice(RouteBreadth, 24)}
	return d
}

// Observe implements detect.Detector.
func (d *conduct) Observe(ev *event.Event, emit detect.Emit) {
	d.Advance(ev.Time, emit)
	if d.since.IsZero() {
		d.since = ev.Time
	}
	if !d.arrive(ev) {
		return
	}
	w := whoOf(ev)
	if !w.known() || ev.IsBot && w.user == "" {
		return
	}
	a := d.now[w]
	if a == nil {
		if a = d.newHour(w, ev); a == nil {
			return
		}
	}
	a.n++
	for _, s := range a.spells {
		if s != nil {
			s.more(ev)
		}
	}
	if a.routes != nil {
		d.countRoute(ev, a, emit)
	}
	if d.model == nil || d.partial {
		return
	}
	if ev.UserAgent != "" {
		d.countAgent(ev, a, emit)
	}
	if a.pace.watched {
		d.countGap(ev, a, emit)
	}
}

func (d *conduct) newHour(w who, ev *event.Event) *conductHour {
	if len(d.now) >= d.cfg.MaxEntities {
		d.overflow++
		return nil
	}
	w = w.clone()
	a := &conductHour{key: w.key(), first: ev.Time}
	if d.model != nil {
		a.own, a.known = d.model.Actor(a.key)
		a.pace.watched = a.key.User && a.known && a.own.Days >= pacedDays && a.own.Even < evenShare
	}
	if a.key.User {
		a.routes = d.week(w.user, ev.Time)
	}
	d.now[w] = a
	return a
}

func (d *conduct) countAgent(ev *event.Event, a *conductHour, emit detect.Emit) {
	h := xxhash.Sum64String(ev.UserAgent)
	c := &a.agents
	if h == c.last {
		return
	}
	c.last = h
	c.switches++
	if !c.seen.add(h) || a.spells[conductAgents] != nil {
		return
	}
	n := float64(c.seen.len())
	if n <= leastUserAgents || 2*c.switches < a.n {
		return
	}
	crowd, floor := d.model.clientAgents, float64(leastClientAgents)
	if a.key.User {
		crowd, floor = d.model.userAgents, leastUserAgents
	}
	if c.bound == 0 {
		c.bound = max(floor, actorBound(2*float64(a.own.Agents), trusted(a.own.Days*dayWeight, a.own.Accepted), 1.5*crowd.P999))
	}
	if n <= c.bound || !crowd.judgeable(d.model.MinDays) {
		return
	}
	d.tell(conductAgents, a, ev, emit, func() detect.Finding {
		known := history(crowd.Days, crowd.Hours, "days of "+plural(crowd.Actors, a.key))
		m := d.measure(a, ev)
		m.Aggregate, m.Field = detect.AggregateDistinct, "user_agent"
		return detect.Finding{
			Observed: n, Expected: round2(c.bound), Unit: "different user agents", Measure: m,
			Explanation: fmt.Sprintf("%s sent %s requests in %s under %s different user agents; its own highest is %s a day and the 99.9th percentile of all is %s, from %s",
				a.key.Value, detect.Thousands(uint64(a.n)), lasted(ev.Time.Sub(a.first)), count(n), count(float64(a.own.Agents)), count(crowd.P999), known),
			Baseline: d.ref(a, crowd, known),
		}
	})
}

// tell begins or prolongs the episode of an actor's hour. What is the same for all of these detectors is filled in.
func (d *conduct) tell(kind int, a *conductHour, ev *event.Event, emit detect.Emit, finding func() detect.Finding) {
	a.spells[kind] = d.voices[kind].tell(act{a.key, a.key.group(), a.first, a.n}, ev, emit, finding)
}

// measure selects the actor's events of the present hour up to ev.
func (d *conduct) measure(a *conductHour, ev *event.Event) detect.Measure {
	return detect.Measure{
		Aggregate: detect.AggregateCount, Where: a.key.where(), From: d.start(), To: d.end(), Until: ownPlace(ev), Cut: d.cut,
	}
}

func (d *conduct) ref(a *conductHour, crowd Crowd, known string) *detect.BaselineRef {
	return ref(d.model, a.key.rowKey(), struct {
		Actor Actor `json:"actor"`
		Crowd Crowd `json:"crowd"`
	}{a.own, crowd}, known)
}

// Advance implements detect.Detector.
func (d *conduct) Advance(to time.Time, emit detect.Emit) {
	if !d.over(to) {
		return
	}
	for i := range d.voices {
		d.voices[i].endHour(&d.hours, to, emit)
	}
	clear(d.now)
	d.next(to)
	d.forgetRoutes()
}

// Restore implements detect.Detector.
func (d *conduct) Restore(open []detect.Finding) {
	for i := range d.voices {
		d.voices[i].restore(open)
	}
}

// Lookback implements detect.Detector: the hour that is being counted; Detectors.Preload brings the rest of the week.
func (d *conduct) Lookback() time.Duration { return time.Hour }

var _ detect.Detector = (*conduct)(nil)
