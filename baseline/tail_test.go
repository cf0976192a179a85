package baseline

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestSlidingTailIsTheTailOfItsRing: what a sliding tail keeps of its deviations says the same as all of them.
func TestSlidingTailIsTheTailOfItsRing(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var s slidingTail
	for i := range 3 * tailMemory {
		z := rng.ExpFloat64()
		switch {
		case i > 2*tailMemory: // what was rare becomes usual
			z *= 20
		case i > tailMemory:
			z = float64(int(z)) // many are the same
		}
		s.add(z)
		if s.stale != 0 {
			continue
		}
		var want tail
		want.fit(append([]float64(nil), s.ring...), tailShare)
		if d := cmp.Diff(want, s.tail, cmp.AllowUnexported(tail{}), cmpopts.IgnoreFields(tail{}, "seen")); d != "" {
			t.Fatalf("after %d (-want +got):\n%s", i, d)
		}
		for _, z := range []float64{0, want.base, 1.5 * want.base, s.largest(0), 3*s.largest(0) + 1} {
			if a, b := want.surprise(z, 1e-9), s.surprise(z, 1e-9); a != b {
				t.Fatalf("after %d, surprise of %v: %v of all, %v of the largest", i, z, a, b)
			}
		}
	}
}
