package incident

import (
	"cmp"
	"container/heap"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// Filter selects incidents. An empty member selects all; the values of one member are alternatives.
type Filter struct {
	Severities []detect.Severity
	Statuses   []Status
	Kinds      []detect.Kind
	Outcomes   []detect.Verdict
	Detectors  []string // any of the incident's detectors
	Entity     string   // "value" or "type:value"
	Service    string
	Route      string
	Assignee   string
	MinScore   int
	Since      time.Time // seen at or after
	Until      time.Time // seen before
	Text       string    // within title, explanation, entity or route, in any case
	Suppressed Suppressed
	// Within are the services that the reader may see: what is selected, counted, ordered and returned is the incident as
	// Incident.Within shows it.
	Within event.Services

	grams       grams // of Text
	looksInside bool  // asks for what Within may change
}

// Suppressed says what a filter does about incidents that a suppression hides.
type Suppressed string

// By default they are left out.
const (
	SuppressedOut  Suppressed = ""
	SuppressedOnly Suppressed = "only"
	SuppressedAll  Suppressed = "all"
)

func (s Suppressed) shows(hidden bool) bool {
	return s == SuppressedAll || hidden == (s == SuppressedOnly)
}

// Match returns inc as far as f's reader may see it when f selects that, nil otherwise.
func (f *Filter) Match(inc *Incident) *Incident {
	seen := inc.Within(f.Within)
	if seen == nil || !f.selects(seen) {
		return nil
	}
	if f.Text != "" {
		text := seen.names()
		if !f.Within.Limited() || inc.local() {
			text += seen.Explanation
		}
		if !strings.Contains(strings.ToLower(text), strings.ToLower(f.Text)) {
			return nil
		}
	}
	return seen
}

// selects is Match but for the text.
func (f *Filter) selects(inc *Incident) bool {
	switch {
	case !f.Suppressed.shows(inc.SuppressedBy != ""),
		len(f.Severities) > 0 && !slices.Contains(f.Severities, inc.Severity),
		len(f.Statuses) > 0 && !slices.Contains(f.Statuses, inc.Status),
		len(f.Kinds) > 0 && !slices.Contains(f.Kinds, inc.Kind),
		len(f.Outcomes) > 0 && !slices.Contains(f.Outcomes, inc.Outcome),
		inc.Score < f.MinScore,
		!f.Since.IsZero() && inc.LastSeen.Before(f.Since),
		!f.Until.IsZero() && !inc.FirstSeen.Before(f.Until),
		f.Entity != "" && !inc.isAbout(f.Entity),
		f.Service != "" && !slices.Contains(inc.Services, f.Service),
		f.Route != "" && !slices.Contains(inc.Routes, f.Route),
		f.Assignee != "" && inc.Assignee != f.Assignee,
		len(f.Detectors) > 0 && !slices.ContainsFunc(inc.Signals, func(s Signal) bool { return slices.Contains(f.Detectors, s.Detector) }):
		return false
	}
	return true
}

func (inc *Incident) isAbout(entity string) bool {
	if entity == inc.Entity.Value {
		return true
	}
	kind, value, ok := strings.Cut(entity, ":")
	return ok && kind == string(inc.Entity.Type) && value == inc.Entity.Value
}

// sortKeys are what a list can be ordered by.
var sortKeys = map[string]func(*row) int64{
	"score":       func(r *row) int64 { return r.score },
	"severity":    func(r *row) int64 { return int64(r.severity) },
	"first_seen":  func(r *row) int64 { return r.first },
	"last_seen":   func(r *row) int64 { return r.last },
	"updated_at":  func(r *row) int64 { return r.updated },
	"event_count": func(r *row) int64 { return r.events },
}

// SortKeys lists the names that a list can be ordered by.
func SortKeys() []string {
	names := make([]string, 0, len(sortKeys))
	for name := range sortKeys {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// DefaultSort puts what was seen last first.
const DefaultSort = "-last_seen"

// MaxPage is the largest page.
const MaxPage = 500

// Page is one page of a list.
type Page struct {
	Incidents []*Incident
	Next      string // cursor of the next page, empty on the last
	Total     int    // matches on all pages
}

// position is a place in a sorted list: the value that it is sorted by, and the id among equals.
type position struct {
	Sort  string `json:"s"`
	Value int64  `json:"v"`
	ID    string `json:"i"`
}

// List returns the page of incidents after the cursor (empty: the first). sort is a name of SortKeys, with a leading
// minus for descending order; incidents with equal values are ordered by id. A cursor stays good while incidents come
// and change: it names a place, not a page. Errors: *InvalidError.
func (m *Manager) List(f Filter, sort, cursor string, limit int) (Page, error) {
	if sort == "" {
		sort = DefaultSort
	}
	name, desc := strings.CutPrefix(sort, "-")
	key, ok := sortKeys[name]
	if !ok {
		return Page{}, invalid("sort", "%q: want one of %s, with a leading minus for descending", sort, strings.Join(SortKeys(), ", "))
	}
	if limit < 1 || limit > MaxPage {
		return Page{}, invalid("limit", "%d: want 1 to %d", limit, MaxPage)
	}
	after, err := parseCursor(cursor, sort)
	if err != nil {
		return Page{}, err
	}
	order := func(a, b position) int {
		c := cmp.Compare(a.Value, b.Value)
		if desc {
			c = -c
		}
		if c == 0 {
			c = cmp.Compare(a.ID, b.ID)
		}
		return c
	}
	f = f.ready(name)
	top := &selection{order: order}
	total := 0
	m.mu.RLock()
	for i := range m.list {
		r := f.matches(&m.list[i])
		if r == nil {
			continue
		}
		total++
		at := position{Value: key(r), ID: r.id}
		if cursor != "" && order(at, after) <= 0 {
			continue
		}
		top.offer(at, r.rec.Incident, limit+1)
	}
	m.mu.RUnlock()
	return top.page(sort, limit, total, f.Within), nil
}

type found struct {
	at  position
	inc *Incident
}

// selection keeps the first so many of what it is offered: a heap with the last of them on top.
type selection struct {
	order func(a, b position) int
	items []found
}

func (s *selection) Len() int           { return len(s.items) }
func (s *selection) Less(i, j int) bool { return s.order(s.items[i].at, s.items[j].at) > 0 }
func (s *selection) Swap(i, j int)      { s.items[i], s.items[j] = s.items[j], s.items[i] }

// Push implements heap.Interface.
func (s *selection) Push(x any) { s.items = append(s.items, x.(found)) }

// Pop implements heap.Interface.
func (s *selection) Pop() any {
	last := s.items[len(s.items)-1]
	s.items = s.items[:len(s.items)-1]
	return last
}

func (s *selection) offer(at position, inc *Incident, limit int) {
	if len(s.items) < limit {
		heap.Push(s, found{at, inc})
		return
	}
	if s.order(at, s.items[0].at) < 0 {
		s.items[0] = found{at, inc}
		heap.Fix(s, 0)
	}
}

func (s *selection) page(sort string, limit, total int, within event.Services) Page {
	slices.SortFunc(s.items, func(a, b found) int { return s.order(a.at, b.at) })
	p := Page{Total: total, Incidents: []*Incident{}}
	for i, f := range s.items {
		if i == limit {
			last := s.items[limit-1].at
			last.Sort = sort
			p.Next = last.cursor()
			break
		}
		p.Incidents = append(p.Incidents, f.inc.Within(within))
	}
	return p
}

func (p position) cursor() string {
	b, _ := json.Marshal(p) // strings and a number: it cannot fail
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseCursor reads a cursor that was made for the same order.
func parseCursor(cursor, sort string) (position, error) {
	if cursor == "" {
		return position{}, nil
	}
	var p position
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || json.Unmarshal(b, &p) != nil || p.ID == "" {
		return position{}, invalid("cursor", "not a cursor that a list returned")
	}
	if p.Sort != sort {
		return position{}, invalid("cursor", "it belongs to a list sorted by %q", p.Sort)
	}
	return p, nil
}
