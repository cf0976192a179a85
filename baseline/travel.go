package baseline

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// new-country fires at the third successful request within an hour from a country that a user was never seen in, when the
// user is known from five active days or more and one to three countries. Known false positives: travel.
//
// impossible-travel fires when a user is served in two countries so shortly after one another that nobody travels so
// fast: 500 km or more apart, at 1,000 km/h or more, within twelve hours. Not when both countries are known of the user:
// who works through a tunnel by habit is in two places every day; nor for users who were hardly ever seen.
// Known false positives: a tunnel used for the first time, an address whose place is wrong.
const (
	foreignRequests = 3
	countryDays     = 5
	mostCountries   = 3
	leastDistance   = 500  // km
	fastest         = 1000 // km/h
	longestTrip     = 12 * time.Hour
	mostForeign     = 8 // countries a user and hour
)

func (d *profile) judgeCountry(ev *event.Event, u *userHour, emit detect.Emit) {
	if ev.Country == u.country || !u.known || u.own.Days < countryDays || len(u.own.Countries) == 0 || len(u.own.Countries) > mostCountries {
		return
	}
	if slices.Contains(u.own.Countries, ev.Country) {
		u.country = strings.Clone(ev.Country)
		return
	}
	i := slices.IndexFunc(u.foreign, func(f foreign) bool { return f.country == ev.Country })
	if i < 0 {
		if len(u.foreign) >= mostForeign {
			return
		}
		i = len(u.foreign)
		u.foreign = append(u.foreign, foreign{country: strings.Clone(ev.Country), first: ev.Time})
	}
	f := &u.foreign[i]
	if f.n++; f.n != foreignRequests || u.spells[profileCountry] != nil {
		return
	}
	d.raise(profileCountry, u, ev, emit, func() detect.Finding {
		known := history(int(u.own.Days), uint64(u.own.Hours), "active hours")
		return detect.Finding{
			FirstSeen: f.first, EventCount: uint64(f.n), Observed: float64(f.n), Expected: foreignRequests - 1, Unit: "requests",
			Measure: d.measure(u, ev, is("country", f.country), atLeast("status", "1"), below("status", "400")),
			Explanation: fmt.Sprintf("%s was served %d requests from %s; it is only known from %s, from %s",
				u.user, f.n, f.country, strings.Join(u.own.Countries, ", "), known),
			Baseline: d.ref(u, Crowd{}, known),
			Tags:     []string{"country:" + f.country},
		}
	})
}

// trip is where a user was last.
type trip struct {
	at       time.Time
	lat, lon float64
	country  string
}

func (d *profile) judgeTrip(ev *event.Event, u *userHour, emit detect.Emit) {
	if ev.Lat == 0 && ev.Lon == 0 || !u.known || !d.model.users.judgeable(d.model.MinDays) {
		return
	}
	t := d.trips[u.user]
	if t == nil {
		if len(d.trips) >= d.cfg.MaxEntities {
			return // as many users in half a day: who comes later is not watched for travel
		}
		d.trips[u.user] = &trip{ev.Time, ev.Lat, ev.Lon, strings.Clone(ev.Country)}
		return
	}
	before := *t
	if ev.Time.Before(t.at) {
		return
	}
	t.at, t.lat, t.lon = ev.Time, ev.Lat, ev.Lon
	if before.country == ev.Country {
		return
	}
	t.country = strings.Clone(ev.Country)
	took := ev.Time.Sub(before.at)
	km := distance(before.lat, before.lon, ev.Lat, ev.Lon)
	if took > longestTrip || km < leastDistance || km < fastest*took.Hours() || u.spells[profileTravel] != nil {
		return
	}
	if slices.Contains(u.own.Countries, before.country) && slices.Contains(u.own.Countries, t.country) {
		return
	}
	d.raise(profileTravel, u, ev, emit, func() detect.Finding {
		known := history(d.model.users.Days, d.model.users.Hours, "hours of "+plural(d.model.users.Actors, ActorKey{User: true}))
		m := d.measure(u, ev, atLeast("status", "1"), below("status", "400"))
		m.Aggregate, m.Field, m.From = detect.AggregateDistinct, "country", before.at
		return detect.Finding{
			FirstSeen: before.at, EventCount: 2, Observed: 2, Expected: 1, Unit: "countries", Measure: m,
			Explanation: fmt.Sprintf("%s was served from %s and %s later from %s, %s km away, from %s",
				u.user, before.country, lasted(took), t.country, detect.Thousands(uint64(km)), known),
			Baseline: d.ref(u, Crowd{}, known),
		}
	})
}

// distance is the length of the great circle between two places, in km (haversine formula).
func distance(lat1, lon1, lat2, lon2 float64) float64 {
	const earth, rad = 6371, math.Pi / 180
	a := math.Pow(math.Sin((lat2-lat1)*rad/2), 2) + math.Cos(lat1*rad)*math.Cos(lat2*rad)*math.Pow(math.Sin((lon2-lon1)*rad/2), 2)
	return 2 * earth * math.Asin(math.Min(1, math.Sqrt(a)))
}
