package app

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/incident/decision"
)

// post sends JSON and wants the status.
func post(t testing.TB, s *Server, key, method, path, body string, want int) string {
	t.Helper()
	req, err := http.NewRequest(method, s.URL+strings.TrimPrefix(path, "/"), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Api-Key", key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		t.Fatalf("%s %s: %d %s, want %d (%v)", method, path, resp.StatusCode, text, want, err)
	}
	return string(text)
}

// newKey makes a key with a role over REST.
func newKey(t testing.TB, s *Server, role string) string {
	t.Helper()
	text := post(t, s, s.AdminKey, "POST", "/v1/keys", fmt.Sprintf(`{"name":"the %s","role":%q}`, role, role), http.StatusCreated)
	_, rest, _ := strings.Cut(text, `"key":"`)
	secret, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("no key in %s", text)
	}
	return secret
}

// runTool starts a program until the test ends; its output is shown when the test fails.
func runTool(t testing.TB, name string, args ...string) *bytes.Buffer {
	t.Helper()
	out := new(bytes.Buffer)
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // it was killed
		if t.Failed() {
			t.Logf("%s said:\n%s", name, out)
		}
	})
	return out
}

// TestCrowdSecBouncerBansAndUnbans runs the real crowdsec-custom-bouncer: a brute force in a log becomes an incident, the
// incident a ban that the bouncer carries out; an operator's undo and the end of a decision's time lift bans.
func TestCrowdSecBouncerBansAndUnbans(t *testing.T) {
	bouncer, err := exec.LookPath("crowdsec-custom-bouncer")
	if err != nil {
		t.Skip("crowdsec-custom-bouncer is not installed (Debian package crowdsec-custom-bouncer)")
	}
	dir := t.TempDir()
	log := filepath.Join(dir, "access.log")
	if err := os.WriteFile(log, []byte(bruteForce("203.0.113.9", 40, time.Now())), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := startServer(t, Config{
		DataDir: filepath.Join(dir, "data"), Sources: []Source{{Files: []string{log}}},
		Responses: decision.Config{
			Mode: decision.ModeEnforce, Allow: []string{"198.51.100.0/24"},
			Policies: []decision.Policy{{Name: "all", MinSeverity: "low"}},
		},
	}, ServeOptions{})
	key := newKey(t, s, "bouncer")

	calls := filepath.Join(dir, "calls")
	script := filepath.Join(dir, "act.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho \"$1 $2 $3 $4\" >> "+calls+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "bouncer.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, `bin_path: %s
feed_via_stdin: false
total_retries: 0
piddir: %s/
update_frequency: 1s
cache_retention_duration: 1s
daemonize: false
log_mode: stdout
log_dir: %s/
log_level: debug
api_url: %s
api_key: %s
prometheus:
  enabled: false
  listen_addr: 127.0.0.1
  listen_port: 0
`, script, dir, dir, s.URL, key), 0o600); err != nil {
		t.Fatal(err)
	}
	runTool(t, bouncer, "-c", config)
	called := func(what string) func() bool {
		return func() bool {
			b, _ := os.ReadFile(calls) // it is not there before the first call
			return strings.Contains(string(b), what)
		}
	}
	waitFor(t, "the ban out of the incident", called("add 203.0.113.9 "))
	var list []decision.Decision
	get(t, s, s.AdminKey, "/v1/decisions?ip=203.0.113.9", &list)
	if len(list) != 1 || list[0].Incident == "" || list[0].Policy != "all" {
		t.Fatalf("%+v", list)
	}
	post(t, s, s.AdminKey, "DELETE", fmt.Sprintf("/v1/decisions/%d?reason=ours", list[0].ID), "", http.StatusOK)
	waitFor(t, "the undo", called("del 203.0.113.9 "))

	post(t, s, s.AdminKey, "POST", "/v1/decisions", `{"value":"192.0.2.77","duration":"4s","reason":"by hand"}`, http.StatusCreated)
	waitFor(t, "the ban by hand", called("add 192.0.2.77 "))
	waitFor(t, "its end", called("del 192.0.2.77 "))
	post(t, s, s.AdminKey, "POST", "/v1/decisions", `{"value":"198.51.100.3"}`, http.StatusConflict)
}
