package rules

// node is a part of a compiled condition.
type node interface {
	eval(m *Matcher) bool
	// need returns literals of which at least one was seen in the event whenever the node is true, or nil when there
	// are no such literals and the node has to be judged for every event.
	need(p *program) []int32
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

// eval judges an atom once per event, however many rules share it.
func (n atomNode) eval(m *Matcher) bool {
	state := &m.atoms[n]
	if state.epoch == m.epoch {
		return state.value
	}
	v := m.evalAtom(&m.set.program.atoms[n])
	state.epoch, state.value = m.epoch, v
	return v
}

func (n andNode) need(p *program) []int32 {
	var best []int32
	for _, c := range n {
		if ids := c.need(p); ids != nil && (best == nil || p.rarer(ids, best)) {
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

func (n atomNode) need(p *program) []int32 { return p.atoms[n].lits }
