package baseline

import (
	"fmt"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// robotic-timing fires when a user who is known as a person, from five active days or more in which busy hours were seldom
// as busy as the hour before, sends requests at even intervals: of the last 24 to 48 gaps of the hour the middle half lies
// within 30 % of the median and the middle four fifths within 60 % (half of that while there are fewer than 40 gaps).
// Waiting times of people vary by more than their median; a uniformly random pause of up to a quarter more or less is
// still found. The median gap is a second or more, five where the log counts whole seconds.
//
// Where the users' pages poll (the hours of five and of more than a tenth of the users are even), only the first request for a path in the hour
// counts: a page asks for the same thing again, a robot goes on to the next.
//
// Known false positives: a person's first script; a player that fetches the pieces of a film.
const (
	leastPaced   = 24
	surePaced    = 40
	mostPaced    = 48
	pacedDays    = 5
	pollers      = 0.1
	leastPollers = 5
	evenMiddle   = 0.3
	evenFifths   = 0.6
	shortestGap  = time.Second
	coarseGap    = 5 * time.Second
)

// pace is the gaps between an actor's requests.
type pace struct {
	watched bool
	fine    bool // times have fractions of seconds
	last    time.Time
	gaps    []float64 // seconds, a ring of the newest
	n       int
	paths   hashSet
}

func (d *conduct) countGap(ev *event.Event, a *conductHour, emit detect.Emit) {
	p := &a.pace
	if a.spells[conductPace] != nil || ev.Time.Before(p.last) {
		return
	}
	if d.model.evenness.polls() && !p.paths.add(xxhash.Sum64String(ev.Path)) {
		return
	}
	gap := ev.Time.Sub(p.last)
	first := p.last.IsZero()
	p.last = ev.Time
	p.fine = p.fine || ev.Time.Nanosecond() != 0
	if first {
		return
	}
	if len(p.gaps) < mostPaced {
		p.gaps = append(p.gaps, gap.Seconds())
	} else {
		p.gaps[p.n%mostPaced] = gap.Seconds()
	}
	if p.n++; p.n < leastPaced || p.n%8 != 0 {
		return
	}
	median, middle, fifths := p.spread()
	limit := 1.0
	if len(p.gaps) < surePaced {
		limit = 0.5
	}
	least := shortestGap
	if !p.fine {
		least = coarseGap
	}
	if median < least.Seconds() || middle > evenMiddle*limit*median || fifths > evenFifths*limit*median {
		return
	}
	d.tell(conductPace, a, ev, emit, func() detect.Finding {
		e := d.model.evenness
		known := history(int(a.own.Days), uint64(a.own.Hours), "active hours")
		return detect.Finding{
			Observed: float64(a.n), Expected: leastPaced, Unit: "requests", Measure: d.measure(a, ev),
			Explanation: fmt.Sprintf("%s sends a request every %s seconds, half of the gaps within %s seconds of one another (%s requests in %s); its hours are not even by habit, from %s, and those of %d of %d users are",
				a.key.Value, count(median), count(middle), detect.Thousands(uint64(a.n)), lasted(ev.Time.Sub(a.first)), known, e.Even, e.Users),
			Baseline: d.ref(a, d.model.users, known),
			Tags:     []string{"automation"},
		}
	})
}

// spread returns the median of the gaps and the widths of their middle half and middle four fifths.
func (p *pace) spread() (median, middle, fifths float64) {
	g := slices.Clone(p.gaps)
	slices.Sort(g)
	return quantile(g, 0.5), quantile(g, 0.75) - quantile(g, 0.25), quantile(g, 0.9) - quantile(g, 0.1)
}
