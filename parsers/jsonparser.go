package parsers

import (
	"strings"
	"sync"

	"github.com/gatewatch/gatewatch/event"
)

// jsonSpec defines a JSON format: which keys mean what, and which must be there.
type jsonSpec struct {
	name    string
	columns map[string]column    // dotted path to column
	marks   []string             // paths that a line of this format has; a line without all of them is another format's
	roots   []string             // further places at which all the columns may stand ("attributes")
	fold    bool                 // keys are found in any spelling: clientIp, client_ip, Client-IP
	foldAt  []string             // objects whose keys are header names in any case
	pairs   map[string][2]string // lists of objects that are a key and a value each, and the names of these members
	single  []string             // lists of records: a line may hold one
	oneOf   []string             // paths one of which a line of this format has
	// prepare adds to the raw values, finish corrects the event, where the table cannot say it; nil for most.
	prepare func(*record) error
	finish  func(*record, *event.Event) error
	// shared returns the tree that all parsers of the format use which keep no further variables.
	shared func() (*jsonNode, uint32)
}

// markOneOf is the mark that any path of oneOf sets.
const markOneOf = 1 << 31

// jsonParser reads lines of one JSON format.
type jsonParser struct {
	name string
	root *jsonNode
	need uint32
	spec *jsonSpec
	rec  record
	scan jsonScanner
}

// tree builds the nodes of a format.
func (s *jsonSpec) tree(o Options) (root *jsonNode, need uint32) {
	root = &jsonNode{fold: s.fold}
	for _, at := range append([]string{""}, s.roots...) {
		base := root.at(at, s.fold)
		for path, c := range s.columns {
			n := base.at(path, s.fold)
			n.column = c
		}
	}
	for _, path := range s.foldAt {
		n := root.at(path, s.fold)
		n.fold = true
		for _, key := range keysOf(n) {
			n.kids[string(appendFolded(nil, key))] = n.kids[key]
		}
	}
	for path, names := range s.pairs {
		n := root.at(path, s.fold)
		n.pairKey, n.pairValue = names[0], names[1]
	}
	for i, path := range s.marks {
		root.at(path, s.fold).mark |= 1 << i
		need |= 1 << i
	}
	for _, path := range s.oneOf {
		root.at(path, s.fold).mark |= markOneOf
		need |= markOneOf
	}
	for _, path := range s.single {
		root.at(path, s.fold).single = true
	}
	for _, path := range o.WireFields {
		root.at(path, s.fold).wire = path
	}
	root.noteLengths(map[*jsonNode]bool{})
	return root, need
}

// noteLengths notes the lengths of the keys.
func (n *jsonNode) noteLengths(done map[*jsonNode]bool) {
	if done[n] {
		return
	}
	done[n] = true
	for key, k := range n.kids {
		n.lengths |= 1 << (uint(len(key)) & 63)
		k.noteLengths(done)
	}
}

func keysOf(n *jsonNode) []string {
	keys := make([]string, 0, len(n.kids))
	for k := range n.kids {
		keys = append(keys, k)
	}
	return keys
}

// at returns the node of a dotted path, making what is missing.
func (n *jsonNode) at(path string, fold bool) *jsonNode {
	if path == "" {
		return n
	}
	for _, key := range strings.Split(path, ".") {
		k := n.kids[key]
		if k == nil && fold {
			k = n.kids[string(appendFolded(nil, key))]
		}
		if k == nil {
			k = &jsonNode{fold: fold}
		}
		if n.kids == nil {
			n.kids = map[string]*jsonNode{}
		}
		n.kids[key] = k
		if fold {
			n.kids[string(appendFolded(nil, key))] = k
		}
		n = k
	}
	return n
}

func (s *jsonSpec) parser(o Options) *jsonParser {
	p := &jsonParser{name: s.name, spec: s}
	if len(o.WireFields) == 0 && s.shared != nil {
		p.root, p.need = s.shared()
	} else {
		p.root, p.need = s.tree(o)
	}
	p.rec.clock = o.clock()
	return p
}

// Parse implements Parser.
func (p *jsonParser) Parse(line string, ev *event.Event) error {
	if line = trimEnd(line); line == "" {
		return ErrNoRequest
	}
	p.rec.reset()
	if err := p.scan.scan(line, p.root, &p.rec); err != nil {
		return err
	}
	if p.scan.marks&p.need != p.need {
		return &fieldError{what: "JSON, but without the keys of " + p.name, at: 1}
	}
	if p.spec.prepare != nil {
		if err := p.spec.prepare(&p.rec); err != nil {
			return err
		}
	}
	const request = 1<<slotMessage | 1<<slotRequest | 1<<slotMethod | 1<<slotTarget | 1<<slotURL | 1<<slotPath | 1<<slotStatus
	if p.rec.has&request == 0 {
		if p.rec.has&(1<<slotTime|1<<slotClock) == 0 {
			return &fieldError{what: "JSON without a time and without a request", at: 1}
		}
		return ErrNoRequest
	}
	ev.Format = p.name
	if err := p.rec.fill(ev); err != nil {
		return err
	}
	if p.spec.finish != nil {
		return p.spec.finish(&p.rec, ev)
	}
	return nil
}

// fields lists the event fields that the format can carry.
func (s *jsonSpec) fields() []string {
	var has uint64
	for _, c := range s.columns {
		has |= 1 << c.slot
	}
	return slotFields(has)
}

// jsonFormat makes a row of the table.
func jsonFormat(f Format, s jsonSpec) Format {
	s.name = f.Name
	f.Fields = merged(f.Fields, s.fields())
	if f.Family == "" {
		f.Family = familyJSON
	}
	s.shared = sync.OnceValues(func() (*jsonNode, uint32) { return s.tree(Options{}) })
	f.New = func(o Options) (Parser, error) { return s.parser(o), nil }
	return f
}

// familyJSON are the formats of one JSON object a line.
const familyJSON = "json"
