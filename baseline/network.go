package baseline

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// new-network fires at the third successful request within an hour from an autonomous system that the user was never
// seen in, when the user is known from five active days or more and one to four networks, and at most one in a hundred
// of all users (or one user) comes from there: to change to the network that many others use is what people do. A new
// country is told by new-country instead. Known false positives: a tunnel, a hotel, a small provider.
//
// two-places-at-once fires when a user is served in turns from two networks, one of which was never seen of this user:
// four changes within an hour (eight, when many users come from the other one: a telephone and a friend's house), each
// within ten minutes of the request before. Whoever travels changes once; a stolen token
// is used beside its owner. Known false positives: a tunnel that is switched on for some addresses only.
const (
	rareNetwork   = 0.01 // of the users
	knownNetworks = 4
	placeSwitches = 4
	mostPlaces    = 32 // networks of a user and hour
	placeGap      = 10 * time.Minute
)

// places is where a user's requests of the present hour came from.
type places struct {
	last     uint32
	at       time.Time
	seen     []uint32
	foreign  []foreignNetwork
	switches uint32
	between  [2]uint32 // the networks of the changes that are counted
}

// foreignNetwork is a network that the user is not known from.
type foreignNetwork struct {
	asn   uint32
	n     uint32
	first time.Time
}

// judgeNetwork looks at a successful request from a known network.
func (d *profile) judgeNetwork(ev *event.Event, u *userHour, emit detect.Emit) {
	p := &u.places
	before, at := p.last, p.at
	p.last, p.at = ev.ASN, ev.Time
	if !slices.Contains(p.seen, ev.ASN) {
		if len(p.seen) >= mostPlaces {
			return // from everywhere: nothing can be said about places
		}
		p.seen = append(p.seen, ev.ASN)
	}
	if !u.known || u.own.Days < countryDays || len(u.own.Networks) == 0 {
		return
	}
	known := slices.Contains(u.own.Networks, ev.ASN)
	if before != 0 && before != ev.ASN && ev.Time.Sub(at) <= placeGap && u.spells[profilePlaces] == nil {
		d.judgePlaces(ev, u, before, known, emit)
	}
	if known || len(u.own.Networks) > knownNetworks || u.spells[profileNetwork] != nil {
		return
	}
	i := slices.IndexFunc(p.foreign, func(f foreignNetwork) bool { return f.asn == ev.ASN })
	if i < 0 {
		if len(p.foreign) >= mostForeign {
			return
		}
		i = len(p.foreign)
		p.foreign = append(p.foreign, foreignNetwork{asn: ev.ASN, first: ev.Time})
	}
	f := &p.foreign[i]
	if f.n++; f.n != foreignRequests || d.common(ev.ASN) || ev.Country != "" && len(u.own.Countries) > 0 && !slices.Contains(u.own.Countries, ev.Country) {
		return
	}
	d.tellNetwork(ev, u, f, emit)
}

// common reports whether so many users come from the network that one more is no news.
func (d *profile) common(asn uint32) bool {
	n := d.model.networks
	return float64(n.By[asn]) > max(1, rareNetwork*float64(n.Users))
}

func (d *profile) tellNetwork(ev *event.Event, u *userHour, f *foreignNetwork, emit detect.Emit) {
	d.raise(profileNetwork, u, ev, emit, func() detect.Finding {
		n := d.model.networks
		known := history(int(u.own.Days), uint64(u.own.Hours), "active hours")
		return detect.Finding{
			FirstSeen: f.first, EventCount: uint64(f.n), Observed: float64(f.n), Expected: foreignRequests - 1, Unit: "requests",
			Measure: d.measure(u, ev, is("asn", strconv.Itoa(int(f.asn))), atLeast("status", "1"), below("status", "400")),
			Explanation: fmt.Sprintf("%s was served %d requests from %s; it is only known from %s, and %d of %s users are from there, from %s",
				u.user, f.n, networkName(f.asn, ev.ASOrg), networkNames(u.own.Networks), n.By[f.asn], detect.Thousands(uint64(n.Users)), known), //nolint:gosec // a count
			Baseline: d.ref(u, Crowd{}, known),
			Tags:     []string{"asn:" + strconv.Itoa(int(f.asn))},
		}
	})
}

// judgePlaces looks at a change of the network.
func (d *profile) judgePlaces(ev *event.Event, u *userHour, before uint32, known bool, emit detect.Emit) {
	if known && slices.Contains(u.own.Networks, before) {
		return
	}
	p := &u.places
	pair := [2]uint32{min(before, ev.ASN), max(before, ev.ASN)}
	if p.between != pair {
		p.between, p.switches = pair, 0
	}
	other := before
	if !known {
		other = ev.ASN
	}
	least := uint32(placeSwitches)
	if d.common(other) {
		least *= 2
	}
	if p.switches++; p.switches < least {
		return
	}
	d.raise(profilePlaces, u, ev, emit, func() detect.Finding {
		known := history(int(u.own.Days), uint64(u.own.Hours), "active hours")
		m := d.measure(u, ev, atLeast("status", "1"), below("status", "400"))
		m.Aggregate, m.Field = detect.AggregateDistinct, "asn"
		return detect.Finding{
			Observed: float64(len(p.seen)), Expected: 1, Unit: "networks", Measure: m,
			Explanation: fmt.Sprintf("%s was served in turns from %s and %s, with %d changes in %s; it is only known from %s, from %s",
				u.user, networkName(before, ""), networkName(ev.ASN, ev.ASOrg), p.switches, lasted(ev.Time.Sub(u.first)), networkNames(u.own.Networks), known),
			Baseline: d.ref(u, Crowd{}, known),
		}
	})
}

func networkName(asn uint32, org string) string {
	name := "AS" + strconv.Itoa(int(asn))
	if org != "" {
		name += " (" + org + ")"
	}
	return name
}

func networkNames(list []uint32) string {
	names := make([]string, len(list))
	for i, n := range list {
		names[i] = networkName(n, "")
	}
	return strings.Join(names, ", ")
}
