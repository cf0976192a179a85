package main

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestDecisionsCommands(t *testing.T) {
	const one = `{"id":7,"type":"ban","scope":"Ip","value":"203.0.113.9","scenario":"a \u001b[2Jscan","until":"2026-03-01T16:00:00Z","author":"ann","refused":3}`
	server := &answers{byRequest: map[string]string{
		"GET /v1/decisions": `[` + one + `]`, "POST /v1/decisions": one, "DELETE /v1/decisions/7": one,
	}}
	s := httptest.NewServer(server)
	defer s.Close()
	t.Setenv("GATEWATCH_SERVER", s.URL)
	t.Setenv("GATEWATCH_KEY", "gw_secret")
	for _, c := range []struct {
		args                  []string
		code                  int
		asked, stdout, stderr string
	}{
		{[]string{"add", "203.0.113.9", "--duration", "1h", "--reason", "scan"}, 0, `POST /v1/decisions Bearer gw_secret {"value":"203.0.113.9","duration":"1h0m0s","reason":"scan"}`, "7\n", "ban 203.0.113.9 until 2026-03-01T16:00:00Z"},
		{[]string{"add", "--user", "alice"}, 0, `"scope":"user","value":"alice"`, "7\n", ""},
		{[]string{"list", "--ip", "203.0.113.9", "--simulated"}, 0, "GET /v1/decisions?ip=203.0.113.9&simulated=true", "7   ban   Ip     203.0.113.9", ""},
		{[]string{"list", "--json"}, 0, "GET /v1/decisions", `"value":"203.0.113.9"`, ""},
		{[]string{"delete", "7", "--reason", "ours"}, 0, "DELETE /v1/decisions/7?reason=ours", "", "is over"},
		{[]string{"delete", "8"}, 1, "DELETE /v1/decisions/8", "", "404"},
		{[]string{"delete", "x"}, 1, "", "", "number"},
	} {
		server.asked = nil
		code, stdout, stderr := runWith(t, append([]string{"decisions"}, c.args...)...)
		if code != c.code || !strings.Contains(strings.Join(server.asked, "\n"), c.asked) || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%q: %d, asked %q\n%s\n%s", c.args, code, server.asked, stdout, stderr)
		}
		if strings.Contains(stdout, "\x1b") && !strings.Contains(strings.Join(c.args, " "), "json") {
			t.Errorf("%q lets control characters through", c.args)
		}
	}
}
