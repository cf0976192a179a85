package store

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// statement is SQL under construction with its server-side parameters: values never become part of the text.
type statement struct {
	where  []string
	any    []string // the alternatives of a measure
	params map[string]string
}

func newStatement() *statement { return &statement{params: map[string]string{}} }

// param keeps a value and returns its place holder, {p0:Type}.
func (s *statement) param(sqlType, value string) string {
	name := "p" + strconv.Itoa(len(s.params))
	s.params[name] = value
	return "{" + name + ":" + sqlType + "}"
}

// add adds a condition that every row must meet.
func (s *statement) add(sql string) { s.where = append(s.where, sql) }

// clause returns the WHERE clause, empty without conditions.
func (s *statement) clause() string {
	if len(s.where) == 0 {
		return ""
	}
	return "\nWHERE " + strings.Join(s.where, "\n  AND ")
}

// arguments turns parameters into the driver's, which escapes them for the wire.
func arguments(params map[string]string) []any {
	args := make([]any, 0, len(params))
	for name, value := range params {
		args = append(args, clickhouse.Named(name, value))
	}
	return args
}

func named(name, value string) driver.NamedValue { return clickhouse.Named(name, value) }

// timeText is a time as the value of a DateTime64(9, 'UTC') parameter.
func timeText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000000000") }

func (s *statement) time(t time.Time) string { return s.param("DateTime64(9, 'UTC')", timeText(t)) }

// placeTuple is the judging order as SQL.
const placeTuple = "(time, source, generation, position)"

func (s *statement) place(p event.Place) string {
	return fmt.Sprintf("(%s, %s, %s, %s)", s.time(p.Time), s.param("String", p.Source),
		s.param("UInt64", strconv.FormatUint(p.Generation, 10)), s.param("UInt64", strconv.FormatUint(p.Position, 10)))
}

// field finds a column that conditions may name.
func field(name string) (*column, error) {
	for i := range columns {
		if c := &columns[i]; c.name == name && c.kind != kindNone {
			return c, nil
		}
	}
	if name == "source" { // the only one of the place columns that people filter by
		return &column{name: "source", sqlType: typeLC, kind: kindString}, nil
	}
	return nil, rejected("field %q: not a field of an event that can be compared (docs/schema.md lists them)", name)
}

// present is the SQL condition that a column's value is there; empty when it always is.
func (c *column) present() string {
	switch c.kind {
	case kindString:
		return c.name + " != ''"
	case kindNumber:
		return c.name + " >= 0"
	case kindZero:
		return c.name + " != 0"
	case kindIP:
		return c.name + " != toIPv6('::')"
	case kindArray:
		return "notEmpty(" + c.name + ")"
	default:
		return ""
	}
}

// condition compiles one comparison. An absent value meets no comparison but "ne"; comparing with the empty value
// asks for absence (eq) or presence (ne).
func (s *statement) condition(w detect.Condition) (string, error) {
	c, err := field(w.Field)
	if err != nil {
		return "", err
	}
	if w.Value == "" && (w.Op == detect.OpEqual || w.Op == detect.OpNot) && c.present() != "" {
		if w.Op == detect.OpNot {
			return c.present(), nil
		}
		return "NOT (" + c.present() + ")", nil
	}
	switch c.kind {
	case kindString:
		return s.equality(c, w, "String", w.Value)
	case kindIP:
		addr, err := netip.ParseAddr(w.Value)
		if err != nil {
			return "", rejected("field %s: %q is not an IP address", c.name, w.Value)
		}
		as16 := addr.Unmap().WithZone("").As16()
		return s.equality(c, w, "IPv6", netip.AddrFrom16(as16).String())
	case kindBool:
		if w.Value != "true" && w.Value != "false" {
			return "", rejected("field %s: %q is neither true nor false", c.name, w.Value)
		}
		return s.equality(c, w, "Bool", w.Value)
	case kindArray:
		if w.Op != detect.OpHas || w.Value == "" {
			return "", badOp(c, w, "has with a value, or eq and ne without one")
		}
		return "has(" + c.name + ", " + s.param("String", w.Value) + ")", nil
	default:
		return s.comparison(c, w)
	}
}

func badOp(c *column, w detect.Condition, want string) error {
	return rejected("field %s: operator %q does not apply: want %s", c.name, w.Op, want)
}

func (s *statement) equality(c *column, w detect.Condition, sqlType, value string) (string, error) {
	switch w.Op {
	case detect.OpEqual:
		return c.name + " = " + s.param(sqlType, value), nil
	case detect.OpNot:
		return c.name + " != " + s.param(sqlType, value), nil
	default:
		return "", badOp(c, w, "eq or ne")
	}
}

// comparison compares numbers as numbers.
func (s *statement) comparison(c *column, w detect.Condition) (string, error) {
	v, err := strconv.ParseFloat(w.Value, 64)
	if err != nil || v-v != 0 { // v-v is not 0 for infinities and NaN
		return "", rejected("field %s: %q is not a number", c.name, w.Value)
	}
	sign := map[detect.Op]string{detect.OpEqual: "=", detect.OpNot: "=", detect.OpGTE: ">=", detect.OpLT: "<"}[w.Op]
	if sign == "" {
		return "", badOp(c, w, "eq, ne, gte or lt")
	}
	sql := c.name + " " + sign + " " + s.param("Float64", strconv.FormatFloat(v, 'f', -1, 64))
	if p := c.present(); p != "" {
		sql = "(" + sql + " AND " + p + ")"
	}
	if w.Op == detect.OpNot {
		sql = "NOT (" + sql + ")"
	}
	return sql, nil
}
