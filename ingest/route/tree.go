package route

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// established is how many requests make a name that stands for itself: it then no longer counts among the siblings that
// are thought to be values, and a collapse leaves it as it is.
const established = 32

// limits are the numbers of siblings of a class, not established, at which they are taken for values of a parameter.
type limits [classes]int

var (
	pageLimits   = limits{classWord: 100, classMixed: 8, classSlug: 24}
	folderLimits = limits{classWord: 24, classMixed: 6, classSlug: 12}
)

// wordsAmongSlugs is the limit for plain words where titles were found to be values already: short titles are words.
const wordsAmongSlugs = 16

// crowded reports whether the literals of class c under n are as many as values are.
func (t *tree) crowded(n *node, c class) bool {
	limit := t.limits[c]
	if c == classWord && n.closed[classSlug] {
		limit = min(limit, wordsAmongSlugs)
	}
	return n.loose[c] >= limit
}

// keepers are names that stand beside a parameter rather than for one of its values, however rarely they are asked for.
var keepers = map[string]bool{
	"me": true, "self": true, "new": true, "edit": true, "create": true, "search": true, "login": true, "logout": true,
	"count": true, "stats": true, "export": true, "import": true, "batch": true, "bulk": true, "current": true,
	"latest": true, "health": true, "status": true, "all": true, "admin": true, "api": true, "graphql": true,
}

// node is one position in a service's tree of paths: what stands there is a literal name or a parameter.
type node struct {
	name   string // "users", "{id}", "*.js"
	class  class
	parent *node
	kids   map[string]*node // literals by name
	param  *node            // the one parameter of this position

	loose  [classes]int  // literals by class that are not established
	closed [classes]bool // literals of this class are values from now on
	firm   int           // literals that are established

	hits  uint32 // requests that passed here, counted up to established
	route string // the template when a request ended here, else empty
	first time.Time
}

// tree learns the paths of one kind (pages or static files) of one service.
type tree struct {
	root   node
	limits limits
	svc    *service
}

// maxFirm bounds the literals that stand for themselves under one prefix.
const maxFirm = 512

// hit counts a request through a node.
func (t *tree) hit(n *node) {
	if n.hits >= established {
		return
	}
	n.hits++
	if n.hits < established {
		return
	}
	t.svc.touch(n)
	if n.parent != nil && int(n.class) < classes && n.parent.firm < maxFirm {
		n.parent.firm++
		n.parent.loose[n.class]--
	}
}

// isFirm reports whether a literal stands for itself.
func (n *node) isFirm() bool { return n.hits >= established || n.class == classFile || keepers[n.name] }

// find walks the path without learning. nil: no template describes it. Values of parameters are appended to ids.
func (t *tree) find(p *parts, n int, ids *[]string) *node {
	cur := &t.root
	for _, s := range p.seg[:n] {
		if cur = cur.step(s, classify(s), ids); cur == nil {
			return nil
		}
	}
	return cur
}

// step is the child of n that s leads to, nil when there is none.
func (n *node) step(s string, c class, ids *[]string) *node {
	if c == classClimb {
		return nil
	}
	if !c.isValue() && c != classJunk {
		if k := n.kids[s]; k != nil {
			return k
		}
		if !n.closed[c] {
			return nil
		}
	}
	if n.param != nil {
		*ids = append(*ids, s)
	}
	return n.param
}

// learn walks the path of a proven request and adds what is missing. nil: the path cannot be learned, or the tree is full.
func (t *tree) learn(p *parts, n int, at time.Time, ids *[]string) *node {
	cur := &t.root
	for _, s := range p.seg[:n] {
		c := classify(s)
		next := cur.step(s, c, ids)
		if next == nil {
			if next = t.grow(cur, s, c, at); next == nil {
				return nil
			}
			if next.isParam() {
				*ids = append(*ids, s)
			}
		}
		t.hit(next)
		cur = next
	}
	return cur
}

func (n *node) isParam() bool { return n.parent != nil && n.parent.param == n }

