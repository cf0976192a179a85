package baseline

import (
	"math"
	"slices"
	"time"
)

// course is how an endpoint's hours went: a series that changes brought to its present level, so that what came before a
// lasting change, or while it grew, still tells at which hours it is busy.
type course struct {
	span    span
	first   int64     // hour of series[0]
	series  []float64 // requests by the hour, NaN where they are left out
	mult    []float64 // by the hour: what was counted, times mult plus add, is what the hour would be now
	add     []float64
	changes []Change
	trend   float64
	odd     []bool // hours of unusual days; nil: none
}

const (
	hoursADay = 24
	// solidHour is the requests an hour from which a ratio between hours says something.
	solidHour = 5
)

// follow finds an endpoint's lasting changes and its trend and brings its series to the present level.
func (l *learner) follow(k EndpointKey, series []float64, first int64) *course {
	c := &course{span: l.span, first: first, series: slices.Clone(series), mult: make([]float64, len(series)), add: make([]float64, len(series))}
	for i := range c.mult {
		c.mult[i] = 1
	}
	for _, a := range l.model.Snapshot.Accepted {
		if l.routes.resolve(a.Endpoint) == k && a.Measure == MeasuredRequests {
			c.accept(a, false)
		}
	}
	flat, pattern := c.days().week()
	if s, ok := flat.step(l.cfg.DriftDays); ok && math.Abs(math.Exp(s.after)-math.Exp(s.before)) >= float64(l.cfg.MinSpikeRequests) {
		c.accept(l.found(k, MeasuredRequests, c.hourOfStep(s, pattern)), true)
		flat, _ = c.days().week()
	}
	c.grow(flat)
	flat, _ = c.days().week()
	c.setAside(flat.unusual())
	return c
}

// found is a change that this version accepts by itself.
func (l *learner) found(k EndpointKey, m Measured, since int64) Acceptance {
	return Acceptance{
		Endpoint: k, Measure: m, Since: hourTime(since), At: l.model.EffectiveFrom, By: AcceptedByLearning,
	}
}

// block returns the hours of a day of the series, counted from the newest: the last day is whole.
func (c *course) block(day, of int) (from, to int) {
	to = len(c.series) - (of-1-day)*hoursADay
	return to - hoursADay, to
}

// days returns the logarithms of the days' requests, one more for each hour.
func (c *course) days() days {
	y := make(days, len(c.series)/hoursADay)
	for d := range y {
		from, to := c.block(d, len(y))
		seen := known(c.series[from:to])
		if len(seen) < hoursADay/2 {
			y[d] = math.NaN()
			continue
		}
		sum := 0.0
		for _, x := range seen {
			sum += x
		}
		y[d] = math.Log(sum*hoursADay/float64(len(seen)) + hoursADay)
	}
	return y
}

// hod returns the hour of the day at index i of the series, in the learner's zone.
func (c *course) hod(i int) int { return int(c.span.slots[c.first-c.span.from+int64(i)]) % hoursADay }

// clockLevels returns the median of the series by the hour of the day over [from, to), and how many days it saw.
func (c *course) clockLevels(from, to int) (levels [hoursADay]float64, seen int) {
	var by [hoursADay][]float64
	for i := from; i < to; i++ {
		if x := c.series[i]; !math.IsNaN(x) {
			h := c.hod(i)
			by[h] = append(by[h], x)
		}
	}
	for h := range by {
		levels[h] = median(by[h])
		seen = max(seen, len(by[h]))
	}
	return levels, seen
}

// hourOfStep returns the hour at which a step between two days came about: the cut of the two days around it from which on
// the hours are nearer to the new level than to the old one.
func (c *course) hourOfStep(s step, pattern [7]float64) int64 {
	of := len(c.series) / hoursADay
	edge, _ := c.block(s.at, of)
	old, _ := c.clockLevels(0, edge-hoursADay)
	ratio := math.Exp(s.after - s.before)
	from, to := max(edge-hoursADay, 0), min(edge+hoursADay, len(c.series))
	best, bestAt, sum := math.Inf(1), edge, 0.0
	for i := from; i <= to; i++ {
		if sum < best {
			best, bestAt = sum, i
		}
		if i < to && !math.IsNaN(c.series[i]) {
			day := s.at - 1
			if i >= edge {
				day++
			}
			level := old[c.hod(i)] * math.Exp(pattern[day%7])
			// Before the cut an hour costs its distance from the old level, behind it its distance from the new one.
			sum += math.Abs(c.series[i]-level) - math.Abs(c.series[i]-level*ratio)
		}
	}
	return c.first + int64(bestAt)
}

