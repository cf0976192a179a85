package rules

import (
	"hash/maphash"
	"slices"
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// scanCache remembers which comparisons are true for texts that recur: user agents, referers, static paths. It is a
// direct-mapped table: bounded, and a text that falls on another's place is judged again. It changes speed alone,
// never a result.
type scanCache struct {
	entries []scanEntry
	spare   scanEntry // for texts that are too long to keep
}

type scanEntry struct {
	key  []byte // the texts, joined by a zero byte
	used bool
	true []int32 // the comparisons that are true

	verdicts []verdictOn // of the requests for the target
}

// verdictOn is what the rules that depend on target, method and status alone found.
type verdictOn struct {
	method string
	status int
	found  []int32 // signature indexes
}

// maxVerdicts bounds what is remembered of one target.
const maxVerdicts = 4

func (e *scanEntry) verdict(ev *event.Event) (found []int32, known bool) {
	for i := range e.verdicts {
		if v := &e.verdicts[i]; v.status == ev.Status && v.method == ev.Method {
			return v.found, true
		}
	}
	return nil, false
}

func (e *scanEntry) remember(ev *event.Event, found []int32) {
	if !e.used || len(e.verdicts) >= maxVerdicts || len(ev.Method) > maxMethod {
		return
	}
	e.verdicts = append(e.verdicts, verdictOn{strings.Clone(ev.Method), ev.Status, slices.Clone(found)})
}

// maxMethod is the length of the longest method that is remembered.
const maxMethod = 16

// Sizes of the tables (powers of two) and the longest texts that are kept.
const (
	uriEntries    = 1 << 14
	headerEntries = 1 << 12
	maxCachedText = 512
)

func newScanCaches() (caches [classCount]scanCache) {
	caches[classURI].entries = make([]scanEntry, uriEntries)
	caches[classUserAgent].entries = make([]scanEntry, headerEntries)
	caches[classReferer].entries = make([]scanEntry, headerEntries)
	return caches
}

// find returns the entry for the texts and whether it holds their result; otherwise it is theirs to fill.
func (c *scanCache) find(seed maphash.Seed, key []byte) (e *scanEntry, known bool) {
	if len(key) > maxCachedText {
		c.spare.true = c.spare.true[:0]
		return &c.spare, false
	}
	e = &c.entries[maphash.Bytes(seed, key)&uint64(len(c.entries)-1)]
	if e.used && string(e.key) == string(key) {
		return e, true
	}
	e.used = true
	e.key = append(e.key[:0], key...)
	e.true, e.verdicts = e.true[:0], e.verdicts[:0]
	return e, false
}

// classKey appends the texts that decide the comparisons of a class.
func classKey(b []byte, class scanClass, ev *event.Event) []byte {
	switch class {
	case classUserAgent:
		return append(b, ev.UserAgent...)
	case classReferer:
		return append(b, ev.Referer...)
	}
	if ev.RequestLine != "" {
		return append(append(b, 0, 0), ev.RequestLine...)
	}
	return append(append(append(b, ev.Path...), 0), ev.Query...)
}

// classField is the field whose forms hold every literal that a form of a field of the class can hold.
var classField = [classCount]fieldID{classURI: fieldURI, classUserAgent: fieldUserAgent, classReferer: fieldReferer}

// scan marks the comparisons of a class that are true for the event and judges the rules that they lead to.
func (m *Matcher) scan(class scanClass) *scanEntry {
	m.key = classKey(m.key[:0], class, m.ev)
	e, known := m.caches[class].find(m.seed, m.key)
	if !known {
		m.judgeClass(class, e)
	}
	for _, a := range e.true {
		m.atoms[a] = atomState{m.epoch, true}
	}
	m.trueAtoms = append(m.trueAtoms, e.true...)
	return e
}

// judgeClass finds the comparisons of a class that are true.
func (m *Matcher) judgeClass(class scanClass, e *scanEntry) {
	p := m.set.program
	m.pass++
	m.hits = m.hits[:0]
	for _, v := range m.textViews(classField[class]) {
		m.hits = p.scan.scan(v.text, m.hits)
	}
	for _, h := range m.hits {
		m.seen[h] = m.pass
	}
	for _, a := range p.unguided[class] {
		if m.evalAtom(&p.atoms[a]) {
			e.true = append(e.true, a)
		}
	}
	for _, h := range m.hits {
		if m.seen[h] != m.pass {
			continue // handled already
		}
		for _, a := range p.byLit[class][h] {
			if m.tried[a] == m.pass {
				continue
			}
			m.tried[a] = m.pass
			if m.guided(&p.atoms[a]) && m.evalAtom(&p.atoms[a]) {
				e.true = append(e.true, a)
			}
		}
	}
}

// guided reports whether a literal of each list that the comparison needs was seen.
func (m *Matcher) guided(a *atom) bool {
	for _, list := range a.needs[1:] {
		some := false
		for _, lit := range list {
			if m.seen[lit] == m.pass {
				some = true
				break
			}
		}
		if !some {
			return false
		}
	}
	return true
}
