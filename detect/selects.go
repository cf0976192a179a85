package detect

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/gatewatch/gatewatch/event"
)

// Selector returns the test of whether the measure counts an event: the meaning of From, To, Until, Cut and Where in Go,
// which the store's SQL agrees with. Of a share these are the events of the numerator; of aggregates over a field, those
// that have it; of parts, those of any of them.
func (m Measure) Selector() func(*event.Event) bool {
	if m.Aggregate == AggregateParts {
		return m.partSelector()
	}
	tests := conditionTests(m.Where)
	if len(m.Any) > 0 {
		tests = append(tests, anyOf(m.Any))
	}
	if m.Field != "" && m.Aggregate != AggregateCount && m.Aggregate != AggregateShare {
		field := fieldOf(m.Field)
		tests = append(tests, func(ev *event.Event) bool { return field(ev).present })
	}
	return func(ev *event.Event) bool {
		if !m.interval(ev) {
			return false
		}
		for _, test := range tests {
			if !test(ev) {
				return false
			}
		}
		return (m.Until == nil || ev.Place().Compare(*m.Until) <= 0) && (m.Cut.IsZero() || !ev.IngestedAt.After(m.Cut))
	}
}

func (m Measure) partSelector() func(*event.Event) bool {
	parts := make([]func(*event.Event) bool, len(m.Parts))
	for i := range m.Parts {
		parts[i] = m.Parts[i].Measure.Selector()
	}
	return func(ev *event.Event) bool {
		return slices.ContainsFunc(parts, func(selects func(*event.Event) bool) bool { return selects(ev) })
	}
}

func conditionTests(list []Condition) []func(*event.Event) bool {
	tests := make([]func(*event.Event) bool, 0, len(list)+2)
	for _, c := range list {
		tests = append(tests, c.test())
	}
	return tests
}

// anyOf is the test of whether an event meets all conditions of one of the alternatives.
func anyOf(alternatives [][]Condition) func(*event.Event) bool {
	any := make([][]func(*event.Event) bool, len(alternatives))
	for i, a := range alternatives {
		any[i] = conditionTests(a)
	}
	return func(ev *event.Event) bool {
		return slices.ContainsFunc(any, func(all []func(*event.Event) bool) bool {
			return !slices.ContainsFunc(all, func(test func(*event.Event) bool) bool { return !test(ev) })
		})
	}
}

func (m Measure) interval(ev *event.Event) bool {
	if !m.From.IsZero() && (ev.Time.Before(m.From) || m.FromOpen && ev.Time.Equal(m.From)) {
		return false
	}
	return m.To.IsZero() || ev.Time.Before(m.To) || m.FromOpen && ev.Time.Equal(m.To)
}

// test compiles the condition. Equality with the empty value asks whether the field is absent; an absent value meets
// only ne.
func (c Condition) test() func(*event.Event) bool {
	field := fieldOf(c.Field)
	switch {
	case c.Value == "" && (c.Op == OpEqual || c.Op == OpNot):
		return func(ev *event.Event) bool { return field(ev).present == (c.Op == OpNot) }
	case c.Op == OpHas:
		return func(ev *event.Event) bool { return slices.Contains(field(ev).list, c.Value) }
	case c.Field == "client_ip":
		want, err := netip.ParseAddr(c.Value)
		want = want.Unmap()
		return func(ev *event.Event) bool { return (err == nil && ev.ClientIP.Unmap() == want) == (c.Op == OpEqual) }
	}
	number, err := strconv.ParseFloat(c.Value, 64)
	return func(ev *event.Event) bool {
		v := field(ev)
		switch c.Op {
		case OpEqual, OpNot:
			equal := !v.numeric && v.text == c.Value || v.numeric && v.present && err == nil && v.number == number
			return equal == (c.Op == OpEqual)
		case OpGTE:
			return err == nil && v.numeric && v.present && v.number >= number
		case OpLT:
			return err == nil && v.numeric && v.present && v.number < number
		}
		return false
	}
}

