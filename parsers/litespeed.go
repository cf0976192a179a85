package parsers

import (
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// litespeedError reads LiteSpeed's error log.
func litespeedError() Format {
	return scanFormat(Format{
		Name: "litespeed_error", Title: "LiteSpeed error log", Family: familyCLF,
		Definition: "docs.litespeedtech.com/lsws/logs (error.log)",
		Samples: []string{
			`2025-03-10 13:55:36.774649 [NOTICE] [1226033] [203.0.113.9:45164:HTTP2-41#_AdminVHost] [STDERR] [WebAdmin Console] Failed Login Attempt - username:root ip:203.0.113.9 url:`,
			`2025-03-10 13:55:37.353044 [INFO] [1226038] [198.51.100.4:61120-5#Example] User 'anna' failed to authenticate.`,
			`2025-03-10 13:55:37.774000 [ERROR] [203.0.113.9:45164-5#Example] mod_security: Access denied with code 403, [Rule: 'TX:ANOMALY_SCORE' '@ge 5'] [id "949110"] [severity "CRITICAL"]`,
			`2025-03-10 13:55:38.353044 [NOTICE] [1226038] [AutoRestarter] new child process with pid=1226040 is forked!`,
		},
	}, scanParser{scan: scanLitespeedError}, slotTime, slotClient, slotUser, slotStatus, slotAction)
}

func scanLitespeedError(line string, r *record) error {
	end := strings.Index(line, " [")
	if end < 19 || end > 30 || line[4] != '-' {
		return bad("want a time and a [LEVEL]")
	}
	r.put(slotTime, unitNone, 1, line[:end])
	t := tokens{s: line, at: end}
	level, _ := t.next()
	if level == "" || level != strings.ToUpper(level) {
		return &fieldError{what: "want a [LEVEL]", at: end}
	}
	for range 3 {
		v, ok := t.next()
		if !ok {
			break
		}
		if addr, ok := litespeedAddress(v); ok {
			r.put(slotClient, unitNone, 1, addr)
			r.put(slotStatus, unitNone, 1, statusOf(line[t.at:], litespeedStatus))
			if !r.putFirewall(line[t.at:]) {
				r.put(slotAction, unitNone, 1, actionOf(line[t.at:], litespeedActions))
			}
			if _, rest, ok := strings.Cut(line[t.at:], "Failed Login Attempt - username:"); ok {
				user, _, _ := strings.Cut(rest, " ip:")
				r.put(slotUser, unitNone, 1, user)
			}
			if rest, ok := strings.CutPrefix(strings.TrimLeft(line[t.at:], " "), "User '"); ok {
				user, _, _ := strings.Cut(rest, "'")
				r.put(slotUser, unitBasic, 1, user)
			}
			return nil
		}
	}
	return ErrNoRequest
}

// litespeedAddress reads the client of a connection's label: 203.0.113.9:45164:HTTP2-41#vhost, [2001:db8::1]:443-2.
func litespeedAddress(v string) (string, bool) {
	addr := v
	if i := strings.IndexByte(v, ':'); i > 0 && v[0] != '[' {
		addr = v[:i]
	} else if i := strings.IndexByte(v, ']'); i > 0 && v[0] == '[' {
		addr = v[:i+1]
	}
	if _, ok := parseIP(addr); ok {
		return addr, true
	}
	// IPv6 without brackets: the address ends before its port.
	for i := len(v); i > 0; i = strings.LastIndexByte(v[:i], ':') {
		if a, ok := parseIP(v[:i]); ok && a.Is6() {
			return v[:i], true
		}
	}
	return "", false
}

// litespeedStatus are the messages that tell what the client got.
var litespeedStatus = []messageStatus{
	{"failed to authenticate", "401"}, {"Failed Login Attempt", "401"}, {"File not found [", "404"},
}

// litespeedActions are those that tell what the server did: its firewall, and its guard against bots and too many
// connections, which closes the connection.
var litespeedActions = []messageAction{
	{"mod_security rule [", event.ActionWAFAlert},
	{"reason: Over conn", event.ActionRateLimit},
	{"Reached per client connection", event.ActionRateLimit},
	{"bot detected for vhost", event.ActionDeny},
}
