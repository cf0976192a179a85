package rules

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// fieldID names a field of the event inside compiled rules.
type fieldID uint8

const (
	fieldNone fieldID = iota // a field that rules may name and access logs never carry
	fieldURI                 // path?query, or the raw request line where it is not HTTP
	fieldPath
	fieldQuery
	fieldReferer
	fieldUserAgent
	fieldPayload // all that a client writes freely: uri, user_agent and referer
	fieldMethod
	fieldHost
	fieldUser
	fieldSession
	fieldAuthScheme
	fieldScheme
	fieldProtocol
	fieldRequestLine
	fieldExtension // of the path's last segment, without the dot
	fieldService
	fieldSource
	fieldFormat
	fieldRoute
	fieldObjectIDs
	fieldUAFamily
	fieldIsBot
	fieldTLSVersion
	fieldRequestID
	fieldUpstream
	fieldGatewayAction
	fieldCountry
	fieldCity
	fieldASOrg
	fieldClientIP
	fieldActor // user where there is one, else the client's address
	fieldStatus
	fieldBytesIn
	fieldBytesOut
	fieldDuration
	fieldUpstreamMS
	fieldASN
	fieldHour    // hour of the day, UTC
	fieldWeekday // 0 is Sunday
	fieldMinute  // of the hour
	fieldDay     // of the month
	fieldWeek    // of the year (ISO 8601)
	fieldMonth
	fieldYear
	fieldTime // with a modifier that takes one of the above
	fieldCount
)

// fieldKind says how a field compares.
type fieldKind uint8

const (
	kindText    fieldKind = iota // one text
	kindDecoded                  // a text that clients encode: matched in its decoded forms too
	kindNumber
	kindAddress
	kindList
)

type fieldSpec struct {
	id   fieldID
	name string // the event's own name, as in measures and in Info.Needs
	kind fieldKind
}

// fieldSpecs is indexed by fieldID.
var fieldSpecs = [fieldCount]fieldSpec{
	{fieldNone, "", kindText},
	{fieldURI, "uri", kindDecoded},
	{fieldPath, "path", kindDecoded},
	{fieldQuery, "query", kindDecoded},
	{fieldReferer, "referer", kindDecoded},
	{fieldUserAgent, "user_agent", kindDecoded},
	{fieldPayload, "payload", kindDecoded},
	{fieldMethod, "method", kindText},
	{fieldHost, "host", kindText},
	{fieldUser, "user", kindText},
	{fieldSession, "session", kindText},
	{fieldAuthScheme, "auth_scheme", kindText},
	{fieldScheme, "scheme", kindText},
	{fieldProtocol, "protocol", kindText},
	{fieldRequestLine, "request_line", kindDecoded},
	{fieldExtension, "extension", kindText},
	{fieldService, "service", kindText},
	{fieldSource, "source", kindText},
	{fieldFormat, "format", kindText},
	{fieldRoute, "route", kindText},
	{fieldObjectIDs, "object_ids", kindList},
	{fieldUAFamily, "ua_family", kindText},
	{fieldIsBot, "is_bot", kindText},
	{fieldTLSVersion, "tls_version", kindText},
	{fieldRequestID, "request_id", kindText},
	{fieldUpstream, "upstream", kindText},
	{fieldGatewayAction, "gateway_action", kindText},
	{fieldCountry, "country", kindText},
	{fieldCity, "city", kindText},
	{fieldASOrg, "as_org", kindText},
	{fieldClientIP, "client_ip", kindAddress},
	{fieldActor, "actor", kindText},
	{fieldStatus, "status", kindNumber},
	{fieldBytesIn, "bytes_in", kindNumber},
	{fieldBytesOut, "bytes_out", kindNumber},
	{fieldDuration, "duration_ms", kindNumber},
	{fieldUpstreamMS, "upstream_ms", kindNumber},
	{fieldASN, "asn", kindNumber},
	{fieldHour, "hour", kindNumber},
	{fieldWeekday, "weekday", kindNumber},
	{fieldMinute, "minute", kindNumber},
	{fieldDay, "day", kindNumber},
	{fieldWeek, "week", kindNumber},
	{fieldMonth, "month", kindNumber},
	{fieldYear, "year", kindNumber},
	{fieldTime, "time", kindText},
}

