package parsers

import "strings"

// requestLines reads the access lines of servers and frameworks that have a form of their own: the time in some form, the
// client, the request in quotes or not, the status, a size, a duration, in some order. It reads what such a line says without
// knowing who wrote it.
func requestLines() Format {
	return scanFormat(Format{
		Name: "request_text", Title: "Other lines with a time, a request and a status (Django, Werkzeug, Uvicorn, uWSGI, PHP-FPM, chi, Rails, Gitea, Zoraxy, morgan)",
		Family: "text", last: true,
		Definition: "no definition: the first METHOD with a path or URL behind it, the times of the other formats, the status near the request",
		Samples: []string{
			`[10/Mar/2025 13:55:36] "GET /shop/?page=2 HTTP/1.1" 200 2048`,
			`2025-03-10 13:55:37,120 INFO uvicorn.access 203.0.113.9:50312 - "POST /orders HTTP/1.1" 201`,
			`[pid: 31|app: 0|req: 1/1] 203.0.113.9 () {44 vars in 614 bytes} [Mon Mar 10 13:55:38 2025] GET /items?id=7 => generated 512 bytes in 34 msecs (HTTP/1.1 200) 2 headers in 79 bytes (1 switches on core 0)`,
			`203.0.113.9 -  10/Mar/2025:13:55:39 +0000 "GET /index.php" 200 /var/www/index.php 3.456 2048 12.34%`,
			`2025/03/10 13:55:40 [web-1/abc-000001] "GET http://api.example.com/v1/items HTTP/1.1" from 203.0.113.9:50312 - 200 512B in 1.5ms`,
			`I, [2025-03-10T13:55:41.123456 #812]  INFO -- : Started GET "/cart?item=7" for 2001:db8::7 at 2025-03-10 13:55:41 +0000`,
			`2025/03/10 13:55:42 router: completed GET /anna/repo for 203.0.113.9:0, 200 OK in 1.5ms @ web/home.go:1`,
			`[10/Mar/2025:13:55:43 +0000] 203.0.113.9 TLSv1.3 TLS_AES_256_GCM_SHA384 "GET / HTTP/1.1" 196`,
			`[2025-03-10 13:55:44.120000] [uuid:8a1b] [router:host-http] [origin:shop.example.com] [client: 203.0.113.9] [useragent: Mozilla/5.0 (X11)] GET /cart 200`,
		},
	}, scanParser{scan: scanRequestText, escapes: true},
		slotTime, slotClient, slotMethod, slotURL, slotProtocol, slotStatus, slotBytesOut, slotDuration, slotReferer, slotAgent, slotForward,
		slotHost, slotTLS, slotUpTime, slotUpstream)
}

// scanRequestText reads a line that has a time, a request (METHOD target, as it stands or in quotes) and a status near it; a
// quoted request and a client do without the status.
func scanRequestText(line string, r *record) error {
	q, ok := findRequest(line)
	if !ok {
		return bad("want a time, a client's address, a request and a status")
	}
	if !r.putTextTime(line, q) && r.clock.outer.text() == "" {
		return &fieldError{what: "want a time before or after the request", at: q.start}
	}
	r.put(slotMethod, unitNone, 1, q.method)
	if strings.HasPrefix(line[q.end:], " from ") { // chi writes the whole URL of each request
		r.put(slotURL, unitNone, 1, q.target)
	} else {
		r.put(slotTarget, unitNone, 1, q.target)
	}
	r.put(slotProtocol, unitNone, 1, q.protocol)
	for _, l := range textLabels {
		if _, rest, ok := strings.Cut(line, l.label); ok {
			v, _, _ := strings.Cut(rest, "]")
			r.put(l.slot, unitNone, 1, v)
		}
	}
	client := r.putTextClient(line[:q.start]) || r.putTextClient(line[q.end:])
	if !r.putTextAnswer(line, q) && (!client || !q.quoted) {
		return &fieldError{what: "want a status near the request", at: q.end}
	}
	return nil
}

// textLabels are labelled columns, as Zoraxy writes them.
var textLabels = []struct {
	label string
	slot  slot
}{{"[useragent: ", slotAgent}, {"[origin:", slotHost}}

// requestText is where a line's request stands, and its parts.
type requestText struct {
	start, end               int // of METHOD to the end of the request and its quote
	method, target, protocol string
	quoted                   bool
}

// findRequest finds the first METHOD that is followed by a path, an absolute URL, or for CONNECT an authority.
func findRequest(line string) (requestText, bool) {
	for i := 0; i < len(line); i++ {
		if c := line[i]; c < 'A' || c > 'Z' || i > 0 && isWordByte(line[i-1]) && !afterColour(line, i) {
			continue
		}
		end := i
		for end < len(line) && line[end] >= 'A' && line[end] <= 'Z' {
			end++
		}
		if end+1 < len(line) && line[end] == ' ' && knownMethod(line[i:end]) {
			if q, ok := cutRequest(line, i, end); ok {
				return q, true
			}
		}
		i = end
	}
	return requestText{}, false
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) || c == '_' || c == '/' || c == '='
}

