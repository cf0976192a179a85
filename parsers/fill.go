package parsers

import (
	"fmt"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// fieldError is a parser's complaint about a line. It names the column, never the content: a line may hold secrets.
type fieldError struct {
	what  string
	at    int    // how many bytes of the line fitted
	until string // the literal that is missing, with what: the field before it
}

// Error builds the message when somebody wants it: the parsers of a family are tried in turn, and most errors are
// thrown away.
func (e *fieldError) Error() string {
	if e.until == "" {
		return e.what
	}
	until, what := e.until[:min(len(e.until), 48)], e.what[:min(len(e.what), 48)] // of a pattern that somebody wrote
	if what == "" {
		return fmt.Sprintf("want %q at byte %d", until, e.at)
	}
	return fmt.Sprintf("want %q after %s at byte %d", until, what, e.at)
}

func bad(what string) error { return &fieldError{what: what} }

// fill turns the raw values into the event. It refuses a line without time, and one whose status, size or duration
// is not a number: that line is of another format.
func (r *record) fill(ev *event.Event) error {
	if err := r.fillTime(ev); err != nil {
		return err
	}
	if v, ok := r.get(slotHost); ok {
		ev.Host = hostOnly(r.text(v))
	}
	if v, ok := r.get(slotScheme); ok {
		ev.Scheme = schemeName(v)
	}
	r.fillWhat(ev)
	r.fillWho(ev)
	if err := r.fillNumbers(ev); err != nil {
		return err
	}
	r.fillRest(ev)
	ev.Wire.Fields = r.fields
	return nil
}

// text undoes the log's escapes.
func (r *record) text(v string) string {
	if r.escaped {
		return unescape(v)
	}
	return v
}

func (r *record) fillTime(ev *event.Event) error {
	v, ok := r.get(slotTime)
	if !ok {
		date, okDate := r.get(slotDate)
		clk, okClock := r.get(slotClock)
		if !okDate || !okClock {
			return r.fillOuterTime(ev)
		}
		v = date + " " + clk
		r.unit[slotTime] = unitNone
	}
	t, err := r.parseTime(v)
	if err != nil {
		return bad("time: " + err.Error())
	}
	if f, ok := r.get(slotFrac); ok {
		if t, err = addFraction(t, f, r.unit[slotFrac]); err != nil {
			return err
		}
	}
	if y := t.Year(); y < 1970 || y > 2261 {
		return bad("time: out of range")
	}
	ev.Time = t
	return nil
}

// fillOuterTime takes the time of the envelope for a line that has none of its own.
func (r *record) fillOuterTime(ev *event.Event) error {
	o := r.clock.outer
	if o.text() == "" {
		return bad("no time")
	}
	t, err := r.clock.parse(o.value, o.unit)
	if err != nil {
		return bad("the envelope's time: " + err.Error())
	}
	ev.Time = t
	return nil
}

// parseTime reads the time; one that a layout describes may go on in further columns with layouts of their own, as in
// Apache's %{%d/%b/%Y %T}t.%{msec_frac}t %{%z}t.
func (r *record) parseTime(v string) (time.Time, error) {
	layout, ok := r.clock.layout(r.unit[slotTime])
	parts := ok && r.has&(1<<slotDate|1<<slotClock) != 0
	if !parts {
		return r.clock.parse(v, r.unit[slotTime])
	}
	for _, s := range []slot{slotDate, slotClock} {
		if more, ok := r.get(s); ok {
			if of, ok := r.clock.layout(r.unit[s]); ok {
				v, layout = v+" "+more, layout+" "+of
			}
		}
	}
	return r.clock.parseLayout(layout, v)
}

// fillWhat sets method, path, query and protocol, from a request line or from columns of their own.
func (r *record) fillWhat(ev *event.Event) {
	const request = 1<<slotRequest | 1<<slotMethod | 1<<slotTarget | 1<<slotURL | 1<<slotPath | 1<<slotQuery | 1<<slotProtocol
	if r.has&request == 0 {
		return
	}
	if v, ok := r.get(slotRequest); ok {
		fillRequest(v, r.escaped || r.escapedRequest, ev)
	}
	if r.has&request == 1<<slotRequest {
		return
	}
	if v, ok := r.get(slotMethod); ok && isToken(v) && ev.Method == "" {
		ev.Method = methodName(v)
	}
	if v, ok := r.get(slotTarget); ok && ev.Path == "" {
		if fillTarget(r.text(v), ev) {
			ev.RequestLine = ev.Method + " " + v
		}
	} else if v, ok := r.get(slotURL); ok && ev.Path == "" {
		fillURL(r.text(v), ev)
	}
	if v, ok := r.get(slotPath); ok && ev.Path == "" {
		path, query := splitPath(r.text(v))
		ev.Path = path
		if query != "" {
			ev.Query = query
		}
	}
	if v, ok := r.get(slotQuery); ok && ev.Query == "" {
		ev.Query = strings.TrimPrefix(r.text(v), "?")
	}
	if v, ok := r.get(slotProtocol); ok {
		ev.Protocol = protocolName(v)
	}
}

func (r *record) fillWho(ev *event.Event) {
	if v, ok := r.get(slotPeer); ok {
		if a, ok := parseIP(v); ok {
			ev.Wire.PeerIP = a
		}
	}
	if v, ok := r.get(slotForward); ok {
		ev.Wire.ForwardedFor = r.text(v)
	}
	if v, ok := r.get(slotClient); ok {
		if a, ok := parseIP(v); ok {
			ev.ClientIP = a
		} else if strings.IndexByte(v, ',') > 0 {
			if ev.Wire.ForwardedFor == "" {
				ev.Wire.ForwardedFor = r.text(v)
			}
			ev.ClientIP, _ = clientOf(v)
		}
	} else if ev.Wire.PeerIP.IsValid() {
		ev.ClientIP = ev.Wire.PeerIP
	} else if ev.Wire.ForwardedFor != "" {
		ev.ClientIP, _ = clientOf(ev.Wire.ForwardedFor)
	}
	if v, ok := r.get(slotUser); ok && v != `""` && v != `"-"` && strings.Trim(v, "- ") != "" {
		if n := len(v); n > 2 && v[0] == '"' && v[n-1] == '"' && v[n-2] != '\\' {
			v = v[1 : n-1] // the format quotes it
		}
		ev.User = r.text(v)
		ev.AuthScheme = "log"
		if r.unit[slotUser] == unitBasic {
			ev.AuthScheme = "basic"
		}
	}
}

func (r *record) fillNumbers(ev *event.Event) error {
	if v, ok := r.get(slotStatus); ok {
		if n, ok := parseCount(v); ok && n <= 999 {
			ev.Status = int(n)
		} else if !r.lenient {
			return bad("the status is not a number")
		}
	}
	if err := r.fillCount(slotBytesOut, &ev.BytesOut, "the response size is not a number"); err != nil {
		return err
	}
	if err := r.fillCount(slotBytesIn, &ev.BytesIn, "the request size is not a number"); err != nil {
		return err
	}
	if v, ok := r.get(slotDuration); ok {
		ms, ok := r.duration(v, r.unit[slotDuration])
		if !ok && !r.lenient {
			return bad("the duration is not a number")
		}
		if ok && ms >= 0 {
			ev.DurationMS = ms
		}
	}
	if v, ok := r.get(slotEnd); ok && ev.DurationMS < 0 {
		if end, err := r.clock.parse(v, r.unit[slotEnd]); err == nil && !end.Before(ev.Time) {
			ev.DurationMS = float64(end.Sub(ev.Time)) / 1e6
		}
	}
	if v, ok := r.get(slotUpTime); ok {
		if ms, ok := sumMillis(v, r.unit[slotUpTime]); ok {
			ev.UpstreamMS = ms
		}
	}
	return nil
}

// fillCount reads a size in bytes.
func (r *record) fillCount(s slot, to *int64, complaint string) error {
	v, ok := r.get(s)
	if !ok || v == "-1" { // how Java says that a size is not known
		return nil
	}
	n, ok := parseCount(v)
	if ok {
		*to = n
	} else if !r.lenient {
		return bad(complaint)
	}
	return nil
}

// duration reads a duration, or the sum of several.
func (r *record) duration(v string, u unit) (ms float64, ok bool) {
	if strings.IndexByte(v, ' ') >= 0 && isDigit(v[len(v)-1]) {
		return sumMillis(v, u)
	}
	return parseMillis(v, u)
}

func (r *record) fillRest(ev *event.Event) {
	if v, ok := r.get(slotReferer); ok {
		ev.Referer = r.header(v, r.unit[slotReferer])
	}
	if v, ok := r.get(slotAgent); ok {
		ev.UserAgent = r.header(v, r.unit[slotAgent])
	}
	const rare = 1<<slotTLS | 1<<slotRequestID | 1<<slotUpstream | 1<<slotService | 1<<slotRoute | 1<<slotAuth | 1<<slotCookie | 1<<slotAPIKey |
		1<<slotAction
	if r.has&rare == 0 {
		return
	}
	for _, s := range []struct {
		slot slot
		to   *string
	}{
		{slotTLS, &ev.TLSVersion},
		{slotRequestID, &ev.RequestID},
		{slotUpstream, &ev.Upstream},
		{slotAction, &ev.GatewayAction},
		{slotService, &ev.Service},
		{slotRoute, &ev.Route},
		{slotAuth, &ev.Wire.Authorization},
		{slotCookie, &ev.Wire.Cookie},
		{slotAPIKey, &ev.Wire.APIKey},
	} {
		if v, ok := r.get(s.slot); ok {
			*s.to = r.header(v, r.unit[s.slot])
		}
	}
	ev.TLSVersion = tlsName(ev.TLSVersion)
}

// header undoes what the log did to a header's value.
func (r *record) header(v string, u unit) string {
	switch u {
	case unitPercent:
		if strings.Contains(v, "%2520") { // CloudFront encoded its own encoding for years
			v = unpercent(v, false)
		}
		return unpercent(v, false)
	case unitPlus:
		return unpercent(v, true)
	}
	return r.text(v)
}

// schemeName turns what gateways log about TLS into a scheme.
func schemeName(v string) string {
	switch v {
	case "https", "http", "wss", "ws":
		return v
	case "on", "true", "On", "TLS":
		return "https"
	case "off", "false", "Off":
		return "http"
	}
	return strings.ToLower(v)
}
