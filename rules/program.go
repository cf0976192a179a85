package rules

import "fmt"

// scanClass groups fields whose verdicts depend on one or two texts of the event alone. For each class the matcher
// finds, once per text, the comparisons that are true; texts recur, so it remembers them.
type scanClass int8

const (
	classURI scanClass = iota // path, query, uri, raw request line
	classUserAgent
	classReferer
	classCount
	classNone scanClass = -1
)

func classOf(id fieldID) scanClass {
	switch id {
	case fieldURI, fieldPath, fieldQuery, fieldRequestLine, fieldExtension:
		return classURI
	case fieldUserAgent:
		return classUserAgent
	case fieldReferer:
		return classReferer
	}
	return classNone
}

// atom is one comparison of one field, shared by all rules that make it.
type atom struct {
	field  fieldID
	class  scanClass
	text   textTest
	event  eventTest
	inject string    // sqli or xss
	needs  [][]int32 // texts of which one of each list was seen whenever the comparison is true
}

// program is what all rules compile to.
type program struct {
	atoms  []atom
	byKey  map[string]int32
	texts  []string // literals
	byText map[string]int32

	scan     *automaton
	byLit    [classCount][][]int32 // by literal: the comparisons of the class that it may make true
	unguided [classCount][]int32   // comparisons of the class without a literal
	plain    judging               // the rules that depend on the request's target, method and status alone
	others   judging
}

// judging says which of some rules have to be judged.
type judging struct {
	triggers [][]int32 // by atom: the rules to judge when it is true
	always   []int32   // the rules to judge for every event
}

func (j *judging) add(rule int32, atoms []int32) {
	if atoms == nil {
		j.always = append(j.always, rule)
		return
	}
	for _, id := range atoms {
		if list := j.triggers[id]; len(list) == 0 || list[len(list)-1] != rule {
			j.triggers[id] = append(j.triggers[id], rule)
		}
	}
}

func newProgram() *program {
	return &program{byKey: map[string]int32{}, byText: map[string]int32{}}
}

func (p *program) add(key string, a atom) node {
	key = fmt.Sprintf("%d %s", a.field, key)
	if i, ok := p.byKey[key]; ok {
		return atomNode(i)
	}
	if a.class = classOf(a.field); a.class != classNone && a.text != nil {
		for _, lits := range a.text.need() {
			ids := make([]int32, len(lits))
			for i, lit := range lits {
				ids[i] = p.literal(lit)
			}
			a.needs = append(a.needs, ids)
		}
	}
	p.atoms = append(p.atoms, a)
	p.byKey[key] = int32(len(p.atoms) - 1)
	return atomNode(len(p.atoms) - 1)
}

// payloadFields are what the field payload stands for.
var payloadFields = []fieldID{fieldURI, fieldUserAgent, fieldReferer}

// spread adds a comparison for each of the fields that id stands for.
func (p *program) spread(id fieldID, key string, a atom) node {
	if id != fieldPayload {
		a.field = id
		return p.add(key, a)
	}
	var any orNode
	for _, f := range payloadFields {
		a.field = f
		any = append(any, p.add(key, a))
	}
	return any
}

// atom adds a comparison of a field's forms.
func (p *program) atom(id fieldID, t textTest, key string) node {
	return p.spread(id, key, atom{text: t})
}

// event adds a comparison that reads the event.
func (p *program) event(id fieldID, t eventTest, key string) node {
	return p.add(key, atom{field: id, event: t})
}

// injection adds libinjection's verdict over a field.
func (p *program) injection(id fieldID, kind string) node {
	return p.spread(id, kind, atom{inject: kind})
}

func (p *program) literal(text string) int32 {
	if i, ok := p.byText[text]; ok {
		return i
	}
	p.texts = append(p.texts, text)
	p.byText[text] = int32(len(p.texts) - 1)
	return int32(len(p.texts) - 1)
}

// finish builds the automaton, says which literals lead to which comparisons, and which comparisons to which rules.
func (p *program) finish(conditions []node) {
	for class := range p.byLit {
		p.byLit[class] = make([][]int32, len(p.texts))
	}
	for i := range p.atoms {
		a := &p.atoms[i]
		switch {
		case a.class == classNone || a.event != nil:
		case len(a.needs) == 0:
			p.unguided[a.class] = append(p.unguided[a.class], int32(i))
		default:
			for _, lit := range a.needs[0] {
				p.byLit[a.class][lit] = append(p.byLit[a.class][lit], int32(i))
			}
		}
	}
	p.plain.triggers, p.others.triggers = make([][]int32, len(p.atoms)), make([][]int32, len(p.atoms))
	for i, cond := range conditions {
		if cond.plain(p) {
			p.plain.add(int32(i), cond.need(p))
		} else {
			p.others.add(int32(i), cond.need(p))
		}
	}
	p.scan = newAutomaton(p.texts)
}
