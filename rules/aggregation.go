package rules

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Sigma 1 had aggregations behind the condition ("selection | count() by c-ip > 10" with a timeframe). Such a rule is
// read as the two rules of Sigma 2 that say the same: one over single events, and a correlation that keeps the rule's
// names and all else it says.

var aggregation = regexp.MustCompile(`^(count|sum|avg)\s*\(\s*([\w.()-]*)\s*\)\s*(?:by\s+([\w.()\s,-]+?)\s*)?(>=|<=|==?|>|<)\s*(\d+)$`)

var aggregationBounds = map[string]string{">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "=": "eq", "==": "eq"}

// unaggregated splits a rule with an aggregation in two documents; others come back as they are. A reason is given for
// an aggregation that has no correlation.
func unaggregated(doc *yaml.Node) (docs []*yaml.Node, reason string) {
	detection, _ := child(doc, "detection")
	if detection == nil || detection.Kind != yaml.MappingNode {
		return []*yaml.Node{doc}, ""
	}
	condition, _ := child(detection, "condition")
	if condition == nil || condition.Kind != yaml.ScalarNode || !strings.Contains(condition.Value, "|") {
		return []*yaml.Node{doc}, ""
	}
	before, after, _ := strings.Cut(condition.Value, "|")
	m := aggregation.FindStringSubmatch(strings.TrimSpace(after))
	timeframe, _ := child(detection, "timeframe")
	if m == nil || timeframe == nil || m[1] != "count" && m[2] == "" {
		return nil, "its aggregation (" + strings.TrimSpace(after) + ") is none of Sigma 2: write a correlation"
	}
	id := documentID(doc)
	base := merge(doc, mapping(doc.Line, "name", scalar(id+"-event"), "level", scalar("informational")))
	base = without(base, "id", "gatewatch")
	replaced := without(detection, "timeframe", "condition")
	replaced.Content = append(replaced.Content, scalar("condition"), &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.TrimSpace(before), Line: condition.Line})
	replace(base, "detection", replaced)

	bound := mapping(condition.Line, aggregationBounds[m[4]], scalar(m[5]))
	kind := "event_count"
	if m[2] != "" {
		kind = map[string]string{"count": "value_count", "sum": "value_sum", "avg": "value_avg"}[m[1]]
		bound.Content = append(bound.Content, scalar("field"), scalar(m[2]))
	}
	correlation := mapping(condition.Line, "type", scalar(kind), "rules", scalar(id+"-event"), "timespan", timeframe, "condition", bound)
	if m[3] != "" {
		by := &yaml.Node{Kind: yaml.SequenceNode, Line: condition.Line}
		for _, field := range strings.FieldsFunc(m[3], func(r rune) bool { return r == ',' || r == ' ' }) {
			by.Content = append(by.Content, scalar(field))
		}
		correlation.Content = append(correlation.Content, scalar("group-by"), by)
	}
	outer := without(doc, "detection", "logsource")
	outer.Content = append(outer.Content, scalar("correlation"), correlation)
	return []*yaml.Node{base, outer}, ""
}

// documentID is what readRule makes of a document's names.
func documentID(doc *yaml.Node) string {
	for _, key := range []string{"name", "id"} {
		if n, _ := child(doc, key); n != nil && n.Value != "" {
			return n.Value
		}
	}
	title, _ := child(doc, "title")
	if title == nil {
		return ""
	}
	return slug(title.Value)
}

func scalar(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
}

// mapping makes a mapping of keys and their values in turn.
func mapping(line int, pairs ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Line: line}
	for i := 0; i+1 < len(pairs); i += 2 {
		n.Content = append(n.Content, scalar(pairs[i].(string)), pairs[i+1].(*yaml.Node))
	}
	return n
}

// without copies a mapping but for some keys.
func without(n *yaml.Node, keys ...string) *yaml.Node {
	out := &yaml.Node{Kind: yaml.MappingNode, Line: n.Line}
	for i := 0; i+1 < len(n.Content); i += 2 {
		dropped := false
		for _, key := range keys {
			dropped = dropped || n.Content[i].Value == key
		}
		if !dropped {
			out.Content = append(out.Content, n.Content[i], n.Content[i+1])
		}
	}
	return out
}

func replace(n *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content[i+1] = value
		}
	}
}
