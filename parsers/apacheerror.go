package parsers

import (
	"strings"
)

// apacheStatus are messages of Apache's (the numbers are those of docs/log-message-tags in its source).
var apacheStatus = []messageStatus{
	{"AH01617: ", "401"},
	{"AH01618: ", "401"},
	{"AH01790: ", "401"},
	{"AH01794: ", "401"},
	{"AH01695: ", "401"},
	{": authentication failure for ", "401"},
	{": authorization failure for ", "401"},
	{": password mismatch: ", "401"},
	{"AH01630: ", "403"},
	{"AH01797: ", "403"},
	{"client denied by server configuration", "403"},
	{"AH00035: ", "403"},
	{"AH00132: ", "403"},
	{"(13)Permission denied: access to ", "403"},
	{"AH01276: ", "403"},
	{"AH00128: ", "404"},
	{"AH02811: ", "404"},
	{"File does not exist: ", "404"},
	{"script not found or unable to stat: ", "404"},
	{"' not found or unable to stat", "404"},
	{"Invalid URI in request ", "400"},
	{"AH00550: ", "400"},
	{"AH00565: ", "414"},
	{"AH00566: ", "400"},
	{"AH01071: Got error 'Primary script unknown", "404"},
}

// apacheError reads Apache's error log, with what ModSecurity writes there.
func apacheError() Format {
	return scanFormat(Format{
		Name: "apache_error", Title: "Apache error log", Family: familyCLF,
		Definition: "httpd.apache.org/docs/2.4/mod/core.html#errorlogformat",
		Samples: []string{
			`[Mon Mar 10 13:55:36.120456 2025] [auth_basic:error] [pid 10:tid 140120579262208] [client 203.0.113.9:50229] AH01618: user anna not found: /private/`,
			`[Mon Mar 10 13:55:37 2025] [error] [client 198.51.100.4] File does not exist: /var/www/html/phpmyadmin, referer: http://www.example.com/`,
			`[Mon Mar 10 13:55:38.000001 2025] [security2:error] [pid 11] [client 2001:db8::7:40112] ModSecurity: Access denied with code 403 (phase 2). Matched "x" at ARGS. [id "930100"] [hostname "shop.example.com"] [uri "/etc/passwd"] [unique_id "Zx1"]`,
			`[Mon Mar 10 13:55:39.000001 2025] [mpm_event:notice] [pid 1:tid 1] AH00489: Apache/2.4.62 (Debian) configured -- resuming normal operations`,
		},
	}, scanParser{scan: scanApacheError, escapes: true},
		slotTime, slotClient, slotUser, slotRequest, slotPath, slotHost, slotReferer, slotRequestID, slotStatus, slotAction)
}

func scanApacheError(line string, r *record) error {
	if line[0] != '[' {
		return bad("want [time]")
	}
	end := strings.IndexByte(line, ']')
	if end > 0 && end < 40 && r.clock.outer.text() != "" && !isDigit(line[end-1]) && strings.IndexByte(line[:end], ' ') < 0 {
		return r.putApacheError(line, 0) // to syslog Apache writes no time
	}
	if end < 20 || !strings.HasPrefix(line[end:], "] [") || end > 48 {
		return bad("want [time] [module:level]")
	}
	if err := r.putApacheTime(line[1:end]); err != nil {
		return err
	}
	return r.putApacheError(line, end)
}

