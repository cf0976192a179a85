package detect

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/gatewatch/gatewatch/event"
)

// Selects reports whether the measure counts ev: the meaning of From, To, Until, Cut and Where in Go, which the store's
// SQL agrees with. Of a share these are the events of the numerator; of aggregates over a field, those that have it.
func (m Measure) Selects(ev *event.Event) bool {
	if !m.interval(ev) || m.Until != nil && ev.Place().Compare(*m.Until) > 0 || !m.Cut.IsZero() && ev.IngestedAt.After(m.Cut) {
		return false
	}
	for _, c := range m.Where {
		if !c.Holds(ev) {
			return false
		}
	}
	return m.Field == "" || m.Aggregate == AggregateCount || m.Aggregate == AggregateShare || fieldOf(ev, m.Field).present
}

func (m Measure) interval(ev *event.Event) bool {
	if !m.From.IsZero() && (ev.Time.Before(m.From) || m.FromOpen && ev.Time.Equal(m.From)) {
		return false
	}
	return m.To.IsZero() || ev.Time.Before(m.To) || m.FromOpen && ev.Time.Equal(m.To)
}

// Holds reports whether ev meets the condition. Equality with the empty value asks whether the field is absent.
func (c Condition) Holds(ev *event.Event) bool {
	v := fieldOf(ev, c.Field)
	if c.Value == "" && (c.Op == OpEqual || c.Op == OpNot) {
		return v.present == (c.Op == OpNot)
	}
	switch c.Op {
	case OpHas:
		return slices.Contains(v.list, c.Value)
	case OpEqual, OpNot:
		return v.equal(c.Value) == (c.Op == OpEqual)
	}
	bound, err := strconv.ParseFloat(c.Value, 64)
	if err != nil || !v.present || !v.numeric {
		return false
	}
	return c.Op == OpGTE && v.number >= bound || c.Op == OpLT && v.number < bound
}

// fieldValue is a field of an event as conditions see it.
type fieldValue struct {
	text    string
	number  float64
	list    []string
	present bool
	numeric bool
}

func (v fieldValue) equal(value string) bool {
	if !v.numeric {
		return v.text == value
	}
	number, err := strconv.ParseFloat(value, 64)
	return err == nil && v.present && v.number == number
}

func textValue(s string) fieldValue { return fieldValue{text: s, present: s != ""} }

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
	"country": func(e *event.Event) string { return e.Country }, "city": func(e *event.Event) string { return e.City },
	"as_org": func(e *event.Event) string { return e.ASOrg },
}

func fieldOf(e *event.Event, name string) fieldValue {
	if text, ok := texts[name]; ok {
		return textValue(text(e))
	}
	switch name {
	case "client_ip":
		return addressValue(e.ClientIP)
	case "object_ids":
		return fieldValue{list: e.ObjectIDs, present: len(e.ObjectIDs) > 0}
	case "signatures":
		return fieldValue{list: e.Signatures, present: len(e.Signatures) > 0}
	case "is_bot":
		return fieldValue{text: strconv.FormatBool(e.IsBot), present: true}
	case "status":
		return numberValue(float64(e.Status), e.Status != 0)
	case "bytes_in":
		return numberValue(float64(e.BytesIn), e.BytesIn >= 0)
	case "bytes_out":
		return numberValue(float64(e.BytesOut), e.BytesOut >= 0)
	case "duration_ms":
		return numberValue(e.DurationMS, e.DurationMS >= 0)
	case "upstream_ms":
		return numberValue(e.UpstreamMS, e.UpstreamMS >= 0)
	case "lat":
		return numberValue(e.Lat, e.Lat != 0 || e.Lon != 0)
	case "lon":
		return numberValue(e.Lon, e.Lat != 0 || e.Lon != 0)
	case "asn":
		return numberValue(float64(e.ASN), e.ASN != 0)
	case "attack_score":
		return numberValue(e.AttackScore, true)
	}
	return fieldValue{}
}

// addressValue compares addresses by value, whatever way they are written.
func addressValue(a netip.Addr) fieldValue {
	if !a.IsValid() {
		return fieldValue{}
	}
	return fieldValue{text: a.Unmap().String(), present: true}
}
