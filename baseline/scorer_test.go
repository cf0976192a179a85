package baseline

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// daily is a noisy day-and-night series in five-minute steps.
func daily(n int, seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 1))
	xs := make([]float64, n)
	for i := range xs {
		xs[i] = 100 + 40*math.Sin(2*math.Pi*float64(i)/288) + 5*rng.NormFloat64()
	}
	return xs
}

func scoreAll(xs []float64) []float64 {
	s := NewScorer()
	out := make([]float64, len(xs))
	for i, x := range xs {
		out[i] = s.Score(labStart.Add(time.Duration(i)*5*time.Minute), x)
	}
	return out
}

func alarms(scores []float64) (at []int) {
	for i, s := range scores {
		if s >= 0.5 {
			at = append(at, i)
		}
	}
	return at
}

func TestScorerAlarms(t *testing.T) {
	const n, place = 4000, 3000
	for _, c := range []struct {
		name   string
		change func(xs []float64)
		fires  bool // within an hour of the place
	}{
		{"nothing happens", func([]float64) {}, false},
		{"a spike", func(xs []float64) { xs[place] += 120 }, true},
		{"a drop to nothing", func(xs []float64) { clear(xs[place : place+12]) }, true},
		{"a lasting shift", func(xs []float64) {
			for i := range xs[place:] {
				xs[place+i] += 60
			}
		}, true},
		{"a day in the middle of the night", func(xs []float64) { copy(xs[place:place+40], daily(4000, 9)[place+144:]) }, true},
		{"a little more", func(xs []float64) { xs[place] += 8 }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			xs := daily(n, 3)
			c.change(xs)
			at := alarms(scoreAll(xs))
			near, elsewhere := 0, 0
			for _, i := range at {
				if i >= place && i < place+12 {
					near++
				} else if i > 600 {
					elsewhere++
				}
			}
			if (near > 0) != c.fires {
				t.Errorf("alarms at %v, wanted near %d: %v", at, place, c.fires)
			}
			if elsewhere > 4 {
				t.Errorf("%d alarms elsewhere: %v", elsewhere, at)
			}
		})
	}
}

// point is one value of an awkward series.
type point struct {
	at time.Time
	x  float64
}

// awkward draws a series with a base of any scale, steps of any length that also stand still, step back or are not known,
// missing values, counters and constants.
func awkward(t *rapid.T) []point {
	scale := math.Pow(10, rapid.Float64Range(-12, 15).Draw(t, "scale"))
	seed := rapid.Uint64().Draw(t, "seed")
	kind := rapid.IntRange(0, 3).Draw(t, "kind")
	n := rapid.IntRange(1, 700).Draw(t, "n")
	rng := rand.New(rand.NewPCG(seed, 7))
	at, total, points := labStart, 0.0, make([]point, n)
	for i := range points {
		x := scale * (10 + rng.NormFloat64())
		switch kind {
		case 1:
			x = scale
		case 2:
			total += math.Abs(x)
			x = total
		case 3:
			x = scale * math.Exp(3*rng.NormFloat64())
		}
		p := point{at, x}
		switch rng.IntN(20) {
		case 0:
			p.x = math.NaN()
		case 1:
			p.at = time.Time{}
		case 2:
			p.x *= 50
		}
		points[i] = p
		at = at.Add([]time.Duration{0, time.Minute, -time.Minute, time.Hour, 5 * time.Minute, 5 * time.Minute}[rng.IntN(6)])
	}
	return points
}

func scorePoints(points []point) []float64 {
	s := NewScorer()
	out := make([]float64, len(points))
	for i, p := range points {
		out[i] = s.Score(p.at, p.x)
	}
	return out
}

func TestScorerDoesNotLookAhead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points := awkward(t)
		cut := rapid.IntRange(1, len(points)).Draw(t, "cut")
		scores := scorePoints(points)
		if d := cmp.Diff(scorePoints(points[:cut]), scores[:cut]); d != "" {
			t.Fatalf("the rest of the series changed earlier scores:\n%s", d)
		}
		for i, s := range scores {
			if !(s >= 0 && s <= 1) || math.IsNaN(points[i].x) && s != 0 {
				t.Fatalf("score %v of %v at %d", s, points[i].x, i)
			}
		}
	})
}

