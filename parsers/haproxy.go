package parsers

import (
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// haproxy reads HAProxy's HTTP, HTTPS and error lines. TCP lines are recognised: they carry no request.
func haproxy() Format {
	return scanFormat(Format{
		Name: "haproxy", Title: "HAProxy (httplog, httpslog; tcplog recognised)", Family: "haproxy",
		Definition: "docs.haproxy.org/3.0/configuration.html#8.2 (HTTP, HTTPS, TCP and error log format)",
		Samples: []string{
			`203.0.113.9:14853 [10/Mar/2025:13:55:36.120] https-in~ shop/node1 10/0/1/33/44 200 739 - - ---- 12/10/3/1/0 0/0 {shop.example.com|curl} {} "GET /cart?item=7 HTTP/1.1"`,
			`2001:db8::7:14854 [10/Mar/2025:13:55:37.001] fe fe/<NOSRV> -1/-1/-1/-1/0 400 0 - - CR-- 1/1/0/0/0 0/0 "<BADREQ>"`,
			`203.0.113.9:14855 [10/Mar/2025:13:55:38.120] https-in~ api/node2 0/0/0/5/5 404 120 - - ---- 1/1/0/0/0 0/0 "GET /x HTTP/2.0" 0/0/0/0/0 api.example.com/TLSv1.3/TLS_AES_256_GCM_SHA384`,
			`198.51.100.4:50033 [10/Mar/2025:13:55:39.123] https-in/1: SSL handshake failure (error:0A0000C1:SSL routines::no shared cipher)`,
			`203.0.113.9:14856 [10/Mar/2025:13:55:40.120] mysql-in mysql/db1 0/1/5023 1234 -- 4/4/3/3/0 0/0`,
		},
	}, scanParser{scan: scanHAProxy, finish: haproxyFinish},
		slotTime, slotClient, slotRequest, slotStatus, slotBytesOut, slotDuration, slotUpTime, slotUpstream, slotService, slotHost, slotTLS, slotAction)
}

func scanHAProxy(line string, r *record) error {
	i := strings.Index(line, " [")
	if i < 3 || i > 80 || strings.IndexByte(line[:i], ' ') >= 0 {
		return bad("want client:port [time]")
	}
	end := strings.IndexByte(line[i:], ']')
	if end < 22 {
		return &fieldError{what: "want [time]", at: i}
	}
	r.put(slotClient, unitNone, 1, apacheAddress(line[:i]))
	r.put(slotTime, unitCLF, 1, line[i+2:i+end])
	t := tokens{s: line, at: i + end + 1}
	frontend, _ := t.next()
	if name, ok := strings.CutSuffix(frontend, ":"); ok && strings.IndexByte(name, '/') > 0 {
		return nil // an error before there was a request
	}
	var v [4]string
	if t.fill(v[:]) < 4 {
		return &fieldError{what: "want frontend, backend/server, timers, status and bytes", at: t.at}
	}
	backend, _, ok := strings.Cut(v[0], "/")
	if !ok {
		return &fieldError{what: "want backend/server after the frontend", at: t.at}
	}
	switch strings.Count(v[1], "/") {
	case 2:
		return ErrNoRequest // TCP: Tw/Tc/Tt
	case 4:
	default:
		return &fieldError{what: "want five timers after the server", at: t.at}
	}
	r.put(slotService, unitNone, 1, backend)
	if strings.IndexByte(v[0], '<') < 0 {
		r.put(slotUpstream, unitNone, 1, v[0])
	}
	r.putHAProxyTimers(v[1])
	if v[2] != "-1" {
		r.put(slotStatus, unitNone, 1, v[2])
	}
	r.put(slotBytesOut, unitNone, 1, strings.TrimPrefix(v[3], "+"))
	if rest := line[t.at:]; len(rest) > 9 && rest[:5] == " - - " { // no captured cookies: the usual case
		r.put(slotAction, unitNone, 1, haproxyAction(rest[5:9], v[2]))
	} else {
		after := t
		var w [3]string // captured cookies, termination state
		if after.fill(w[:]) == 3 {
			r.put(slotAction, unitNone, 1, haproxyAction(w[2], v[2]))
		}
	}
	return r.putHAProxyRequest(line[t.at:], t.at)
}

// haproxyAction tells from a session's termination state (docs.haproxy.org, section 8.5) what a rule of HAProxy's did: PR is a
// request that the proxy denied (with 400, one that was not HTTP), PT one that it held in a tarpit; LR with 429 an answer of
// its own.
func haproxyAction(state, status string) string {
	if len(state) < 2 || state[0] != 'P' && state[0] != 'L' {
		return ""
	}
	switch {
	case status == "429" && state[1] == 'R':
		return event.ActionRateLimit
	case state[0] == 'P' && (state[1] == 'T' || state[1] == 'R' && status != "400"):
		return event.ActionDeny
	}
	return ""
}

// putHAProxyTimers reads TR/Tw/Tc/Tr/Ta in milliseconds; the total carries a plus sign with option logasap.
func (r *record) putHAProxyTimers(v string) {
	last := strings.LastIndexByte(v, '/')
	if total := strings.TrimPrefix(v[last+1:], "+"); total != "" && total[0] != '-' {
		r.put(slotDuration, unitMilli, 1, total)
	}
	first := strings.IndexByte(v, '/')
	second := first + 1 + strings.IndexByte(v[first+1:], '/')
	if second < last {
		r.put(slotUpTime, unitMilli, 1, v[second+1:last]) // Tc/Tr
	}
}

// putHAProxyRequest reads the quoted request line, which HAProxy cuts when the line grows too long, and what the HTTPS
// format puts after it: error codes and sni/version/cipher.
func (r *record) putHAProxyRequest(rest string, at int) error {
	i := strings.Index(rest, ` "`)
	if i < 0 {
		return &fieldError{what: "want a quoted request line", at: at}
	}
	request, tail := rest[i+2:], ""
	if j := strings.LastIndexByte(request, '"'); j >= 0 {
		request, tail = request[:j], request[j+1:]
	}
	r.put(slotRequest, unitNone, 1, unhash(request))
	if tail == "" {
		return nil
	}
	ssl := tail[strings.LastIndexByte(tail, ' ')+1:]
	sni, ssl, ok := strings.Cut(ssl, "/")
	version, _, okVersion := strings.Cut(ssl, "/")
	if !ok || !okVersion {
		return nil
	}
	r.put(slotHost, unitNone, 1, sni)
	r.put(slotTLS, unitNone, 1, version)
	return nil
}

// haproxyFinish takes the host out of absolute targets, which HTTP/2 requests always have.
func haproxyFinish(_ *record, ev *event.Event) error {
	if ev.Protocol == "HTTP/2.0" || ev.Protocol == "HTTP/3.0" {
		return absoluteByDesign(nil, ev)
	}
	return nil
}

// unhash undoes HAProxy's encoding of what must not stand in a log: '#' and two hex digits, '#' itself included.
func unhash(v string) string {
	i := strings.IndexByte(v, '#')
	if i < 0 {
		return v
	}
	b := append(make([]byte, 0, len(v)), v[:i]...)
	for ; i < len(v); i++ {
		if v[i] == '#' && i+2 < len(v) {
			if c, ok := hexValue(v[i+1:], 2); ok && c >= ' ' && c != 0x7f { // control characters stay as they are logged
				b = append(b, byte(c))
				i += 2
				continue
			}
		}
		b = append(b, v[i])
	}
	return string(b)
}
