package baseline

import (
	"math"
	"slices"
	"time"
)

// Scorer judges a series of timestamped values online: each value against what came before it, never after.
//
// Three views measure how far the present is from what is usual: from the last few values (a jump), from the hours before
// (a level that has shifted), and from the same time of earlier days (a season that is broken). Each view's deviation is
// held against its own tail, so that no scale and no unit has to be known; the strongest surprise counts in full, the
// others by a third. A tail grows by a bounded factor at a time, so that one anomaly does not make the next of its kind
// ordinary. Only a deviation that is clearly worse than all in the values just before raises the score: an episode
// is reported when it begins or when it gets worse, not for as long as it lasts.
//
// A Scorer is used by one goroutine.
type Scorer struct {
	count int
	first time.Time

	ring [ringSize]float64 // the newest values, by count
	sum  [2]float64        // of the views' recent and earlier windows
	mean float64           // of the absolute values: the series' scale

	season [slotsPerDay]seasonSlot
	tails  [3]slidingTail
	worst  recentWorst
	meter  counter
}

const (
	ringSize    = 256 // a power of two above recentSpan + earlierSpan
	jumpWindow  = 6   // values whose median a jump is measured from
	recentSpan  = 48  // values whose mean is the present level
	earlierSpan = 144 // values before them whose mean is the usual level
	slotsPerDay = 96  // quarters of an hour
	seasonDays  = 15  // values that a slot's mean remembers

	surpriseCap = 15  // of one view: beyond it nothing gets worse
	othersShare = 0.3 // of the weaker views' surprise
	worseBy     = 1.1 // times the worst one of the recovery, to be told again

	// An episode keeps quiet for a twenty-fourth of what was seen, within these bounds, in values.
	recoveryShare = 24
	leastRecovery = 12
	mostRecovery  = 100
	// longestRecovery bounds it in time: the steps of a series may be hours.
	longestRecovery = 12 * time.Hour

	// habituation is the time after which a deviation of any size is learned as it is: a value of a shorter step adds at
	// most 1 + habituation/step times the largest deviation seen to a tail. What happens every few hours becomes
	// ordinary by and by, in a series of minutes at once.
	habituation = 20 * time.Minute

	// alarmSurprise is the surprise that scores 0.5.
	alarmSurprise = 8.4
)

// seasonSlot is the running mean of one time of day.
type seasonSlot struct{ mean, n float64 }

// NewScorer returns a Scorer that has seen nothing.
func NewScorer() *Scorer { return &Scorer{} }

// Score judges the next value and learns it. It returns 0 (usual) to 1; 0.5 and more is an alarm. A value that is not a
// finite number is missing: it scores 0 and teaches nothing. Times may be irregular.
func (s *Scorer) Score(t time.Time, x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	counting := s.meter.counting
	x = s.meter.rate(x)
	if s.meter.counting != counting { // increments and values are two series
		*s = Scorer{meter: s.meter}
	}
	if s.count == 0 {
		s.first = t
	}
	s.ring[s.count%ringSize] = x
	s.count++
	s.mean += (math.Abs(x) - s.mean) / min(float64(s.count), tailMemory)
	s.slide(x)

	growth := 1 + float64(habituation)/float64(max(s.step(t), time.Second))
	least := 1e-6*s.mean + 1e-12
	var strongest, sum float64
	note := func(view int, deviation float64) {
		tail := &s.tails[view]
		if tail.warm() {
			z := min(tail.surprise(deviation, least), surpriseCap)
			strongest, sum = max(strongest, z), sum+z
		}
		tail.add(min(deviation, growth*tail.largest(deviation)))
	}
	if s.count > jumpWindow {
		note(0, math.Abs(x-s.lastMedian()))
	}
	if n := s.count - recentSpan; n >= 2*recentSpan {
		note(1, math.Abs(s.sum[0]/recentSpan-s.sum[1]/float64(min(n, earlierSpan))))
	}
	slot := &s.season[slotOfDay(t)]
	if slot.n > 0 {
		note(2, math.Abs(x-slot.mean))
	}
	slot.n = min(slot.n+1, seasonDays)
	slot.mean += (x - slot.mean) / slot.n

	z := strongest + othersShare*(sum-strongest)
	if !s.worst.exceeds(s.count, s.recovery(t), z) {
		return 0
	}
	return 1 - math.Exp2(-z/alarmSurprise)
}

// recovery is how many values an episode keeps quiet for.
func (s *Scorer) recovery(t time.Time) int {
	n := min(mostRecovery, s.count/recoveryShare)
	if step := s.step(t); step > 0 {
		n = min(n, int(longestRecovery/step))
	}
	return max(leastRecovery, n)
}

// step is the mean time between values.
func (s *Scorer) step(t time.Time) time.Duration {
	return t.Sub(s.first) / time.Duration(max(s.count, 1))
}

// back returns the value that came n values before the newest.
func (s *Scorer) back(n int) float64 { return s.ring[(s.count-1-n)%ringSize] }

// slide moves the sums over the recent and the earlier window on by the newest value. They are added up anew now and
// then, since the rounding of many additions does not go away by itself.
func (s *Scorer) slide(x float64) {
	if s.count%1024 == 0 {
		s.sum = [2]float64{}
		for i := range recentSpan {
			s.sum[0] += s.back(i)
		}
		for i := range earlierSpan {
			s.sum[1] += s.back(recentSpan + i)
		}
		return
	}
	s.sum[0] += x
	if s.count > recentSpan {
		left := s.back(recentSpan)
		s.sum[0] -= left
		s.sum[1] += left
	}
	if s.count > recentSpan+earlierSpan {
		s.sum[1] -= s.back(recentSpan + earlierSpan)
	}
}

// lastMedian is the median of the values before the newest.
func (s *Scorer) lastMedian() float64 {
	var w [jumpWindow]float64
	for i := range w {
		w[i] = s.back(i + 1)
	}
	slices.Sort(w[:])
	return (w[jumpWindow/2-1] + w[jumpWindow/2]) / 2
}

func slotOfDay(t time.Time) int {
	day := t.Unix() % 86400
	if day < 0 {
		day += 86400
	}
	return int(day / (86400 / slotsPerDay))
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

// counter recognises a series that only counts up and turns it into increments; it starts anew at a reset.
type counter struct {
	last     float64
	n        int
	rises    int
	falls    int
	counting bool
}

const (
	counterRun  = 64  // values without a fall, most of them rising, that make a counter
	counterFall = 0.1 // share of falls that ends it: no counter is reset that often
)

// rate returns what is judged of x: x itself, or a counter's increment.
func (c *counter) rate(x float64) float64 {
	step := x - c.last
	c.n++
	switch {
	case c.n == 1:
	case step > 0:
		c.rises++
	case step < 0:
		c.falls++
	}
	c.last = x
	if c.counting {
		if float64(c.falls) > counterFall*float64(c.n) {
			*c = counter{last: x, n: 1}
			return x
		}
		if step < 0 {
			return x // after a reset it counted from zero
		}
		return step
	}
	if c.n >= counterRun && c.falls == 0 && c.rises*4 >= c.n*3 {
		c.counting = true
		return step
	}
	if c.falls > 0 {
		c.n, c.rises, c.falls = 1, 0, 0 // the run of rises starts anew
	}
	return x
}