func TestScorerRangeAndScale(t *testing.T) {
	for _, scale := range []float64{1e-300, 1e-12, 1, 1e15, 1e140} {
		xs := daily(3000, 4)
		xs[2500] = 500
		for i := range xs {
			xs[i] *= scale
		}
		scores := scoreAll(xs)
		for i, s := range scores {
			if !(s >= 0 && s <= 1) {
				t.Fatalf("scale %g: score %v at %d", scale, s, i)
			}
		}
		if scores[2500] < 0.5 {
			t.Errorf("scale %g: the spike scores %v", scale, scores[2500])
		}
	}
}

// TestScorerKnowsNoScale: the same series in another unit has the same scores (powers of two do not round).
func TestScorerKnowsNoScale(t *testing.T) {
	xs := daily(3000, 6)
	xs[2000] = 700
	want := scoreAll(xs)
	for _, unit := range []float64{0x1p-40, 0x1p50} {
		scaled := make([]float64, len(xs))
		for i, x := range xs {
			scaled[i] = x * unit
		}
		if d := cmp.Diff(want, scoreAll(scaled)); d != "" {
			t.Errorf("in units of %g:\n%s", unit, d)
		}
	}
}

// TestScorerSeesLittleOnTopOfMuch: a small change of a large number is seen.
func TestScorerSeesLittleOnTopOfMuch(t *testing.T) {
	xs := daily(3000, 6)
	xs[2500] += 200
	for i := range xs {
		xs[i] += 1e9
	}
	if at := alarms(scoreAll(xs)); !slices.Contains(at, 2500) {
		t.Errorf("alarms at %v, want 2500 among them", at)
	}
}

func TestScorerConstantsMissingAndCounters(t *testing.T) {
	flat := make([]float64, 2000)
	for i := range flat {
		flat[i] = 45
	}
	if at := alarms(scoreAll(flat)); len(at) > 0 {
		t.Errorf("a constant alarms at %v", at)
	}
	flat[1500] = 46
	if at := alarms(scoreAll(flat)); len(at) == 0 || at[0] != 1500 {
		t.Errorf("a constant that changes at 1500 alarms at %v", at)
	}
	gaps := daily(2000, 5)
	for i := range gaps {
		if i%7 == 0 {
			gaps[i] = math.NaN()
		}
	}
	for i, s := range scoreAll(gaps) {
		if math.IsNaN(gaps[i]) && s != 0 || math.IsNaN(s) {
			t.Fatalf("score %v of a missing value at %d", s, i)
		}
	}
	// A counter of requests that is reset now and then alarms by its increments, not by its resets.
	rng := rand.New(rand.NewPCG(8, 8))
	total, counted := 0.0, make([]float64, 3000)
	for i := range counted {
		if i%700 == 699 {
			total = 0
		}
		total += 50 + math.Round(5*rng.NormFloat64())
		if i == 2000 {
			total += 900
		}
		counted[i] = total
	}
	at := alarms(scoreAll(counted))
	if !slices.Contains(at, 2000) || len(at) > 8 {
		t.Errorf("a counter with a burst at 2000 alarms at %v", at)
	}
	for _, reset := range []int{699, 1399, 2099, 2799} {
		if slices.Contains(at, reset) {
			t.Errorf("the reset at %d alarms", reset)
		}
	}
}

func BenchmarkScorer(b *testing.B) {
	xs := daily(1<<16, 2)
	s, i, before := NewScorer(), 0, usedCPU(b)
	for b.Loop() {
		s.Score(labStart.Add(time.Duration(i)*5*time.Minute), xs[i%len(xs)])
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "points/s")
	b.ReportMetric(float64(b.N)/(usedCPU(b)-before).Seconds(), "points/cpu-s")
}
