package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// keywordFields are searched by a selection that is a list of words without a field.
var keywordFields = []fieldID{fieldPayload, fieldUser, fieldHost}

// detection compiles the detection section of one rule.
type detection struct {
	l    *loader
	d    *draft
	p    *program
	uses map[fieldID]bool
}

// compileDetection returns the rule's condition, or nil after faults.
func (l *loader) compileDetection(d *draft, p *program, section *yaml.Node, at string) node {
	l.file = d.File
	c := &detection{l: l, d: d, p: p, uses: map[fieldID]bool{}}
	named := map[string]node{}
	lines := map[string]*yaml.Node{}
	var condition *yaml.Node
	l.eachKey(section, at, func(key string, k, v *yaml.Node) {
		switch key {
		case "condition":
			condition = v
		case "timeframe":
			l.fault(k, join(at, key), "aggregations of Sigma 1 are not supported: write a correlation")
		case "rules": // of a filter
		default:
			named[key] = c.selection(v, join(at, key))
			lines[key] = k
		}
	})
	if condition == nil {
		l.fault(section, join(at, "condition"), "missing")
		return nil
	}
	sources := []*yaml.Node{condition}
	if condition.Kind == yaml.SequenceNode {
		sources = condition.Content
	}
	var any orNode
	used := map[string]bool{}
	for _, s := range sources {
		n, u, err := parseCondition(s.Value, named)
		if err != nil {
			l.fault(s, join(at, "condition"), "%v", err)
			return nil
		}
		for name := range u {
			used[name] = true
		}
		any = append(any, n)
	}
	for name, k := range lines {
		if !used[name] {
			l.warn(d, k, join(at, name), "the condition does not use it")
		}
	}
	for id := range c.uses {
		if id != fieldNone {
			d.Reads = append(d.Reads, id.spec().name)
		}
		if need := needName(id); need != "" && !slices.Contains(d.Needs, need) {
			d.Needs = append(d.Needs, need)
		}
	}
	slices.Sort(d.Needs)
	if fixed(any) == alwaysFalse {
		l.warn(d, condition, join(at, "condition"), "cannot work on access logs: it can never be true")
	}
	slices.Sort(d.Reads)
	d.Reads = slices.Compact(d.Reads)
	if len(any) == 1 {
		return any[0]
	}
	return any
}

// needName is the event field that a log must carry for a field to be usable; empty for those that every log has.
func needName(id fieldID) string {
	if id >= fieldHour {
		return ""
	}
	switch id {
	case fieldNone, fieldURI, fieldPayload, fieldPath, fieldQuery, fieldRequestLine, fieldExtension,
		fieldService, fieldSource, fieldFormat, fieldActor, fieldIsBot, fieldUAFamily, fieldHost, fieldReferer,
		fieldUser, fieldRoute, fieldObjectIDs, fieldScheme:
		return ""
	}
	return id.spec().name
}

// selection compiles a search identifier: a mapping (all keys must match), a list of mappings (one must), or a list
// of keywords.
func (c *detection) selection(n *yaml.Node, at string) node {
	switch n.Kind {
	case yaml.MappingNode:
		var all andNode
		if len(n.Content) == 0 {
			c.l.fault(n, at, "an empty selection matches everything")
		}
		c.l.eachKey(n, at, func(key string, k, v *yaml.Node) {
			if one := c.field(key, k, v, join(at, key)); one != nil {
				all = append(all, one)
			}
		})
		return all
	case yaml.SequenceNode:
		var any orNode
		if len(n.Content) == 0 {
			c.l.fault(n, at, "an empty list")
		}
		for _, item := range n.Content {
			item = resolved(item)
			if item.Kind == yaml.ScalarNode {
				any = append(any, c.keyword(item, at))
				continue
			}
			any = append(any, c.selection(item, at))
		}
		return any
	}
	return c.keyword(n, at)
}

func (c *detection) keyword(n *yaml.Node, at string) node {
	var any orNode
	for _, id := range keywordFields {
		if one := c.comparison(id, modifiers{compare: "contains", flags: map[string]bool{}}, []*yaml.Node{n}, n, at); one != nil {
			any = append(any, one)
		}
	}
	return any
}

