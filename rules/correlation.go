package rules

import (
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxThreshold bounds what a group of a correlation has to remember.
const maxThreshold = 100_000

// compileCorrelation reads a correlation section and checks it against the rules it names.
func (l *loader) compileCorrelation(s *Set, d *draft) {
	l.file = d.File
	c := &Correlation{}
	const at = "correlation"
	var condition, groupBy, aliases *yaml.Node
	l.eachKey(d.correlation, at, func(key string, k, v *yaml.Node) {
		switch key {
		case "type":
			l.correlationType(v, join(at, key), c)
		case "rules":
			l.texts(v, join(at, key), &c.Rules)
			for i, id := range c.Rules {
				base := s.byID[id]
				switch {
				case base == nil:
					l.fault(v, join(at, key), "%q is not the name or id of a rule", id)
				case l.isCorrelation(base.ID):
					l.fault(v, join(at, key), "%q is a correlation: chains of correlations are not supported", id)
				default:
					c.Rules[i] = base.ID
				}
			}
		case "group-by":
			groupBy = v
			l.texts(v, join(at, key), &c.GroupBy)
		case "timespan", "timeframe":
			l.duration(v, join(at, key), &c.Timespan)
		case "condition":
			condition = v
		case "aliases":
			aliases = v
		case "generate":
			l.boolean(v, join(at, key), &c.Generate)
		default:
			l.fault(k, join(at, key), "unknown key")
		}
	})
	d.Correlation = c
	l.correlationCondition(d, c, condition)
	l.correlationGroups(d, c, groupBy, l.correlationAliases(aliases, c))
	if u := d.Unless; u != nil && u.Rule != "" {
		if base := s.byID[u.Rule]; base == nil || l.isCorrelation(base.ID) {
			l.fault(d.node, "gatewatch.unless.rule", "%q is not the name or id of a rule about single events", u.Rule)
		} else {
			u.Rule = base.ID
		}
	}
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

func (l *loader) isCorrelation(id string) bool {
	for _, d := range l.rules {
		if d.ID == id {
			return d.correlation != nil
		}
	}
	return false
}

func (l *loader) correlationType(v *yaml.Node, key string, c *Correlation) {
	switch c.Type = CorrelationType(v.Value); c.Type {
	case EventCount, ValueCount, Temporal, TemporalOrdered:
	default:
		l.fault(v, key, "%q: want event_count, value_count, temporal or temporal_ordered", v.Value)
	}
}

// correlationCondition reads the bound: gte and gt. The temporal types need none: all rules must have matched.
func (l *loader) correlationCondition(d *draft, c *Correlation, n *yaml.Node) {
	const at = "correlation.condition"
	temporal := c.Type == Temporal || c.Type == TemporalOrdered
	if n == nil {
		if c.Threshold = len(c.Rules); !temporal {
			l.fault(d.correlation, at, "missing")
		}
		return
	}
	if temporal {
		l.fault(n, at, "%s has none: all of its rules must match", c.Type)
		return
	}
	l.eachKey(n, at, func(key string, k, v *yaml.Node) {
		switch key {
		case "gte", "gt":
			f, err := strconv.ParseFloat(v.Value, 64)
			if key == "gt" {
				f = math.Floor(f) + 1
			}
			if err != nil || f < 1 || f > maxThreshold {
				l.fault(v, join(at, key), "%s: want a number from 1 to %d", nodeWord(v), maxThreshold)
			}
			c.Threshold = int(math.Ceil(f))
		case "field":
			id, ok := lookupField(v.Value)
			if !ok || !stored(id) {
				l.fault(v, join(at, key), "%q is not a field whose values can be counted", v.Value)
				return
			}
			c.value, c.Field = id, id.spec().name
		case "lt", "lte", "eq", "neq":
			l.fault(k, join(at, key), "not supported: counts are held against gte and gt")
		default:
			l.fault(k, join(at, key), "unknown key: want gte, gt or field")
		}
	})
	if c.Threshold == 0 {
		l.fault(n, at, "want gte or gt")
	}
	if (c.Type == ValueCount) != (c.value != fieldNone) {
		l.fault(n, join(at, "field"), "value_count needs a field, event_count has none")
	}
}

// stored reports whether a field is one that events are stored with, so that a measure can name it.
func stored(id fieldID) bool {
	switch id {
	case fieldNone, fieldURI, fieldPayload, fieldActor, fieldExtension, fieldHour, fieldWeekday, fieldObjectIDs:
		return false
	}
	return true
}

// correlationAliases reads aliases: each maps a name to one field per rule.
func (l *loader) correlationAliases(n *yaml.Node, c *Correlation) map[string]fieldID {
	fields := map[string]fieldID{}
	if n == nil {
		return fields
	}
	const at = "correlation.aliases"
	c.Aliases = map[string]map[string]string{}
	l.eachKey(n, at, func(alias string, _, v *yaml.Node) {
		c.Aliases[alias] = map[string]string{}
		l.eachKey(v, join(at, alias), func(rule string, k, f *yaml.Node) {
			id, ok := lookupField(f.Value)
			if !ok {
				l.fault(f, join(at, alias, rule), "unknown field %q", f.Value)
				return
			}
			if had, ok := fields[alias]; ok && had != id {
				l.fault(k, join(at, alias, rule), "maps to another field of the event than the rules before: %s and %s",
					had.spec().name, id.spec().name)
			}
			fields[alias] = id
			c.Aliases[alias][rule] = id.spec().name
		})
	})
	return fields
}

func (l *loader) correlationGroups(d *draft, c *Correlation, n *yaml.Node, aliases map[string]fieldID) {
	for _, name := range c.GroupBy {
		id, ok := aliases[name]
		if !ok {
			id, ok = lookupField(name)
		}
		if !ok || id != fieldActor && !stored(id) {
			l.fault(n, "correlation.group-by", "%q is not a field or alias to group by", name)
			continue
		}
		c.group = append(c.group, id)
	}
	if n == nil {
		l.warn(d, d.correlation, "correlation.group-by", "none: all events count together")
	}
}
