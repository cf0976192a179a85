package rules

import (
	"hash/maphash"
	"slices"

	"github.com/gatewatch/gatewatch/event"
)

// Matcher judges events one at a time with a set's rules about single events. It is used by one goroutine; it
// allocates nothing for events that it has seen the like of.
type Matcher struct {
	set   *Set
	epoch uint32
	ev    *event.Event
	arena arena

	views     [fieldCount]fieldViews
	atoms     []atomState
	trueAtoms []int32
	judged    []uint32 // by rule: the epoch in which it was judged
	found     []int32  // signature indexes that matched
	key       []byte
	shared    map[string][]string // the signature slices handed out, by packed indexes

	seed   maphash.Seed
	caches [classCount]scanCache
	pass   uint32 // counts the scans of a class
	hits   []int32
	seen   []uint32 // by literal: the pass in which it was seen
	tried  []uint32 // by atom: the pass in which it was tried
}

type fieldViews struct {
	epoch uint32
	lower bool
	list  []view
}

type atomState struct {
	epoch uint32
	value bool
}

// NewMatcher returns a matcher over the set.
func (s *Set) NewMatcher() *Matcher {
	return &Matcher{
		set: s, atoms: make([]atomState, len(s.program.atoms)), judged: make([]uint32, len(s.perEvent)),
		shared: map[string][]string{}, seed: maphash.MakeSeed(), caches: newScanCaches(),
		seen: make([]uint32, len(s.program.texts)), tried: make([]uint32, len(s.program.atoms)),
	}
}

// Match fills ev.Signatures with the sorted ids of the rules that match ev, and ev.AttackScore. The slice is shared
// with other events: read it, never write into it.
func (m *Matcher) Match(ev *event.Event) {
	m.begin(ev)
	m.judgePlain(m.scan(classURI))
	if ev.UserAgent != "" {
		m.scan(classUserAgent)
	}
	if ev.Referer != "" {
		m.scan(classReferer)
	}
	m.judgeAll(&m.set.program.others)
	ev.Signatures, ev.AttackScore = m.conclude()
}

// judgePlain judges the rules that depend on the request's target, method and status alone, or remembers what they said
// of the same before.
func (m *Matcher) judgePlain(e *scanEntry) {
	if found, known := e.verdict(m.ev); known {
		m.found = append(m.found, found...)
		return
	}
	m.judgeAll(&m.set.program.plain)
	e.remember(m.ev, m.found)
}

func (m *Matcher) judgeAll(rules *judging) {
	for _, a := range m.trueAtoms {
		for _, r := range rules.triggers[a] {
			m.judge(r)
		}
	}
	for _, r := range rules.always {
		m.judge(r)
	}
}

func (m *Matcher) begin(ev *event.Event) {
	m.ev = ev
	m.arena.reset()
	m.found = m.found[:0]
	m.trueAtoms = m.trueAtoms[:0]
	m.epoch++
	if m.epoch > 1<<30 || m.pass > 1<<30 { // forget all marks before they wrap
		m.epoch, m.pass = 1, 0
		clear(m.atoms)
		clear(m.judged)
		clear(m.seen)
		clear(m.tried)
		for i := range m.views {
			m.views[i].epoch = 0
		}
	}
}

// judge evaluates a rule once per event.
func (m *Matcher) judge(r int32) {
	if m.judged[r] == m.epoch {
		return
	}
	m.judged[r] = m.epoch
	if m.set.perEvent[r].cond.eval(m) {
		m.found = append(m.found, m.set.marks[r]...)
	}
}

// conclude turns what was found into signatures and a score.
func (m *Matcher) conclude() ([]string, float64) {
	if len(m.found) == 0 {
		return nil, 0
	}
	slices.Sort(m.found)
	m.found = slices.Compact(m.found)
	innocent := 1.0
	m.key = m.key[:0]
	for _, i := range m.found {
		innocent *= 1 - m.set.scores[i]
		m.key = append(m.key, byte(i), byte(i>>8))
	}
	sigs, ok := m.shared[string(m.key)]
	if !ok {
		sigs = make([]string, len(m.found))
		for i, index := range m.found {
			sigs[i] = m.set.signatures[index]
		}
		if len(m.shared) < maxShared {
			m.shared[string(m.key)] = sigs
		}
	}
	return sigs, 1 - innocent
}

// maxShared bounds the combinations of signatures that are kept for reuse.
const maxShared = 1 << 14

func (m *Matcher) evalAtom(a *atom) bool {
	switch {
	case a.event != nil:
		return a.event.matchEvent(m.ev)
	case a.inject != "":
		return m.injected(a.field, a.inject)
	case a.field == fieldObjectIDs:
		for _, id := range m.ev.ObjectIDs {
			v := m.arena.newView(id)
			if a.text.match(&v) {
				return true
			}
		}
		return false
	}
	views := m.lowerViews(a.field)
	for i := range views {
		if a.text.match(&views[i]) {
			return true
		}
	}
	return false
}

// textViews returns the forms of a field, made once per event; their lower field is not filled yet.
func (m *Matcher) textViews(id fieldID) []view {
	f := &m.views[id]
	if f.epoch == m.epoch {
		return f.list
	}
	f.epoch, f.lower = m.epoch, false
	f.list = f.list[:0]
	switch {
	case id == fieldURI && m.ev.RequestLine == "":
		f.list = m.uriViews(f.list)
	case id.spec().kind == kindDecoded:
		text := fieldText(m.ev, id)
		f.list = m.arena.appendViews(append(f.list, view{text: text}), text, id == fieldQuery)
		switch id {
		case fieldQuery:
			f.list = m.arena.appendBase64(f.list, text, "&")
		case fieldPath:
			f.list = m.arena.appendBase64(f.list, text, "/")
		case fieldUserAgent, fieldReferer:
			f.list = m.arena.appendBase64(f.list, text, "\n")
		}
	default:
		f.list = append(f.list, view{text: fieldText(m.ev, id)})
	}
	return f.list
}

// uriViews joins each form of the path with a form of the query, so that every form of either stands in one of them.
func (m *Matcher) uriViews(list []view) []view {
	paths := m.textViews(fieldPath)
	if m.ev.Query == "" {
		return append(list, paths...)
	}
	queries := m.textViews(fieldQuery)
	for i := range max(len(paths), len(queries)) {
		p, q := paths[min(i, len(paths)-1)].text, queries[min(i, len(queries)-1)].text
		b := m.arena.room(len(p) + 1 + len(q))
		b = append(append(append(b, p...), '?'), q...)
		list = append(list, view{text: m.arena.keep(b)})
	}
	return list
}

// lowerViews returns the forms of a field with their lower case.
func (m *Matcher) lowerViews(id fieldID) []view {
	m.textViews(id)
	f := &m.views[id]
	if !f.lower {
		f.lower = true
		for i := range f.list {
			f.list[i] = m.arena.newView(f.list[i].text)
		}
	}
	return f.list
}
