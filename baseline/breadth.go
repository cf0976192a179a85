package baseline

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// route-breadth fires when one user uses more different routes (answered with a status below 400) than it and others do:
// in the last 24 hours more than the larger of min_routes and the mix of twice its own highest day and one and a half
// times the 99.9th percentile of users' days; or in the last 7 days, so that one new route an hour adds up, more than the
// larger of min_routes and the mix of one and a half times all the routes that it used in the whole window and one and a
// quarter times the 99.9th percentile of that. Known false positives: an administrator's first day.
const (
	weekHours     = 7 * dayHours
	breadthFactor = 1.5 // what must be new since it was told, to be told again
)

// weekRoutes is the routes that a user used in the last week.
type weekRoutes struct {
	user   string
	since  time.Time
	first  time.Time
	routes recentSet
	last   uint64 // hash of the last route
	told   int    // the number at which the last episode began
}

// week finds or makes a user's week; nil when there are too many.
func (d *conduct) week(user string, at time.Time) *weekRoutes {
	w := d.weeks[user]
	if w != nil {
		return w
	}
	if len(d.weeks) >= d.cfg.MaxEntities {
		d.overflow++
		return nil
	}
	w = &weekRoutes{user: user, since: d.since, first: at}
	if d.overflow > 0 {
		w.since = at
	}
	d.weeks[user] = w
	return w
}

func (d *conduct) countRoute(ev *event.Event, a *conductHour, emit detect.Emit) {
	if ev.Route == "" || ev.Status < 1 || ev.Status >= 400 {
		return
	}
	w, h := a.routes, xxhash.Sum64String(ev.Route)
	if h == w.last {
		return
	}
	w.last = h
	before, full := d.room.meet(&w.routes, recentItem{hash: h, hour: d.hour})
	if full {
		d.overflow++
	}
	if before == never && len(w.routes.items) > d.cfg.MinRoutes && d.model != nil && a.spells[conductBreadth] == nil {
		d.judgeBreadth(ev, a, emit)
	}
}

func (d *conduct) judgeBreadth(ev *event.Event, a *conductHour, emit detect.Emit) {
	crowd, ever := d.model.breadth, d.model.ever
	if !crowd.judgeable(d.model.MinDays) {
		return
	}
	w, floor := a.routes, float64(d.cfg.MinRoutes)
	weight := trusted(a.own.Days*dayWeight, a.own.Accepted)
	span, n := int64(dayHours), float64(w.routes.since(d.hour-dayHours+1))
	bound := max(floor, actorBound(2*float64(a.own.Routes), weight, 1.5*crowd.P999))
	words, own, all := "a day", a.own.Routes, crowd.P999
	if n <= bound {
		span, n = weekHours, float64(len(w.routes.items))
		bound = max(floor, actorBound(1.5*float64(a.own.Ever), weight, 1.25*ever.P999))
		words, own, all = "in all that time", a.own.Ever, ever.P999
	}
	if n <= bound || w.told > 0 && len(w.routes.items) < int(breadthFactor*float64(w.told)) {
		return
	}
	w.told = len(w.routes.items)
	d.tell(conductBreadth, a, ev, emit, func() detect.Finding {
		from := hourTime(d.hour - span + 1)
		if from.Before(w.since) {
			from = w.since
		}
		first := w.first
		if first.Before(from) {
			first = from
		}
		m := d.measure(a, ev)
		m.Aggregate, m.Field, m.From = detect.AggregateDistinct, "route", from
		m.Where = append(m.Where, atLeast("status", "1"), below("status", "400"))
		known := history(crowd.Days, crowd.Hours, "days of "+plural(crowd.Actors, a.key))
		return detect.Finding{
			FirstSeen: first, Observed: n, Expected: round2(bound), Unit: "different routes", Measure: m,
			Explanation: fmt.Sprintf("%s used %s different routes in %s; its own most is %s %s and the 99.9th percentile of all users is %s, from %s",
				a.key.Value, count(n), lasted(ev.Time.Sub(first)), count(float64(own)), words, count(all), known),
			Baseline: d.ref(a, crowd, known),
		}
	})
}

// forgetRoutes drops what was used last a week before the present hour.
func (d *conduct) forgetRoutes() {
	for user, w := range d.weeks {
		w.last = 0
		if d.room.forget(&w.routes, d.hour-weekHours+1) > 0 && len(w.routes.items) < d.cfg.MinRoutes {
			w.told = 0
		}
		if len(w.routes.items) == 0 {
			delete(d.weeks, user)
		}
	}
}

// preload brings the routes that were used in the week before until.
func (d *conduct) preload(ctx context.Context, recent Recent, until time.Time) error {
	d.since = hourTime(hourOf(until) - weekHours + 1)
	err := recent.WeekRoutes(ctx, d.since, until, func(row RouteReads) error {
		user := strings.Clone(row.User)
		w := d.week(user, row.First.UTC())
		if w == nil {
			return nil
		}
		if row.First.Before(w.first) {
			w.first = row.First.UTC()
		}
		d.room.meet(&w.routes, recentItem{hash: xxhash.Sum64String(row.Route), hour: int64(row.Hour)})
		if d.voices[conductBreadth].of(ActorKey{true, user}.group()) != nil {
			w.told = len(w.routes.items)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("rebuild the last week's routes: %w", err)
	}
	return nil
}
