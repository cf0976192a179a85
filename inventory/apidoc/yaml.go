package apidoc

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// The bounds of a YAML document: its nodes, and those that aliases repeat.
const (
	maxNodes   = 3_000_000
	maxAliased = 100_000
)

// readYAML turns YAML into maps, lists, booleans and strings; numbers stay text. The library's own decoding into maps
// compares every key of a mapping with every other one, so that a few megabytes would take minutes; its syntax tree is
// made in one pass.
func readYAML(data []byte) (v any, err error) {
	defer func() { // the library's parser has panicked on malformed input before
		if r := recover(); r != nil {
			err = fmt.Errorf("malformed: %v", r)
		}
	}()
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, err
	}
	t := &tree{left: maxNodes, aliased: maxAliased, open: map[*yaml.Node]bool{}}
	return t.value(&root)
}

// tree converts nodes.
type tree struct {
	left    int
	aliased int
	open    map[*yaml.Node]bool // aliased nodes that are being converted
}

var errAliases = errors.New("its aliases make too much of it, or refer to themselves")

func (t *tree) value(n *yaml.Node) (any, error) {
	if len(t.open) > 0 {
		t.aliased--
	}
	if t.left--; t.left < 0 || t.aliased < 0 {
		return nil, errAliases
	}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) == 1 {
			return t.value(n.Content[0])
		}
	case yaml.AliasNode:
		if n.Alias == nil || t.open[n.Alias] {
			return nil, errAliases
		}
		t.open[n.Alias] = true
		defer delete(t.open, n.Alias)
		return t.value(n.Alias)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			v, err := t.value(c)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		return t.mapping(n)
	case yaml.ScalarNode:
		if n.Tag == "!!bool" {
			return n.Value == "true" || n.Value == "True" || n.Value == "TRUE", nil
		}
		if n.Tag != "!!null" {
			return n.Value, nil
		}
	}
	return nil, nil
}

// mapping converts a mapping; what is merged into it (<<) yields to its own keys.
func (t *tree) mapping(n *yaml.Node) (any, error) {
	out := make(map[string]any, len(n.Content)/2)
	var merged []any
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		v, err := t.value(n.Content[i+1])
		switch {
		case err != nil:
			return nil, err
		case key.Kind != yaml.ScalarNode:
			continue
		case key.Tag == "!!merge":
			merged = append(merged, v)
		default:
			if _, twice := out[key.Value]; twice {
				return nil, fmt.Errorf("line %d: the key %.60q is there twice", key.Line, key.Value)
			}
			out[key.Value] = v
		}
	}
	for _, v := range merged {
		for name, member := range object(v) {
			if t.left--; t.left < 0 {
				return nil, errAliases
			}
			if _, own := out[name]; !own {
				out[name] = member
			}
		}
	}
	return out, nil
}