// grow adds the child for s under n. The new literal may be the one too many, and come back as the parameter that it
// and its siblings became.
func (t *tree) grow(n *node, s string, c class, at time.Time) *node {
	if c == classJunk || c == classClimb || t.svc.full() {
		return nil
	}
	if c.isValue() {
		return t.addParam(n, c.paramName(), at)
	}
	k := t.addLiteral(n, strings.Clone(s), c, at)
	if !t.crowded(n, c) {
		return k
	}
	t.collapse(n, c, at)
	if n.kids[s] == k {
		return k
	}
	return n.param
}

func (t *tree) addParam(n *node, name string, at time.Time) *node {
	t.svc.nodes++
	n.param = &node{name: name, class: classID, parent: n, first: at}
	return n.param
}

func (t *tree) addLiteral(n *node, s string, c class, at time.Time) *node {
	t.svc.nodes++
	k := &node{name: s, class: c, parent: n, first: at}
	n.adopt(k)
	return k
}

// adopt hangs k under n and counts it.
func (n *node) adopt(k *node) {
	if n.kids == nil {
		n.kids = make(map[string]*node)
	}
	k.parent = n
	n.kids[k.name] = k
	switch {
	case k.class == classFile:
	case k.hits >= established && n.firm < maxFirm:
		n.firm++
	default:
		n.loose[k.class]++
	}
}

// collapse makes the literals of class c under n, those that are not established, values of n's parameter. Plain words
// are the weakest sign of values: when they are too many, everything else that is not established goes with them.
func (t *tree) collapse(n *node, c class, at time.Time) {
	if n.param == nil {
		t.addParam(n, c.paramName(), at)
	}
	n.closed[c] = true
	if c == classWord {
		n.closed[classMixed], n.closed[classSlug] = true, true
	}
	for _, name := range slices.Sorted(maps.Keys(n.kids)) {
		k := n.kids[name]
		if k.class == classFile || !n.closed[k.class] || k.isFirm() {
			continue
		}
		delete(n.kids, name)
		n.loose[k.class]--
		t.merge(n.param, k)
	}
	t.svc.epoch++
}

// merge moves what is known under src to dst, with aliases for the templates that vanish.
func (t *tree) merge(dst, src *node) {
	t.svc.nodes--
	if src.first.Before(dst.first) {
		dst.first = src.first
	}
	if src.route != "" {
		t.end(dst)
		t.svc.alias(src.route, dst.route, src.first)
	}
	for _, name := range slices.Sorted(maps.Keys(src.kids)) {
		t.graft(dst, src.kids[name])
	}
	if src.param != nil {
		if dst.param != nil {
			t.merge(dst.param, src.param)
		} else {
			src.param.parent = dst
			dst.param = src.param
			t.rename(dst.param)
		}
	}
	for c := range classes {
		dst.closed[c] = (dst.closed[c] || src.closed[c]) && dst.param != nil
	}
	for c := range class(classes) {
		if t.crowded(dst, c) || dst.closed[c] && dst.loose[c] > 0 {
			t.collapse(dst, c, dst.first)
		}
	}
}

// graft hangs the literal k, which comes from a merged sibling of dst, under dst.
func (t *tree) graft(dst, k *node) {
	if have := dst.kids[k.name]; have != nil {
		for range k.hits {
			t.hit(have)
		}
		t.merge(have, k)
		return
	}
	dst.adopt(k)
	t.rename(k)
}

// end marks n as the end of a template and gives it its name.
func (t *tree) end(n *node) {
	if n.route != "" {
		return
	}
	n.route = n.template()
	t.svc.revive(n)
}

// rename gives the templates in the subtree of n the names that follow from its new place.
func (t *tree) rename(n *node) {
	if n.route != "" {
		was := n.route
		n.route = n.template()
		if n.route != was {
			t.svc.revive(n)
			t.svc.alias(was, n.route, n.first)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(n.kids)) {
		t.rename(n.kids[name])
	}
	if n.param != nil {
		t.rename(n.param)
	}
}

// template is the name of n's place: the names from the root down.
func (n *node) template() string {
	if n.parent == nil {
		return "/"
	}
	var names []string
	for at := n; at.parent != nil; at = at.parent {
		names = append(names, at.name)
	}
	var b strings.Builder
	for _, name := range slices.Backward(names) {
		b.WriteByte('/')
		b.WriteString(name)
	}
	return b.String()
}