// afterColour reports whether a terminal's colour code ends at i: ESC [ 3 3 m.
func afterColour(line string, i int) bool {
	return i > 2 && line[i-1] == 'm' && strings.LastIndexByte(line[max(0, i-8):i], 0x1b) >= 0
}

// cutRequest reads what follows a METHOD that stands from i to end.
func cutRequest(line string, i, end int) (requestText, bool) {
	q := requestText{start: i, method: line[i:end]}
	rest := strings.TrimLeft(line[end:], " ")
	at := len(line) - len(rest)
	switch {
	case rest == "":
		return q, false
	case rest[0] == '"': // METHOD "target"
		t := tokens{s: line, at: at}
		target, _ := t.next()
		q.target, q.end, q.quoted = target, t.at, true
	case i > 0 && line[i-1] == '"' || afterColour(line, i):
		stop := -1
		for n := range len(rest) {
			if rest[n] == '"' && !escapedAt(rest, n) {
				stop = n
				break
			}
		}
		if stop < 0 {
			return q, false
		}
		q.target, q.end, q.quoted = rest[:stop], at+stop+1, true
		if esc := strings.IndexByte(q.target, 0x1b); esc >= 0 {
			q.target = q.target[:esc]
		}
		if n := strings.LastIndexByte(q.target, ' '); n > 0 && isProtocol(q.target[n+1:]) {
			q.target, q.protocol = q.target[:n], q.target[n+1:]
		}
	default:
		var after string
		q.target, after, _ = strings.Cut(rest, " ")
		q.end = at + len(q.target)
		q.target = strings.TrimSuffix(q.target, ",")
		if word, _, _ := strings.Cut(after, " "); isProtocol(word) {
			q.protocol = word
			q.end += 1 + len(word)
		}
	}
	t := q.target
	fits := t != "" && (t[0] == '/' || q.quoted && strings.Contains(t, "://") || q.method == "CONNECT" && strings.IndexByte(t, ':') > 0 || t == "*")
	return q, fits
}

// putTextTime looks for a time before the request, then after it.
func (r *record) putTextTime(line string, q requestText) bool {
	for _, part := range []string{line[:q.start], line[q.end:]} {
		for i := range len(part) {
			if i > 0 && (isDigit(part[i-1]) || part[i-1] == '.') {
				continue
			}
			if n, u := timeAt(part[i:]); n > 0 {
				r.put(slotTime, u, 1, part[i:i+n])
				return true
			}
		}
	}
	return false
}

// timeAt returns the length and the writing of the time at the start of s; 0 when there is none.
func timeAt(s string) (int, unit) {
	if len(s) < 14 {
		return 0, unitNone
	}
	switch {
	case len(s) >= 20 && s[2] == '/' && s[6] == '/' && (s[11] == ':' || s[11] == ' ') && isDigit(s[0]) && s[14] == ':':
		return 20 + zoneLength(s[20:]), unitCLF
	case len(s) >= 19 && (s[4] == '-' || s[4] == '/') && s[7] == s[4] && (s[10] == 'T' || s[10] == ' ') && s[13] == ':' && s[16] == ':' && isDigit(s[0]):
		return 19 + zoneLength(s[19:]), unitNone
	case len(s) >= 24 && s[3] == ' ' && s[7] == ' ' && s[13] == ':' && monthOf(s[4:7]) != 0 && s[19] == ' ' && isDigit(s[20]):
		return 24, unitApache
	case len(s) >= 29 && s[3] == ',' && s[4] == ' ' && monthOf(s[8:11]) != 0 && s[26:29] == "GMT":
		return 29, unitNone
	case isDigit(s[0]) && s[10] == '.' && strings.Trim(s[:10], "0123456789") == "" && isDigit(s[13]):
		return 14, unitSec
	}
	return 0, unitNone
}

// zoneLength returns the length of the fraction of a second and the zone that follow a time.
func zoneLength(s string) int {
	n := 0
	if n < len(s) && (s[n] == '.' || s[n] == ',') {
		n++
		for n < len(s) && isDigit(s[n]) {
			n++
		}
	}
	z := n
	if z < len(s) && s[z] == ' ' {
		z++
	}
	for _, l := range []int{6, 5, 3, 1} {
		if z+l <= len(s) && (z+l == len(s) || !isWordByte(s[z+l]) && s[z+l] != ':') {
			if _, err := zoneOffset(s[z : z+l]); err == nil {
				return z + l
			}
		}
	}
	return n
}