// putApacheError reads what follows the time, which ends at end.
func (r *record) putApacheError(line string, end int) error {
	at := strings.Index(line, "[client ")
	if at < 0 && !strings.HasPrefix(line[end:], "] [proxy") {
		at = strings.Index(line, "[remote ") // of a connection; a proxy module's is the server behind
	}
	if at < 0 {
		return ErrNoRequest
	}
	rest := line[at+len("[client "):]
	addr, message, ok := strings.Cut(rest, "]")
	if !ok {
		return ErrNoRequest
	}
	r.put(slotClient, unitNone, 1, apacheAddress(addr))
	message = strings.TrimPrefix(message, " ")
	r.putModSecurity(message)
	r.put(slotStatus, unitNone, 1, statusOf(message, apacheStatus))
	if _, ok := r.get(slotAction); !ok {
		r.put(slotAction, unitNone, 1, actionOf(line[end:], apacheActions))
	}
	if user, path, ok := apacheUser(message); ok {
		r.put(slotUser, unitBasic, 1, user)
		r.put(slotPath, unitNone, 0, path)
		r.put(slotStatus, unitNone, 0, "401")
	}
	if i := strings.LastIndex(message, ", referer: "); i >= 0 {
		r.put(slotReferer, unitNone, 1, message[i+len(", referer: "):])
		message = message[:i]
	}
	for _, before := range []string{"Invalid URI in request ", "Invalid method in request "} {
		if _, request, ok := strings.Cut(message, before); ok {
			r.put(slotRequest, unitNone, 1, request)
		}
	}
	return nil
}

// apacheAddress cuts the port off; of an IPv6 address too, which Apache writes without brackets.
func apacheAddress(addr string) string {
	if i := strings.LastIndexByte(addr, ':'); i > 0 {
		if _, ok := parseIP(addr[:i]); ok {
			return addr[:i]
		}
	}
	return addr
}

// apacheUser reads the complaints of mod_auth_basic, mod_auth_digest, mod_authnz_ldap and mod_authz_core, with their numbers or
// as Apache 2.2 writes them: user NAME not found: PATH; user `NAME' in realm `REALM' not found: PATH; user NAME: password
// mismatch: PATH; user NAME: authentication failure for "PATH": …; user NAME authentication failed; URI PATH […].
func apacheUser(message string) (user, path string, ok bool) {
	rest, ok := strings.CutPrefix(message, "user ")
	if !ok {
		i := strings.Index(message, ": user ")
		if i < 0 || i > len("AH01695: auth_ldap authenticate") {
			return "", "", false
		}
		rest = message[i+len(": user "):]
	}
	rest, _, _ = strings.Cut(rest, ", referer: ")
	for _, f := range apacheUserForms {
		if user, path, ok = strings.Cut(rest, f.between); ok {
			if f.after != "" {
				path, _, _ = strings.Cut(path, f.after)
			}
			if realm := strings.Index(user, "' in realm `"); realm > 0 && user[0] == '`' {
				user = user[1:realm]
			}
			return user, path, true
		}
	}
	return "", "", false
}

// apacheUserForms are what stands between the user and the path, and what ends the path.
var apacheUserForms = []struct{ between, after string }{
	{" not found: ", ""},
	{`: authentication failure for "`, `"`},
	{`: authorization failure for "`, `"`},
	{": password mismatch: ", ""},
	{" authentication failed; URI ", " ["},
}

// putModSecurity reads the labels that ModSecurity and Coraza put behind a message. The last of a name counts: the
// matched data before may imitate them.
func (r *record) putModSecurity(message string) {
	if !r.putFirewall(message) {
		return
	}
	r.put(slotHost, unitNone, 1, label(message, `[hostname "`))
	r.put(slotTarget, unitNone, 1, label(message, `[uri "`))
	r.put(slotRequestID, unitNone, 1, label(message, `[unique_id "`))
}

// label returns the value of the last [name "value"].
func label(s, open string) string {
	i := strings.LastIndex(s, open)
	if i < 0 {
		return ""
	}
	v, _, _ := strings.Cut(s[i+len(open):], `"`)
	return v
}

// putApacheTime reads "Mon Mar 10 13:55:36.120456 2025".
func (r *record) putApacheTime(v string) error {
	if len(v) >= 19 && v[4] == '-' && v[10] == ' ' { // ErrorLogFormat with %{cu}t
		r.put(slotTime, unitNone, 1, v)
		return nil
	}
	if len(v) < 24 || v[3] != ' ' || v[7] != ' ' || v[10] != ' ' || v[13] != ':' {
		return bad("want [time]")
	}
	year := strings.LastIndexByte(v, ' ')
	if year < 19 || monthOf(v[4:7]) == 0 {
		return bad("want [time]")
	}
	r.put(slotTime, unitApache, 1, v)
	return nil
}
