package incident

import (
	"cmp"
	"math"
	"slices"

	"github.com/gatewatch/gatewatch/detect"
)

func compare[T cmp.Ordered](a, b T) int { return cmp.Compare(a, b) }

// ratio says how far a number lies from what was expected, as a factor of at least 1 in either direction: a drop from
// 240 to 12 weighs like a rise from 12 to 240. One is added to both where one is zero. It is capped at a million.
func ratio(observed, expected float64) float64 {
	observed, expected = math.Abs(observed), math.Abs(expected)
	if observed == 0 || expected == 0 {
		observed, expected = observed+1, expected+1
	}
	r := observed / expected
	if r < 1 {
		r = 1 / r
	}
	if math.IsNaN(r) || r > 1e6 {
		return 1e6
	}
	return r
}

// addNames adds what f names to the incident's lists.
func (inc *Incident) addNames(f *detect.Finding) {
	if inc.Service == "" {
		inc.Service = f.Service
	}
	if inc.Route == "" {
		inc.Route = f.Route
	}
	inc.Services = union(inc.Services, maxNames, f.Service)
	inc.Routes = union(inc.Routes, maxNames, f.Route)
	inc.OWASP = union(inc.OWASP, maxNames, f.OWASP...)
	inc.MITRE = union(inc.MITRE, maxNames, f.MITRE...)
	inc.Tags = union(inc.Tags, maxNames, f.Tags...)
}

// union inserts the words that are missing into the sorted list while it is shorter than limit.
func union(list []string, limit int, words ...string) []string {
	for _, w := range words {
		at, found := slices.BinarySearch(list, w)
		if w == "" || found || len(list) >= limit {
			continue
		}
		list = slices.Insert(list, at, w)
	}
	return list
}

// signal counts f, with more events than before, into its detector's signal.
func (inc *Incident) signal(f *detect.Finding, more uint64, isNew bool) {
	i := slices.IndexFunc(inc.Signals, func(s Signal) bool { return s.Detector == f.Detector })
	if i < 0 {
		inc.Signals = append(inc.Signals, signalOf(f))
		i = len(inc.Signals) - 1
	}
	s := &inc.Signals[i]
	s.Events += more
	s.Services = union(slices.Clone(s.Services), maxNames, f.Service)
	s.Local = s.Local && f.Local()
	if isNew {
		s.Findings++
		if stronger(f.Severity, ratio(f.Observed, f.Expected), s.Severity, ratio(s.Observed, s.Expected)) {
			s.Observed, s.Expected, s.Unit = f.Observed, f.Expected, f.Unit
			s.Title, s.Explanation = f.Title, f.Explanation
		}
	} else if f.ID != "" && f.Observed == s.Observed && f.Explanation != "" {
		s.Explanation = f.Explanation // the sentence of the finding that speaks for the signal may have grown with it
	}
	s.Severity = max(s.Severity, f.Severity)
	if f.FirstSeen.Before(s.FirstSeen) {
		s.FirstSeen = f.FirstSeen.UTC()
	}
	if f.LastSeen.After(s.LastSeen) {
		s.LastSeen = f.LastSeen.UTC()
	}
	slices.SortFunc(inc.Signals, func(a, b Signal) int {
		if c := a.FirstSeen.Compare(b.FirstSeen); c != 0 {
			return c
		}
		return compare(a.Detector, b.Detector)
	})
}

func signalOf(f *detect.Finding) Signal {
	return Signal{
		Detector: f.Detector, Title: f.Title, Severity: f.Severity,
		FirstSeen: f.FirstSeen.UTC(), LastSeen: f.LastSeen.UTC(),
		Observed: f.Observed, Expected: f.Expected, Unit: f.Unit, Explanation: f.Explanation, Local: f.Local(),
	}
}

// stronger orders by severity, then by distance from what was expected.
func stronger(sevA detect.Severity, ratioA float64, sevB detect.Severity, ratioB float64) bool {
	if sevA != sevB {
		return sevA > sevB
	}
	return ratioA > ratioB
}

// lead is the signal that speaks for the incident: the strongest, the earliest of equals.
func (inc *Incident) lead() *Signal {
	best := &inc.Signals[0]
	for i := range inc.Signals[1:] {
		s := &inc.Signals[i+1]
		if stronger(s.Severity, ratio(s.Observed, s.Expected), best.Severity, ratio(best.Observed, best.Expected)) {
			best = s
		}
	}
	return best
}
