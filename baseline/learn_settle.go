package baseline

import (
	"math"
	"slices"
)

// quantityHours is the medians of a quantity by the hour.
type quantityHours struct {
	hours  []uint32
	values []float64
}

func (q *quantityHours) add(hour uint32, value float64) {
	q.hours, q.values = append(q.hours, hour), append(q.values, value)
}

// since adds up the values from an hour on.
func (q *quantityHours) since(hour int64) (sum float64) {
	for i, h := range q.hours {
		if int64(h) >= hour {
			sum += q.values[i]
		}
	}
	return sum
}

// settle finds the lasting changes of the medians of an endpoint's answers and returns the medians as if all of them had
// been measured at the present level. least is the least change, in the quantity's unit, that matters.
func (l *learner) settle(k EndpointKey, m Measured, acc *shapeHours, q *quantityHours, least float64) []float64 {
	for _, a := range l.model.Snapshot.Accepted {
		if l.routes.resolve(a.Endpoint) == k && a.Measure == m {
			l.shift(acc, q, a, false)
		}
	}
	flat, _ := l.quantityDays(q).week()
	s, ok := flat.step(l.cfg.DriftDays)
	if ok && math.Abs(math.Exp(s.after)-math.Exp(s.before)) >= least {
		since := l.hourOfShift(q, s, len(flat))
		l.shift(acc, q, l.found(k, m, since), true)
	}
	return q.values
}

// quantityDays returns the logarithms of the days' medians, the last day ending with the history.
func (l *learner) quantityDays(q *quantityHours) days {
	if len(q.hours) == 0 {
		return nil
	}
	of := int(l.span.to-int64(slices.Min(q.hours))) / hoursADay
	by := make([][]float64, of)
	for i, h := range q.hours {
		if back := int(l.span.to-1-int64(h)) / hoursADay; back < of {
			by[of-1-back] = append(by[of-1-back], q.values[i])
		}
	}
	y := make(days, of)
	for d := range y {
		y[d] = math.NaN()
		if len(by[d]) > 0 {
			y[d] = math.Log(median(by[d]) + 1)
		}
	}
	return y
}

// hourOfShift returns the hour, of the two days around a step, that best parts the old level from the new one.
func (l *learner) hourOfShift(q *quantityHours, s step, of int) int64 {
	edge := l.span.to - int64(of-s.at)*hoursADay
	best, at := math.Inf(1), edge
	for cut := edge - hoursADay; cut <= edge+hoursADay; cut++ {
		cost := 0.0
		for i, h := range q.hours {
			if int64(h) < edge-hoursADay || int64(h) >= edge+hoursADay {
				continue
			}
			level := s.before
			if int64(h) >= cut {
				level = s.after
			}
			cost += math.Abs(math.Log(q.values[i]+1) - level)
		}
		if cost < best {
			best, at = cost, cut
		}
	}
	return at
}

// shift brings the medians before a change to the level after it and notes the change.
func (l *learner) shift(acc *shapeHours, q *quantityHours, a Acceptance, isNew bool) {
	cut := hourOf(a.Since)
	var before, after []float64
	first := l.span.to
	for i, h := range q.hours {
		first = min(first, int64(h))
		if int64(h) < cut {
			before = append(before, q.values[i])
		} else {
			after = append(after, q.values[i])
		}
	}
	if len(before) == 0 || len(after) == 0 {
		return
	}
	old, now := median(before), median(after)
	for i, h := range q.hours {
		if int64(h) < cut {
			q.values[i] = max((q.values[i]+1)*(now+1)/(old+1)-1, 0)
		}
	}
	l.model.changes = append(l.model.changes, Change{
		Acceptance: a, Before: float64(round4(old)), After: float64(round4(now)), New: isNew,
		Days: int(cut-first+hoursADay/2) / hoursADay, Events: uint64(acc.successes.since(cut)),
	})
}