// field compiles one "field|modifiers: values" pair.
func (c *detection) field(key string, k, v *yaml.Node, at string) node {
	name, m, err := parseModifiers(key)
	if err != nil {
		c.l.fault(k, at, "%v", err)
		return nil
	}
	values := []*yaml.Node{v}
	if v.Kind == yaml.SequenceNode {
		values = v.Content
	}
	if name == "" { // "|all: [words]": keywords that must all be there
		var words []node
		for _, item := range values {
			words = append(words, c.keyword(resolved(item), at))
		}
		if m.flags["all"] {
			return andNode(words)
		}
		return orNode(words)
	}
	id, known := lookupField(name)
	switch {
	case !known:
		c.l.fault(k, at, "unknown field %q: not in the Sigma taxonomy for webserver and proxy, nor a field of the event", name)
		return nil
	case id == fieldTime && m.part == fieldNone:
		c.l.fault(k, at, "%s needs one of the modifiers minute, hour, day, week, month and year", name)
		return nil
	case id == fieldTime:
		id, m.part = m.part, fieldNone
	case id == fieldNone:
		return c.missing(name, m, values, k, at)
	}
	if m.part != fieldNone {
		c.l.fault(k, at, "%s is no time", name)
		return nil
	}
	c.uses[id] = true
	n := c.comparison(id, m, values, k, at)
	if n != nil && m.flags["neq"] {
		return notNode{n}
	}
	return n
}

// missing compiles a comparison of a field that access logs never carry: true if it asks for nothing else.
func (c *detection) missing(name string, m modifiers, values []*yaml.Node, k *yaml.Node, at string) node {
	absent := len(values) == 1 && (values[0].Tag == "!!null" && m.compare == "" || m.compare == "exists" && strings.EqualFold(values[0].Value, "false"))
	if m.flags["neq"] {
		absent = !absent
	}
	if !absent {
		c.l.warn(c.d, k, at, "access logs do not carry %s: this never matches", name)
	}
	return constNode(absent)
}

// comparison compiles the values of one field. Values are alternatives, unless the modifier all asks for each.
func (c *detection) comparison(id fieldID, m modifiers, values []*yaml.Node, at *yaml.Node, key string) node {
	if !m.flags["all"] {
		return c.alternatives(id, m, values, at, key)
	}
	var all andNode
	for _, v := range values {
		if one := c.alternatives(id, m, []*yaml.Node{v}, at, key); one != nil {
			all = append(all, one)
		}
	}
	return all
}

func (c *detection) alternatives(id fieldID, m modifiers, values []*yaml.Node, at *yaml.Node, key string) node {
	any := orNode{}
	var plain, globs []pattern
	var numbers []float64
	if len(values) == 0 {
		c.l.fault(at, key, "an empty list")
		return nil
	}
	if m.flags["expand"] {
		var err error
		if values, err = c.l.expanded(values); err != nil {
			c.l.fault(at, key, "%v", err)
			return nil
		}
	}
	for _, v := range values {
		v = resolved(v)
		if v.Kind != yaml.ScalarNode {
			c.l.fault(v, key, "want a value, found %s", nodeWord(v))
			return nil
		}
		if f, err := strconv.ParseFloat(v.Value, 64); err == nil && id.spec().kind == kindNumber && plainEquality(m) {
			numbers = append(numbers, f)
			continue
		}
		n, patterns, err := c.value(id, m, v)
		if err != nil {
			c.l.fault(v, key, "%v", err)
			return nil
		}
		if n != nil {
			any = append(any, n)
		}
		for _, p := range patterns {
			switch {
			case p.anything():
				any = append(any, c.p.event(id, &exists{id, true}, "exists true"))
			case p.hasWildcards():
				globs = append(globs, p)
			default:
				plain = append(plain, p)
			}
		}
	}
	if len(numbers) > 0 {
		any = append(any, c.p.event(id, &anyNumber{id, numbers}, fmt.Sprint("eq ", numbers)))
	}
	if len(plain) > 0 {
		any = append(any, c.p.atom(id, plainTest(m, plain), fmt.Sprintf("%s %v %q", m.compare, m.flags["cased"], texts(plain))))
	}
	for _, g := range globs {
		any = append(any, c.p.atom(id, globTest(m, g), fmt.Sprintf("glob %s %v %q %v", m.compare, m.flags["cased"], g.bytes, g.wild)))
	}
	if len(any) == 1 {
		return any[0]
	}
	return any
}

func plainEquality(m modifiers) bool {
	return m.compare == "" && len(m.transforms) == 0 && !m.flags["expand"] && !m.flags["fieldref"]
}

