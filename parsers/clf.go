package parsers

import (
	"strings"
)

// clfLike reads what descends from the Common Log Format without being one of its named forms: anything before the
// client's address, anything between it and the [time], a quoted request, a status, a size, and further columns.
func clfLike() Format {
	return scanFormat(Format{
		Name: "clf_like", Title: "Common Log Format with unknown additions", Family: familyCLF, general: true,
		Definition: apacheDocs + " (the common part; of the additions the quoted ones are referer, agent and X-Forwarded-For, name=value are known names)",
		Samples: []string{
			`web-3 203.0.113.9 - anna sess-81 [10/Mar/2025:13:55:36 +0000] "GET /a?b=c HTTP/1.1" 200 512 "-" "curl/8.5.0" cache=HIT request_time=0.034`,
			`203.0.113.9 - - [10/Mar/2025:13:55:37 +0000] "GET /a HTTP/1.1" 200 512 17 "-" "curl/8.5.0" "198.51.100.7" "Shop.example.com:8080" upstream_addr=10.0.0.5:8080`,
		},
	}, scanParser{scan: scanCLFLike, escapes: true},
		slotTime, slotClient, slotHost, slotUser, slotRequest, slotStatus, slotBytesOut, slotReferer, slotAgent, slotForward, slotDuration, slotUpTime, slotUpstream)
}

func scanCLFLike(line string, r *record) error {
	open, end := clfTime(line)
	if open < 0 {
		return bad("want [10/Oct/2000:13:55:36 -0700]")
	}
	r.put(slotTime, unitCLF, 1, line[open+1:end])
	if err := r.putCLFHead(line[:open]); err != nil {
		return err
	}
	t := tokens{s: line, at: end + 1}
	request, ok := t.next()
	for n := 0; ok && line[t.at-1] != '"'; n++ {
		if n == 4 {
			return &fieldError{what: "want a quoted request near the time", at: end}
		}
		request, ok = t.next()
	}
	if !ok {
		return &fieldError{what: "want a quoted request near the time", at: end}
	}
	r.put(slotRequest, unitNone, 1, request)
	status, _ := t.next()
	if len(status) != 3 || !isDigit(status[0]) {
		return &fieldError{what: "want a status after the request", at: t.at}
	}
	r.put(slotStatus, unitNone, 1, status)
	before := t.at
	if size, ok := t.next(); ok && size != "" && t.s[t.at-1] != '"' && (size == "-" || isDigit(size[0])) {
		r.put(slotBytesOut, unitNone, 1, size)
	} else {
		t.at = before
	}
	r.putCLFTail(&t)
	return nil
}

// clfTime finds the bracketed time of the Common Log Format.
func clfTime(line string) (open, end int) {
	for at := 0; ; {
		i := strings.IndexByte(line[at:], '[')
		if i < 0 {
			return -1, -1
		}
		at += i
		if len(line) > at+27 && line[at+3] == '/' && line[at+7] == '/' && (line[at+12] == ':' || line[at+12] == ' ') {
			if n := strings.IndexByte(line[at+21:min(len(line), at+36)], ']'); n >= 0 { // with a fraction or without a zone
				return at, at + 21 + n
			}
		}
		at++
	}
}

// putCLFHead reads what stands before the time: up to two words, the client's address, the identity, the user.
func (r *record) putCLFHead(head string) error {
	t := tokens{s: head}
	var before [3]string
	client := ""
	chain := -1 // where a list of addresses begins, as X-Forwarded-For in the client's place
	for i := range before {
		v, _ := t.next()
		for last, ok := strings.CutSuffix(v, ","); ok; last, ok = strings.CutSuffix(v, ",") {
			if _, ok := parseIP(last); !ok {
				break
			}
			if chain < 0 {
				chain = t.at - len(v)
			}
			v, _ = t.next()
		}
		if chain >= 0 {
			client = head[chain:t.at]
			break
		}
		if _, ok := parseIP(v); ok {
			client = v
			break
		}
		if j := strings.LastIndexByte(v, ':'); j > 0 { // Python's logging: INFO:werkzeug:203.0.113.9
			if _, ok := parseIP(v[j+1:]); ok && len(v)-j > 7 {
				client = v[j+1:]
				break
			}
		}
		before[i] = v
	}
	if client == "" {
		return bad("want a client's address before the time")
	}
	r.put(slotClient, unitNone, 1, client)
	for _, word := range before {
		if strings.IndexByte(word, '.') > 0 {
			r.put(slotHost, unitNone, 1, word)
		}
	}
	t.next() // the identity, which nobody uses
	if user, ok := t.next(); ok {
		r.put(slotUser, unitBasic, 1, user)
	}
	return nil
}

// putCLFTail reads the columns after the size: of those in quotes the first two are referer and agent, and further ones
// that are addresses the chain of proxies; name=value pairs are looked up among the known names.
func (r *record) putCLFTail(t *tokens) {
	quoted := 0
	for range 64 {
		v, ok := t.next()
		if !ok {
			return
		}
		if t.s[t.at-1] == '"' && t.at >= len(v)+2 && t.s[t.at-len(v)-2] == '"' {
			quoted++
			switch quoted {
			case 1:
				r.put(slotReferer, unitNone, 1, v)
			case 2:
				r.put(slotAgent, unitNone, 1, v)
			default:
				if a, ok := clientOf(v); ok && a.IsValid() {
					r.put(slotForward, unitNone, 1, v)
				} else if looksLikeHost(v) {
					r.put(slotHost, unitNone, 0, v)
				}
			}
			continue
		}
		name, value, ok := strings.Cut(v, "=")
		if !ok {
			continue
		}
		if c, ok := tailNames[name]; ok {
			r.put(c.slot, c.unit, c.rank, strings.Trim(value, `"`))
		}
	}
}

// looksLikeHost accepts names of letters, digits, dashes and at least one dot, with or without port.
func looksLikeHost(v string) bool {
	name := v
	if i := strings.LastIndexByte(v, ':'); i > 0 {
		name = v[:i]
	}
	letters := false
	for i := 0; i < len(name); i++ {
		c := name[i] | 0x20
		letters = letters || c >= 'a' && c <= 'z'
		if (c < 'a' || c > 'z') && !isDigit(name[i]) && name[i] != '-' && name[i] != '.' {
			return false
		}
	}
	return letters && len(name) < 254 && strings.IndexByte(name, '.') > 0
}

// tailNames are the names of additions that are understood.
var tailNames = map[string]column{
	"rt": {slotDuration, unitSec, 1}, "request_time": {slotDuration, unitSec, 1}, "urt": {slotUpTime, unitSec, 1},
	"upstream_response_time": {slotUpTime, unitSec, 1}, "upstream_addr": {slotUpstream, 0, 1}, "ua": {slotUpstream, 0, 0},
	"host": {slotHost, 0, 2}, "request_id": {slotRequestID, 0, 1}, "req_id": {slotRequestID, 0, 1}, "rid": {slotRequestID, 0, 0},
	"duration_ms": {slotDuration, unitMilli, 1}, "bytes_in": {slotBytesIn, 0, 1}, "request_length": {slotBytesIn, 0, 1},
	"xff": {slotForward, 0, 1}, "ssl_protocol": {slotTLS, 0, 1},
}
