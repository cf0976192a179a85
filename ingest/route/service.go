package route

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// service is what was learned about one service.
type service struct {
	name    string
	pages   tree
	files   tree
	weak    sketch
	nodes   int
	max     int
	epoch   uint64 // grows when a template that was handed out changes its name
	refused uint64 // proven paths that found no room
	rows    map[string]*Row
	changed map[string]bool
	given   map[string]string // what learned templates are called in the service's document; see Describe
}

// Row is one template of a service as the store keeps it. A template with AliasOf is history: what was seen under
// Route is seen under AliasOf now.
type Row struct {
	Service     string
	Route       string
	AliasOf     string // empty for a template in use
	FirstSeen   time.Time
	Established bool // it was asked for often enough that the names in it stand for themselves
}

func (t *Templates) service(name string) *service {
	if s := t.services[name]; s != nil {
		return s
	}
	if len(t.services) >= t.cfg.MaxServices {
		if t.shared == nil {
			t.shared = newService("", t.cfg.MaxNodes)
		}
		return t.shared
	}
	s := newService(strings.Clone(name), t.cfg.MaxNodes)
	t.services[s.name] = s
	return s
}

func newService(name string, max int) *service {
	s := &service{name: name, max: max, rows: make(map[string]*Row), changed: make(map[string]bool)}
	s.pages = tree{limits: pageLimits, svc: s}
	s.files = tree{limits: folderLimits, svc: s}
	return s
}

// full reports whether there is room for no more positions, or for no more rows: those outlive their positions as aliases.
func (s *service) full() bool { return s.nodes >= s.max || len(s.rows) >= 4*s.max }

// climbs reports whether a segment that a static file's template leaves out leads out of its folder.
func (s *service) climbs(p *parts) bool {
	for _, seg := range p.seg[min(maxFolders, p.n-1):p.n] {
		if c := classify(seg); c == classClimb || c == classJunk {
			return true
		}
	}
	return false
}

// file is the template of the files with this extension in folder n.
func (t *tree) file(n *node, extension string, at time.Time) *node {
	name := "*" + extension
	if k := n.kids[name]; k != nil {
		return k
	}
	if t.svc.full() {
		return nil
	}
	return t.addLiteral(n, name, classFile, at)
}

// revive makes a row for the template that ends at n, or puts the one that became an alias back into use.
func (s *service) revive(n *node) {
	r := s.rows[n.route]
	switch {
	case r == nil:
		s.rows[n.route] = &Row{Service: s.name, Route: n.route, FirstSeen: n.first, Established: n.hits >= established}
	case r.AliasOf != "":
		r.AliasOf = ""
	default:
		return
	}
	s.changed[n.route] = true
}

// touch notes that the node n became established.
func (s *service) touch(n *node) {
	if r := s.rows[n.route]; n.route != "" && r != nil && !r.Established {
		r.Established = true
		s.changed[n.route] = true
	}
}

// alias records that what was called was is called now, for good: aliases of was follow.
func (s *service) alias(was, now string, first time.Time) {
	if was == now {
		return
	}
	if r := s.rows[now]; r != nil && first.Before(r.FirstSeen) {
		r.FirstSeen = first
		s.changed[now] = true
	}
	for name, r := range s.rows {
		if name == was || r.AliasOf == was {
			r.AliasOf = now
			s.changed[name] = true
		}
	}
}

// TakeChanges returns the rows that are new or different since the last call, ordered by service and route.
func (t *Templates) TakeChanges() []Row {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []Row
	for _, s := range t.all() {
		for _, name := range slices.Sorted(maps.Keys(s.changed)) {
			out = append(out, *s.rows[name])
		}
		clear(s.changed)
	}
	return out
}

// Rows returns all rows, ordered by service and route.
func (t *Templates) Rows() []Row {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []Row
	for _, s := range t.all() {
		for _, name := range slices.Sorted(maps.Keys(s.rows)) {
			r := *s.rows[name]
			if now := s.nameOf(name); now != name {
				r.AliasOf = now
			}
			out = append(out, r)
		}
	}
	return out
}

