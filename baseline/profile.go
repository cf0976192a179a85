package baseline

import (
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// profile is the detectors that hold one user's hour against what is known of that user: data-volume, off-hours,
// dormant-account, new-country, impossible-travel,
// new-network and two-places-at-once. They share the count of the hour; each says for itself what it
// judges, in a file of its own or below.
type profile struct {
	hours
	cfg    Config
	voices [profileKinds]voice
	now    map[string]*userHour
	trips  map[string]*trip
}

const (
	profileVolume = iota
	profileOffHours
	profileDormant
	profileCountry
	profileTravel
	profileNetwork
	profilePlaces
	profileKinds
)

// userHour is what a user did in the present hour.
type userHour struct {
	user    string
	own     Actor
	known   bool // own was learned
	n       uint32
	sent    uint64 // bytes of response bodies
	first   time.Time
	volume  uint64 // the bytes at which data-volume fires; 0: it does not
	country string // the last one seen that is known
	foreign []foreign
	places  places
	spells  [profileKinds]*spell
}

// foreign is a country that the user is not known from.
type foreign struct {
	country string
	n       uint32
	first   time.Time
}

func newProfile(cfg Config, m *models) *profile {
	d := &profile{hours: hours{models: m}, cfg: cfg, now: map[string]*userHour{}, trips: map[string]*trip{}}
	for i, p := range []struct {
		id       string
		patience int
	}{{DataVolume, 1}, {OffHours, 2}, {DormantAccount, 24}, {NewCountry, 24}, {ImpossibleTravel, 12}, {NewNetwork, 24}, {TwoPlaces, 12}} {
		d.voices[i] = newVoice(p.id, p.patience)
	}
	return d
}

// Observe implements detect.Detector.
func (d *profile) Observe(ev *event.Event, emit detect.Emit) {
	d.Advance(ev.Time, emit)
	if !d.judges(ev) || ev.User == "" {
		return
	}
	u := d.now[ev.User]
	if u == nil {
		if u = d.newHour(ev); u == nil {
			return
		}
	}
	u.n++
	for _, s := range u.spells {
		if s != nil {
			s.more(ev)
		}
	}
	if ev.BytesOut > 0 {
		u.sent += uint64(ev.BytesOut)
		if u.volume > 0 && u.sent > u.volume && u.spells[profileVolume] == nil {
			d.judgeVolume(ev, u, emit)
		}
	}
	if u.n == wakingRequests && u.known {
		d.judgeHour(ev, u, emit)
	}
	if ev.Country != "" && ev.Status > 0 && ev.Status < 400 {
		d.judgeCountry(ev, u, emit)
		d.judgeTrip(ev, u, emit)
	}
	if ev.ASN != 0 && ev.Status > 0 && ev.Status < 400 {
		d.judgeNetwork(ev, u, emit)
	}
}

func (d *profile) newHour(ev *event.Event) *userHour {
	if len(d.now) >= d.cfg.MaxEntities {
		d.overflow++
		return nil
	}
	u := &userHour{user: strings.Clone(ev.User), first: ev.Time}
	u.own, u.known = d.model.Actor(ActorKey{true, u.user})
	if crowd := d.model.volume; crowd.judgeable(d.model.MinDays) {
		bound := actorBound(3*float64(u.own.MaxKiB), u.own.weight(), 1.5*crowd.P999) * 1024
		u.volume = uint64(max(bound, float64(d.cfg.MinUserMegabytes)*1024*1024))
	}
	d.now[u.user] = u
	return u
}

// raise begins or prolongs the episode of a user's hour.
func (d *profile) raise(kind int, u *userHour, ev *event.Event, emit detect.Emit, finding func() detect.Finding) {
	k := ActorKey{true, u.user}
	u.spells[kind] = d.voices[kind].tell(act{k, k.group(), u.first, u.n}, ev, emit, finding)
}

// measure selects the user's events of the present hour up to ev.
func (d *profile) measure(u *userHour, ev *event.Event, more ...detect.Condition) detect.Measure {
	return detect.Measure{
		Aggregate: detect.AggregateCount, Where: append([]detect.Condition{is("user", u.user)}, more...),
		From: d.start(), To: d.end(), Until: ownPlace(ev), Cut: d.cut,
	}
}

// Advance implements detect.Detector.
func (d *profile) Advance(to time.Time, emit detect.Emit) {
	if !d.over(to) {
		return
	}
	for i := range d.voices {
		d.voices[i].endHour(&d.hours, to, emit)
	}
	clear(d.now)
	for user, t := range d.trips {
		if to.Sub(t.at) > longestTrip {
			delete(d.trips, user)
		}
	}
	d.next(to)
}

// Restore implements detect.Detector.
func (d *profile) Restore(open []detect.Finding) {
	for i := range d.voices {
		d.voices[i].restore(open)
	}
}

// Lookback implements detect.Detector: the hour that is being counted.
func (d *profile) Lookback() time.Duration { return time.Hour }

var _ detect.Detector = (*profile)(nil)
