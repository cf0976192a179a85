package baseline

import (
	"math"
	"slices"
)

// A lasting change is looked for in the daily levels of a series, on a logarithmic scale: a change is a factor.
const (
	leastChange     = 1.5  // times, or a share of 1/leastChange: what lies between is learned as it comes
	changeSpreads   = 4    // the change is so many times the days' own spread
	leastDaySpread  = 0.05 // of the logarithm
	leastDaysBefore = 7    // a change needs a week before it
	betterThanTrend = 0.75 // of a straight line's deviations, for a step to be one

	leastTrendDays = 14
	leastTrend     = 1.2  // times over the window
	mostTrend      = 1.05 // times a day
	betterThanFlat = 0.7

	unusualDay   = 1.4 // times the other days
	unusualYoung = 3   // the same in less than two weeks
)

// days are the daily levels of a series, the newest last: logarithms, NaN where a day is not known.
type days []float64

// week takes the days' weekly pattern away and returns it by the day's number modulo 7. A day's share of it is its distance
// from the median of the seven days around it, which a step moves only at the step itself.
func (y days) week() (flat days, pattern [7]float64) {
	flat = slices.Clone(y)
	if len(y) < 2*7 {
		return flat, pattern
	}
	var off [7][]float64
	for i, v := range y {
		at := min(max(i-3, 0), len(y)-7)
		if around := known(y[at : at+7]); !math.IsNaN(v) && len(around) >= 4 {
			off[i%7] = append(off[i%7], v-median(around))
		}
	}
	for i := range off {
		switch n := len(off[i]); {
		case n == 2: // the one that no step moved
			pattern[i] = off[i][0]
			if math.Abs(off[i][1]) < math.Abs(off[i][0]) {
				pattern[i] = off[i][1]
			}
		case n > 2:
			pattern[i] = median(off[i])
		}
	}
	for i := range flat {
		flat[i] -= pattern[i%7]
	}
	return flat, pattern
}

// known returns the values that are numbers.
func known(xs []float64) []float64 {
	out := make([]float64, 0, len(xs))
	for _, x := range xs {
		if !math.IsNaN(x) {
			out = append(out, x)
		}
	}
	return out
}

// spread returns the median of xs and the sum and the median of their distances from it.
func spread(xs []float64) (middle, sum, typical float64) {
	middle = median(xs)
	off := make([]float64, len(xs))
	for i, x := range xs {
		off[i] = math.Abs(x - middle)
		sum += off[i]
	}
	return middle, sum, 1.4826 * median(off)
}

// step is a lasting change between two days.
type step struct {
	at            int // the first day of the new level
	before, after float64
}

// step finds where the days' level changes for good: the cut with the least sum of distances from the two medians, when it
// lasts for least days or more, is large against the spread on both sides, is a step and no slope, and hardly a day lies on
// the wrong side of it.
func (y days) step(least int) (step, bool) {
	all := known(y)
	best, bestCost := step{}, math.Inf(1)
	var noise float64
	for at := leastDaysBefore; at <= len(y)-least; at++ {
		left, right := known(y[:at]), known(y[at:])
		if len(left) < leastDaysBefore || len(right) < least {
			continue
		}
		before, costLeft, spreadLeft := spread(left)
		after, costRight, spreadRight := spread(right)
		if cost := costLeft + costRight; cost < bestCost {
			best, bestCost, noise = step{at, before, after}, cost, max(spreadLeft, spreadRight, leastDaySpread)
		}
	}
	size := math.Abs(best.after - best.before)
	if math.IsInf(bestCost, 1) || size < math.Log(leastChange) || size < changeSpreads*noise {
		return step{}, false
	}
	if _, cost := y.slope(); bestCost > betterThanTrend*cost {
		return step{}, false
	}
	return best, best.holds(y, least) && len(all) > 0
}

// holds reports whether at most a fifth of the days on either side, and none of the newest ones, lie on the other side of
// the middle.
func (s step) holds(y days, least int) bool {
	middle := (s.before + s.after) / 2
	up := s.after > s.before
	wrong := func(ys days, after bool) (n int) {
		for _, v := range ys {
			if !math.IsNaN(v) && (v > middle) != (up == after) {
				n++
			}
		}
		return n
	}
	return wrong(y[:s.at], false)*5 <= s.at && wrong(y[s.at:], true)*5 <= len(y)-s.at && wrong(y[len(y)-least:], true) == 0
}

// slope is the median of the slopes between all pairs of days (Theil and Sen: Sen, "Estimates of the regression
// coefficient based on Kendall's tau", JASA 63, 1968), and the sum of the distances from that line.
func (y days) slope() (perDay, cost float64) {
	var slopes []float64
	for i := range y {
		for j := i + 1; j < len(y); j++ {
			if d := (y[j] - y[i]) / float64(j-i); !math.IsNaN(d) {
				slopes = append(slopes, d)
			}
		}
	}
	perDay = median(slopes)
	rest := make([]float64, 0, len(y))
	for i, v := range y {
		if !math.IsNaN(v) {
			rest = append(rest, v-perDay*float64(i))
		}
	}
	_, cost, _ = spread(rest)
	return perDay, cost
}

// trend returns the growth of the logarithm a day where the days clearly grow or shrink, else 0.
func (y days) trend() float64 {
	if len(known(y)) < leastTrendDays {
		return 0
	}
	perDay, cost := y.slope()
	_, flat, _ := spread(known(y))
	if math.Abs(perDay)*float64(len(y)) < math.Log(leastTrend) || cost > betterThanFlat*flat {
		return 0
	}
	return min(max(perDay, -math.Log(mostTrend)), math.Log(mostTrend))
}

// unusual returns the days that are no guide to others, such as holidays: far from the rest, and at most a fifth of all.
// It is nil when there are none, or so many that they are no exception.
func (y days) unusual() []bool {
	all := known(y)
	middle, _, typical := spread(all)
	bound := max(math.Log(unusualDay), 5*typical)
	if len(y) < 2*7 { // the days still have their weekly pattern
		bound = max(math.Log(unusualYoung), bound)
	}
	var out []bool
	n := 0
	for i, v := range y {
		if !math.IsNaN(v) && math.Abs(v-middle) > bound {
			if out == nil {
				out = make([]bool, len(y))
			}
			out[i] = true
			n++
		}
	}
	if n*5 > len(all) {
		return nil
	}
	return out
}
