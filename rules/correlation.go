package rules

import (
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds on what a group of a correlation has to remember.
const (
	maxThreshold = 100_000
	maxChained   = 100 // of a count of correlations: each is kept with its own measure
)

// correlationReader reads a correlation section and checks it against the rules that it names.
type correlationReader struct {
	l *loader
	s *Set
	d *draft
	c *Correlation

	condition, groupBy, aliases *yaml.Node
	names                       [][]string // of the rules: how aliases may call them
}

func (l *loader) compileCorrelation(s *Set, d *draft) {
	l.file = d.File
	r := &correlationReader{l: l, s: s, d: d, c: &Correlation{}}
	d.Correlation = r.c
	r.read()
}

func (r *correlationReader) read() {
	const at = "correlation"
	l, c, d := r.l, r.c, r.d
	l.eachKey(d.correlation, at, func(key string, k, v *yaml.Node) {
		switch key {
		case "type":
			r.kind(v, join(at, key))
		case "rules":
			l.texts(v, join(at, key), &c.Rules)
			r.rules(v, join(at, key))
		case "group-by":
			r.groupBy = v
			l.texts(v, join(at, key), &c.GroupBy)
		case "timespan", "timeframe":
			l.duration(v, join(at, key), &c.Timespan)
		case "condition":
			r.condition = v
		case "aliases":
			r.aliases = v
		case "generate":
			l.boolean(v, join(at, key), &c.Generate)
		default:
			l.fault(k, join(at, key), "unknown key")
		}
	})
	r.bounds()
	r.groups(r.aliasFields())
	r.extensions()
	if len(c.Rules) == 0 {
		l.fault(d.correlation, "correlation.rules", "missing")
	}
	if c.Timespan == 0 {
		l.fault(d.correlation, "correlation.timespan", "missing")
	}
	if g, _ := child(d.node, "generate"); g != nil && strings.EqualFold(g.Value, "true") {
		c.Generate = true
	}
}

// rules finds the rules by name or id.
func (r *correlationReader) rules(v *yaml.Node, key string) {
	for i, id := range r.c.Rules {
		base := r.s.byID[id]
		if base == nil {
			r.l.fault(v, key, "%q is not the name or id of a rule", id)
			continue
		}
		r.names = append(r.names, []string{id, base.ID, base.UUID})
		r.c.Rules[i] = base.ID
		r.c.bases = append(r.c.bases, base)
	}
}

func (l *loader) isCorrelation(id string) bool {
	for _, d := range l.rules {
		if d.ID == id {
			return d.correlation != nil
		}
	}
	return false
}

// chained is Correlation.chained before all rules are read.
func (r *correlationReader) chained() bool {
	for _, base := range r.c.bases {
		if r.l.isCorrelation(base.ID) {
			return true
		}
	}
	return false
}

func (r *correlationReader) kind(v *yaml.Node, key string) {
	switch r.c.Type = CorrelationType(v.Value); r.c.Type {
	case EventCount, ValueCount, ValueSum, ValueAvg, ValuePercentile, Temporal, TemporalOrdered:
	case "value_median":
		r.c.Type, r.c.Percentile = ValuePercentile, 50
	default:
		r.l.fault(v, key, "%q: want event_count, value_count, value_sum, value_avg, value_percentile, value_median, temporal "+
			"or temporal_ordered", v.Value)
	}
}

const atCondition = "correlation.condition"

// bounds reads the condition. The temporal types need none: all rules must have matched.
func (r *correlationReader) bounds() {
	c := r.c
	if r.condition == nil {
		if c.Threshold = len(c.Rules); !c.Type.temporal() {
			r.l.fault(r.d.correlation, atCondition, "missing")
		}
		return
	}
	r.l.eachKey(r.condition, atCondition, r.conditionKey)
	n := r.condition
	if len(c.Bounds) == 0 {
		r.l.fault(n, atCondition, "want gte, gt, lte, lt, eq or neq")
	}
	wantsField := c.Type != EventCount && !c.Type.temporal()
	if wantsField != (c.value != fieldNone) {
		r.l.fault(n, join(atCondition, "field"), "the value types need a field, the others have none")
	}
	if c.Type.numeric() && c.value != fieldNone && c.value.spec().kind != kindNumber {
		r.l.fault(n, join(atCondition, "field"), "%s is not a number", c.value.spec().name)
	}
	if c.Type == ValuePercentile && c.Percentile == 0 {
		r.l.fault(n, join(atCondition, "percentile"), "missing: a number above 0 and up to 100")
	}
	if !c.Type.numeric() {
		r.countBounds(n)
	}
	if c.Type.temporal() {
		r.temporalBounds(n)
	}
	if r.chained() && (c.Closing || c.Type.numeric() || c.Threshold > maxChained) {
		r.l.fault(n, atCondition, "over correlations only counts of gte or gt up to %d and the temporal types are supported", maxChained)
	}
}

func (r *correlationReader) conditionKey(key string, k, v *yaml.Node) {
	at := join(atCondition, key)
	c := r.c
	switch key {
	case "gte", "gt", "lt", "lte", "eq", "neq":
		f, err := strconv.ParseFloat(v.Value, 64)
		if err != nil || f < 0 {
			r.l.fault(v, at, "%s: want a number", nodeWord(v))
		}
		c.Bounds = append(c.Bounds, Bound{key, f})
		c.Closing = c.Closing || key != "gte" && key != "gt"
	case "percentile":
		if c.Type != ValuePercentile {
			r.l.fault(k, at, "belongs to value_percentile")
		}
		r.l.number(v, at, &c.Percentile)
		if c.Percentile <= 0 || c.Percentile > 100 {
			r.l.fault(v, at, "%s: want a number above 0 and up to 100", nodeWord(v))
		}
	case "field":
		id, ok := lookupField(v.Value)
		if !ok || !stored(id) {
			r.l.fault(v, at, "%q is not a field whose values can be counted", v.Value)
			return
		}
		c.value, c.Field = id, id.spec().name
	default:
		r.l.fault(k, at, "unknown key: want gte, gt, lte, lt, eq, neq, field or percentile")
	}
}

// countBounds turns the bounds of a count into how many make it hold, or how many are told apart at most.
func (r *correlationReader) countBounds(n *yaml.Node) {
	c := r.c
	for _, b := range c.Bounds {
		if b.Value > maxThreshold || b.Value < 1 && (b.Op == "gte" || b.Op == "eq" || b.Op == "lte") || b.Op == "lt" && b.Value <= 1 {
			r.l.fault(n, join(atCondition, b.Op), "%v: want a number up to %d that a window with events can meet", b.Value, maxThreshold)
		}
		switch b.Op {
		case "gte":
			c.Threshold = max(c.Threshold, int(math.Ceil(b.Value)))
		case "gt":
			c.Threshold = max(c.Threshold, int(math.Floor(b.Value))+1)
		}
	}
}

func (r *correlationReader) temporalBounds(n *yaml.Node) {
	c := r.c
	if c.Closing && len(c.Bounds) == 1 && c.Bounds[0].Op == "eq" { // all of n rules is n rules at least
		c.Closing, c.Threshold = false, int(c.Bounds[0].Value)
	}
	if c.Closing || c.Threshold > len(c.Rules) || c.Type == TemporalOrdered && c.Threshold != len(c.Rules) {
		r.l.fault(n, atCondition, "%s counts the rules that matched: want gte, up to their number (temporal_ordered: all of them)", c.Type)
	}
}

// extensions checks what the gatewatch section says about a correlation.
func (r *correlationReader) extensions() {
	l, d, c := r.l, r.d, r.c
	plain := !c.Closing && !r.chained()
	if u := d.Unless; u != nil && u.Rule != "" {
		if base := r.s.byID[u.Rule]; base == nil || l.isCorrelation(base.ID) {
			l.fault(d.node, "gatewatch.unless.rule", "%q is not the name or id of a rule about single events", u.Rule)
		} else {
			u.Rule = base.ID
		}
		if !plain {
			l.fault(d.node, "gatewatch.unless", "not for correlations of correlations, nor with lt, lte and eq")
		}
	}
	if d.Learned != nil && (!plain || c.Type != EventCount && c.Type != ValueCount) {
		l.fault(d.node, "gatewatch.learned", "for event_count and value_count with gte or gt over rules about single events")
	}
}

// stored reports whether a field is one that events are stored with, so that a measure can name it.
func stored(id fieldID) bool {
	switch id {
	case fieldNone, fieldURI, fieldPayload, fieldActor, fieldExtension, fieldObjectIDs:
		return false
	}
	return id < fieldHour
}

// aliasFields reads aliases: each maps a name to one field for each rule.
func (r *correlationReader) aliasFields() map[string]map[string]fieldID {
	if r.aliases == nil {
		return nil
	}
	const at = "correlation.aliases"
	fields := map[string]map[string]fieldID{}
	r.c.Aliases = map[string]map[string]string{}
	r.l.eachKey(r.aliases, at, func(alias string, _, v *yaml.Node) {
		fields[alias], r.c.Aliases[alias] = map[string]fieldID{}, map[string]string{}
		r.l.eachKey(v, join(at, alias), func(rule string, k, f *yaml.Node) {
			id, ok := lookupField(f.Value)
			if !ok || id != fieldActor && !stored(id) {
				r.l.fault(f, join(at, alias, rule), "unknown field %q", f.Value)
				return
			}
			fields[alias][rule] = id
			r.c.Aliases[alias][rule] = id.spec().name
			for _, names := range r.names {
				for _, name := range names {
					if name == rule {
						return
					}
				}
			}
			r.l.fault(k, join(at, alias, rule), "not one of the rules")
		})
	})
	return fields
}

// groups resolves group-by, for each rule where aliases differ.
func (r *correlationReader) groups(aliases map[string]map[string]fieldID) {
	c := r.c
	perRule := make([][]fieldID, len(c.bases))
	differ := false
	for _, name := range c.GroupBy {
		if fields, ok := aliases[name]; ok {
			for i := range c.bases {
				id, ok := fieldOfRule(fields, r.names[i])
				if !ok {
					r.l.fault(r.groupBy, "correlation.group-by", "alias %q has no field for rule %q", name, c.Rules[i])
				}
				perRule[i] = append(perRule[i], id)
				differ = differ || id != perRule[0][len(perRule[0])-1]
			}
			continue
		}
		id, ok := lookupField(name)
		if !ok || id != fieldActor && !stored(id) {
			r.l.fault(r.groupBy, "correlation.group-by", "%q is not a field or alias to group by", name)
			continue
		}
		for i := range perRule {
			perRule[i] = append(perRule[i], id)
		}
	}
	if len(perRule) > 0 {
		c.group = perRule[0]
	}
	if differ {
		c.perRule = perRule
	}
	if r.groupBy == nil {
		r.l.warn(r.d, r.d.correlation, "correlation.group-by", "none: all events count together")
	}
}

func fieldOfRule(fields map[string]fieldID, names []string) (fieldID, bool) {
	for _, name := range names {
		if id, ok := fields[name]; ok && name != "" {
			return id, true
		}
	}
	return fieldNone, false
}
