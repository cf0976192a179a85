package baseline

import (
	"math"
	"slices"
)

// tail is how large a deviation gets by habit: what was seen, and beyond that a tail over a high quantile.
//
// It is the peaks-over-threshold method of Siffer et al., "Anomaly detection in streams with extreme value theory" (KDD
// 2017), with a shape parameter that is not estimated, which few peaks do not allow. Within what was seen it is 0, an
// exponential tail; beyond the largest deviation it is tailShape, since how much larger the next one gets is known least.
// The endpoint detectors take thresholds from it, the scorer takes surprises: both judge by the same tail.
type tail struct {
	seen   []float64 // sorted: all, or at least those from base on
	n      int       // how many were seen
	base   float64   // the high quantile
	excess float64   // mean excess over it
	rate   float64   // share of what was seen that lies above it
}

// tailShape is the shape of the generalised Pareto distribution beyond the largest deviation seen: a moderately heavy tail.
const tailShape = 0.2

// leastOver is the fewest peaks that a mean excess is taken from, where there are enough deviations at all.
const leastOver = 5

// fit sets the tail from what was seen, over the quantile that the given share exceeds. It keeps seen and sorts it.
func (t *tail) fit(seen []float64, share float64) { t.fitLargest(seen, len(seen), share) }

// peaks is how many of n deviations make the tail.
func peaks(n int, share float64) int { return max(int(share*float64(n)), min(leastOver, (n+3)/4)) }

// fitLargest is fit from the largest of n deviations, which are more than the peaks or all.
func (t *tail) fitLargest(largest []float64, n int, share float64) {
	slices.Sort(largest)
	over := peaks(n, share)
	t.seen, t.n, t.rate = largest, n, float64(over)/float64(n)
	t.base = largest[max(len(largest)-over-1, 0)]
	sum := 0.0
	for _, z := range largest[len(largest)-over:] {
		sum += z - t.base
	}
	t.excess = sum / float64(over)
}

// threshold returns the deviation that is exceeded with probability p, for p below the tail's share.
func (t *tail) threshold(p float64) float64 {
	if t.rate <= p {
		return t.base
	}
	return t.base + t.excess*math.Log(t.rate/p)
}

// surprise returns -ln of the probability of a deviation of z or more: by rank where such were seen, beyond the largest
// one along the heavy tail. least bounds the tail's mean excess from below, so that a constant is not infinitely
// certain.
func (t *tail) surprise(z, least float64) float64 {
	if z <= t.base {
		return 0
	}
	at, _ := slices.BinarySearch(t.seen, z)
	as := len(t.seen) - at // so many were as large
	excess := max(t.excess, least)
	rank := -math.Log(float64(as+1) / float64(t.n+1))
	if as == 0 {
		return rank + math.Log1p(tailShape*(z-t.seen[at-1])/excess)/tailShape
	}
	return min(rank, (z-t.base)/excess-math.Log(t.rate))
}

// tailThreshold returns the deviation that blocks like those seen exceed with probability p. It is never below what was
// seen, apart from the worst 3 of 1,000 blocks. zs is sorted in place. Without blocks it returns floor, which is its least.
func tailThreshold(zs []float64, p, floor float64) float64 {
	if len(zs) == 0 {
		return floor
	}
	var t tail
	t.fit(zs, 0.1)
	n := len(zs)
	seen := zs[n-1-int(0.003*float64(n))]
	return max(t.threshold(p), seen*1.05, floor)
}

// slidingTail is a tail over the newest deviations of a stream.
type slidingTail struct {
	tail
	ring   []float64
	next   int
	stale  int // deviations since the last fit
	sorted []float64
}

const (
	tailMemory = 12000 // deviations that a sliding tail is made of
	tailShare  = 0.02  // of them, how many make the exponential part
	tailWarmUp = 30    // fewer say nothing
)

// add notes a deviation. The tail is fitted anew when an eighth of it is new.
func (s *slidingTail) add(z float64) {
	if len(s.ring) < tailMemory {
		s.ring = append(s.ring, z)
	} else {
		s.ring[s.next] = z
		s.next = (s.next + 1) % tailMemory
	}
	if s.stale++; s.stale*8 >= len(s.ring) {
		s.stale = 0
		s.refit()
	}
}

// refit takes those from the last base on, which are few, or all when they are too few.
func (s *slidingTail) refit() {
	s.sorted = s.sorted[:0]
	for _, z := range s.ring {
		if z >= s.base {
			s.sorted = append(s.sorted, z)
		}
	}
	if len(s.sorted) <= peaks(len(s.ring), tailShare) {
		s.sorted = append(s.sorted[:0], s.ring...)
	}
	s.fitLargest(s.sorted, len(s.ring), tailShare)
}

// warm reports whether enough was seen.
func (s *slidingTail) warm() bool { return len(s.ring) >= tailWarmUp }

// largest returns the largest deviation of the last fit, and z before the first one or when all were zero.
func (s *slidingTail) largest(z float64) float64 {
	if n := len(s.seen); n > 0 && s.seen[n-1] > 0 {
		return s.seen[n-1]
	}
	return z
}
