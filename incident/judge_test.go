package incident

import (
	"strings"
	"testing"

	"github.com/gatewatch/gatewatch/detect"
)

func TestScore(t *testing.T) {
	for _, c := range []struct {
		name     string
		findings []detect.Finding
		want     int
		parts    string
	}{
		{"a plain one", []detect.Finding{finding("scan", client(1), 0, 0)}, 32, "severity 30, excess 2, volume 0, breadth 0, persistence 0"},
		{"low and just over", []detect.Finding{finding("scan", client(1), 0, 0, func(f *detect.Finding) {
			f.Severity, f.Observed = detect.Low, 20
		})}, 10, "severity 10, excess 0, volume 0, breadth 0, persistence 0"},
		{"a drop weighs like a rise", []detect.Finding{finding("drop", client(1), 0, 0, func(f *detect.Finding) {
			f.Observed, f.Expected = 20, 40
		})}, 32, "severity 30, excess 2, volume 0, breadth 0, persistence 0"},
		{"to nothing", []detect.Finding{finding("drop", client(1), 0, 0, func(f *detect.Finding) {
			f.Observed, f.Expected = 0, 1023
		})}, 38, "severity 30, excess 8, volume 0, breadth 0, persistence 0"},
		{"everything at once", []detect.Finding{
			finding("a", client(1), 0, 600, func(f *detect.Finding) { f.Severity, f.Observed = detect.Critical, 1e9 }),
			finding("b", client(1), 0, 900), finding("c", client(1), 0, 1000), finding("d", client(1), 0, 1200),
			finding("e", client(1), 0, 7000),
		}, 100, "severity 70, excess 8, volume 8, breadth 8, persistence 6"},
		{
			"two detectors",
			[]detect.Finding{finding("a", client(1), 0, 0), finding("b", client(1), 0, 0)},
			37,
			"severity 30, excess 2, volume 0, breadth 4, persistence 1",
		},
	} {
		m := newManager(t, nil, Options{})
		apply(t, m, c.findings...)
		inc := all(t, m)[0]
		sum := 0
		var parts []string
		for i, p := range inc.ScoreParts {
			sum += p.Points
			parts = append(parts, p.Name+" "+number(float64(p.Points), ""))
			if p.Points > scorers()[i].max || p.Points < 0 || p.Reason == "" {
				t.Errorf("%s: part %+v", c.name, p)
			}
		}
		if got := strings.Join(parts, ", "); inc.Score != c.want || sum != inc.Score || got != c.parts {
			t.Errorf("%s: %d (%s), want %d (%s)", c.name, inc.Score, got, c.want, c.parts)
		}
	}
	total := 0
	for _, s := range scorers() {
		total += s.max
	}
	if total != 100 {
		t.Errorf("the parts' maxima add up to %d", total)
	}
}

func TestWords(t *testing.T) {
	m := newManager(t, nil, Options{})
	apply(t, m,
		finding("path scanning", client(1), 0, 5, func(f *detect.Finding) { f.Severity = detect.Medium }),
		finding("SQL injection", client(1), 3, 9, func(f *detect.Finding) {
			f.Severity = detect.High
			f.Explanation = "203.0.113.1 sent 7 requests with SQL in their parameters."
		}))
	inc := all(t, m)[0]
	if want := "Web attack from 203.0.113.1: SQL injection, Path scanning"; inc.Title != want {
		t.Errorf("title %q, want %q", inc.Title, want)
	}
	if want := "203.0.113.1 sent 7 requests with SQL in their parameters. Also seen: Path scanning (6 events)."; inc.Explanation != want {
		t.Errorf("explanation %q, want %q", inc.Explanation, want)
	}
	if inc.Detector != "SQL injection" || inc.Severity != detect.High {
		t.Errorf("lead %s, %s", inc.Detector, inc.Severity)
	}

	m = newManager(t, nil, Options{})
	apply(t, m, finding("spike", detect.Entity{Type: detect.EntityUser, Value: "alice"}, 0, 1, func(f *detect.Finding) { f.Explanation = "" }))
	inc = all(t, m)[0]
	if inc.Title != "Spike by user alice" || inc.Explanation != "Spike by user alice: observed 40 requests, expected 20." {
		t.Errorf("%q: %q", inc.Title, inc.Explanation)
	}
}

func TestRatio(t *testing.T) {
	for _, c := range []struct{ observed, expected, want float64 }{
		{40, 20, 2}, {20, 40, 2}, {0, 0, 1}, {0, 9, 10}, {9, 0, 10}, {1e300, 1e-300, 1e6}, {-4, 2, 2},
	} {
		if got := ratio(c.observed, c.expected); got != c.want {
			t.Errorf("ratio(%v, %v) = %v, want %v", c.observed, c.expected, got, c.want)
		}
	}
}
