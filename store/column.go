package store

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// kind says how a column's values compare and when one counts as absent.
type kind int

const (
	kindString kind = iota // absent: empty
	kindNumber             // absent: negative (event.Absent)
	kindZero               // a number; absent: zero (status, asn)
	kindPlain              // a number; never absent (lat, lon, attack_score)
	kindBool
	kindIP    // absent: the unspecified address
	kindArray // absent: empty
	kindNone  // not for conditions: the place columns and the stamp
)

// column is one column of the events table: its name, its type, how its values compare, and how they get into a block
// and out of a row. The table of columns below is the only place that knows all fields.
type column struct {
	name    string
	sqlType string
	kind    kind
	encode  encodeFunc
	dest    func(r *row) any
}

// row is where one row of events is scanned to. Its fields that are not the event's own type are converted by event.
type row struct {
	ev     *event.Event
	client netip.Addr
	status uint16
	dests  []any
}

const (
	typeLC       = "LowCardinality(String)"
	typeTime     = "DateTime64(9, 'UTC')"
	typeString   = "String"
	typeStrings  = "Array(String)"
	typeLCs      = "Array(LowCardinality(String))"
	typeUint64   = "UInt64"
	typeInt64    = "Int64"
	typeFloat64  = "Float64"
	typeUint32   = "UInt32"
	typeUint16   = "UInt16"
	typeIPv6     = "IPv6"
	typeBoolName = "Bool"
)

// columns lists the events table's columns in the order of an insert.
var columns = []column{
	{
		"time", typeTime, kindNone, times(func(e *event.Event) time.Time { return e.Time }),
		func(r *row) any { return &r.ev.Time },
	},
	lc("source", kindNone, func(e *event.Event) *string { return &e.Source }),
	{
		"generation", typeUint64, kindNone, uint64s(func(e *event.Event) uint64 { return e.Generation }),
		func(r *row) any { return &r.ev.Generation },
	},
	{
		"position", typeUint64, kindNone, uint64s(func(e *event.Event) uint64 { return e.Position }),
		func(r *row) any { return &r.ev.Position },
	},
	lc("service", kindString, func(e *event.Event) *string { return &e.Service }),
	lc("format", kindString, func(e *event.Event) *string { return &e.Format }),
	{"client_ip", typeIPv6, kindIP, fixed(address), func(r *row) any { return &r.client }},
	text("user", func(e *event.Event) *string { return &e.User }),
	text("session", func(e *event.Event) *string { return &e.Session }),
	lc("auth_scheme", kindString, func(e *event.Event) *string { return &e.AuthScheme }),
	lc("method", kindString, func(e *event.Event) *string { return &e.Method }),
	lc("scheme", kindString, func(e *event.Event) *string { return &e.Scheme }),
	lc("host", kindString, func(e *event.Event) *string { return &e.Host }),
	text("path", func(e *event.Event) *string { return &e.Path }),
	text("query", func(e *event.Event) *string { return &e.Query }),
	lc("protocol", kindString, func(e *event.Event) *string { return &e.Protocol }),
	text("request_line", func(e *event.Event) *string { return &e.RequestLine }),
	lc("route", kindString, func(e *event.Event) *string { return &e.Route }),
	{
		"object_ids", typeStrings, kindArray, textLists(func(e *event.Event) []string { return e.ObjectIDs }),
		func(r *row) any { return &r.ev.ObjectIDs },
	},
	{
		"status", typeUint16, kindZero, fixed(func(b []byte, e *event.Event) []byte {
			return binary.LittleEndian.AppendUint16(b, uint16(e.Status))
		}),
		func(r *row) any { return &r.status },
	},
	{
		"bytes_in", typeInt64, kindNumber, uint64s(func(e *event.Event) uint64 { return uint64(e.BytesIn) }),
		func(r *row) any { return &r.ev.BytesIn },
	},
	{
		"bytes_out", typeInt64, kindNumber, uint64s(func(e *event.Event) uint64 { return uint64(e.BytesOut) }),
		func(r *row) any { return &r.ev.BytesOut },
	},
	float("duration_ms", kindNumber, func(e *event.Event) *float64 { return &e.DurationMS }),
	float("upstream_ms", kindNumber, func(e *event.Event) *float64 { return &e.UpstreamMS }),
	lc("referer", kindString, func(e *event.Event) *string { return &e.Referer }),
	lc("user_agent", kindString, func(e *event.Event) *string { return &e.UserAgent }),
	lc("ua_family", kindString, func(e *event.Event) *string { return &e.UAFamily }),
	{
		"is_bot", typeBoolName, kindBool, fixed(bot),
		func(r *row) any { return &r.ev.IsBot },
	},
	lc("tls_version", kindString, func(e *event.Event) *string { return &e.TLSVersion }),
	text("request_id", func(e *event.Event) *string { return &e.RequestID }),
	lc("upstream", kindString, func(e *event.Event) *string { return &e.Upstream }),
	lc("gateway_action", kindString, func(e *event.Event) *string { return &e.GatewayAction }),
	lc("country", kindString, func(e *event.Event) *string { return &e.Country }),
	lc("city", kindString, func(e *event.Event) *string { return &e.City }),
	float("lat", kindPlain, func(e *event.Event) *float64 { return &e.Lat }),
	float("lon", kindPlain, func(e *event.Event) *float64 { return &e.Lon }),
	{
		"asn", typeUint32, kindZero, fixed(func(b []byte, e *event.Event) []byte {
			return binary.LittleEndian.AppendUint32(b, e.ASN)
		}),
		func(r *row) any { return &r.ev.ASN },
	},
	lc("as_org", kindString, func(e *event.Event) *string { return &e.ASOrg }),
	{
		"signatures", typeLCs, kindArray, wordLists(func(e *event.Event) []string { return e.Signatures }),
		func(r *row) any { return &r.ev.Signatures },
	},
	float("attack_score", kindPlain, func(e *event.Event) *float64 { return &e.AttackScore }),
	{
		"ingested_at", typeTime, kindNone, times(func(e *event.Event) time.Time { return e.IngestedAt }),
		func(r *row) any { return &r.ev.IngestedAt },
	},
}