// fieldValue is a field of an event as conditions see it.
type fieldValue struct {
	text    string
	number  float64
	list    []string
	present bool
	numeric bool
}

func numberValue(v float64, present bool) fieldValue {
	return fieldValue{number: v, present: present, numeric: true}
}

// texts are the fields that hold text, by name.
var texts = map[string]func(*event.Event) string{
	"source": func(e *event.Event) string { return e.Source }, "service": func(e *event.Event) string { return e.Service },
	"format": func(e *event.Event) string { return e.Format }, "user": func(e *event.Event) string { return e.User },
	"session": func(e *event.Event) string { return e.Session }, "auth_scheme": func(e *event.Event) string { return e.AuthScheme },
	"method": func(e *event.Event) string { return e.Method }, "scheme": func(e *event.Event) string { return e.Scheme },
	"host": func(e *event.Event) string { return e.Host }, "path": func(e *event.Event) string { return e.Path },
	"query": func(e *event.Event) string { return e.Query }, "protocol": func(e *event.Event) string { return e.Protocol },
	"request_line": func(e *event.Event) string { return e.RequestLine }, "route": func(e *event.Event) string { return e.Route },
	"referer": func(e *event.Event) string { return e.Referer }, "user_agent": func(e *event.Event) string { return e.UserAgent },
	"ua_family": func(e *event.Event) string { return e.UAFamily }, "tls_version": func(e *event.Event) string { return e.TLSVersion },
	"request_id": func(e *event.Event) string { return e.RequestID }, "upstream": func(e *event.Event) string { return e.Upstream },
	"gateway_action": func(e *event.Event) string { return e.GatewayAction },
	"country":        func(e *event.Event) string { return e.Country }, "city": func(e *event.Event) string { return e.City },
	"as_org": func(e *event.Event) string { return e.ASOrg },
}

// others are the fields that are not plain text.
var others = map[string]func(*event.Event) fieldValue{
	"client_ip":  func(e *event.Event) fieldValue { return fieldValue{present: e.ClientIP.IsValid()} },
	"object_ids": func(e *event.Event) fieldValue { return fieldValue{list: e.ObjectIDs, present: len(e.ObjectIDs) > 0} },
	"signatures": func(e *event.Event) fieldValue { return fieldValue{list: e.Signatures, present: len(e.Signatures) > 0} },
	"is_bot": func(e *event.Event) fieldValue {
		return fieldValue{text: strconv.FormatBool(e.IsBot), present: true}
	},
	"status":       func(e *event.Event) fieldValue { return numberValue(float64(e.Status), e.Status != 0) },
	"bytes_in":     func(e *event.Event) fieldValue { return numberValue(float64(e.BytesIn), e.BytesIn >= 0) },
	"bytes_out":    func(e *event.Event) fieldValue { return numberValue(float64(e.BytesOut), e.BytesOut >= 0) },
	"duration_ms":  func(e *event.Event) fieldValue { return numberValue(e.DurationMS, e.DurationMS >= 0) },
	"upstream_ms":  func(e *event.Event) fieldValue { return numberValue(e.UpstreamMS, e.UpstreamMS >= 0) },
	"lat":          func(e *event.Event) fieldValue { return numberValue(e.Lat, e.Lat != 0 || e.Lon != 0) },
	"lon":          func(e *event.Event) fieldValue { return numberValue(e.Lon, e.Lat != 0 || e.Lon != 0) },
	"asn":          func(e *event.Event) fieldValue { return numberValue(float64(e.ASN), e.ASN != 0) },
	"attack_score": func(e *event.Event) fieldValue { return numberValue(e.AttackScore, true) },
}

// fieldOf returns how to read a field; an unknown one is absent.
func fieldOf(name string) func(*event.Event) fieldValue {
	if text, ok := texts[name]; ok {
		return func(e *event.Event) fieldValue { s := text(e); return fieldValue{text: s, present: s != ""} }
	}
	if read, ok := others[name]; ok {
		return read
	}
	return func(*event.Event) fieldValue { return fieldValue{} }
}
