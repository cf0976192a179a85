package parsers

import (
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// lighttpdError reads what lighttpd's error log tells of clients: sign-ins that failed, and those that mod_evasive turned
// away.
func lighttpdError() Format {
	return scanFormat(Format{
		Name: "lighttpd_error", Title: "lighttpd error log", Family: familyCLF,
		Definition: "lighttpd source, log_error and mod_auth.c, mod_evasive.c; redmine.lighttpd.net/projects/lighttpd/wiki/Server_errorlogDetails",
		Samples: []string{
			`2025-03-10 13:55:36: (mod_auth.c.826) password doesn't match for /private/ username: anna IP: 203.0.113.9`,
			`2025-03-10 13:55:37: (mod_auth.c.1423) digest: auth failed for anna: wrong password, IP: 2001:db8::7`,
			`2025-03-10 13:55:38: (mod_evasive.c.143) 203.0.113.9 turned away. Too many connections.`,
		},
	}, scanParser{scan: scanLighttpdError}, slotTime, slotClient, slotUser, slotPath, slotStatus, slotAction)
}

func scanLighttpdError(line string, r *record) error {
	if len(line) < 24 || line[4] != '-' || line[19] != ':' || line[20] != ' ' || line[21] != '(' {
		return bad("want a time, a colon and (file.c.line)")
	}
	_, message, ok := strings.Cut(line[21:], ") ")
	if !ok {
		return &fieldError{what: "want (file.c.line)", at: 21}
	}
	r.put(slotTime, unitNone, 1, line[:19])
	if addr, _, ok := strings.Cut(message, " turned away. Too many connections"); ok {
		r.put(slotClient, unitNone, 1, addr)
		r.put(slotAction, unitNone, 1, event.ActionRateLimit)
		return nil
	}
	what, addr, ok := cutLast(message, "IP: ")
	if !ok {
		return ErrNoRequest
	}
	r.put(slotClient, unitNone, 1, addr)
	if rest, ok := strings.CutPrefix(what, "password doesn't match for "); ok {
		path, user, _ := cutLast(rest, " username: ")
		r.put(slotPath, unitNone, 1, path)
		r.put(slotUser, unitBasic, 1, strings.TrimSuffix(user, " "))
		r.put(slotStatus, unitNone, 1, "401")
	} else if _, rest, ok := strings.Cut(what, "auth failed for "); ok {
		user, _, _ := strings.Cut(rest, ":")
		r.put(slotUser, unitBasic, 1, strings.TrimSuffix(user, " "))
		r.put(slotStatus, unitNone, 1, "401")
	}
	return nil
}

// cutLast is strings.Cut at the last separator: what stands before may imitate it.
func cutLast(s, separator string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return s, "", false
}
