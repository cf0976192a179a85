package parsers

import (
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// Error logs tell of requests that went wrong, often the same ones as the access log beside them. A line that names
// its client is an event with what is known; a line about the server itself carries no request.

// messageStatus is a message of a server and the status that the client got with it, whatever the configuration.
type messageStatus struct{ text, status string }

// statusOf returns the status that goes with a message, or "".
func statusOf(message string, known []messageStatus) string {
	for _, k := range known {
		if strings.Contains(message, k.text) {
			return k.status
		}
	}
	if _, code, ok := strings.Cut(message, "Access denied with code "); ok && len(code) >= 3 {
		return code[:3]
	}
	return ""
}

// nginxStatus are messages of nginx's own modules (ngx_http_auth_basic_module, ngx_http_access_module,
// ngx_http_static_module).
var nginxStatus = []messageStatus{
	{`: password mismatch`, "401"},
	{`" was not found in "`, "401"},
	{"no user/password was provided", "401"},
	{"access forbidden by rule", "403"},
	{" is forbidden", "403"},
	{"(13: Permission denied)", "403"},
	{"(2: No such file or directory)", "404"},
	{"(20: Not a directory)", "404"},
	{"client intended to send too large body", "413"},
	{"client sent too long URI", "414"},
	{"client sent invalid request while", "400"},
	{"client sent invalid method while", "400"},
	{"client sent invalid host header", "400"},
	{"client sent plain HTTP request to HTTPS port", "400"},
	{`request without "Host" header`, "400"},
}

// nginxError reads nginx's error log.
func nginxError() Format {
	return scanFormat(Format{
		Name: "nginx_error", Title: "nginx error log", Family: familyCLF,
		Definition: "nginx source, ngx_http_log_error (src/http/ngx_http_request.c); nginx.org/en/docs/ngx_core_module.html#error_log",
		Samples: []string{
			`2025/03/10 13:55:36 [error] 31#31: *7 open() "/usr/share/nginx/html/admin.php" failed (2: No such file or directory), client: 203.0.113.9, server: shop.example.com, request: "GET /admin.php?x=1 HTTP/1.1", host: "shop.example.com", referrer: "https://shop.example.com/"`,
			`2025/03/10 13:55:37 [error] 31#31: *8 limiting requests, excess: 5.428 by zone "api", client: 2001:db8::7, server: , request: "POST /v1/login HTTP/2.0", host: "api.example.com:8443"`,
			`2025/03/10 13:55:38 [info] 31#31: *9 SSL_do_handshake() failed (SSL: error:0A00006C) while SSL handshaking, client: 198.51.100.4, server: 0.0.0.0:443`,
			`2025/03/10 13:55:39 [notice] 1#1: signal process started`,
			`2025/03/10 13:55:39 [error] 31#31: *9 user "anna": password mismatch, client: 203.0.113.9, server: shop.example.com, request: "GET /private/ HTTP/1.1", host: "shop.example.com"`,
			`2025/03/10 13:55:40 [error] 31#31: *10 limiting requests, excess: 5.459 by zone "api", client: 192.0.2.9, server: shop.example.com, request: "GET http://proxied.example.net/a?b=c HTTP/1.1", host: "proxied.example.net"`,
			`2025/03/10 13:55:40 [error] 31#31: *10 open() "/srv/x, client: 192.0.2.99, server: s, request: "GET / HTTP/1.1", host: "x" failed (2: No such file or directory), client: 203.0.113.77, server: _, request: "GET /x,%20client:%20192.0.2.99 HTTP/1.1", upstream: "http://10.0.0.9:80/x", host: "shop.example.com"`,
		},
	}, scanParser{scan: scanNginxError, finish: keepAuthority},
		slotTime, slotClient, slotRequest, slotHost, slotReferer, slotUpstream, slotStatus, slotUser, slotAction)
}

// scanNginxError reads: time [level] pid#tid: *connection message, client: …, server: …, request: "…", ….
// Messages hold decoded paths and may imitate what follows, so the tail must fit to its end.
func scanNginxError(line string, r *record) error {
	if len(line) < 24 || line[4] != '/' || line[19] != ' ' || line[20] != '[' {
		return bad("want a time and a [level]")
	}
	end := strings.IndexByte(line[20:], ']')
	if end < 0 || strings.IndexByte(line[20:], '#') < 0 {
		return &fieldError{what: "want a [level] and pid#tid", at: 20}
	}
	r.put(slotTime, unitNone, 1, line[:19])
	const client = ", client: "
	// Where a firewall spoke, the Host header is the attacker's word; the server that nginx chose is the one attacked.
	serverRank := uint8(1)
	if strings.Contains(line, "ModSecurity: ") {
		serverRank = 3
	}
	first := -1
	for at := 20; ; {
		i := strings.Index(line[at:], client)
		if i < 0 {
			break
		}
		at += i + len(client)
		if first < 0 {
			first = at
		}
		if nginxErrorTail(line[at:], r, serverRank, true) {
			r.putNginxMessage(line[20 : at-len(client)])
			return nil
		}
	}
	if first < 0 || !nginxErrorTail(line[first:], r, serverRank, false) {
		return ErrNoRequest
	}
	r.putNginxMessage(line[20 : first-len(client)])
	return nil
}

// keepAuthority leaves the authority of an absolute target in the path, as //host/path: an error log tells of a request
// that nginx did not serve as one of its own, and what it was asked for is part of it (CrowdSec's hub reads it so too).
func keepAuthority(_ *record, ev *event.Event) error {
	_, target, _, ok := splitRequest(ev.RequestLine)
	if !ok || ev.Method == "CONNECT" {
		return nil
	}
	if _, rest, ok := strings.Cut(target, ":"); ok && strings.HasPrefix(rest, "//") {
		ev.Path, _ = splitPath(rest)
	}
	return nil
}

// putNginxMessage takes from the message what is known of the answer, and the user whose password was wrong.
func (r *record) putNginxMessage(message string) {
	r.put(slotStatus, unitNone, 1, statusOf(message, nginxStatus))
	if !r.putFirewall(message) {
		r.put(slotAction, unitNone, 1, actionOf(message, nginxActions))
		r.put(slotAction, unitNone, 1, naxsiAction(message))
	}
	if _, rest, ok := strings.Cut(message, ` user "`); ok {
		if user, after, ok := strings.Cut(rest, `"`); ok && (strings.HasPrefix(after, ": password mismatch") || strings.HasPrefix(after, " was not found in")) {
			r.put(slotUser, unitBasic, 1, user)
		}
	}
}

// nginxErrorParts are the quoted parts of nginx's error lines.
var nginxErrorParts = map[string]column{
	"request": {slotRequest, 0, 1}, "upstream": {slotUpstream, 0, 1}, "host": {slotHost, 0, 2}, "referrer": {slotReferer, 0, 1}, "subrequest": {},
}

// nginxErrorTail reads "ADDRESS, server: NAME, request: "…", …" and reports whether all of s fitted. Unless it must,
// what does not fit is left.
func nginxErrorTail(s string, r *record, serverRank uint8, whole bool) bool {
	addr, s, _ := strings.Cut(s, ", ")
	if _, ok := parseIP(addr); !ok && addr != "unix:" { // a proxy on the same machine
		return false
	}
	has, val := r.has, r.val
	if addr != "unix:" {
		r.put(slotClient, unitNone, 1, addr)
	}
	for s != "" && s != "server:" { // a server without a name, at the end
		key, rest, _ := strings.Cut(s, ": ")
		var v string
		if key == "server" {
			v, rest, _ = strings.Cut(rest, ", ")
			if strings.ContainsAny(v, `" `) {
				break
			}
			if strings.IndexByte(v, ':') < 0 && v != "_" { // not a listening address, not the server for unknown names
				r.put(slotHost, unitNone, serverRank, v)
			}
			s = rest
			continue
		}
		c, ok := nginxErrorParts[key]
		if !ok {
			break
		}
		if v, rest, ok = nginxErrorQuoted(key, rest); !ok {
			break
		}
		if c.slot != slotNone {
			r.put(c.slot, c.unit, c.rank, v)
		}
		s = rest
	}
	if s != "" && s != "server:" && whole {
		r.has, r.val = has, val
		return false
	}
	return true
}

// nginxErrorQuoted cuts a value in quotes. The referrer comes last and may hold anything.
func nginxErrorQuoted(key, s string) (v, rest string, ok bool) {
	if len(s) < 2 || s[0] != '"' {
		return "", "", false
	}
	if key == "referrer" {
		return strings.TrimSuffix(s[1:], `"`), "", true
	}
	v, rest, ok = strings.Cut(s[1:], `"`)
	if !ok {
		return "", "", false
	}
	if rest == "" {
		return v, "", true
	}
	rest, ok = strings.CutPrefix(rest, ", ")
	return v, rest, ok
}