func (t *Templates) all() []*service {
	out := make([]*service, 0, len(t.services)+1)
	for _, name := range slices.Sorted(maps.Keys(t.services)) {
		out = append(out, t.services[name])
	}
	if t.shared != nil {
		out = append(out, t.shared)
	}
	return out
}

// Resolve returns the template under which route is seen now: itself unless it became an alias.
func (t *Templates) Resolve(service, route string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.services[service]; s != nil {
		return s.nameOf(route)
	}
	return route
}

// Load restores what rows tell. It belongs before the first Template. What is not in the rows starts anew: how often
// a name that is not established was asked for, and which weakly proven paths were waiting.
func (t *Templates) Load(rows []Row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range rows {
		s := t.service(r.Service)
		r.Service = s.name
		s.rows[r.Route] = &r
		if r.AliasOf == "" {
			s.restore(&r)
		}
	}
	for _, s := range t.all() {
		s.reclose()
		s.pages.settle(&s.pages.root)
		s.files.settle(&s.files.root)
	}
}

// restore puts a template that is in use back into its tree.
func (s *service) restore(r *Row) {
	if r.Route == "/" {
		s.pages.root.route, s.pages.root.first = r.Route, r.FirstSeen
		return
	}
	names := strings.Split(strings.TrimPrefix(r.Route, "/"), "/")
	tr, last := &s.pages, names[len(names)-1]
	isFile := strings.HasPrefix(last, "*.")
	if isFile {
		tr = &s.files
	}
	cur := &tr.root
	for i, name := range names {
		switch {
		case isFile && i == len(names)-1:
			cur = tr.file(cur, name[1:], r.FirstSeen)
		case strings.HasPrefix(name, "{") && strings.HasSuffix(name, "}"):
			if cur.param == nil {
				tr.addParam(cur, name, r.FirstSeen)
			}
			cur = cur.param
		case cur.kids[name] != nil:
			cur = cur.kids[name]
		default:
			cur = tr.addLiteral(cur, name, literalClass(name), r.FirstSeen)
		}
		if cur == nil {
			return
		}
	}
	cur.route, cur.first = r.Route, r.FirstSeen
	if r.Established {
		for ; cur.parent != nil; cur = cur.parent {
			cur.establish()
		}
	}
}

// establish makes a literal stand for itself, as its requests did before they were forgotten.
func (n *node) establish() {
	if n.hits < established && int(n.class) < classes && n.parent.firm < maxFirm {
		n.parent.firm++
		n.parent.loose[n.class]--
	}
	n.hits = established
}

// settle establishes what must have been established, whether or not the rows say so: literals that outlived a
// collapse, and those that are too many to have been anything else.
func (t *tree) settle(n *node) {
	var sure [classes]bool
	for c := range class(classes) {
		sure[c] = n.closed[c] || t.crowded(n, c)
	}
	for _, k := range n.kids {
		if int(k.class) < classes && k.hits < established && sure[k.class] && !keepers[k.name] {
			k.establish()
		}
		t.settle(k)
	}
	if n.param != nil {
		t.settle(n.param)
	}
}

// literalClass is the class of a name that was learned as a literal, whatever its shape would say now.
func literalClass(name string) class {
	if c := classify(name); int(c) < classes {
		return c
	}
	return classWord
}

// reclose marks the classes that had collapsed: an alias whose last differing name became a parameter tells which.
func (s *service) reclose() {
	for _, r := range s.rows {
		if r.AliasOf == "" {
			continue
		}
		was, now := strings.Split(r.Route, "/"), strings.Split(r.AliasOf, "/")
		if len(was) != len(now) {
			continue
		}
		tr := &s.pages
		if strings.HasPrefix(now[len(now)-1], "*.") {
			tr = &s.files
		}
		cur := &tr.root
		for i := 1; i < len(now) && cur != nil; i++ {
			if now[i] != was[i] && cur.param != nil {
				c := classify(was[i])
				if int(c) < classes {
					cur.closed[c] = true
					if c == classWord {
						cur.closed[classMixed], cur.closed[classSlug] = true, true
					}
				}
			}
			if next := cur.kids[now[i]]; next != nil {
				cur = next
			} else {
				cur = cur.param
			}
		}
	}
}
