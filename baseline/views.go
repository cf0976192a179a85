package baseline

import (
	"math"
	"slices"
	"time"
)

// The views of a Scorer: each says how far the present is from what is usual in one respect, and has a tail of its own.
const (
	viewJump   = iota // the value, from the median of the last few
	viewBurst         // the mean of the last few values, from the median of those before
	viewShift         // the level of many values, from the level before
	viewSpread        // the size of the steps from value to value, against the steps before
	viewSeason        // the value, from the same time of earlier days
	views
)

// Widths in values.
const (
	jumpBefore  = 6
	burstRecent = 10
	burstBefore = 4 * burstRecent
	shiftRecent = 48
	shiftBefore = 144
	stepsRecent = 12
	stepsBefore = 36

	ringSize = 256 // a power of two from shiftRecent + shiftBefore on
)

// steadySteps is the share of a series' usual step below which steps do not count as smaller: what hardly moves may
// stand still.
const steadySteps = 0.05

// recentValues holds the newest values of a series.
type recentValues struct {
	ring  [ringSize]float64
	count int
	// before holds the burstBefore values before the newest burstRecent, in ascending order.
	before []float64
	step   float64 // mean distance from value to value
}

func (r *recentValues) add(x float64) {
	if r.count > 0 {
		n := min(float64(r.count), tailMemory)
		r.step += (math.Abs(x-r.back(0)) - r.step) / n
	}
	r.ring[r.count%ringSize] = x
	r.count++
	if r.count > burstRecent {
		if len(r.before) == burstBefore {
			at, _ := slices.BinarySearch(r.before, r.back(burstRecent+burstBefore))
			r.before = slices.Delete(r.before, at, at+1)
		}
		x := r.back(burstRecent)
		at, _ := slices.BinarySearch(r.before, x)
		r.before = slices.Insert(r.before, at, x)
	}
}

// back returns the value that came n values before the newest.
func (r *recentValues) back(n int) float64 { return r.ring[(r.count-1-n)&(ringSize-1)] }

// mean is that of n values, the newest of which is from values back.
func (r *recentValues) mean(from, n int) float64 {
	sum := 0.0
	for i := from; i < from+n; i++ {
		sum += r.back(i)
	}
	return sum / float64(n)
}

// jump is how far the newest value is from the median of the few before it.
func (r *recentValues) jump() (float64, bool) {
	if r.count <= jumpBefore {
		return 0, false
	}
	var w [jumpBefore]float64
	for i := range w {
		w[i] = r.back(i + 1)
	}
	slices.Sort(w[:])
	return math.Abs(r.back(0) - middle(w[:])), true
}

// burst is how far the mean of the last few values is from the median of those before.
func (r *recentValues) burst() (float64, bool) {
	if len(r.before) < burstBefore {
		return 0, false
	}
	return math.Abs(r.mean(0, burstRecent) - middle(r.before)), true
}

// shift is how far the present level is from the one before.
func (r *recentValues) shift() (float64, bool) {
	before := min(r.count-shiftRecent, shiftBefore)
	if before < 2*shiftRecent {
		return 0, false
	}
	return math.Abs(r.mean(0, shiftRecent) - r.mean(shiftRecent, before)), true
}

// spread is by how much, in powers of e, values move more or less from one to the next than they did before.
func (r *recentValues) spread() (float64, bool) {
	if r.count <= stepsRecent+stepsBefore {
		return 0, false
	}
	now, before := r.steps(0, stepsRecent), r.steps(stepsRecent, stepsBefore)
	if now == before { // both may be nothing
		return 0, true
	}
	least := steadySteps * r.step
	return math.Abs(math.Log((now + least) / (before + least))), true
}

// steps is the mean distance of n values from the value before each.
func (r *recentValues) steps(from, n int) float64 {
	sum := 0.0
	for i := from; i < from+n; i++ {
		sum += math.Abs(r.back(i) - r.back(i+1))
	}
	return sum / float64(n)
}

// middle is the median of an even number of sorted values.
func middle(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

const (
	slotsPerDay = 96 // quarters of an hour
	seasonDays  = 15 // values that a slot's mean remembers
)

// daySeason is what a series is like at each time of day, on working days and at weekends (UTC).
type daySeason [2][slotsPerDay]struct{ mean, n float64 }

// deviation is how far x is from the mean of the same time of earlier days of its kind, where there were any. It learns x.
func (s *daySeason) deviation(t time.Time, x float64) (deviation float64, known bool) {
	kind := 0
	if d := t.UTC().Weekday(); d == time.Saturday || d == time.Sunday {
		kind = 1
	}
	slot := &s[kind][slotOfDay(t)]
	deviation, known = math.Abs(x-slot.mean), slot.n > 0
	slot.n = min(slot.n+1, seasonDays)
	slot.mean += (x - slot.mean) / slot.n
	return deviation, known
}

func slotOfDay(t time.Time) int {
	day := t.Unix() % 86400
	if day < 0 {
		day += 86400
	}
	return int(day / (86400 / slotsPerDay))
}
