package parsers

import "strings"

// cpanel is cPanel's login_log: sign-ins to the panel, webmail and WHM.
func cpanel() Format {
	return scanFormat(Format{
		Name: "cpanel", Title: "cPanel login_log", Family: "cpanel",
		Definition: "docs.cpanel.net/knowledge-base/cpanel-product/the-cpanel-log-files (/usr/local/cpanel/logs/login_log)",
		Samples: []string{
			`[2025-03-10 13:55:36 +0100] info [cpaneld] 203.0.113.9 - anna "POST /login/?login_only=1 HTTP/1.1" FAILED LOGIN cpaneld: user password incorrect`,
			`[2025-03-10 13:55:37 +0100] info [whostmgrd] 2001:db8::7 - root "GET / HTTP/1.1" SUCCESS LOGIN whostmgrd`,
			`[2025-03-10 13:55:38 +0100] info [cpaneld] license check passed`,
		},
	}, scanParser{scan: scanCPanel, escapes: true}, slotTime, slotService, slotClient, slotUser, slotRequest, slotStatus)
}

// scanCPanel reads: [time] level [service] client - user "request" outcome. A failed sign-in is answered with 401.
func scanCPanel(line string, r *record) error {
	if len(line) < 30 || line[0] != '[' || line[5] != '-' || line[26] != ']' {
		return bad("want [2006-01-02 15:04:05 -0700]")
	}
	r.put(slotTime, unitNone, 1, line[1:26])
	t := tokens{s: line, at: 27}
	var v [4]string
	if t.fill(v[:]) < 4 || (v[0] != "info" && v[0] != "warn") {
		return &fieldError{what: "want a level, a [service] and a client", at: 27}
	}
	if _, ok := parseIP(v[2]); !ok || v[3] != "-" {
		return ErrNoRequest
	}
	r.put(slotService, unitNone, 1, v[1])
	r.put(slotClient, unitNone, 1, v[2])
	user, rest, ok := strings.Cut(line[t.at:], ` "`)
	request, outcome, okRequest := strings.Cut(rest, `" `)
	if !ok || !okRequest {
		return &fieldError{what: "want a user and a quoted request", at: t.at}
	}
	r.put(slotUser, unitNone, 1, strings.TrimSpace(user))
	r.put(slotRequest, unitNone, 1, request)
	if strings.HasPrefix(outcome, "FAILED LOGIN") {
		r.put(slotStatus, unitNone, 1, "401")
	}
	return nil
}
