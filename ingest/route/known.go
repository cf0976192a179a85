package route

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// catalogue holds the templates that the configuration gives for a service.
type catalogue struct {
	byLength map[int][]knownTemplate // by number of segments, literals before parameters
}

type knownTemplate struct {
	route string
	seg   []knownSegment
}

// knownSegment is a segment of a given template: literal text around at most a few parameters.
type knownSegment struct {
	literals []string // one more than there are parameters: the text before, between and after them
}

func (s knownSegment) params() int { return len(s.literals) - 1 }

// load adds the templates of k.
func (c *catalogue) load(k Known) error {
	for _, t := range k.Templates {
		c.add(t)
	}
	if k.OpenAPI == "" {
		c.sort()
		return nil
	}
	templates, err := readOpenAPI(k.OpenAPI)
	if err != nil {
		return fmt.Errorf("routes.known: service %q: %w", k.Service, err)
	}
	for _, t := range templates {
		c.add(t)
	}
	c.sort()
	return nil
}

// readOpenAPI returns the paths of an OpenAPI file, below the paths of its servers where it names any.
func readOpenAPI(file string) ([]string, error) {
	doc, err := openapi3.NewLoader().LoadFromFile(file)
	if err != nil {
		return nil, fmt.Errorf("read OpenAPI file %s: %w", file, err)
	}
	if doc.Paths.Len() == 0 {
		return nil, fmt.Errorf("read OpenAPI file %s: it has no paths", file)
	}
	bases := []string{}
	for _, s := range doc.Servers {
		base := ""
		if u, err := url.Parse(s.URL); err == nil {
			base = strings.TrimRight(u.Path, "/")
		}
		if !slices.Contains(bases, base) {
			bases = append(bases, base)
		}
	}
	if len(bases) == 0 {
		bases = append(bases, "")
	}
	var out []string
	for _, path := range doc.Paths.Keys() {
		for _, base := range bases {
			t := base + path
			if err := checkTemplate(t); err != nil {
				return nil, fmt.Errorf("read OpenAPI file %s: %w", file, err)
			}
			out = append(out, t)
		}
	}
	return out, nil
}

// checkTemplate tells what is wrong with a template's text.
func checkTemplate(t string) error {
	if !strings.HasPrefix(t, "/") {
		return fmt.Errorf("template %q: want a path that begins with /", t)
	}
	if n := strings.Count(t, "/"); n > maxDepth {
		return fmt.Errorf("template %q: %d segments, want at most %d", t, n, maxDepth)
	}
	for _, s := range strings.Split(t, "/") {
		if strings.Count(s, "{") != strings.Count(s, "}") || strings.Contains(s, "}{") {
			return fmt.Errorf("template %q: segment %q: want parameters as {name}, with text between two of them", t, s)
		}
	}
	return nil
}

func (c *catalogue) add(template string) {
	k := knownTemplate{route: template}
	for _, s := range strings.Split(strings.Trim(template, "/"), "/") {
		if s == "" {
			continue
		}
		var seg knownSegment
		for {
			open := strings.IndexByte(s, '{')
			shut := strings.IndexByte(s, '}')
			if open < 0 || shut < open {
				seg.literals = append(seg.literals, s)
				break
			}
			seg.literals = append(seg.literals, s[:open])
			s = s[shut+1:]
		}
		k.seg = append(k.seg, seg)
	}
	if c.byLength == nil {
		c.byLength = make(map[int][]knownTemplate)
	}
	c.byLength[len(k.seg)] = append(c.byLength[len(k.seg)], k)
}

// sort puts what is more concrete first, from left to right (OpenAPI 3.1, section 4.8.8.2).
func (c *catalogue) sort() {
	for _, list := range c.byLength {
		slices.SortStableFunc(list, func(a, b knownTemplate) int {
			for i := range a.seg {
				if d := a.seg[i].rank() - b.seg[i].rank(); d != 0 {
					return d
				}
			}
			return strings.Compare(a.route, b.route)
		})
	}
}

// rank is lower for what is more concrete: a literal, then text with a parameter, then a parameter alone.
func (s knownSegment) rank() int {
	if s.params() == 0 {
		return 0
	}
	for _, l := range s.literals {
		if l != "" {
			return 1
		}
	}
	return 2
}

// match finds the template of p. The ids alias the path.
func (c *catalogue) match(p *parts) (string, []string, bool) {
	for _, seg := range p.seg[:p.n] {
		if classify(seg) == classClimb {
			return "", nil, false
		}
	}
next:
	for i := range c.byLength[p.n] {
		k := &c.byLength[p.n][i]
		var ids []string
		for j, seg := range k.seg {
			ok := false
			if ids, ok = seg.match(p.seg[j], ids); !ok {
				continue next
			}
		}
		return k.route, ids, true
	}
	return "", nil, false
}

func (s knownSegment) match(v string, ids []string) ([]string, bool) {
	n := s.params()
	if n == 0 {
		return ids, v == s.literals[0]
	}
	if !strings.HasPrefix(v, s.literals[0]) {
		return ids, false
	}
	v = v[len(s.literals[0]):]
	for i := 1; i <= n; i++ {
		text := s.literals[i]
		end := len(v)
		switch {
		case i == n && !strings.HasSuffix(v, text):
			return ids, false
		case i == n:
			end -= len(text)
		default:
			end = strings.Index(v, text)
		}
		if end < 1 {
			return ids, false
		}
		ids = append(ids, v[:end])
		v = v[min(len(v), end+len(text)):]
	}
	return ids, true
}

// Values returns the values that the parameters of a template take in path: {name}, :name and * alone in a segment are
// parameters. nil when path is not of that template. It is for logs that name the route themselves.
func Values(template, path string) []string {
	var t, p parts
	if !split(template, &t) || !split(path, &p) || t.n != p.n {
		return nil
	}
	var ids []string
	for i, s := range t.seg[:t.n] {
		switch {
		case s[0] == '{' && s[len(s)-1] == '}', s[0] == ':' && len(s) > 1, s == "*":
			ids = append(ids, p.seg[i])
		case s != p.seg[i]:
			return nil
		}
	}
	return ids
}
