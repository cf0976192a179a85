package ingest

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// AppendWire appends b in its wire form: one event a line in the form of event.AppendJSON, then one line
// {"error":…,"position":…,"line":…} for every kept failure. What concerns the whole batch travels in headers; see
// Batch.SetHeader.
func (b *Batch) AppendWire(buf []byte) []byte {
	for i := range b.Events {
		buf = append(b.Events[i].AppendJSON(buf), '\n')
	}
	for i := range b.Failures {
		buf = append(b.Failures[i].appendJSON(buf), '\n')
	}
	return buf
}

// errFailureLine marks a line that reports a failure instead of carrying an event.
var errFailureLine = errors.New("a failure report")

// decodeLine fills ev (already Reset) or fail from one line of the wire form. Unknown keys are passed over, so that a
// newer agent can speak to an older server. What only the server may say (signatures, scores, ids, stamps) is ignored.
func decodeLine(line string, ev *event.Event, fail *Failure) error {
	p := scanner{s: line}
	failure := false
	err := p.object(func(key string) error {
		if p.null() {
			return nil
		}
		err := eventField(&p, key, ev)
		if errors.Is(err, errFailureLine) {
			failure = true
			err = failureField(&p, key, fail)
		}
		if err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
		return nil
	})
	if err == nil {
		err = p.end()
	}
	switch {
	case err != nil:
		return err
	case failure:
		fail.Position = ev.Position
		return errFailureLine
	case ev.Time.IsZero():
		return errNoTime
	case ev.Method == "" && ev.Path == "" && ev.RequestLine == "":
		return errors.New("neither method nor path nor request_line")
	}
	return nil
}

// eventField reads the value of one key of an event.
func eventField(p *scanner, key string, ev *event.Event) (err error) {
	if dst := stringField(key, ev); dst != nil {
		*dst, err = p.str()
		return err
	}
	switch key {
	case "time":
		ev.Time, err = p.time()
	case "position":
		ev.Position, err = p.unsigned()
	case "client_ip":
		ev.ClientIP, err = p.addr()
	case "object_ids":
		ev.ObjectIDs, err = p.strings()
	case "status":
		ev.Status, err = p.small("status", 0xffff)
	case "bytes_in":
		ev.BytesIn, err = p.integer()
	case "bytes_out":
		ev.BytesOut, err = p.integer()
	case "duration_ms":
		ev.DurationMS, err = p.float()
	case "upstream_ms":
		ev.UpstreamMS, err = p.float()
	case "is_bot":
		ev.IsBot, err = p.boolean()
	case "lat":
		ev.Lat, err = p.float()
	case "lon":
		ev.Lon, err = p.float()
	case "asn":
		var n int
		n, err = p.small("asn", 1<<32-1)
		ev.ASN = uint32(n)
	case "error", "line_number", "line":
		return errFailureLine
	default:
		return p.skip(0)
	}
	return err
}

// stringField returns where the value of a string key belongs, nil for any other key.
func stringField(key string, ev *event.Event) *string {
	switch key {
	case "service":
		return &ev.Service
	case "format":
		return &ev.Format
	case "user":
		return &ev.User
	case "session":
		return &ev.Session
	case "auth_scheme":
		return &ev.AuthScheme
	case "method":
		return &ev.Method
	case "scheme":
		return &ev.Scheme
	case "host":
		return &ev.Host
	case "path":
		return &ev.Path
	case "query":
		return &ev.Query
	case "protocol":
		return &ev.Protocol
	case "request_line":
		return &ev.RequestLine
	case "route":
		return &ev.Route
	case "referer":
		return &ev.Referer
	case "user_agent":
		return &ev.UserAgent
	case "ua_family":
		return &ev.UAFamily
	case "tls_version":
		return &ev.TLSVersion
	case "request_id":
		return &ev.RequestID
	case "upstream":
		return &ev.Upstream
	case "gateway_action":
		return &ev.GatewayAction
	case "country":
		return &ev.Country
	case "city":
		return &ev.City
	case "as_org":
		return &ev.ASOrg
	}
	return nil
}

func failureField(p *scanner, key string, f *Failure) (err error) {
	switch key {
	case "error":
		f.Error, err = p.str()
	case "line":
		f.Line, err = p.str()
	case "line_number":
		f.LineNumber, err = p.unsigned()
	}
	return err
}

func (p *scanner) time() (time.Time, error) {
	s, err := p.str()
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, errors.New("want a time as in RFC 3339")
	}
	return t.UTC(), nil
}

func (p *scanner) addr() (netip.Addr, error) {
	s, err := p.str()
	if err != nil {
		return netip.Addr{}, err
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, errors.New("want an IPv4 or IPv6 address")
	}
	return a.Unmap().WithZone(""), nil
}

// small reads a whole number from 0 to limit.
func (p *scanner) small(name string, limit int64) (int, error) {
	v, err := p.integer()
	if err == nil && (v < 0 || v > limit) {
		err = fmt.Errorf("%s out of range: want 0 to %d", name, limit)
	}
	return int(v), err
}

func (f *Failure) appendJSON(buf []byte) []byte {
	cut := *f
	cut.Line = cutLine(cut.Line)
	b, err := marshalFailure(&cut)
	if err != nil {
		return buf
	}
	return append(buf, b...)
}

// cutLine bounds what is kept of a failed line, at a rune's boundary, and makes it valid UTF-8.
func cutLine(line string) string {
	if len(line) > MaxFailureLine {
		line = line[:MaxFailureLine]
	}
	return strings.Clone(strings.ToValidUTF8(line, "\ufffd"))
}
