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
	inc      *Incident // of rec, or of what a reader may see of it
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
	text     string // what q is looked for in, in lower case
}

func rowOf(r *record) row { return rowOfIncident(r, r.Incident) }

func rowOfIncident(r *record, inc *Incident) row {
	return row{
		rec: r, inc: inc, id: inc.ID, first: inc.FirstSeen.UnixNano(), last: inc.LastSeen.UnixNano(), updated: inc.UpdatedAt.UnixNano(),
		events: int64(min(inc.EventCount, 1<<62)), score: int64(inc.Score), severity: inc.Severity, status: inc.Status, kind: inc.Kind,
		outcome: inc.Outcome,
		hidden:  inc.SuppressedBy != "", text: inc.text(),
	}
}

// matches is Filter.Match of a folded filter over a row: what needs the whole incident comes last.
func (f *Filter) matches(r *row) *row {
	if !f.selectsRow(r) {
		return nil
	}
	if f.Within.Limited() {
		seen := r.inc.Within(f.Within)
		if seen == nil {
			return nil
		}
		if seen != r.inc {
			own := rowOfIncident(r.rec, seen)
			r = &own
			if !f.selectsRow(r) {
				return nil
			}
		}
	}
	if f.Text != "" && !strings.Contains(r.text, f.Text) || f.deep() && !f.selects(r.inc) {
		return nil
	}
	return r
}

// selectsRow looks at what a row has, but for the text.
func (f *Filter) selectsRow(r *row) bool {
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
	return true
}

// deep reports whether f asks for more than a row has.
func (f *Filter) deep() bool {
	return len(f.Detectors) > 0 || f.Entity != "" || f.Service != "" || f.Route != "" || f.Assignee != ""
}

// folded returns f with its text in lower case, as matches wants it.
func (f Filter) folded() Filter {
	f.Text = strings.ToLower(f.Text)
	return f
}

// text is what a filter's text is looked for in: in lower case, its parts kept apart by a byte that nobody asks for.
func (inc *Incident) text() string {
	return strings.ToLower(strings.Join([]string{inc.Title, inc.Explanation, inc.Entity.Value, inc.Route}, "\x00"))
}
