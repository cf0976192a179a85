package baseline

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
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

func TestScorerDoesNotLookAhead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xs := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 2, 300).Draw(t, "xs")
		cut := rapid.IntRange(1, len(xs)).Draw(t, "cut")
		if d := cmp.Diff(scoreAll(xs[:cut]), scoreAll(xs)[:cut]); d != "" {
			t.Fatalf("the rest of the series changed earlier scores:\n%s", d)
		}
	})
}

func TestScorerRangeAndScale(t *testing.T) {
	for _, scale := range []float64{1e-9, 1, 1e12} {
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

func TestScoreCSV(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"header", "timestamp,value\n2026-03-02 00:00:00,1\n2026-03-02 00:05:00,2\n", "timestamp,value,anomaly_score\n2026-03-02 00:00:00,1,0.000000\n2026-03-02 00:05:00,2,0.000000\n"},
		{"other columns pass through", "label,value,timestamp\n\"a,b\",1,1772409600\n", "label,value,timestamp,anomaly_score\n\"a,b\",1,1772409600,0.000000\n"},
		{"no header", "2026-03-02T00:00:00Z,1\n", "2026-03-02T00:00:00Z,1,0.000000\n"},
		{"missing values", "timestamp,value\n1772409600,\nsoon,NaN\n", "timestamp,value,anomaly_score\n1772409600,,0.000000\nsoon,NaN,0.000000\n"},
		{"nothing", "", ""},
		{"only a header", "timestamp,value\n", "timestamp,value,anomaly_score\n"},
	} {
		var out bytes.Buffer
		if _, err := ScoreCSV(strings.NewReader(c.in), &out); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if d := cmp.Diff(c.want, out.String()); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
	for name, in := range map[string]string{
		"a header without a value": "timestamp,count\n2026-03-02 00:00:00,1\n",
		"a short row":              "timestamp,value\n2026-03-02 00:00:00\n",
		"an open quote":            "timestamp,value\n\"2026,1\n",
	} {
		if _, err := ScoreCSV(strings.NewReader(in), &bytes.Buffer{}); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestTimestamps(t *testing.T) {
	want := time.Date(2026, 3, 2, 1, 2, 3, 0, time.UTC)
	for _, s := range []string{
		"2026-03-02 01:02:03", "2026-03-02T01:02:03Z", "2026-03-02T02:02:03+01:00", " 2026-03-02 01:02:03.000 ",
		fmt.Sprint(want.Unix()), fmt.Sprint(want.UnixMilli()), fmt.Sprint(want.UnixMicro()), fmt.Sprint(want.UnixNano()),
		fmt.Sprintf("%d.0", want.Unix()),
	} {
		if got, ok := parseTimestamp(s); !ok || !got.Equal(want) {
			t.Errorf("%q: %v %v", s, got, ok)
		}
	}
}

func FuzzScoreCSV(f *testing.F) {
	f.Add("timestamp,value\n2026-03-02 00:00:00,1\n")
	f.Add("1,2\n-9223372036854775808,1e308\n")
	f.Add("timestamp,value\n\"\n")
	f.Fuzz(func(t *testing.T, in string) {
		var out bytes.Buffer
		r, err := ScoreCSV(strings.NewReader(in), &out)
		if err == nil && strings.Count(out.String(), "\n") < r.Rows {
			t.Errorf("%d rows, wrote %q", r.Rows, out.String())
		}
	})
}

func BenchmarkScorer(b *testing.B) {
	xs := daily(1<<16, 2)
	s, i := NewScorer(), 0
	for b.Loop() {
		s.Score(labStart.Add(time.Duration(i)*5*time.Minute), xs[i%len(xs)])
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "points/s")
}
