package rules

import (
	"fmt"
	"path"
	"sort"
	"strings"
)

// conditionParser reads a Sigma condition: search identifiers, and, or, not, parentheses, "1 of" and "all of" with
// "them" or a pattern with *. not binds tighter than and, and tighter than or.
type conditionParser struct {
	tokens []string
	at     int
	named  map[string]node // the search identifiers
	used   map[string]bool
	depth  int
}

// maxConditionDepth bounds nesting, so that a hostile rule file cannot exhaust the stack.
const maxConditionDepth = 100

// parseCondition returns the condition's node over the named selections and which of them it uses.
func parseCondition(source string, named map[string]node) (node, map[string]bool, error) {
	p := &conditionParser{tokens: conditionTokens(source), named: named, used: map[string]bool{}}
	if len(p.tokens) == 0 {
		return nil, nil, fmt.Errorf("empty condition")
	}
	n, err := p.or()
	if err != nil {
		return nil, nil, err
	}
	if p.at < len(p.tokens) {
		return nil, nil, fmt.Errorf("unexpected %q", p.tokens[p.at])
	}
	return n, p.used, nil
}

func conditionTokens(source string) []string {
	source = strings.NewReplacer("(", " ( ", ")", " ) ").Replace(source)
	return strings.Fields(source)
}

func (p *conditionParser) peek() string {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return ""
}

func (p *conditionParser) accept(word string) bool {
	if strings.EqualFold(p.peek(), word) {
		p.at++
		return true
	}
	return false
}

func (p *conditionParser) or() (node, error) {
	if p.depth++; p.depth > maxConditionDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxConditionDepth)
	}
	defer func() { p.depth-- }()
	all, err := p.operands("or", p.and)
	if len(all) == 1 {
		return all[0], err
	}
	return orNode(all), err
}

func (p *conditionParser) and() (node, error) {
	all, err := p.operands("and", p.not)
	if len(all) == 1 {
		return all[0], err
	}
	return andNode(all), err
}

// operands reads one operand or more, with the word between them.
func (p *conditionParser) operands(word string, operand func() (node, error)) ([]node, error) {
	var all []node
	for {
		n, err := operand()
		if err != nil {
			return nil, err
		}
		all = append(all, n)
		if !p.accept(word) {
			return all, nil
		}
	}
}

func (p *conditionParser) not() (node, error) {
	if p.accept("not") {
		n, err := p.primary() // "not not x" is no Sigma
		if err != nil {
			return nil, err
		}
		return notNode{n}, nil
	}
	return p.primary()
}

func (p *conditionParser) primary() (node, error) {
	word := p.peek()
	p.at++
	switch low := strings.ToLower(word); low {
	case "":
		return nil, fmt.Errorf("ends where a search identifier is expected")
	case "(":
		n, err := p.or()
		if err != nil {
			return nil, err
		}
		if !p.accept(")") {
			return nil, fmt.Errorf("missing )")
		}
		return n, nil
	case "1", "any", "all":
		if p.accept("of") {
			return p.of(low == "all")
		}
	case ")", "and", "or", "not", "|":
		return nil, fmt.Errorf("unexpected %q", word)
	}
	n, ok := p.named[word]
	if !ok {
		return nil, fmt.Errorf("search identifier %q is not in the detection", word)
	}
	p.used[word] = true
	return n, nil
}

// of reads what stands after "1 of" or "all of".
func (p *conditionParser) of(all bool) (node, error) {
	word := p.peek()
	p.at++
	if word == "" {
		return nil, fmt.Errorf("ends after of")
	}
	var names []string
	for name := range p.named {
		switch {
		case strings.EqualFold(word, "them"):
			if strings.HasPrefix(name, "_") {
				continue // Sigma keeps names with an underscore out of "them"
			}
		default:
			if ok, err := path.Match(word, name); err != nil || !ok {
				continue
			}
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%q matches no search identifier", word)
	}
	sort.Strings(names)
	nodes := make([]node, len(names))
	for i, name := range names {
		nodes[i] = p.named[name]
		p.used[name] = true
	}
	if all {
		return andNode(nodes), nil
	}
	return orNode(nodes), nil
}
