package apidoc

import (
	"iter"
	"maps"
	"slices"
	"strings"
)

const (
	maxHops   = 8   // references in a row
	maxNested = 4   // schemas within schemas
	maxWords  = 100 // of an operation
	maxSteps  = 5_000_000
)

// words are the names of what an operation takes and gives: parameters, and members of its bodies' schemas.
func (r *reader) words(item, op map[string]any) []string {
	w := &names{known: map[string]bool{}}
	for _, holder := range []map[string]any{item, op} {
		list, _ := holder["parameters"].([]any)
		for _, p := range list {
			w.add(text(r.follow(p)["name"]))
		}
	}
	r.body(r.follow(op["requestBody"]), w)
	for status, v := range sorted(object(op["responses"])) {
		if strings.HasPrefix(status, "2") {
			r.body(r.follow(v), w)
		}
	}
	slices.Sort(w.list)
	return w.list
}

type names struct {
	list  []string
	known map[string]bool
}

func (w *names) add(name string) {
	if name != "" && len(name) <= maxText && !w.known[name] && len(w.list) < maxWords {
		w.known[name] = true
		w.list = append(w.list, name)
	}
}

func (r *reader) body(holder map[string]any, w *names) {
	for _, media := range sorted(object(holder["content"])) {
		r.schema(object(media)["schema"], 0, w)
	}
}

func (r *reader) schema(v any, depth int, w *names) {
	s := r.follow(v)
	if s == nil || depth > maxNested || len(w.list) >= maxWords {
		return
	}
	for name, member := range sorted(object(s["properties"])) {
		w.add(name)
		r.schema(member, depth+1, w)
	}
	r.schema(s["items"], depth+1, w)
	for _, kind := range []string{"allOf", "oneOf", "anyOf"} {
		list, _ := s[kind].([]any)
		for _, part := range list {
			r.schema(part, depth+1, w)
		}
	}
}

// follow returns the object that v is or refers to within the document; nil when there is none, when it lies elsewhere,
// or when the budget is spent.
func (r *reader) follow(v any) map[string]any {
	for range maxHops {
		o := object(v)
		if r.budget -= 1 + len(o); r.budget < 0 {
			if o != nil {
				r.warn("the document's references branch too much; not all were followed")
			}
			return nil
		}
		ref, ok := o["$ref"].(string)
		if !ok {
			return o
		}
		pointer, local := strings.CutPrefix(ref, "#/")
		if !local || len(ref) > maxPath {
			r.warn("%.80q: a reference to another document is not followed", ref)
			return nil
		}
		if v = r.at(pointer); v == nil {
			r.warn("%.80q: there is nothing of that name", ref)
			return nil
		}
	}
	return nil
}

// at resolves a JSON pointer (RFC 6901) without its first slash.
func (r *reader) at(pointer string) (v any) {
	v = r.root
	for _, name := range strings.SplitN(pointer, "/", 64) {
		if strings.Contains(name, "~") {
			name = strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
		}
		v = object(v)[name]
	}
	return v
}

// object returns v as an object, nil when it is none.
func object(v any) map[string]any {
	o, _ := v.(map[string]any)
	return o
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// sorted walks an object in the order of its names.
func sorted(o map[string]any) iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for _, name := range slices.Sorted(maps.Keys(o)) {
			if !yield(name, o[name]) {
				return
			}
		}
	}
}
