package baseline

import (
	"math"
	"slices"
)

// surprise holds a count x against an expected count mu whose variance is mu + alpha*mu², and returns the deviation on
// a scale on which such counts have a spread of about 1 at every mu: negative below, positive above the expectation.
//
// It is the variance-stabilising transform of the negative binomial (Anscombe, "The transformation of Poisson, binomial
// and negative-binomial data", Biometrika 35, 1948), which becomes 2(√(x+3/8) - √(mu+3/8)) as alpha goes to 0.
func surprise(x, mu, alpha float64) float64 {
	if alpha < 1e-6 {
		return 2 * (math.Sqrt(x+0.375) - math.Sqrt(mu+0.375))
	}
	r := math.Sqrt(alpha)
	return 2 / r * (math.Asinh(r*math.Sqrt(x+0.375)) - math.Asinh(r*math.Sqrt(mu+0.375)))
}

// boundAt is the inverse of surprise: the count at which the deviation from mu is z.
func boundAt(z, mu, alpha float64) float64 {
	if alpha < 1e-6 {
		s := math.Max(z/2+math.Sqrt(mu+0.375), 0)
		return math.Max(s*s-0.375, 0)
	}
	r := math.Sqrt(alpha)
	s := math.Max(math.Sinh(z*r/2+math.Asinh(r*math.Sqrt(mu+0.375)))/r, 0)
	return math.Max(s*s-0.375, 0)
}

// median returns the median of xs, which it sorts in place; 0 of nothing.
func median(xs []float64) float64 { return quantile(xs, 0.5) }

// quantile returns the q-quantile of xs by linear interpolation (Hyndman and Fan's type 7); it sorts xs in place.
// It is 0 of nothing.
func quantile(xs []float64, q float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	slices.Sort(xs)
	at := q * float64(len(xs)-1)
	lo := int(at)
	if lo+1 >= len(xs) {
		return xs[len(xs)-1]
	}
	return xs[lo] + (at-float64(lo))*(xs[lo+1]-xs[lo])
}

// shrink pulls an estimate from n observations towards prior, which weighs as much as k observations.
func shrink(own float64, n int, prior, k float64) float64 {
	return (own*float64(n) + prior*k) / (float64(n) + k)
}

// tally is an exact histogram of small counts; its quantiles do not depend on the order in which it was filled.
type tally map[uint32]uint64

func (t tally) total() (n uint64) {
	for _, c := range t {
		n += c
	}
	return n
}

// quantile returns the smallest value that at least the share q of the counts does not exceed; 0 of nothing.
func (t tally) quantile(q float64) float64 {
	values := make([]uint32, 0, len(t))
	for v := range t {
		values = append(values, v)
	}
	slices.Sort(values)
	need := uint64(math.Ceil(q * float64(t.total())))
	var seen uint64
	for _, v := range values {
		if seen += t[v]; seen >= need {
			return float64(v)
		}
	}
	return 0
}
