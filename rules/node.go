package rules

// node is a part of a compiled condition.
type node interface {
	eval(m *Matcher) bool
	// need returns atoms of which at least one is true whenever the node is, or nil when there are none that a scan
	// judges, so that the node has to be judged for every event.
	need(p *program) []int32
	// plain reports whether the node depends on the request's target, method and status alone.
	plain(p *program) bool
}

type (
	andNode   []node
	orNode    []node
	notNode   struct{ of node }
	constNode bool
	atomNode  int32 // an index into program.atoms
)

func (n andNode) eval(m *Matcher) bool {
	for _, c := range n {
		if !c.eval(m) {
			return false
		}
	}
	return true
}

func (n orNode) eval(m *Matcher) bool {
	for _, c := range n {
		if c.eval(m) {
			return true
		}
	}
	return false
}

func (n notNode) eval(m *Matcher) bool { return !n.of.eval(m) }

func (n constNode) eval(*Matcher) bool { return bool(n) }

// eval judges an atom once per event, however many rules share it. Those of a class were judged by its scan, which
// marked the true ones.
func (n atomNode) eval(m *Matcher) bool {
	state := &m.atoms[n]
	if state.epoch == m.epoch {
		return state.value
	}
	a := &m.set.program.atoms[n]
	if a.class != classNone && a.event == nil {
		return m.absent(a)
	}
	v := m.evalAtom(a)
	state.epoch, state.value = m.epoch, v
	return v
}

func (n andNode) need(p *program) []int32 {
	var best []int32
	for _, c := range n {
		if ids := c.need(p); ids != nil && (best == nil || len(ids) < len(best)) {
			best = ids
		}
	}
	return best
}

func (n orNode) need(p *program) []int32 {
	var all []int32
	for _, c := range n {
		ids := c.need(p)
		if ids == nil {
			return nil
		}
		all = append(all, ids...)
	}
	return all
}

func (n notNode) need(*program) []int32 { return nil }

func (n constNode) need(*program) []int32 {
	if n {
		return nil
	}
	return []int32{}
}

func (n atomNode) need(p *program) []int32 {
	if a := &p.atoms[n]; a.class == classNone || a.event != nil || a.class != classURI && p.matchesEmpty(a) {
		return nil
	}
	return []int32{int32(n)}
}

// matchesEmpty reports whether the comparison is true of an absent text, which no scan sees.
func (p *program) matchesEmpty(a *atom) bool {
	return a.text != nil && a.text.match(&view{})
}

// absent judges a comparison that no scan found true: false, unless the header is not there and the comparison is true
// of an absent text.
func (m *Matcher) absent(a *atom) bool {
	switch a.class {
	case classUserAgent:
		return m.ev.UserAgent == "" && m.set.program.matchesEmpty(a)
	case classReferer:
		return m.ev.Referer == "" && m.set.program.matchesEmpty(a)
	}
	return false
}

func (n andNode) plain(p *program) bool { return allPlain(n, p) }

func (n orNode) plain(p *program) bool { return allPlain(n, p) }

func (n notNode) plain(p *program) bool { return n.of.plain(p) }

func (n constNode) plain(*program) bool { return true }

func (n atomNode) plain(p *program) bool {
	a := &p.atoms[n]
	if _, other := a.event.(*reference); other {
		return false
	}
	return a.field == fieldMethod || a.field == fieldStatus || a.class == classURI && a.event == nil
}

func allPlain(nodes []node, p *program) bool {
	for _, n := range nodes {
		if !n.plain(p) {
			return false
		}
	}
	return true
}

// fixedValue says whether a condition has the same value for every event.
type fixedValue int8

const (
	varies fixedValue = iota
	alwaysTrue
	alwaysFalse
)

func fixed(n node) fixedValue {
	switch n := n.(type) {
	case constNode:
		if n {
			return alwaysTrue
		}
		return alwaysFalse
	case notNode:
		switch fixed(n.of) {
		case alwaysTrue:
			return alwaysFalse
		case alwaysFalse:
			return alwaysTrue
		}
	case andNode:
		return fixedOf(n, alwaysFalse, alwaysTrue)
	case orNode:
		return fixedOf(n, alwaysTrue, alwaysFalse)
	}
	return varies
}

// fixedOf is what several nodes come to when one of the deciding value decides, and the neutral value changes nothing.
func fixedOf(nodes []node, deciding, neutral fixedValue) fixedValue {
	all := neutral
	for _, n := range nodes {
		switch fixed(n) {
		case deciding:
			return deciding
		case varies:
			all = varies
		}
	}
	return all
}