func lc(name string, k kind, at func(*event.Event) *string) column {
	return column{name, typeLC, k, words(at), func(r *row) any { return at(r.ev) }}
}

func text(name string, at func(*event.Event) *string) column {
	return column{name, typeString, kindString, texts(at), func(r *row) any { return at(r.ev) }}
}

func float(name string, k kind, at func(*event.Event) *float64) column {
	return column{
		name, typeFloat64, k, floats(at), func(r *row) any { return at(r.ev) },
	}
}

// columnNames returns the columns' names, separated by commas, in the order of columns.
func columnNames() string {
	names := make([]byte, 0, 512)
	for i := range columns {
		if i > 0 {
			names = append(names, ", "...)
		}
		names = append(names, columns[i].name...)
	}
	return string(names)
}

// newRow returns a row to scan events from: scan into dests, then call event.
func newRow() *row {
	r := &row{ev: new(event.Event)}
	r.dests = make([]any, len(columns))
	return r
}

// next returns the scan destinations for one more event.
func (r *row) next() []any {
	r.ev = new(event.Event)
	for i := range columns {
		r.dests[i] = columns[i].dest(r)
	}
	return r.dests
}

// event returns the event that was scanned last; the caller owns it.
func (r *row) event() *event.Event {
	e := r.ev
	e.Status = int(r.status)
	if r.client = r.client.Unmap(); r.client.IsValid() && !r.client.IsUnspecified() {
		e.ClientIP = r.client
	}
	e.Time, e.IngestedAt = e.Time.UTC(), e.IngestedAt.UTC()
	if len(e.ObjectIDs) == 0 {
		e.ObjectIDs = nil
	}
	if len(e.Signatures) == 0 {
		e.Signatures = nil
	}
	return e
}
