package incident

import (
	"slices"
	"strings"

	"github.com/gatewatch/gatewatch/detect"
)

// row is what a list looks at first, side by side in memory: walking a hundred thousand incidents one by one would be
// bound by the memory's latency.
type row struct {
	rec      *record
	id       string
	first    int64 // Unix nanoseconds
	last     int64
	updated  int64
	events   int64
	score    int64
	severity detect.Severity
	status   Status
	kind     detect.Kind
	outcome  detect.Verdict
	hidden   bool
}

func rowOf(r *record) row {
	inc := r.Incident
	return row{
		rec: r, id: inc.ID, first: inc.FirstSeen.UnixNano(), last: inc.LastSeen.UnixNano(), updated: inc.UpdatedAt.UnixNano(),
		events: int64(min(inc.EventCount, 1<<62)), score: int64(inc.Score), severity: inc.Severity, status: inc.Status, kind: inc.Kind,
		outcome: inc.Outcome,
		hidden:  inc.SuppressedBy != "",
	}
}

// matches is Filter.Match over a row: what needs the whole incident comes last.
func (f *Filter) matches(r *row) bool {
	switch {
	case !f.Suppressed.shows(r.hidden),
		len(f.Severities) > 0 && !slices.Contains(f.Severities, r.severity),
		len(f.Statuses) > 0 && !slices.Contains(f.Statuses, r.status),
		len(f.Kinds) > 0 && !slices.Contains(f.Kinds, r.kind),
		len(f.Outcomes) > 0 && !slices.Contains(f.Outcomes, r.outcome),
		r.score < int64(f.MinScore),
		!f.Since.IsZero() && r.last < f.Since.UnixNano(),
		!f.Until.IsZero() && r.first >= f.Until.UnixNano():
		return false
	}
	return !f.deep() || f.Match(r.rec.Incident)
}

// deep reports whether f asks for more than a row has.
func (f *Filter) deep() bool {
	return len(f.Detectors) > 0 || f.Entity != "" || f.Service != "" || f.Route != "" || f.Assignee != "" || f.Text != ""
}

// containsFold reports whether s contains words, which are in lower case, in any case. ASCII takes a way without copies.
func containsFold(s, words string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return strings.Contains(strings.ToLower(s), words)
		}
	}
	for i := 0; i+len(words) <= len(s); i++ {
		if equalFold(s[i:i+len(words)], words) {
			return true
		}
	}
	return false
}

// equalFold compares ASCII text with text in lower case of the same length.
func equalFold(s, lower string) bool {
	for i := 0; i < len(lower); i++ {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
