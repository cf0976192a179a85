// Package apidoc reads OpenAPI documents (3.0 and 3.1, YAML or JSON) as far as an inventory needs them: which operations
// there are, under which paths, what they are called with, and what is deprecated.
//
// Documents come from outside, so reading one takes time and memory in proportion to its size: references are followed
// within the document only, a few steps and within a budget. Nothing is ever fetched.
package apidoc

import (
	"slices"
	"strings"
)

// Document is what was read of an OpenAPI document.
type Document struct {
	Title      string      `json:"title"`
	Version    string      `json:"version"` // the API's own
	OpenAPI    string      `json:"openapi"` // of the specification: 3.0.3, 3.1.0
	SHA256     string      `json:"sha256"`  // of the bytes
	Operations []Operation `json:"operations"`
	Warnings   []string    `json:"warnings,omitempty"` // what could not be used

	byLength map[int][]template // operations' templates by number of segments, the most concrete first; see Index
}

// Operation is one method of one path.
type Operation struct {
	Method      string   `json:"method"`
	Route       string   `json:"route"` // server's base path and path template: /v1/orders/{orderId}
	OperationID string   `json:"operation_id,omitempty"`
	Deprecated  bool     `json:"deprecated,omitempty"`
	Secured     bool     `json:"secured,omitempty"` // it cannot be called without credentials
	Words       []string `json:"words,omitempty"`   // names of its parameters and of the members of its bodies, a bounded number
}

// Routes returns the templates of all operations, each once, in order.
func (d *Document) Routes() []string {
	var list []string
	for _, o := range d.Operations {
		list = append(list, o.Route)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Find returns the operation that describes an endpoint as the logs show it: the template may be the document's, an
// inferred one with other names of parameters, or a path with a value where the document has a parameter.
func (d *Document) Find(method, route string) *Operation {
	segments := cut(route)
	for _, t := range d.byLength[len(segments)] {
		if !t.matches(segments) {
			continue
		}
		if at, ok := t.methods[method]; ok {
			return &d.Operations[at]
		}
	}
	return nil
}

// template is one path with its operations.
type template struct {
	segments []string
	methods  map[string]int // index of the operation
}

// Index prepares Find. Read does so; call it on a document that was decoded from JSON, before it is shared.
func (d *Document) Index() {
	d.byLength = map[int][]template{}
	at := map[string]int{}
	for i, o := range d.Operations {
		segments := cut(o.Route)
		list := d.byLength[len(segments)]
		n, known := at[o.Route]
		if !known {
			n = len(list)
			at[o.Route] = n
			list = append(list, template{segments, map[string]int{}})
		}
		list[n].methods[o.Method] = i
		d.byLength[len(segments)] = list
	}
	for _, list := range d.byLength {
		slices.SortStableFunc(list, func(a, b template) int {
			for i := range a.segments {
				if c := rank(a.segments[i]) - rank(b.segments[i]); c != 0 {
					return c
				}
			}
			return slices.Compare(a.segments, b.segments)
		})
	}
}

// rank is lower for what is more concrete (OpenAPI 3.1, section 4.8.8.2).
func rank(segment string) int {
	switch {
	case !strings.Contains(segment, "{"):
		return 0
	case segment[0] == '{' && segment[len(segment)-1] == '}' && strings.Count(segment, "{") == 1:
		return 2
	}
	return 1
}

func (t template) matches(route []string) bool {
	for i, s := range t.segments {
		switch rank(s) {
		case 0:
			if s != route[i] {
				return false
			}
		case 1:
			if s != route[i] && !strings.Contains(route[i], "{") && !around(s, route[i]) {
				return false
			}
		}
	}
	return true
}

// around reports whether v has the texts of a segment like {name}.{format}, in order, around and between values.
func around(segment, v string) bool {
	before, rest, _ := strings.Cut(segment, "{")
	v, ok := strings.CutPrefix(v, before)
	for ok && rest != "" {
		_, rest, _ = strings.Cut(rest, "}")
		var text string
		text, rest, _ = strings.Cut(rest, "{")
		at := strings.Index(v, text)
		if rest == "" {
			at = len(v) - len(text)
		}
		if ok = at >= 1 && strings.HasPrefix(v[at:], text); ok {
			v = v[at+len(text):]
		}
	}
	return ok
}

func cut(route string) []string {
	return strings.FieldsFunc(route, func(r rune) bool { return r == '/' })
}