// sigmaNames maps the names of the Sigma taxonomy (webserver and proxy categories,
// https://github.com/SigmaHQ/sigma-specification, appendix taxonomy) onto the event.
var sigmaNames = map[string]fieldID{
	"c-ip": fieldClientIP, "src_ip": fieldClientIP, "clientip": fieldClientIP, "sourceip": fieldClientIP,
	"cs-method": fieldMethod,
	"c-uri":     fieldURI, "cs-uri": fieldURI, "cs-url": fieldURI, "c-url": fieldURI,
	"cs-uri-stem": fieldPath, "c-uri-stem": fieldPath, "c-uri-path": fieldPath, "cs-uri-path": fieldPath,
	"cs-uri-query": fieldQuery, "c-uri-query": fieldQuery,
	"c-uri-extension": fieldExtension, "cs-uri-extension": fieldExtension,
	"cs-user-agent": fieldUserAgent, "c-useragent": fieldUserAgent, "cs(user-agent)": fieldUserAgent,
	"useragent": fieldUserAgent, "cs-useragent": fieldUserAgent,
	"cs-referer": fieldReferer, "cs-referrer": fieldReferer, "cs(referer)": fieldReferer, "referrer": fieldReferer,
	"cs-host": fieldHost, "r-dns": fieldHost, "c-uri-domain": fieldHost, "cs-uri-host": fieldHost,
	"cs-username": fieldUser, "username": fieldUser,
	"cs-version": fieldProtocol, "cs-protocol": fieldScheme, "cs-uri-scheme": fieldScheme,
	"sc-status": fieldStatus, "cs-bytes": fieldBytesIn, "sc-bytes": fieldBytesOut, "time-taken": fieldDuration,
	"x-forwarded-for": fieldClientIP, "date": fieldTime, "timestamp": fieldTime, "@timestamp": fieldTime,
}

// neverCarried are the fields that published web and proxy rules name and access logs do not carry: bodies, cookies, the
// server's own address, verdicts of a proxy or a WAF.
var neverCarried = func() map[string]bool {
	m := map[string]bool{}
	for _, name := range strings.Fields(`
		cs-cookie c-cookie cs(cookie) cookie set-cookie dst_ip dst_port src_port s-ip s-port s-computername s-sitename
		sc-substatus sc-win32-status c-win32-status ja3 ja3s ja4 post-body post_body request-body request_body requestbody
		cs-body sc-body body response response_body response-body responsebody cs-headers request_headers response_headers
		cs-content-type sc-content-type cs-mime-type rs-content-type content-type content_type cs-authorization
		cs-auth-group s-action action event_type rule_id attack_type verdict blocked x-virus-id x-exception-id category
		cs-categories cs-threat-risk s-supplier-ip s-supplier-name r-ip r-port filename filehash dst_host message msg`) {
		m[name] = true
	}
	return m
}()

// lookupField finds a field by the event's name or a Sigma name.
func lookupField(name string) (fieldID, bool) {
	name = strings.ToLower(name)
	if id, ok := sigmaNames[name]; ok {
		return id, true
	}
	if neverCarried[name] {
		return fieldNone, true
	}
	for _, s := range fieldSpecs[1:] {
		if s.name == name {
			return s.id, true
		}
	}
	return fieldNone, false
}

func (id fieldID) spec() *fieldSpec { return &fieldSpecs[id] }

