package baseline

import (
	"math"
	"slices"
	"time"
)

// Scorer judges a series of timestamped values online: each value against what came before it, never after.
//
// Several views measure how far the present is from what is usual: from the last few values, from the hours before, from
// the same time of earlier days, in level and in restlessness. Each view's deviation is held against its own tail, so that no
// scale and no unit has to be known; the strongest surprise counts in full, the others by a share. A tail grows by a
// bounded factor at a time, so that one anomaly does not make the next of its kind ordinary. Only a deviation that is
// clearly worse than all in the values just before raises the score: an episode is reported when it begins or when it
// gets worse, not for as long as it lasts.
//
// A Scorer is used by one goroutine.
type Scorer struct {
	timed       int // values with a time
	first, last time.Time

	recent recentValues
	season daySeason
	scale  float64 // mean of the absolute values
	tails  [views]slidingTail
	worst  recentWorst
	meter  counter
}

const (
	surpriseCap = 15  // of one view: beyond it nothing gets worse
	othersShare = 0.5 // of the weaker views' surprise
	worseBy     = 1.1 // times the worst one of the recovery, to be told again

	// An episode keeps quiet for a twelfth of what was seen, within these bounds, in values.
	recoveryShare = 12
	leastRecovery = 12
	mostRecovery  = 200
	// longestRecovery bounds it in time: the steps of a series may be hours.
	longestRecovery = 12 * time.Hour

	// habituation is the time after which a deviation of any size is learned as it is: a value of a shorter step adds at
	// most 1 + habituation/step times the largest deviation seen to a tail. What happens every few hours becomes
	// ordinary by and by, in a series of minutes at once.
	habituation = 20 * time.Minute

	// A budget of false alarms is one in time: with half the step there are twice as many values that could alarm, and each
	// may do so half as easily. usualStep is where a surprise counts as it is.
	usualStep    = 5 * time.Minute
	shortestStep = time.Minute
	longestStep  = 24 * time.Hour

	// alarmScore is the default alarm, and alarmSurprise the surprise that scores it.
	alarmScore    = 0.5
	alarmSurprise = 11.8

	// largestValue bounds values, whose sums would overflow.
	largestValue = 1e150
	// roundingShare of a series' scale is what numbers are off by rounding.
	roundingShare = 1e-9
)

// NewScorer returns a Scorer that has seen nothing.
func NewScorer() *Scorer { return &Scorer{} }

// Score judges the next value and learns it. It returns 0 (usual) to 1; 0.5 and more is an alarm. A value that is not a
// finite number is missing: it scores 0 and teaches nothing. Times may be irregular, stand still and step back; a value
// at the zero time has none and is judged without its time of day.
func (s *Scorer) Score(t time.Time, x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	counting := s.meter.counting
	x = s.meter.rate(min(max(x, -largestValue), largestValue))
	if s.meter.counting != counting { // increments and values are two series
		*s = Scorer{meter: s.meter}
	}
	s.notice(t)
	s.recent.add(x)
	s.scale += (math.Abs(x) - s.scale) / min(float64(s.recent.count), tailMemory)

	z := s.surprise(t, x)
	if !s.worst.exceeds(s.recent.count, s.recovery(), z) {
		return 0
	}
	return 1 - math.Exp2(-z/alarmSurprise)
}

// surprise puts the views together and lets their tails learn.
func (s *Scorer) surprise(t time.Time, x float64) float64 {
	least := max(roundingShare*s.scale, math.SmallestNonzeroFloat64)
	var e evidence
	if jump, known := s.recent.jump(); known {
		s.note(viewJump, jump, least, &e)
	}
	if burst, known := s.recent.burst(); known {
		s.note(viewBurst, burst, least, &e)
	}
	if shift, known := s.recent.shift(); known {
		s.note(viewShift, shift, least, &e)
	}
	if spread, known := s.recent.spread(); known {
		s.note(viewSpread, spread, roundingShare, &e)
	}
	if !t.IsZero() {
		if off, known := s.season.deviation(t, x); known {
			s.note(viewSeason, off, least, &e)
		}
	}
	return e.total(s.step())
}

// note holds a view's deviation against its tail, which then learns it. least is what rounding makes of it.
func (s *Scorer) note(view int, deviation, least float64, e *evidence) {
	tail := &s.tails[view]
	if tail.warm() {
		e.add(min(tail.surprise(deviation, least), surpriseCap))
	}
	growth := 1 + float64(habituation)/float64(max(s.step(), time.Second))
	tail.add(min(deviation, growth*tail.largest(deviation)))
}

// evidence adds up the surprises of the views.
type evidence struct{ strongest, sum float64 }

func (e *evidence) add(z float64) { e.strongest, e.sum = max(e.strongest, z), e.sum+z }

// total is the strongest surprise and a share of the others, for a series of that step.
func (e *evidence) total(step time.Duration) float64 {
	z := e.strongest + othersShare*(e.sum-e.strongest)
	if z > 0 && step > 0 {
		z += math.Log(float64(min(max(step, shortestStep), longestStep)) / float64(usualStep))
	}
	return max(z, 0)
}

// notice takes note of a value's time.
func (s *Scorer) notice(t time.Time) {
	if t.IsZero() {
		return
	}
	if s.timed == 0 {
		s.first = t
	}
	s.timed++
	s.last = t
}

// step is the mean time between values; 0 when it is not known.
func (s *Scorer) step() time.Duration {
	if s.timed < 2 {
		return 0
	}
	return max(s.last.Sub(s.first)/time.Duration(s.timed-1), 0)
}

// recovery is how many values an episode keeps quiet for.
func (s *Scorer) recovery() int {
	n := min(mostRecovery, s.recent.count/recoveryShare)
	if step := s.step(); step > 0 {
		n = min(n, int(longestRecovery/step))
	}
	return max(leastRecovery, n)
}

// recentWorst remembers the largest surprises of the values of one recovery, in descending order.
type recentWorst struct {
	at []int
	z  []float64
}

// exceeds notes z at position n and reports whether it is clearly above all of those remembered.
func (r *recentWorst) exceeds(n, recovery int, z float64) bool {
	for len(r.at) > 0 && r.at[0] < n-recovery {
		r.at, r.z = slices.Delete(r.at, 0, 1), slices.Delete(r.z, 0, 1)
	}
	worse := z > 0 && (len(r.z) == 0 || z > worseBy*r.z[0])
	for len(r.z) > 0 && r.z[len(r.z)-1] <= z {
		r.at, r.z = r.at[:len(r.at)-1], r.z[:len(r.z)-1]
	}
	r.at, r.z = append(r.at, n), append(r.z, z)
	return worse
}
