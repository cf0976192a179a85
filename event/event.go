// Package event owns the normalised HTTP request: the one noun that every other room of Gatewatch speaks.
//
// It is the ground floor: it imports the standard library only, does no I/O and knows no log format, no store
// and no rule. A field has one name everywhere: CamelCase here, snake_case as JSON key, SQL column and rule field.
package event

import (
	"net/netip"
	"time"
)

// Absent is the value of a number that the log does not carry (BytesIn, BytesOut, DurationMS, UpstreamMS).
// In JSON an absent value is an absent key; in the store it is stored as it is.
const Absent = -1

// Event is one HTTP request as a gateway logged it. The zero Event is not valid: use Reset, which marks the
// numbers as absent. Strings may alias the log line they were cut from.
type Event struct {
	// Time is when the gateway says the request happened (its own choice of start or end), UTC.
	Time time.Time

	// Source names where the event came from (a file, a push endpoint). Generation tells incarnations of one
	// source apart (a rotated file is another generation). Position orders events within a generation and is
	// unique there: for files the byte offset of the line's first byte.
	Source     string
	Generation uint64
	Position   uint64

	Service string // the logical service, low cardinality
	Format  string // the parser that read it, a name in the parsers table

	ClientIP   netip.Addr // the real client, behind trusted proxies; zone ids are dropped
	User       string     // the identity, pseudonymised when so configured
	Session    string     // a keyed hash of the session cookie or token, never the secret itself
	AuthScheme string     // how User is known: "basic", "jwt", "key", "cookie", "log"

	Method   string
	Scheme   string
	Host     string // lower case, without the port
	Path     string // as the client sent it (percent-encoded), secrets replaced
	Query    string // without the question mark, as the client sent it, secrets replaced
	Protocol string // "HTTP/1.1", "HTTP/2.0"

	// RequestLine is the raw request line when it is not HTTP (binary junk, other protocols), else empty.
	// Method and Path are empty then. Control bytes are kept as the log escaped them.
	RequestLine string

	Route     string   // the path template: /orders/{id}
	ObjectIDs []string // the values that the template's parameters took, in order

	Status     int     // HTTP status, 0 when absent
	BytesIn    int64   // request bytes, Absent when not logged
	BytesOut   int64   // response bytes, Absent when not logged
	DurationMS float64 // milliseconds, Absent when not logged
	UpstreamMS float64 // milliseconds in the upstream (sum over tries), Absent when not logged

	Referer   string
	UserAgent string
	UAFamily  string // "Chrome", "curl", "Googlebot"; empty when unknown
	IsBot     bool

	TLSVersion string // "TLSv1.3"
	RequestID  string
	Upstream   string

	// GatewayAction is what the gateway says it did about the request beside answering it: one of the Action values, empty
	// when the log says nothing of the kind.
	GatewayAction string

	Country string  // ISO 3166-1 alpha-2, upper case
	City    string  // English name
	Lat     float64 // degrees; Lat and Lon both zero: unknown
	Lon     float64
	ASN     uint32
	ASOrg   string

	// Signatures holds the ids of the per-event rules that matched, sorted. AttackScore combines their weight
	// and weak signals into 0..1; 0.5 and more is called an attack.
	Signatures  []string
	AttackScore float64

	// IngestedAt is the store's stamp: strictly increasing from one stored block to the next.
	IngestedAt time.Time

	// Wire carries what normalisation needs and nothing may keep.
	Wire Wire
}

// Wire is what a parser found beside the event's own fields. The normaliser reads it, derives the client address
// and the identity from it, and clears it: nothing in it is shipped or stored.
type Wire struct {
	PeerIP        netip.Addr // the address of the connection's other end, when the log has it apart from the client
	ForwardedFor  string     // X-Forwarded-For as logged: "client, proxy1, proxy2"
	Authorization string     // the header's value, or a JWT found in a field of its own
	Cookie        string     // the Cookie header as logged
	APIKey        string     // an API key or consumer key that the gateway logged
	// Fields holds further logged variables by their own name (nginx's $http_x_tenant, a JSON key) that a
	// configured identity or service mapping asked for. Nil unless asked for.
	Fields map[string]string
}

// Reset makes e an event about which nothing is known, keeping no memory of what it was.
func (e *Event) Reset() {
	*e = Event{BytesIn: Absent, BytesOut: Absent, DurationMS: Absent, UpstreamMS: Absent}
}

// Compare orders events as they are judged: by time, then source, generation and position.
// It returns a negative number, zero or a positive number.
func Compare(a, b *Event) int {
	return a.Place().Compare(b.Place())
}

// Place is an event's position in the order in which events are judged.
type Place struct {
	Time       time.Time `json:"time"`
	Source     string    `json:"source"`
	Generation uint64    `json:"generation,string"`
	Position   uint64    `json:"position,string"`
}

// Place returns e's place in the judging order.
func (e *Event) Place() Place {
	return Place{Time: e.Time, Source: e.Source, Generation: e.Generation, Position: e.Position}
}

// Compare orders places by time, source, generation and position.
func (p Place) Compare(q Place) int {
	if c := p.Time.Compare(q.Time); c != 0 {
		return c
	}
	switch {
	case p.Source < q.Source:
		return -1
	case p.Source > q.Source:
		return 1
	case p.Generation < q.Generation:
		return -1
	case p.Generation > q.Generation:
		return 1
	case p.Position < q.Position:
		return -1
	case p.Position > q.Position:
		return 1
	}
	return 0
}