// fieldText returns a field's text; absent is "". Numbers and addresses are formatted (an allocation but for common
// status codes), which only rules that compare them as text ask for.
func fieldText(ev *event.Event, id fieldID) string {
	switch id {
	case fieldPath:
		return ev.Path
	case fieldQuery:
		return ev.Query
	case fieldReferer:
		return ev.Referer
	case fieldUserAgent:
		return ev.UserAgent
	case fieldMethod:
		return ev.Method
	case fieldHost:
		return ev.Host
	case fieldUser:
		return ev.User
	case fieldSession:
		return ev.Session
	case fieldAuthScheme:
		return ev.AuthScheme
	case fieldScheme:
		return ev.Scheme
	case fieldProtocol:
		return ev.Protocol
	case fieldRequestLine:
		return ev.RequestLine
	case fieldExtension:
		return extension(ev.Path)
	case fieldService:
		return ev.Service
	case fieldSource:
		return ev.Source
	case fieldFormat:
		return ev.Format
	case fieldRoute:
		return ev.Route
	case fieldUAFamily:
		return ev.UAFamily
	case fieldIsBot:
		return strconv.FormatBool(ev.IsBot)
	case fieldTLSVersion:
		return ev.TLSVersion
	case fieldRequestID:
		return ev.RequestID
	case fieldUpstream:
		return ev.Upstream
	case fieldGatewayAction:
		return ev.GatewayAction
	case fieldCountry:
		return ev.Country
	case fieldCity:
		return ev.City
	case fieldASOrg:
		return ev.ASOrg
	case fieldClientIP:
		return addressText(ev.ClientIP)
	case fieldActor:
		if ev.User != "" {
			return ev.User
		}
		return addressText(ev.ClientIP)
	case fieldURI, fieldPayload:
		switch {
		case ev.RequestLine != "":
			return ev.RequestLine
		case ev.Query == "":
			return ev.Path
		}
		return ev.Path + "?" + ev.Query
	}
	if v, ok := fieldNumber(ev, id); ok {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

func addressText(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}

// extension returns the lower-case part after the last dot of the path's last segment.
func extension(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		switch path[i] {
		case '.':
			return path[i+1:]
		case '/':
			return ""
		}
	}
	return ""
}

// fieldNumber returns a number field and whether it is there.
func fieldNumber(ev *event.Event, id fieldID) (float64, bool) {
	switch id {
	case fieldStatus:
		return float64(ev.Status), ev.Status != 0
	case fieldBytesIn:
		return float64(ev.BytesIn), ev.BytesIn >= 0
	case fieldBytesOut:
		return float64(ev.BytesOut), ev.BytesOut >= 0
	case fieldDuration:
		return ev.DurationMS, ev.DurationMS >= 0
	case fieldUpstreamMS:
		return ev.UpstreamMS, ev.UpstreamMS >= 0
	case fieldASN:
		return float64(ev.ASN), ev.ASN != 0
	case fieldHour:
		return float64(ev.Time.UTC().Hour()), !ev.Time.IsZero()
	case fieldWeekday, fieldMinute, fieldDay, fieldWeek, fieldMonth, fieldYear:
		return timeNumber(ev.Time.UTC(), id), !ev.Time.IsZero()
	}
	return 0, false
}

func timeNumber(t time.Time, id fieldID) float64 {
	switch id {
	case fieldMinute:
		return float64(t.Minute())
	case fieldDay:
		return float64(t.Day())
	case fieldWeek:
		_, week := t.ISOWeek()
		return float64(week)
	case fieldMonth:
		return float64(t.Month())
	case fieldYear:
		return float64(t.Year())
	}
	return float64(t.Weekday())
}

// fieldExists reports whether the event carries the field at all.
func fieldExists(ev *event.Event, id fieldID) bool {
	switch id {
	case fieldNone:
		return false
	case fieldObjectIDs:
		return len(ev.ObjectIDs) > 0
	case fieldClientIP:
		return ev.ClientIP.IsValid()
	case fieldActor:
		return ev.User != "" || ev.ClientIP.IsValid()
	case fieldURI, fieldPayload:
		return ev.Path != "" || ev.RequestLine != ""
	}
	if id.spec().kind == kindNumber {
		_, ok := fieldNumber(ev, id)
		return ok
	}
	return fieldText(ev, id) != ""
}
