package rules

// automaton finds all of many literals in one pass over a text (Aho and Corasick, "Efficient string matching", 1975),
// as a dense table over byte classes: one lookup a byte, no allocation, ASCII letters without regard to case.
//
// It is our own because the matcher needs literal ids (not positions), case folding inside the table and no
// allocation a match; the libraries for Go allocate for each.
type automaton struct {
	class    [256]uint8
	classes  uint32
	next     []uint32  // state*classes + class → state*classes
	outputs  [][]int32 // by state: the literals that end there
	firstOut uint32    // states at or above this one (times classes) have outputs
}

// newAutomaton builds the automaton of literals, which are in lower case. A literal's id is its index; an empty one is never found.
func newAutomaton(literals []string) *automaton {
	a := &automaton{classes: 1}
	for _, lit := range literals {
		for i := 0; i < len(lit); i++ {
			if c := lit[i]; a.class[c] == 0 {
				a.class[c] = uint8(a.classes)
				a.classes++
			}
		}
	}
	for c := 'A'; c <= 'Z'; c++ {
		a.class[c] = a.class[c|0x20]
	}
	t := newTrie(int(a.classes))
	for id, lit := range literals {
		if lit != "" {
			t.add(a, lit, int32(id))
		}
	}
	t.link()
	a.flatten(t)
	return a
}

// trie is the automaton while it is being built.
type trie struct {
	classes int
	next    []int32 // -1: none
	out     [][]int32
	order   []int32 // breadth first
}

func newTrie(classes int) *trie {
	t := &trie{classes: classes}
	t.grow()
	return t
}

func (t *trie) grow() int32 {
	for range t.classes {
		t.next = append(t.next, -1)
	}
	t.out = append(t.out, nil)
	return int32(len(t.out) - 1)
}

func (t *trie) add(a *automaton, lit string, id int32) {
	s := int32(0)
	for i := 0; i < len(lit); i++ {
		at := int(s)*t.classes + int(a.class[lit[i]])
		if t.next[at] < 0 {
			n := t.grow()
			t.next[at] = n
		}
		s = t.next[at]
	}
	t.out[s] = append(t.out[s], id)
}

// link fills the missing transitions along the failure links and merges outputs.
func (t *trie) link() {
	fail := make([]int32, len(t.out))
	t.order = append(t.order, 0)
	for i := 0; i < len(t.order); i++ {
		s := t.order[i]
		for c := range t.classes {
			at := int(s)*t.classes + c
			n := t.next[at]
			down := int32(0)
			if s != 0 {
				down = t.next[int(fail[s])*t.classes+c]
			}
			if n < 0 {
				t.next[at] = down
				continue
			}
			fail[n] = down
			t.out[n] = append(t.out[n], t.out[down]...)
			t.order = append(t.order, n)
		}
	}
}

// flatten renumbers the states, those with outputs last, and writes the table.
func (a *automaton) flatten(t *trie) {
	number := make([]uint32, len(t.out))
	next := uint32(0)
	for _, withOut := range []bool{false, true} {
		if withOut {
			a.firstOut = next * a.classes
		}
		for _, s := range t.order {
			if (len(t.out[s]) > 0) == withOut {
				number[s] = next
				next++
			}
		}
	}
	a.next = make([]uint32, len(t.next))
	a.outputs = make([][]int32, len(t.out))
	for s := range t.out {
		row := number[s] * a.classes
		for c := range t.classes {
			a.next[row+uint32(c)] = number[t.next[s*t.classes+c]] * a.classes
		}
		a.outputs[number[s]] = t.out[s]
	}
}

// scan appends the ids of the literals that stand in text to hits; an id may come more than once.
func (a *automaton) scan(text string, hits []int32) []int32 {
	s := uint32(0)
	for i := 0; i < len(text); i++ {
		s = a.next[s+uint32(a.class[text[i]])]
		if s >= a.firstOut {
			hits = append(hits, a.outputs[s/a.classes]...)
		}
	}
	return hits
}