// accept brings what lies before a change to the level after it, hour of the day by hour of the day, and notes the change.
// Without a day before it or an hour after it there is nothing to bring: it is noted alone.
func (c *course) accept(a Acceptance, isNew bool) {
	cut := int(hourOf(a.Since) - c.first)
	if cut <= 0 || cut >= len(c.series) {
		return
	}
	before, daysBefore := c.clockLevels(0, cut)
	after, daysAfter := c.clockLevels(cut, len(c.series))
	ch := Change{Acceptance: a, Days: (cut + hoursADay/2) / hoursADay, New: isNew}
	var old, now float64
	for h := range before {
		ch.Before += before[h]
		ch.After += after[h]
	}
	for i := cut; i < len(c.series); i++ {
		if x := c.series[i]; !math.IsNaN(x) {
			old, now = old+before[c.hod(i)], now+x
		}
	}
	if daysBefore == 0 || old == 0 && now == 0 {
		return
	}
	overall := (now + 1) / (old + 1)
	if daysAfter == 1 && len(c.series)-cut < hoursADay { // part of a day says how much, not when
		ch.After = ch.Before * overall
	}
	ch.Before, ch.After = float64(round4(ch.Before)), float64(round4(ch.After))
	weight := float64(daysAfter) / float64(daysAfter+2)
	for i := range cut {
		h := c.hod(i)
		switch {
		case daysAfter < 2:
			c.scale(i, overall, 0)
		case before[h] < solidHour:
			c.scale(i, 1, after[h]-before[h])
		default:
			own := math.Log((after[h] + 1) / (before[h] + 1))
			c.scale(i, math.Exp(weight*own+(1-weight)*math.Log(overall)), 0)
		}
	}
	c.changes = append(c.changes, ch)
}

// scale changes one hour.
func (c *course) scale(i int, mult, add float64) {
	c.mult[i], c.add[i] = c.mult[i]*mult, c.add[i]*mult+add
	c.series[i] = max(c.series[i]*mult+add, 0) // NaN stays
}

// grow brings the series to the level that its trend has reached at the end.
func (c *course) grow(flat days) {
	c.trend = flat.trend()
	if c.trend == 0 {
		return
	}
	for i := range c.series {
		c.scale(i, math.Exp(c.trend*float64(len(c.series)-i)/hoursADay), 0)
	}
}

// setAside marks the hours of unusual days.
func (c *course) setAside(odd []bool) {
	if odd == nil {
		return
	}
	c.odd = make([]bool, len(c.series))
	for d := range odd {
		from, to := c.block(d, len(odd))
		for i := from; i < to; i++ {
			c.odd[i] = odd[d]
		}
	}
}

// ordinary returns the series without the unusual days.
func (c *course) ordinary() []float64 {
	if c.odd == nil {
		return c.series
	}
	out := slices.Clone(c.series)
	for i := range out {
		if c.odd[i] {
			out[i] = math.NaN()
		}
	}
	return out
}

// present brings counts of five minutes, by their hours, to the present level.
func (c *course) present(hours, counts []uint32) []uint32 {
	out := slices.Clone(counts)
	for j, h := range hours {
		if i := int(int64(h) - c.first); i >= 0 && i < len(c.mult) {
			out[j] = uint32(max(math.Round(float64(counts[j])*c.mult[i]+c.add[i]/12), 0))
		}
	}
	return out
}

// requestsSince adds up what was counted from since on.
func (a *hourly) requestsSince(since time.Time) (n uint64) {
	for i, h := range a.hours {
		if int64(h) >= hourOf(since) {
			n += uint64(a.requests[i])
		}
	}
	return n
}
