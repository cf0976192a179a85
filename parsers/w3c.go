package parsers

import (
	"fmt"
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// w3cFields says what the fields of a #Fields line mean (w3.org/TR/WD-logfile; learn.microsoft.com, IIS W3C logging;
// docs.aws.amazon.com, CloudFront standard logs).
var w3cFields = map[string]column{
	"date": {slotDate, 0, 1}, "time": {slotClock, 0, 1}, "timestamp": {slotTime, unitAuto, 2}, "timestamp(ms)": {slotTime, unitMilli, 3},
	"c-ip": {slotClient, 0, 2}, "c-port": {}, "cs-username": {slotUser, unitBasic, 1}, "s-sitename": {slotService, 0, 0},
	"cs-method": {slotMethod, 0, 1}, "cs-uri-stem": {slotPath, 0, 1}, "cs-uri-query": {slotQuery, 0, 1}, "cs-uri": {slotTarget, 0, 2},
	"sc-status": {slotStatus, 0, 1}, "sc-bytes": {slotBytesOut, 0, 1}, "cs-bytes": {slotBytesIn, 0, 1}, "time-taken": {slotDuration, unitAuto, 1},
	"cs-version": {slotProtocol, 0, 1}, "cs-protocol-version": {slotProtocol, 0, 2}, "cs-protocol": {slotScheme, 0, 1},
	"cs-host": {slotHost, 0, 1}, "cs(host)": {slotHost, 0, 1}, "x-host-header": {slotHost, 0, 2}, "s-dns": {slotHost, 0, 0},
	"cs(user-agent)": {slotAgent, unitPlus, 1}, "cs(referer)": {slotReferer, unitPlus, 1}, "cs(cookie)": {slotCookie, unitPlus, 1},
	"cs-user-agent": {slotAgent, unitPercent, 1}, "cs-referer": {slotReferer, unitPercent, 1}, "cs-cookie": {slotCookie, unitPercent, 1},
	"cs(x-forwarded-for)": {slotForward, unitPlus, 1}, "x-forwarded-for": {slotForward, unitPercent, 1}, "cs(x-real-ip)": {slotClient, 0, 1},
	"cs(authorization)": {slotAuth, unitPlus, 1}, "ssl-protocol": {slotTLS, 0, 1}, "x-edge-request-id": {slotRequestID, 0, 1},
	"cs(x-request-id)": {slotRequestID, unitPlus, 1}, "origin-fbl": {slotUpTime, unitSec, 1},
	"x-edge-result-type": {slotAction, 0, 1}, "x-edge-detailed-result-type": {slotAction, 0, 2},
}

// cloudfrontDefault is the layout of CloudFront's standard log, for files whose #Fields line lies before the place at
// which reading began.
const cloudfrontDefault = "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end"

// w3cParser reads W3C extended logs. The #Fields line may come again and change.
type w3cParser struct {
	columns []column
	told    bool // by a #Fields line
	layouts []w3cLayout
	rec     record
}

// w3cLayout is a #Fields line that was read before: servers write the same one again with each file and restart.
type w3cLayout struct {
	fields  string
	columns []column
}

// maxLayouts bounds the #Fields lines that a parser remembers.
const maxLayouts = 8

// Parse implements Parser.
func (p *w3cParser) Parse(line string, ev *event.Event) error {
	line = strings.TrimRight(line, "\r\n ")
	if line == "" {
		return ErrNoRequest
	}
	if line[0] == '#' {
		return p.directive(line)
	}
	separator := byte(' ')
	if strings.IndexByte(line, '\t') > 0 {
		separator = '\t'
	}
	if !p.told {
		p.guess(line, separator)
	}
	p.rec.reset()
	rest, n := line, 0
	for ; n < len(p.columns); n++ {
		v := rest
		i := strings.IndexByte(rest, separator)
		if i >= 0 {
			v, rest = rest[:i], rest[i+1:]
		}
		c := p.columns[n]
		if c.slot != slotNone {
			u := c.unit
			if u == unitPlus && separator == '\t' {
				u = unitPercent
			}
			p.rec.put(c.slot, u, c.rank, v)
		}
		if i < 0 {
			n++
			rest = ""
			break
		}
	}
	if n != len(p.columns) || rest != "" || n == 0 {
		return &fieldError{what: "not as many columns as the #Fields line names", at: min(n, 4)}
	}
	ev.Format = "w3c"
	if separator == ' ' && p.rec.unit[slotDuration] == unitAuto {
		p.rec.unit[slotDuration] = unitMilli // IIS, and ASP.NET Core with a fraction; CloudFront's seconds stand between tabs
	}
	if err := p.rec.fill(ev); err != nil {
		return err
	}
	if ev.Method == "" && ev.Path == "" && ev.Status == 0 {
		return bad("no request in these columns")
	}
	return nil
}

// newW3C makes a parser of logs without a #Fields line: in the columns that fields names.
func newW3C(fields string, o Options) (Parser, error) {
	columns := w3cColumns(strings.ReplaceAll(strings.TrimPrefix(fields, "#Fields:"), ",", " "))
	var has uint64
	for _, c := range columns {
		if c.slot != slotNone {
			has |= 1 << c.slot
		}
	}
	if err := needColumns(has); err != nil {
		return nil, fmt.Errorf("format: w3c: %w", err)
	}
	p := &w3cParser{columns: columns, told: true}
	p.rec.clock = o.clock()
	return p, nil
}

func (p *w3cParser) forget() { p.columns, p.told = nil, false }

// directive reads a line that starts with #.
func (p *w3cParser) directive(line string) error {
	fields, ok := strings.CutPrefix(line, "#Fields:")
	if !ok {
		for _, d := range []string{"#Version:", "#Software:", "#Date:", "#Start-Date:", "#End-Date:", "#Remark:"} {
			if strings.HasPrefix(line, d) {
				return ErrNoRequest
			}
		}
		return bad("not a directive of a W3C extended log")
	}
	p.columns, p.told = p.layout(fields), true
	return ErrNoRequest
}

// layout returns the columns of a #Fields line.
func (p *w3cParser) layout(fields string) []column {
	for i := range p.layouts {
		if p.layouts[i].fields == fields {
			return p.layouts[i].columns
		}
	}
	l := w3cLayout{fields: strings.Clone(fields), columns: w3cColumns(fields)}
	if len(p.layouts) == maxLayouts {
		p.layouts = p.layouts[:0]
	}
	p.layouts = append(p.layouts, l)
	return l.columns
}

func w3cColumns(fields string) []column {
	names := strings.Fields(fields)
	columns := make([]column, len(names))
	for i, name := range names {
		columns[i] = w3cFields[strings.ToLower(name)]
	}
	return columns
}

// guess takes a likely layout when no #Fields line has been seen: CloudFront's for tabs, else IIS's order of columns with
// those that the line shows.
func (p *w3cParser) guess(line string, separator byte) {
	if separator == '\t' {
		p.columns = w3cColumns(cloudfrontDefault)
		return
	}
	if p.columns != nil && len(p.columns) == strings.Count(line, " ")+1 {
		return
	}
	p.columns = nil
	if layout, ok := guessIIS(strings.Split(line, " ")); ok {
		p.columns = w3cColumns(layout)
	}
}

// guessIIS derives the layout from a line. IIS writes the columns that are switched on always in this order: date time s-sitename
// s-computername s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs-version cs(User-Agent) cs(Cookie)
// cs(Referer) cs-host sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken.
func guessIIS(v []string) (layout string, ok bool) {
	if len(v) < 11 || len(v) > 24 || len(v[0]) != 10 || v[0][4] != '-' || len(v[1]) < 8 || v[1][2] != ':' {
		return "", false
	}
	method := 2
	for method < 6 && !knownMethod(v[method]) {
		method++
	}
	if method == 6 || method+7 >= len(v) || !strings.HasPrefix(v[method+1], "/") && v[method+1] != "-" {
		return "", false
	}
	names := []string{"date", "time"}
	for range method - 2 {
		names = append(names, "-")
	}
	names = append(names, "cs-method", "cs-uri-stem", "cs-uri-query", "s-port", "cs-username", "c-ip")
	at := method + 6
	if _, isIP := parseIP(v[at-1]); !isIP {
		return "", false
	}
	if isProtocol(v[at]) {
		names = append(names, "cs-version")
		at++
	}
	status := at
	for status < len(v) && !statusAt(v, status) {
		status++
	}
	before := [][]string{{}, {"cs(User-Agent)"}, {"cs(User-Agent)", "cs(Referer)"}, {"cs(User-Agent)", "cs(Referer)", "cs-host"}, {"cs(User-Agent)", "cs(Cookie)", "cs(Referer)", "cs-host"}}
	after := [][]string{{}, {"-"}, {"-", "-"}, {"-", "-", "time-taken"}, {"-", "-", "sc-bytes", "time-taken"}, {"-", "-", "sc-bytes", "cs-bytes", "time-taken"}}
	if status >= len(v) || status-at >= len(before) || len(v)-status-1 >= len(after) {
		return "", false
	}
	names = append(append(append(names, before[status-at]...), "sc-status"), after[len(v)-status-1]...)
	return strings.Join(names, " "), true
}

// statusAt says whether v[i] can be the status: three digits, and a number or nothing behind.
func statusAt(v []string, i int) bool {
	if len(v[i]) != 3 || !isDigit(v[i][0]) || !isDigit(v[i][2]) {
		return false
	}
	return i+1 == len(v) || v[i+1] != "" && isDigit(v[i+1][0])
}

// w3c is the extended log format of IIS, CloudFront and others.
func w3c() Format {
	var has uint64
	for _, c := range w3cFields {
		has |= 1 << c.slot
	}
	return Format{
		Name: "w3c", Title: "W3C extended log (IIS, CloudFront standard logs)", Family: "w3c",
		Definition: "w3.org/TR/WD-logfile.html; learn.microsoft.com/windows/win32/http/w3c-logging; docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html",
		Fields:     slotFields(has),
		New: func(o Options) (Parser, error) {
			p := &w3cParser{}
			p.rec.clock = o.clock()
			return p, nil
		},
		Samples: []string{
			`#Software: Microsoft Internet Information Services 10.0`,
			`#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken`,
			`2025-03-10 13:55:36 10.0.0.2 GET /shop/cart.aspx item=7 443 anna 203.0.113.9 Mozilla/5.0+(Windows+NT+10.0;+Win64) https://shop.example.com/ 200 0 0 34`,
			`#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query time-taken x-host-header cs-protocol`,
			"2025-03-10\t13:55:37\tFRA2-C1\t512\t2001:db8::7\tGET\td1.cloudfront.example\t/a%20b\t200\t-\tMozilla/5.0%20(X11)\tx=1\t0.034\twww.example.com\thttps",
		},
	}
}

// cloudfrontRealtime is CloudFront's real-time log with all fields in the order of its documentation.
func cloudfrontRealtime() Format {
	const layout = "timestamp c-ip time-to-first-byte sc-status sc-bytes cs-method cs-protocol cs-host cs-uri-stem cs-bytes x-edge-location x-edge-request-id x-host-header time-taken cs-protocol-version c-ip-version cs-user-agent cs-referer cs-cookie cs-uri-query"
	columns := w3cColumns(layout)
	return scanFormat(Format{
		Name: "cloudfront_realtime", Title: "AWS CloudFront real-time logs (all fields)", Family: "w3c",
		Definition: "docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/real-time-logs.html (fields, in this order; at least the first twenty)",
		Samples: []string{
			"1741614936.120\t203.0.113.9\t0.002\t200\t512\tGET\thttps\twww.example.com\t/a\t412\tFRA2-C1\t8a1b==\twww.example.com\t0.034\tHTTP/2.0\tIPv4\tMozilla/5.0%20(X11)\thttps://www.example.com/\t-\tx=1\tHit\t-\tTLSv1.3",
		},
	}, scanParser{scan: func(line string, r *record) error {
		rest := line
		for i, c := range columns {
			v, after, ok := strings.Cut(rest, "\t")
			if !ok && i < len(columns)-1 {
				return &fieldError{what: "want at least twenty columns separated by tabs", at: min(i, 3)}
			}
			if c.slot != slotNone {
				r.put(c.slot, c.unit, c.rank, v)
			}
			rest = after
		}
		return nil
	}}, slotTime, slotClient, slotStatus, slotBytesOut, slotBytesIn, slotMethod, slotScheme, slotHost, slotPath, slotQuery,
		slotRequestID, slotDuration, slotProtocol, slotAgent, slotReferer, slotCookie)
}
