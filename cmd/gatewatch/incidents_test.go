package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// answers is a server that knows one answer a method and path, and what it was asked.
type answers struct {
	byRequest map[string]string
	asked     []string
}

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body bytes.Buffer
	_, _ = body.ReadFrom(r.Body) // a test's body
	a.asked = append(a.asked, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Authorization")+" "+body.String())
	text, ok := a.byRequest[r.Method+" "+r.URL.Path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		text = `{"status":404,"title":"Not Found","detail":"no such incident"}`
	}
	_, _ = w.Write([]byte(text))
}

func runWith(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(context.Background(), args, streams{strings.NewReader(""), &out, &err})
	return code, out.String(), err.String()
}

const oneIncident = `{"id":"inc_1","title":"Scan from \u001b[2J203.0.113.9","severity":"high","status":"open","score":61,` +
	`"entity":{"type":"client_ip","value":"203.0.113.9"},"kind":"web_attack","detector":"scan","event_count":12,"observed":40,` +
	`"expected":20,"unit":"paths","explanation":"It scanned.","score_parts":[{"name":"severity","points":50,"reason":"high"}],` +
	`"findings":[{"title":"Scan","explanation":"It scanned.","severity":"high","kind":"web_attack"}],"evidence":[{"path":"/a"}]}`

func TestIncidentsCommands(t *testing.T) {
	server := &answers{byRequest: map[string]string{
		"GET /v1/incidents":         `{"incidents":[` + oneIncident + `],"total":1}`,
		"GET /v1/incidents/inc_1":   oneIncident,
		"PATCH /v1/incidents/inc_1": oneIncident,
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
		{
			[]string{"incidents", "list", "--severity", "high", "--since", "24h", "--limit", "5"},
			0,
			"GET /v1/incidents?limit=5&severity=high&since=24h&sort=-last_seen Bearer gw_secret", "inc_1", "",
		},
		{[]string{"incidents", "list", "--json"}, 0, "GET /v1/incidents", `"score":61`, ""},
		{[]string{"incidents", "show", "inc_1"}, 0, "GET /v1/incidents/inc_1", "+50 severity: high", ""},
		{[]string{"incidents", "show", "inc_2"}, 1, "GET /v1/incidents/inc_2", "", "404: no such incident"},
		{[]string{"incidents", "ack", "inc_1", "--reason", "mine"}, 0, `{"status":"acknowledged","reason":"mine"}`, "", "inc_1 is open"},
		{[]string{"incidents", "resolve", "--false-positive", "inc_1"}, 0, `{"status":"false_positive"}`, "", "inc_1 is open"},
		{[]string{"incidents", "list", "--limit=-1"}, 1, "", "", "--limit: -1"},
	} {
		server.asked = nil
		code, stdout, stderr := runWith(t, c.args...)
		asked := strings.Join(server.asked, "\n")
		if code != c.code || !strings.Contains(asked, c.asked) || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%v: %d\nasked %s\nstdout %s\nstderr %s", c.args, code, asked, stdout, stderr)
		}
		if strings.Contains(stdout, "\x1b") || strings.Contains(stderr, "gw_secret") {
			t.Errorf("%v: what a client sent moves the cursor, or the key is shown:\n%s%s", c.args, stdout, stderr)
		}
	}
	t.Setenv("GATEWATCH_KEY", "")
	if code, _, stderr := runWith(t, "incidents", "list"); code != 1 || !strings.Contains(stderr, "a key is needed") {
		t.Errorf("without a key: %d %s", code, stderr)
	}
}
