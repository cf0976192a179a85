package parsers

import "strings"

// loginFailures reads the complaints of web applications about logins that failed. They are answers to HTTP requests that
// the access log often shows as 200, and the only place that tells that the password was wrong.
func loginFailures() Format {
	return scanFormat(Format{
		Name: "login_failures", Title: "Failed logins in applications' logs (Gitea, Authelia, Vaultwarden, Home Assistant, Jellyfin, Keycloak, Odoo)",
		Family: "text", last: true,
		Definition: "the applications' own messages: docs.gitea.com/administration/fail2ban-setup, authelia.com/integration/prologue, github.com/dani-garcia/vaultwarden/wiki (Fail2Ban Setup), home-assistant.io/integrations/fail2ban, jellyfin.org/docs (fail2ban), keycloak.org/docs (login events)",
		Samples: []string{
			`2025/03/10 13:55:36 ...ers/web/auth/auth.go:203:SignInPost() [I] Failed authentication attempt for anna from 203.0.113.9:0: user does not exist`,
			`[2025-03-10 13:55:37.131][vaultwarden::api::identity][ERROR] Username or password is incorrect. Try again. IP: 203.0.113.9. Username: anna@example.com.`,
			`2025-03-10 13:55:38 WARNING (MainThread) [homeassistant.components.http.ban] Login attempt or request with invalid authentication from localhost (203.0.113.9). Requested URL: '/auth/login_flow'. (Mozilla/5.0)`,
			`[2025-03-10 13:55:39.101 +02:00] [INF] [84] Jellyfin.Server.Implementations.Users.UserManager: Authentication request for "anna" has been denied (IP: "2001:db8::7").`,
			`2025-03-10 13:55:40,370 WARN  [org.keycloak.events] (executor-thread-0) type="LOGIN_ERROR", realmId="shop", clientId="web", userId="null", ipAddress="203.0.113.9", error="user_not_found", username="anna"`,
			`2025-03-10 13:55:41,123 31 INFO shop odoo.addons.base.models.res_users: Login failed for db:shop login:anna from 203.0.113.9`,
		},
	}, scanParser{scan: scanLoginFailure}, slotTime, slotClient, slotUser, slotStatus)
}

// loginPhrases are what applications say, and what stands around the user, when they say who it was.
var loginPhrases = []struct{ says, before, after string }{
	{"Failed authentication attempt for ", "attempt for ", " from "},
	{"authentication attempt by user '", "by user '", "'"},
	{"Username or password is incorrect", "Username: ", ""},
	{"Login attempt or request with invalid authentication", "", ""},
	{"Authentication request for ", `request for "`, `" has been denied`},
	{"LOGIN_ERROR", "username=", ""},
	{"Login failed for ", "login:", " from "},
	{"Login failed: ", "Login failed: ", " (Remote IP"},
	{"Invalid username or password", "", ""},
}

// loginFailure tells whether a message says that a login failed, and whose, where it says so.
func loginFailure(message string) (user string, failed bool) {
	for _, p := range loginPhrases {
		if !strings.Contains(message, p.says) || p.says == "Authentication request for " && !strings.Contains(message, p.after) {
			continue
		}
		if p.before == "" {
			return "", true
		}
		_, rest, ok := strings.Cut(message, p.before)
		if !ok {
			return "", true
		}
		if p.after != "" {
			rest, _, _ = strings.Cut(rest, p.after)
		}
		return strings.Trim(strings.TrimSuffix(strings.TrimSpace(rest), "."), `"'`), true
	}
	return "", false
}

func scanLoginFailure(line string, r *record) error {
	user, failed := loginFailure(line)
	if !failed {
		return bad("want a message that a login failed")
	}
	head := line[:min(len(line), 64)]
	if !r.putTextTime(head, requestText{start: len(head), end: len(head)}) && r.clock.outer.text() == "" {
		return bad("want a time")
	}
	if !r.putTextClient(line) {
		return &fieldError{what: "want a client's address", at: len(head)}
	}
	r.put(slotUser, unitNone, 1, user)
	r.put(slotStatus, unitNone, 1, "401")
	return nil
}

// putLoginFailure reads the message of a line of JSON or logfmt that has a client, and forgets it when it tells of no login.
func (r *record) putLoginFailure() {
	message, ok := r.get(slotMessage)
	if !ok {
		return
	}
	user, failed := loginFailure(message)
	const client = 1<<slotClient | 1<<slotPeer
	if !failed || r.has&client == 0 {
		r.has &^= 1 << slotMessage
		return
	}
	r.put(slotUser, unitNone, 9, user)
	r.put(slotStatus, unitNone, 0, "401")
}
