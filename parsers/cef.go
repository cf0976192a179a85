package parsers

import (
	"bytes"
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// cef is the Common Event Format, in which firewalls report requests.
func cef() Format {
	return scanFormat(Format{
		Name: "cef", Title: "Common Event Format of firewalls (Imperva, F5, Citrix, FortiWeb, Barracuda)", Family: "cef",
		Definition: "microfocus.com, ArcSight Common Event Format (CEF) Implementation Standard; docs.imperva.com (log file structure); techdocs.f5.com (ASM logging)",
		Samples: []string{
			`CEF:0|Incapsula|SIEMintegration|1|1|SQL Injection|0| fileId=1 sourceServiceName=shop.example.com requestClientApplication=Mozilla/5.0 (X11; Linux) request=shop.example.com/search requestMethod=GET qstr=q\=1 cn1=403 app=HTTPS act=REQ_BLOCKED_SECURITY deviceExternalId=33411452762204224 in=54 xff=198.51.100.1 start=1741614936120 end=1741614936220 src=203.0.113.9 cpt=50001`,
			`CEF:0|Citrix|NetScaler|NS14.1|APPFW|APPFW_SQL|6|src=198.51.100.7 spt=50002 method=POST request=https://www.example.com/login?x\=1 msg=SQL Keyword check failed cn1=3841070 cs1=shop act=not blocked rt=Mar 10 2025 13:55:37`,
			`CEF:0|F5|ASM|17.1.0|200021069|Automated client access|5|dvchost=f5.example.com cs1=/Common/shop cs1Label=policy_name deviceExternalId=1808 act=alerted cn1=200 cn1Label=response_code src=2001:db8::7 spt=6092 requestMethod=GET app=HTTPS request=/items?id\=7 rt=Mar 10 2025 13:55:38`,
		},
	}, scanParser{scan: scanCEF, finish: absoluteByDesign},
		slotTime, slotEnd, slotClient, slotMethod, slotURL, slotQuery, slotHost, slotStatus, slotAgent, slotReferer, slotForward, slotBytesIn, slotUser,
		slotRequestID, slotAction)
}

// cefNames are the keys of extensions that say something about a request.
var cefNames = map[string]column{
	"rt": {slotTime, unitAuto, 3}, "start": {slotTime, unitAuto, 2}, "end": {slotEnd, unitAuto, 1}, "src": {slotClient, 0, 1},
	"xff": {slotForward, 0, 1}, "requestMethod": {slotMethod, 0, 2}, "method": {slotMethod, 0, 1}, "request": {slotURL, 0, 1}, "qstr": {slotQuery, 0, 1},
	"dhost": {slotHost, 0, 2}, "sourceServiceName": {slotHost, 0, 1}, "cn1": {slotStatus, 0, 1}, "suser": {slotUser, 0, 1},
	"requestClientApplication": {slotAgent, 0, 1}, "requestContext": {slotReferer, 0, 1}, "ref": {slotReferer, 0, 0}, "in": {slotBytesIn, 0, 1},
	"deviceExternalId": {slotRequestID, 0, 0}, "externalId": {slotRequestID, 0, 1}, "act": {slotMessage, 0, 1},
}

// scanCEF reads CEF:VERSION|VENDOR|PRODUCT|VERSION|SIGNATURE|NAME|SEVERITY|KEY=VALUE …, where values may hold blanks.
func scanCEF(line string, r *record) error {
	rest, ok := strings.CutPrefix(line, "CEF:")
	if !ok {
		return bad("want CEF:")
	}
	for range 7 {
		end := 0
		for end < len(rest) && (rest[end] != '|' || escapedAt(rest, end)) {
			end++
		}
		if end == len(rest) {
			return &fieldError{what: "want seven columns before the extension", at: len(line) - len(rest)}
		}
		rest = rest[end+1:]
	}
	for rest = strings.TrimLeft(rest, " "); rest != ""; {
		key, value, ok := strings.Cut(rest, "=")
		if !ok {
			break
		}
		end := cefValueEnd(value)
		rest = strings.TrimLeft(value[end:], " ")
		if c, ok := cefNames[key]; ok {
			v := strings.TrimRight(value[:end], " ")
			if strings.IndexByte(v, '\\') >= 0 {
				v = unescapeCEF(v)
			}
			r.put(c.slot, c.unit, c.rank, v)
		}
	}
	return r.finishCEF()
}

// finishCEF corrects what vendors mean by the shared keys: hosts before paths without a scheme, statuses that are other
// numbers, words for what was done.
func (r *record) finishCEF() error {
	if u, ok := r.get(slotURL); ok && u[0] != '/' && !strings.Contains(u, "://") {
		host, path := u, "/"
		if i := strings.IndexByte(u, '/'); i >= 0 {
			host, path = u[:i], u[i:]
		}
		r.put(slotHost, unitNone, 3, host)
		r.put(slotURL, unitNone, 9, path)
	}
	if status, ok := r.get(slotStatus); ok && !isStatus(status) {
		r.has &^= 1 << slotStatus
	}
	act, _ := r.get(slotMessage)
	r.put(slotAction, unitNone, 1, cefAction(act))
	const request = 1<<slotURL | 1<<slotMethod
	if r.has&request == 0 {
		return ErrNoRequest
	}
	return nil
}

// cefAction reads act, which each vendor words for itself: REQ_BLOCKED_SECURITY, blocked, not blocked, Alert_Deny, alerted.
func cefAction(act string) string {
	var buf [48]byte
	lower := appendLower(buf[:0], act[:min(len(act), len(buf))])
	for _, a := range cefActs {
		if bytes.Contains(lower, a.part) {
			return a.action
		}
	}
	if string(lower) == "alert" || string(lower) == "log" {
		return event.ActionWAFAlert
	}
	return ""
}

// cefActs are parts of act, in small letters; the first that is there counts.
var cefActs = []struct {
	part   []byte
	action string
}{
	{[]byte("challenge"), event.ActionChallenge},
	{[]byte("captcha"), event.ActionChallenge},
	{[]byte("not blocked"), event.ActionWAFAlert},
	{[]byte("alerted"), event.ActionWAFAlert},
	{[]byte("monitor"), event.ActionWAFAlert},
	{[]byte("detect"), event.ActionWAFAlert},
	{[]byte("block"), event.ActionWAFBlock},
	{[]byte("deny"), event.ActionWAFBlock},
	{[]byte("denied"), event.ActionWAFBlock},
	{[]byte("drop"), event.ActionWAFBlock},
	{[]byte("reject"), event.ActionWAFBlock},
}

// cefValueEnd finds where a value ends: before the blank in front of the next key=.
func cefValueEnd(s string) int {
	blank := -1
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == ' ':
			blank = i
		case c == '=' && blank >= 0:
			return blank
		case blank >= 0 && !isWordByte(c) && c != '.' && c != '-':
			blank = -1
		}
	}
	return len(s)
}

func unescapeCEF(v string) string {
	var b strings.Builder
	b.Grow(len(v))
	for i := 0; i < len(v); i++ {
		c := v[i]
		if c == '\\' && i+1 < len(v) {
			i++
			switch c = v[i]; c {
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}
