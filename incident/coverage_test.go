package incident

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func minute(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }

func TestCoverage(t *testing.T) {
	type seen struct {
		detector string
		from, to int
		n        uint64
	}
	for _, c := range []struct {
		name string
		seen []seen
		want uint64
	}{
		{"nothing", nil, 0},
		{"one detector adds up", []seen{{"a", 0, 5, 10}, {"a", 3, 9, 7}}, 17},
		{"two at the same time count once", []seen{{"a", 0, 5, 10}, {"b", 2, 6, 7}}, 10},
		{"two after each other add up", []seen{{"a", 0, 5, 10}, {"b", 6, 9, 7}}, 17},
		{"touching is the same time", []seen{{"a", 0, 5, 10}, {"b", 5, 9, 7}}, 10},
		{"a bridge joins", []seen{{"a", 0, 1, 10}, {"b", 8, 9, 7}, {"c", 1, 8, 4}}, 10},
		{"the order does not matter here", []seen{{"b", 6, 9, 7}, {"a", 0, 5, 10}}, 17},
	} {
		var cov coverage
		for _, s := range c.seen {
			cov.add(s.detector, minute(s.from), minute(s.to), s.n)
		}
		if got := cov.count(); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// Whatever the true set of events is, the count never exceeds it, and never falls below what one detector saw. The truth
// is simulated: detectors see random subsets of numbered events within random intervals, each episode anew.
func TestCoverageIsALowerBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var cov coverage
		truth := map[int]bool{}              // events that somebody saw
		claimed := map[string]map[int]bool{} // by detector: no event belongs to two of its episodes
		var high uint64
		for range rapid.IntRange(1, 60).Draw(t, "findings") {
			detector := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "detector")
			if claimed[detector] == nil {
				claimed[detector] = map[int]bool{}
			}
			from := rapid.IntRange(0, 2000).Draw(t, "from")
			to := from + rapid.IntRange(0, 50).Draw(t, "length")
			n := uint64(0)
			for e := from; e <= to; e++ { // event e happens at minute e
				if !claimed[detector][e] && rapid.Bool().Draw(t, "sees") {
					claimed[detector][e], truth[e] = true, true
					n++
				}
			}
			cov.add(detector, minute(from), minute(to), n)
			high = max(high, cov.count())
		}
		if high > uint64(len(truth)) {
			t.Fatalf("counted %d of %d events", high, len(truth))
		}
		for d, seen := range claimed {
			if len(cov.Segments) < maxSegments && high < uint64(len(seen)) {
				t.Fatalf("counted %d, detector %s alone saw %d", high, d, len(seen))
			}
		}
	})
}