// putTextClient takes the first address in s.
func (r *record) putTextClient(s string) bool {
	for word := range strings.FieldsSeq(s) {
		word = strings.TrimRight(strings.Trim(word, `(),;"'`), `.)"'`)
		if strings.IndexByte(word, '[') < 0 { // [client: 203.0.113.9]
			word = strings.TrimSuffix(word, "]")
		}
		if n := len(word); n > 1 && word[n-1] == ':' && isDigit(word[n-2]) {
			word = word[:n-1]
		}
		if i := strings.LastIndexByte(word, '='); i > 0 { // ip=203.0.113.9
			word = strings.Trim(word[i+1:], `"'`)
		} else if i := strings.LastIndexByte(word, ':'); i > 0 && i < len(word)-7 && strings.IndexByte(word, '.') > i { // INFO:werkzeug:203.0.113.9
			word = word[i+1:]
		}
		if _, ok := parseIP(word); ok && len(word) > 2 {
			r.put(slotClient, unitNone, 1, word)
			return true
		}
	}
	return false
}

// putTextAnswer takes the status, which stands within a few words behind the request or right before it, the size and the
// duration.
func (r *record) putTextAnswer(line string, q requestText) bool {
	tail := line[q.end:]
	if _, answer, ok := strings.Cut(tail, " (HTTP/"); ok { // uWSGI: => generated 5 bytes in 34 msecs (HTTP/1.1 200)
		if _, status, ok := strings.Cut(answer, " "); ok && len(status) > 3 && status[3] == ')' {
			r.put(slotStatus, unitNone, 1, status[:3])
		}
		if _, size, ok := strings.Cut(tail, "generated "); ok {
			size, _, _ = strings.Cut(size, " ")
			r.put(slotBytesOut, unitNone, 1, size)
		}
		r.putTextDuration(tail)
		return r.has&(1<<slotStatus) != 0
	}
	if r.putTextTLS(line[:q.start]) && strings.IndexByte(strings.TrimSpace(tail), ' ') < 0 {
		r.put(slotBytesOut, unitNone, 1, strings.TrimSpace(tail)) // Apache's ssl_request_log: the size alone
		return true
	}
	t := tokens{s: line, at: q.end}
	for range 5 {
		v, ok := t.next()
		if !ok {
			break
		}
		if v = strings.Trim(v, ",;()"); isStatus(v) && !startsDuration(line[t.at:]) {
			r.put(slotStatus, unitNone, 1, v)
			break
		}
	}
	if _, ok := r.get(slotStatus); !ok {
		before := strings.TrimRight(line[:q.start], ` "`)
		if n := len(before); n >= 3 && isStatus(before[n-3:]) && (n == 3 || before[n-4] == ' ') { // Tornado: 200 GET /x (203.0.113.9) 1.2ms
			r.put(slotStatus, unitNone, 1, before[n-3:])
		}
		r.putTextDuration(tail)
		_, ok := r.get(slotStatus)
		return ok
	}
	r.putTextDuration(line[t.at:])
	before := t.at
	size, _ := t.next()
	number := strings.TrimSuffix(size, "B")
	if line[t.at-1] != '"' && number != "" && (number == "-" || strings.Trim(number, "0123456789") == "" && !startsDuration(line[t.at:])) {
		r.put(slotBytesOut, unitNone, 1, number)
	} else {
		t.at = before
	}
	r.putCLFTail(&t)
	return true
}

// putTextTLS takes a TLS version that stands before the request.
func (r *record) putTextTLS(head string) bool {
	i := strings.Index(head, " TLSv1")
	if i < 0 {
		return false
	}
	version, _, _ := strings.Cut(head[i+1:], " ")
	r.put(slotTLS, unitNone, 1, version)
	return true
}

func isStatus(v string) bool {
	return len(v) == 3 && v[0] >= '1' && v[0] <= '5' && isDigit(v[1]) && isDigit(v[2])
}

// startsDuration reports whether s begins with the unit of a duration.
func startsDuration(s string) bool {
	word, _, _ := strings.Cut(strings.TrimLeft(s, " "), " ")
	_, ok := textUnits[word]
	return ok
}

// textUnits are units that stand apart from their number.
var textUnits = map[string]unit{
	"ms": unitMilli, "msecs": unitMilli, "msec": unitMilli, "milliseconds": unitMilli, "micros": unitMicro, "us": unitMicro, "µs": unitMicro,
	"seconds": unitSec, "secs": unitSec,
}

// putTextDuration takes the first number with a unit: 1.5ms, 3.2 ms, 34 msecs.
func (r *record) putTextDuration(s string) {
	last := ""
	for word := range strings.FieldsSeq(s) {
		word = strings.Trim(word, "(),;")
		if u, ok := textUnits[word]; ok && last != "" {
			if _, ok := parseMillis(last, u); ok {
				r.put(slotDuration, u, 1, last)
				return
			}
		}
		if n := len(word); n > 1 && isDigit(word[0]) && word[n-1] == 's' {
			if _, ok := parseMillis(word, unitGo); ok {
				r.put(slotDuration, unitGo, 1, word)
				return
			}
		}
		last = word
	}
}
