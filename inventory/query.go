package inventory

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// Filter selects endpoints. An empty member selects all; the values of one member are alternatives.
type Filter struct {
	Service       string
	Methods       []string
	Route         string // exact, or a beginning that ends with *
	Types         []Type
	Sensitivities []Sensitivity
	Standings     []Standing
	Data          string // a class of data
	Owner         string
	Auth          string         // an identity kind that it was asked for with
	Since         time.Time      // seen at or after
	Text          string         // within service, route, owner or data, in any case
	Within        event.Services // that the reader may see
}

// Match reports whether f selects e.
func (f *Filter) Match(e *Endpoint) bool {
	switch {
	case !f.Within.Covers(e.Service),
		f.Service != "" && e.Service != f.Service,
		len(f.Methods) > 0 && !slices.Contains(f.Methods, e.Method),
		f.Route != "" && !MatchRoute(f.Route, e.Route),
		len(f.Types) > 0 && !slices.Contains(f.Types, e.Type),
		len(f.Sensitivities) > 0 && !slices.Contains(f.Sensitivities, e.Sensitivity),
		len(f.Standings) > 0 && !slices.Contains(f.Standings, e.Standing),
		f.Data != "" && !slices.Contains(e.Data, f.Data),
		f.Owner != "" && e.Owner != f.Owner,
		f.Auth != "" && e.Auth[f.Auth] == 0,
		!f.Since.IsZero() && e.LastSeen.Before(f.Since):
		return false
	}
	if f.Text == "" {
		return true
	}
	text := strings.ToLower(strings.Join(append([]string{e.Service, e.Route, e.Owner}, e.Data...), "\n"))
	return strings.Contains(text, strings.ToLower(f.Text))
}

// MatchRoute compares a route with a pattern: the route itself, or its beginning and a star.
func MatchRoute(pattern, route string) bool {
	if beginning, ok := strings.CutSuffix(pattern, "*"); ok && strings.HasPrefix(route, beginning) {
		return true
	}
	return pattern == route
}

// sortKeys are what a list can be ordered by.
var sortKeys = map[string]func(*Endpoint) position{
	"route":       func(e *Endpoint) position { return position{Text: e.Service + "\x00" + e.Route + "\x00" + e.Method} },
	"requests":    func(e *Endpoint) position { return position{Num: int64(min(e.Requests, 1<<62))} },
	"sensitivity": func(e *Endpoint) position { return position{Num: e.Sensitivity.rank()} },
	"first_seen":  func(e *Endpoint) position { return position{Num: e.FirstSeen.UnixMilli()} },
	"last_seen":   func(e *Endpoint) position { return position{Num: e.LastSeen.UnixMilli()} },
}

// DefaultSort orders by service, route and method.
const DefaultSort = "route"

// MaxPage is the largest page.
const MaxPage = 500

// Page is one page of a list.
type Page struct {
	Endpoints []*Endpoint
	Next      string // cursor of the next page, empty on the last
	Total     int    // matches on all pages
}

// page cuts a page out of the endpoints that f selects: those after the cursor (empty: from the first).
func page(all []*Endpoint, f Filter, sort, cursor string, limit int) (Page, error) {
	if sort == "" {
		sort = DefaultSort
	}
	name, desc := strings.CutPrefix(sort, "-")
	key, ok := sortKeys[name]
	if !ok {
		return Page{}, invalid("sort", "%.40q: want one of first_seen, last_seen, requests, route, sensitivity, with a leading minus for descending", sort)
	}
	if limit < 1 || limit > MaxPage {
		return Page{}, invalid("limit", "%d: want 1 to %d", limit, MaxPage)
	}
	after, err := parseCursor(cursor, sort)
	if err != nil {
		return Page{}, err
	}
	type placed struct {
		at position
		e  *Endpoint
	}
	var list []placed
	p := Page{Endpoints: []*Endpoint{}}
	for _, e := range all {
		if !f.Match(e) {
			continue
		}
		p.Total++
		at := key(e)
		at.ID = e.ID
		if cursor == "" || at.compare(after, desc) > 0 {
			list = append(list, placed{at, e})
		}
	}
	slices.SortFunc(list, func(a, b placed) int { return a.at.compare(b.at, desc) })
	for i, l := range list {
		if i == limit {
			last := list[limit-1].at
			last.Sort = sort
			p.Next = last.cursor()
			break
		}
		p.Endpoints = append(p.Endpoints, l.e)
	}
	return p, nil
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
