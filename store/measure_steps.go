package store

import (
	"fmt"
	"strings"

	"github.com/gatewatch/gatewatch/detect"
)

// alternatives compiles the alternatives of a measure, each a conjunction.
func (s *statement) alternatives(list [][]detect.Condition) ([]string, error) {
	out := make([]string, 0, len(list))
	for _, conditions := range list {
		all := make([]string, 0, len(conditions))
		for _, w := range conditions {
			sql, err := s.condition(w)
			if err != nil {
				return nil, err
			}
			all = append(all, sql)
		}
		if len(all) == 0 {
			return nil, rejected("measure: an alternative without conditions")
		}
		out = append(out, "("+strings.Join(all, " AND ")+")")
	}
	return out, nil
}

// steps is the SQL of AggregateSteps and AggregateSequence: of each event the steps that it meets are bits of a list;
// a sequence is folded over the events in judging order, one step an event.
func (s *statement) steps(m detect.Measure) (string, error) {
	if len(s.any) == 0 {
		return "", rejected("measure: %s needs alternatives", m.Aggregate)
	}
	if m.Aggregate == detect.AggregateSteps {
		met := make([]string, len(s.any))
		for i, sql := range s.any {
			met[i] = "(countIf(" + sql + ") > 0)"
		}
		return "toFloat64(" + strings.Join(met, " + ") + ")", nil
	}
	met := "[" + strings.Join(s.any, ", ") + "]"
	events := "arraySort(groupArray((time, source, generation, position, " + met + ")))"
	return fmt.Sprintf("toFloat64(arrayFold((done, e) -> if(done < %d AND e.5[done + 1], done + 1, done), %s, toInt64(0)))",
		len(s.any), events), nil
}

// significant is a column's value with only so many bits of its significand; 0 is the value itself.
func significant(column string, bits int) (string, error) {
	const all = 52
	if bits == 0 {
		return column, nil
	}
	if bits < 0 || bits > all {
		return "", rejected("measure: bits %d: want 0 to %d", bits, all)
	}
	mask := ^uint64(0) << (all - bits)
	return fmt.Sprintf("reinterpretAsFloat64(bitAnd(reinterpretAsUInt64(toFloat64(%s)), %d))", column, mask), nil
}

// selectsParts adds the condition that an event belongs to one of the parts.
func (s *statement) selectsParts(parts []detect.Part) error {
	any := make([]string, len(parts))
	for i, p := range parts {
		inner := &statement{params: s.params}
		if _, err := inner.selects(p.Measure); err != nil {
			return err
		}
		any[i] = "(" + strings.Join(append(inner.where, "1"), " AND ") + ")"
	}
	s.add("(" + strings.Join(any, " OR ") + ")")
	return nil
}

// maxParts bounds the statement of a measure with parts.
const maxParts = 200

// partsSQL counts the parts that hold; each is a statement of its own inside.
func partsSQL(m detect.Measure) (sql string, params map[string]string, err error) {
	if len(m.Parts) == 0 || len(m.Parts) > maxParts {
		return "", nil, rejected("measure: %d parts: want 1 to %d", len(m.Parts), maxParts)
	}
	params = map[string]string{}
	terms := make([]string, len(m.Parts))
	for i, p := range m.Parts {
		inner, own, err := MeasureSQL(p.Measure)
		if err != nil {
			return "", nil, err
		}
		for name, value := range own {
			global := fmt.Sprintf("m%d_%s", i, name)
			inner = strings.ReplaceAll(inner, "{"+name+":", "{"+global+":")
			params[global] = value
		}
		bound := fmt.Sprintf("m%d", i)
		params[bound] = fmt.Sprint(p.AtLeast)
		terms[i] = "((" + inner + ") >= {" + bound + ":Float64})"
	}
	return "SELECT toFloat64(" + strings.Join(terms, "\n  + ") + ") AS value", params, nil
}
