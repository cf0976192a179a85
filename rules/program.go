package rules

import "fmt"

// scanClass groups the fields whose forms are scanned together for literals.
type scanClass int32

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
	text   textTest
	event  eventTest
	inject string // sqli or xss
	lits   []int32
}

// program is what all rules compile to: atoms, and the literals that say which rules can match an event.
type program struct {
	atoms  []atom
	byKey  map[string]int32
	texts  []string // literal texts; texts[0] stands for "characters that an injection needs were seen"
	byText map[string]int32

	scan     *automaton // over texts[1:]
	triggers [][]int32  // by literal: the rules to judge when it was seen
	always   []int32    // the rules to judge for every event
}

// A literal is a text seen in a class of fields: its id is text*classCount + class.
func literalID(text int32, class scanClass) int32 { return text*int32(classCount) + int32(class) }

const specialText = 0

func newProgram() *program {
	return &program{byKey: map[string]int32{}, texts: []string{""}, byText: map[string]int32{}}
}

func (p *program) add(key string, a atom) node {
	key = fmt.Sprintf("%d %s", a.field, key)
	if i, ok := p.byKey[key]; ok {
		return atomNode(i)
	}
	if class := classOf(a.field); class != classNone {
		switch {
		case a.inject != "":
			a.lits = []int32{literalID(specialText, class)}
		case a.text != nil:
			for _, lit := range a.text.need() {
				a.lits = append(a.lits, literalID(p.literal(lit), class))
			}
		}
	}
	p.atoms = append(p.atoms, a)
	p.byKey[key] = int32(len(p.atoms) - 1)
	return atomNode(len(p.atoms) - 1)
}

// atom adds a comparison of a field's forms.
func (p *program) atom(id fieldID, t textTest, key string) node {
	return p.add(key, atom{field: id, text: t})
}

// event adds a comparison that reads the event.
func (p *program) event(id fieldID, t eventTest, key string) node {
	return p.add(key, atom{field: id, event: t})
}

// injection adds libinjection's verdict over a field.
func (p *program) injection(id fieldID, kind string) node {
	return p.add(kind, atom{field: id, inject: kind})
}

func (p *program) literal(text string) int32 {
	if i, ok := p.byText[text]; ok {
		return i
	}
	p.texts = append(p.texts, text)
	p.byText[text] = int32(len(p.texts) - 1)
	return int32(len(p.texts) - 1)
}

// rarer reports whether literals a are expected to pick fewer events than b.
func (p *program) rarer(a, b []int32) bool { return better(p.literalTexts(a), p.literalTexts(b)) }

func (p *program) literalTexts(ids []int32) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		if out[i] = p.texts[id/int32(classCount)]; out[i] == "" {
			out[i] = "<'>" // about as rare as three special characters
		}
	}
	return out
}

// finish builds the automaton and the triggers of the rules' conditions.
func (p *program) finish(conditions []node) {
	p.triggers = make([][]int32, len(p.texts)*int(classCount))
	needed := map[int32]bool{}
	for i, cond := range conditions {
		ids := cond.need(p)
		if ids == nil {
			p.always = append(p.always, int32(i))
			continue
		}
		for _, id := range ids {
			if list := p.triggers[id]; len(list) > 0 && list[len(list)-1] == int32(i) {
				continue
			}
			p.triggers[id] = append(p.triggers[id], int32(i))
			needed[id/int32(classCount)] = true
		}
	}
	// Texts that trigger nothing stay out of the automaton: it keeps the ids by position, so they become unfindable.
	lits := make([]string, len(p.texts)-1)
	for i, t := range p.texts[1:] {
		if needed[int32(i+1)] {
			lits[i] = t
		}
	}
	p.scan = newAutomaton(lits)
}
