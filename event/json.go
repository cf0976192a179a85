package event

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON appends e as one JSON object with the snake_case names of the schema (docs/schema.md).
// An absent value is an absent key; times are RFC 3339 in UTC; invalid UTF-8 becomes U+FFFD.
func (e *Event) AppendJSON(b []byte) []byte {
	w := writer{b: append(b, '{')}
	if !e.Time.IsZero() {
		w.time("time", e.Time)
	}
	if e.Source != "" {
		w.str("event_id", e.ID())
		w.str("source", e.Source)
		w.quoted("generation", e.Generation)
		w.quoted("position", e.Position)
	}
	w.str("service", e.Service)
	w.str("format", e.Format)
	if e.ClientIP.IsValid() {
		w.str("client_ip", e.ClientIP.String())
	}
	w.str("user", e.User)
	w.str("session", e.Session)
	w.str("auth_scheme", e.AuthScheme)
	w.str("method", e.Method)
	w.str("scheme", e.Scheme)
	w.str("host", e.Host)
	w.str("path", e.Path)
	w.str("query", e.Query)
	w.str("protocol", e.Protocol)
	w.str("request_line", e.RequestLine)
	w.str("route", e.Route)
	w.strs("object_ids", e.ObjectIDs)
	if e.Status != 0 {
		w.num("status", int64(e.Status))
	}
	if e.BytesIn >= 0 {
		w.num("bytes_in", e.BytesIn)
	}
	if e.BytesOut >= 0 {
		w.num("bytes_out", e.BytesOut)
	}
	if e.DurationMS >= 0 {
		w.float("duration_ms", e.DurationMS)
	}
	if e.UpstreamMS >= 0 {
		w.float("upstream_ms", e.UpstreamMS)
	}
	w.str("referer", e.Referer)
	w.str("user_agent", e.UserAgent)
	w.str("ua_family", e.UAFamily)
	if e.IsBot {
		w.raw("is_bot", "true")
	}
	w.str("tls_version", e.TLSVersion)
	w.str("request_id", e.RequestID)
	w.str("upstream", e.Upstream)
	w.str("gateway_action", e.GatewayAction)
	w.str("country", e.Country)
	w.str("city", e.City)
	if e.Lat != 0 || e.Lon != 0 {
		w.float("lat", e.Lat)
		w.float("lon", e.Lon)
	}
	if e.ASN != 0 {
		w.num("asn", int64(e.ASN))
	}
	w.str("as_org", e.ASOrg)
	w.strs("signatures", e.Signatures)
	if e.AttackScore > 0 {
		w.float("attack_score", e.AttackScore)
	}
	return append(w.b, '}')
}

// MarshalJSON implements json.Marshaler with AppendJSON.
func (e *Event) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil), nil }

var _ json.Marshaler = (*Event)(nil)

type writer struct {
	b    []byte
	some bool
}

func (w *writer) key(k string) {
	if w.some {
		w.b = append(w.b, ',')
	}
	w.some = true
	w.b = append(append(append(w.b, '"'), k...), '"', ':')
}

func (w *writer) raw(k, v string) {
	w.key(k)
	w.b = append(w.b, v...)
}

func (w *writer) str(k, v string) {
	if v == "" {
		return
	}
	w.key(k)
	w.b = appendString(w.b, v)
}

func (w *writer) strs(k string, v []string) {
	if len(v) == 0 {
		return
	}
	w.key(k)
	w.b = append(w.b, '[')
	for i, s := range v {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = appendString(w.b, s)
	}
	w.b = append(w.b, ']')
}

func (w *writer) num(k string, v int64) {
	w.key(k)
	w.b = strconv.AppendInt(w.b, v, 10)
}

// quoted writes a 64-bit number as a string: JSON readers that use doubles lose its low bits.
func (w *writer) quoted(k string, v uint64) {
	w.key(k)
	w.b = append(strconv.AppendUint(append(w.b, '"'), v, 10), '"')
}

func (w *writer) float(k string, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	w.key(k)
	w.b = strconv.AppendFloat(w.b, v, 'f', -1, 64)
}

func (w *writer) time(k string, t time.Time) {
	w.key(k)
	w.b = append(t.UTC().AppendFormat(append(w.b, '"'), time.RFC3339Nano), '"')
}

func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[start:i]...), "\ufffd"...)
				i++
				start = i
				continue
			}
			i += n
			continue
		}
		if c >= 0x20 && c != '"' && c != '\\' && c != 0x7f {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}