// value compiles one value to a node, or to patterns that are compiled together with those of the other values.
func (c *detection) value(id fieldID, m modifiers, v *yaml.Node) (node, []pattern, error) {
	spec := id.spec()
	switch m.compare {
	case "exists":
		if v.Tag != "!!bool" && !strings.EqualFold(v.Value, "true") && !strings.EqualFold(v.Value, "false") {
			return nil, nil, fmt.Errorf("exists: want true or false, found %q", v.Value)
		}
		return c.p.event(id, &exists{id, strings.EqualFold(v.Value, "true")}, "exists "+strings.ToLower(v.Value)), nil, nil
	case "lt", "lte", "gt", "gte":
		f, err := strconv.ParseFloat(v.Value, 64)
		if err != nil || spec.kind != kindNumber {
			return nil, nil, fmt.Errorf("%s compares numbers: field %s, value %q", m.compare, spec.name, v.Value)
		}
		return c.p.event(id, &number{id, m.compare, f}, m.compare+" "+v.Value), nil, nil
	case "cidr":
		p, err := parseNetwork(v.Value)
		if err != nil || id != fieldClientIP {
			return nil, nil, fmt.Errorf("cidr compares the client's address with a network: field %s, value %q", spec.name, v.Value)
		}
		return c.p.event(id, &network{[]netip.Prefix{p.Masked()}}, "cidr "+v.Value), nil, nil
	case "sqli", "xss":
		if !strings.EqualFold(v.Value, "true") || spec.kind != kindDecoded {
			return nil, nil, fmt.Errorf("%s: want true, over path, query, uri, referer or user_agent", m.compare)
		}
		return c.p.injection(id, m.compare), nil, nil
	case "re":
		n, err := c.expression(id, m, v.Value)
		return n, nil, err
	}
	if m.flags["fieldref"] {
		other, ok := lookupField(v.Value)
		if !ok || other == fieldNone {
			return nil, nil, fmt.Errorf("fieldref: unknown field %q", v.Value)
		}
		c.uses[other] = true
		return c.p.event(id, &reference{id, other, m.compare, m.flags["cased"]}, fmt.Sprintf("ref %d %s %v", other, m.compare, m.flags["cased"])), nil, nil
	}
	if v.Tag == "!!null" {
		return c.p.event(id, &exists{id, false}, "exists false"), nil, nil
	}
	return c.patterns(m, v.Value)
}

// parseNetwork reads a network in CIDR notation, or an address alone.
func parseNetwork(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Prefix(addr.BitLen())
	}
	return netip.ParsePrefix(s)
}

func (c *detection) expression(id fieldID, m modifiers, source string) (node, error) {
	flags := ""
	for _, f := range []string{"i", "m", "s"} {
		if m.flags[f] {
			flags += f
		}
	}
	if flags != "" {
		source = "(?" + flags + ")" + source
	}
	t, err := newExpression(source)
	if err != nil {
		return nil, fmt.Errorf("%w (the syntax is RE2's: no look-around, no back references)", err)
	}
	return c.p.atom(id, t, "re "+source), nil
}

func (c *detection) patterns(m modifiers, source string) (node, []pattern, error) {
	ps, err := m.apply([]pattern{parsePattern(source)})
	if err != nil {
		return nil, nil, err
	}
	if m.compare != "" {
		for _, p := range ps {
			if len(p.bytes) == 0 {
				return nil, nil, fmt.Errorf("an empty value with %s matches everything", m.compare)
			}
		}
	}
	return nil, ps, nil
}

// plainTest compiles values without wildcards.
func plainTest(m modifiers, ps []pattern) textTest {
	cased := m.flags["cased"]
	list := texts(ps)
	if !cased {
		for i := range list {
			list[i] = strings.ToLower(list[i])
		}
	}
	switch m.compare {
	case "contains":
		return &anyContains{list, cased}
	case "startswith":
		t := &anyPrefix{cased: cased}
		for _, s := range list {
			t.byFirst[s[0]] = append(t.byFirst[s[0]], s)
		}
		return t
	case "endswith":
		t := &anySuffix{cased: cased}
		for _, s := range list {
			t.byLast[s[len(s)-1]] = append(t.byLast[s[len(s)-1]], s)
		}
		return t
	}
	t := &anyEqual{texts: map[string]bool{}, cased: cased}
	for _, s := range list {
		t.texts[s] = true
		if s == "-" { // how logs write an absent field, which parsers leave empty
			t.texts[""] = true
		}
	}
	return t
}

// globTest compiles a value with wildcards.
func globTest(m modifiers, p pattern) textTest {
	cased := m.flags["cased"]
	if !cased {
		p = p.lower()
	}
	switch m.compare {
	case "contains":
		p = star().concat(p).concat(star())
	case "startswith":
		p = p.concat(star())
	case "endswith":
		p = star().concat(p)
	}
	return &glob{p, cased}
}

func texts(ps []pattern) []string {
	out := make([]string, len(ps))
	for i, p := range ps {
		out[i] = p.text()
	}
	return out
}
