package rules

import (
	"fmt"
	"maps"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Lists for the modifier expand stand in documents of their own, in any rule file:
//
//	placeholders:
//	  our_networks: [192.0.2.0/24, 198.51.100.0/24]

// placeholders is one list, and the layer that it is of.
type placeholders struct {
	values []string
	layer  int
	file   string
	line   int
}

// readPlaceholders reads lists; one of a later layer takes the place of one of the same name.
func (l *loader) readPlaceholders(n *yaml.Node) {
	const at = "placeholders"
	l.eachKey(n, at, func(name string, k, v *yaml.Node) {
		list := placeholders{layer: l.layer, file: l.file, line: k.Line}
		l.texts(v, join(at, name), &list.values)
		if len(list.values) == 0 {
			l.fault(k, join(at, name), "an empty list")
		}
		if old, ok := l.lists[name]; ok && old.layer == l.layer {
			l.fault(k, join(at, name), "there is a list of that name already at %s:%d", old.file, old.line)
			return
		}
		if l.lists == nil {
			l.lists = map[string]placeholders{}
		}
		l.lists[name] = list
	})
}

// takePlaceholders adds the lists that were read to those of the options.
func (l *loader) takePlaceholders() {
	if len(l.lists) == 0 {
		return
	}
	all := maps.Clone(l.opts.Placeholders)
	if all == nil {
		all = map[string][]string{}
	}
	for name, list := range l.lists {
		all[name] = list.values
	}
	l.opts.Placeholders = all
}

// expanded puts lists in place of the placeholders in values.
func (l *loader) expanded(values []*yaml.Node) ([]*yaml.Node, error) {
	var out []*yaml.Node
	for _, v := range values {
		v = resolved(v)
		sources, err := expand(v.Value, l.opts.Placeholders)
		if err != nil {
			return nil, err
		}
		for _, source := range sources {
			out = append(out, &yaml.Node{Kind: v.Kind, Tag: v.Tag, Value: source, Line: v.Line, Content: v.Content})
		}
	}
	return out, nil
}

// expand puts the placeholder's list in place of %name%; a percent sign after a backslash is one.
func expand(source string, lists map[string][]string) ([]string, error) {
	start := unescapedPercent(source)
	if start < 0 {
		return []string{strings.ReplaceAll(source, `\%`, "%")}, nil
	}
	end := strings.IndexByte(source[start+1:], '%')
	if end < 0 {
		return []string{strings.ReplaceAll(source, `\%`, "%")}, nil
	}
	before := strings.ReplaceAll(source[:start], `\%`, "%")
	name := source[start+1 : start+1+end]
	list, ok := lists[name]
	if !ok {
		return nil, fmt.Errorf("placeholder %%%s%% has no list", name)
	}
	rest, err := expand(source[start+end+2:], lists)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, item := range list {
		for _, r := range rest {
			out = append(out, before+item+r)
		}
	}
	return out, nil
}

func unescapedPercent(s string) int {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && (i == 0 || s[i-1] != '\\') {
			return i
		}
	}
	return -1
}
