package store

import (
	"context"
	"math"
	"strconv"
	"strings"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// MeasureSQL compiles a measure to one statement with one row and one column, and the values of its parameters. The
// result is what a finding stores and what reproduces it.
//
// A zero From, To or Cut is no bound. Over no values every aggregate is 0. A quantile interpolates linearly between
// the closest ranks (Hyndman and Fan's type 7). Sums and averages of fractional fields are added as multiples of
// 0.000001, so that they do not depend on the order of addition. Distinct values of an array field are distinct arrays.
func MeasureSQL(m detect.Measure) (sql string, params map[string]string, err error) {
	if m.Aggregate == detect.AggregateParts {
		return partsSQL(m)
	}
	s, of, err := compileMeasure(m)
	if err != nil {
		return "", nil, err
	}
	value, err := s.aggregate(m, of)
	if err != nil {
		return "", nil, err
	}
	return "SELECT " + value + " AS value\nFROM events" + s.clause(), s.params, nil
}

// compileMeasure compiles which events a measure is over, and the condition of a share's numerator.
func compileMeasure(m detect.Measure) (s *statement, of string, err error) {
	s = newStatement()
	if of, err = s.selects(m); err != nil {
		return nil, "", err
	}
	switch share := m.Aggregate == detect.AggregateShare; {
	case share && of == "":
		return nil, "", rejected("measure: a share needs a condition marked \"of\"")
	case !share && of != "":
		return nil, "", rejected("measure: a condition marked \"of\" belongs to a share, not to %q", m.Aggregate)
	}
	return s, of, nil
}

// selects adds the conditions that select a measure's events, and returns those of a share's numerator.
func (s *statement) selects(m detect.Measure) (of string, err error) {
	if len(m.Parts) > 0 {
		return "", s.selectsParts(m.Parts)
	}
	s.interval(m)
	var numerator []string
	for _, w := range m.Where {
		sql, err := s.condition(w)
		if err != nil {
			return "", err
		}
		if w.Of {
			numerator = append(numerator, sql)
		} else {
			s.add(sql)
		}
	}
	if s.any, err = s.alternatives(m.Any); err != nil {
		return "", err
	}
	if len(s.any) > 0 {
		s.add("(" + strings.Join(s.any, " OR ") + ")")
	}
	return strings.Join(numerator, " AND "), nil
}

// interval adds the bounds of time, order and ingestion.
func (s *statement) interval(m detect.Measure) {
	if !m.From.IsZero() {
		sign := " >= "
		if m.FromOpen {
			sign = " > "
		}
		s.add("time" + sign + s.time(m.From))
	}
	if !m.To.IsZero() {
		sign := " < "
		if m.FromOpen {
			sign = " <= "
		}
		s.add("time" + sign + s.time(m.To))
	}
	if m.Until != nil {
		s.add(placeTuple + " <= " + s.place(*m.Until))
	}
	if !m.Cut.IsZero() {
		s.add("ingested_at <= " + s.time(m.Cut))
	}
}

// aggregate is the SQL expression of the measure's number.
func (s *statement) aggregate(m detect.Measure, of string) (string, error) {
	switch m.Aggregate {
	case detect.AggregateCount:
		return "toFloat64(count())", nil
	case detect.AggregateShare:
		return "if(count() = 0, 0, countIf(" + of + ") / count())", nil
	case detect.AggregateSteps, detect.AggregateSequence:
		return s.steps(m)
	}
	c, err := field(m.Field)
	if err != nil {
		return "", err
	}
	if m.Aggregate == detect.AggregateDistinct {
		if p := c.present(); p != "" {
			return "toFloat64(uniqExactIf(" + c.name + ", " + p + "))", nil
		}
		return "toFloat64(uniqExact(" + c.name + "))", nil
	}
	if c.kind != kindNumber && c.kind != kindZero && c.kind != kindPlain {
		return "", rejected("measure: %s of %s: not a number", m.Aggregate, c.name)
	}
	present := c.present()
	if present == "" {
		present = "1"
	}
	switch m.Aggregate {
	case detect.AggregateSum:
		return "toFloat64(" + sum(c, present) + ")" + scale(c), nil
	case detect.AggregateAvg:
		n := "countIf(" + present + ")"
		return "if(" + n + " = 0, 0, toFloat64(" + sum(c, present) + ")" + scale(c) + " / " + n + ")", nil
	case detect.AggregateQuantile:
		if !(m.Quantile >= 0 && m.Quantile <= 1) {
			return "", rejected("measure: quantile %v: want 0 to 1", m.Quantile)
		}
		q := strconv.FormatFloat(m.Quantile, 'f', -1, 64) // a parameter of an aggregate must be a literal
		value, err := significant(c.name, m.Bits)
		return "ifNotFinite(toFloat64(quantileExactInclusiveIf(" + q + ")(" + value + ", " + present + ")), 0)", err
	default:
		return "", rejected("measure: unknown aggregate %q", m.Aggregate)
	}
}

// sum adds a column's present values exactly; a fractional one as multiples of a millionth.
func sum(c *column, present string) string {
	if c.sqlType == typeFloat64 {
		return "sumIf(toInt64(round(" + c.name + " * 1000000)), " + present + ")"
	}
	return "sumIf(" + c.name + ", " + present + ")"
}

func scale(c *column) string {
	if c.sqlType == typeFloat64 {
		return " / 1000000"
	}
	return ""
}

// Measure takes a measure now.
func (s *Store) Measure(ctx context.Context, m detect.Measure) (float64, error) {
	sql, params, err := MeasureSQL(m)
	if err != nil {
		return 0, err
	}
	var value float64
	if err := s.conn.QueryRow(ctx, sql, arguments(params)...).Scan(&value); err != nil {
		return 0, wrap("measure", err)
	}
	if math.IsNaN(value) {
		return 0, rejected("measure: the store answered with no number")
	}
	return value, nil
}

// MeasureEvents returns events that a measure counts, in judging order: the first ones and the last ones, at most limit
// in all. Of a share these are the events of the numerator; of other aggregates those that have the field.
func (s *Store) MeasureEvents(ctx context.Context, m detect.Measure, limit int) ([]*event.Event, error) {
	st, of, err := compileMeasure(m)
	if err != nil {
		return nil, err
	}
	if of != "" {
		st.add("(" + of + ")")
	}
	if m.Field != "" && m.Aggregate != detect.AggregateCount && m.Aggregate != detect.AggregateShare {
		c, err := field(m.Field)
		if err != nil {
			return nil, err
		}
		if p := c.present(); p != "" {
			st.add(p)
		}
	}
	last := limit / 2
	first, err := s.selectEvents(ctx, st, "ASC", limit-last)
	if err != nil || len(first) < limit-last || last == 0 {
		return first, wrap("measure's events", err)
	}
	end := first[len(first)-1].Place()
	st.add(placeTuple + " > " + st.place(end))
	tail, err := s.selectEvents(ctx, st, "DESC", last)
	if err != nil {
		return nil, wrap("measure's events", err)
	}
	for i := len(tail) - 1; i >= 0; i-- {
		first = append(first, tail[i])
	}
	return first, nil
}
