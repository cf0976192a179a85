package parsers

import (
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// fillRequest takes a request line apart (RFC 9112 section 3). What is not HTTP is kept as event.RequestLine, as the
// log escaped it; method and path stay empty then.
func fillRequest(line string, escaped bool, ev *event.Event) {
	method, target, protocol, ok := splitRequest(line)
	if !ok {
		if plain, coloured := withoutColour(line); coloured { // Werkzeug on a terminal
			fillRequest(plain, escaped, ev)
			return
		}
		ev.RequestLine = line
		return
	}
	if escaped {
		target = unescape(target)
	}
	ev.Method, ev.Protocol = method, protocol
	if strings.HasPrefix(protocol, "HTTP/") { // scanners that write it in small letters show
		ev.Protocol = protocolName(protocol)
	}
	if fillTarget(target, ev) {
		ev.RequestLine = line
	}
}

// withoutColour cuts the terminal's colour codes off both ends: ESC [ 3 3 m … ESC [ 0 m.
func withoutColour(line string) (string, bool) {
	if len(line) < 3 || line[0] != 0x1b || line[1] != '[' {
		return line, false
	}
	_, line, ok := strings.Cut(line, "m")
	line = strings.TrimSuffix(line, "\x1b[0m")
	return line, ok && line != "" && line[0] != 0x1b
}

// splitRequest splits "METHOD target PROTOCOL". A target may hold blanks, as scanners send them;
// they are kept. Without a protocol
// it is HTTP/0.9 when the method is a known word and the target is an absolute path or URL.
func splitRequest(line string) (method, target, protocol string, ok bool) {
	i := strings.IndexByte(line, ' ')
	if i <= 0 || !isToken(line[:i]) {
		return "", "", "", false
	}
	method, rest := line[:i], line[i+1:]
	j := strings.LastIndexByte(rest, ' ')
	if j >= 0 && isProtocol(rest[j+1:]) {
		return method, rest[:j], rest[j+1:], strings.Trim(rest[:j], " ") != ""
	}
	if !knownMethod(method) || rest == "" || (rest[0] != '/' && !strings.Contains(rest, "://")) {
		return "", "", "", false
	}
	return method, rest, "HTTP/0.9", true
}

// isToken says whether s can be a method: letters, digits, '-' and '_' (RFC 9110 allows a few more that nobody uses).
func isToken(s string) bool {
	if len(s) > 32 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := c | 0x20
		if (letter < 'a' || letter > 'z') && !isDigit(c) && c != '-' && c != '_' {
			return false
		}
	}
	return s != ""
}

// isProtocol accepts HTTP/1.1, HTTP/2 and their like; some scanners write them in small letters.
func isProtocol(s string) bool {
	if len(s) < 6 || len(s) > 9 || s[4] != '/' {
		return false
	}
	for i, c := range []byte("HTTP") {
		if s[i]&^0x20 != c {
			return false
		}
	}
	for i := 5; i < len(s); i++ {
		if !isDigit(s[i]) && s[i] != '.' {
			return false
		}
	}
	return true
}

func knownMethod(m string) bool {
	switch m {
	case "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PROPFIND", "PROPPATCH",
		"MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH", "PURGE":
		return true
	}
	return false
}

// methodName undoes the small letters in which older ECS writes methods: in a column of its own they say nothing about the
// client, as they would in a request line.
func methodName(m string) string {
	if c := m[0]; c >= 'a' && c <= 'z' {
		if upper := strings.ToUpper(m); knownMethod(upper) {
			return upper
		}
	}
	return m
}

// fillTarget sets path, query, and for absolute and authority forms scheme and host. It reports whether the target was
// of one of these two forms, with which a client asks for a proxy.
func fillTarget(target string, ev *event.Event) (proxied bool) {
	if target == "" {
		return false
	}
	if target[0] != '/' {
		if ev.Method == "CONNECT" {
			setHost(ev, target)
			return true
		}
		if i := strings.Index(target, "://"); i > 0 && i <= 12 && isToken(target[:i]) {
			fillURL(target, ev)
			return true
		}
	}
	ev.Path, ev.Query = splitPath(target)
	return false
}

// fillURL sets scheme, host, path and query from scheme://host:port/path?query. User information in it is dropped.
func fillURL(u string, ev *event.Event) {
	i := strings.Index(u, "://")
	if i < 0 {
		ev.Path, ev.Query = splitPath(u)
		return
	}
	if ev.Scheme == "" {
		ev.Scheme = strings.ToLower(u[:i])
	}
	rest := u[i+3:]
	path := "/"
	if j := strings.IndexAny(rest, "/?#"); j >= 0 {
		rest, path = rest[:j], rest[j:]
		if path[0] != '/' {
			path = "/" + path
		}
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	setHost(ev, rest)
	ev.Path, ev.Query = splitPath(path)
}

func splitPath(target string) (path, query string) {
	if i := strings.IndexByte(target, '?'); i >= 0 {
		return target[:i], target[i+1:]
	}
	return target, ""
}

// setHost sets the host unless the log has said it already.
func setHost(ev *event.Event, h string) {
	if ev.Host == "" {
		ev.Host = hostOnly(h)
	}
}

// protocolName writes a protocol as request lines do: "2", "h2" and "HTTP/2" become "HTTP/2.0".
func protocolName(v string) string {
	switch v {
	case "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/3.0", "HTTP/0.9":
		return v
	case "2", "2.0", "h2", "H2", "h2c", "HTTP/2", "http/2", "http/2.0", "HTTP2":
		return "HTTP/2.0"
	case "3", "3.0", "h3", "H3", "HTTP/3", "http/3", "http/3.0", "QUIC":
		return "HTTP/3.0"
	case "1.1", "http/1.1", "HTTP/11":
		return "HTTP/1.1"
	case "1.0", "http/1.0", "1", "HTTP/1":
		return "HTTP/1.0"
	}
	if short, ok := strings.CutSuffix(v, ".0.0"); ok { // Azure Front Door: 2.0.0.0
		return protocolName(short)
	}
	return v
}

// tlsName writes a TLS version as OpenSSL does: "TLSv1.2". Traefik and Azure leave the letters out; Go numbers versions.
func tlsName(v string) string {
	switch v {
	case "TLSv1.3", "1.3", "TLS 1.3", "tls1.3", "TLS1.3", "TLSv1_3", "772":
		return "TLSv1.3"
	case "TLSv1.2", "1.2", "TLS 1.2", "tls1.2", "TLS1.2", "TLSv1_2", "771":
		return "TLSv1.2"
	case "TLSv1.1", "1.1", "TLS 1.1", "tls1.1", "TLS1.1", "TLSv1_1", "770":
		return "TLSv1.1"
	case "TLSv1", "TLSv1.0", "1.0", "TLS 1.0", "tls1.0", "TLS1.0", "TLSv1_0", "769":
		return "TLSv1"
	case "none", "0", "off", "Off":
		return ""
	}
	return v
}
