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
	local    bool   // see Incident.local
	text     string // what q is looked for in, in lower case
	named    int    // how much of text is before the explanation
	grams    grams  // of text
}

func rowOf(r *record) row { return rowOfIncident(r, r.Incident) }

// rowOfIncident makes the row of r's incident, or of what a reader may see of it.
func rowOfIncident(r *record, inc *Incident) row {
	names := strings.ToLower(inc.names())
	text := names + strings.ToLower(inc.Explanation)
	return row{
		rec: r, id: inc.ID, first: inc.FirstSeen.UnixNano(), last: inc.LastSeen.UnixNano(), updated: inc.UpdatedAt.UnixNano(),
		events: int64(min(inc.EventCount, 1<<62)), score: int64(inc.Score), severity: inc.Severity, status: inc.Status, kind: inc.Kind,
		outcome: inc.Outcome, hidden: inc.SuppressedBy != "", local: inc.local(), text: text, named: len(names), grams: gramsOf(text),
	}
}

// matches returns the row of what the filter's reader may see when a ready filter selects it: what needs the whole incident
// comes last.
func (f *Filter) matches(r *row) *row {
	if !f.selectsRow(r) {
		return nil
	}
	inc := r.rec.Incident
	if f.Within.Limited() {
		switch {
		case !slices.ContainsFunc(inc.Services, f.Within.Covers):
			return nil
		case f.looksInside && !inc.Whole(f.Within):
			inc = inc.Within(f.Within)
			seen := rowOfIncident(r.rec, inc)
			if r = &seen; !f.selectsRow(r) {
				return nil
			}
		}
	}
	if f.Text != "" && !f.finds(r) || f.deep() && !f.selects(inc) {
		return nil
	}
	return r
}

// finds looks for the filter's text in the row. Who sees some services alone has no use of explanations that are not shown.
func (f *Filter) finds(r *row) bool {
	text := r.text
	if f.Within.Limited() && !r.local {
		text = text[:r.named]
	}
	return r.grams.hold(&f.grams) && strings.Contains(text, f.Text)
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

// ready returns f as matches wants it, for rows that are ordered by the key.
func (f Filter) ready(sort string) Filter {
	f.Text = strings.ToLower(f.Text)
	f.grams = gramsOf(f.Text)
	f.looksInside = f.Text != "" || f.deep() || len(f.Outcomes) > 0 || sort == "event_count"
	return f
}

// names are the words of an incident that name what it is about, each with a byte behind it that nobody asks for.
func (inc *Incident) names() string {
	return inc.Title + "\x00" + inc.Entity.Value + "\x00" + inc.Route + "\x00"
}

// grams is a set of the runs of three bytes in a text, hashed. A text that lacks one of another text's does not hold it,
// which spares most of the looking: a text lies elsewhere in memory than its row.
type grams [8]uint64

func gramsOf(text string) (g grams) {
	for i := 0; i+3 <= len(text); i++ {
		h := (uint32(text[i])<<16 | uint32(text[i+1])<<8 | uint32(text[i+2])) * 0x9e3779b1 >> 23 // Knuth's multiplicative hash
		g[h>>6] |= 1 << (h & 63)
	}
	return g
}

// hold reports whether all of q are in g.
func (g *grams) hold(q *grams) bool {
	for i := range q {
		if q[i]&^g[i] != 0 {
			return false
		}
	}
	return true
}
