package main

import (
	"net"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatewatch/gatewatch/api"
)

func TestKeysCommands(t *testing.T) {
	const one = `{"id":"key_1","name":"x","role":"viewer","services":["blog","shop"],"prefix":"gw_1","created_at":"2026-03-01T12:00:00Z","key":"gw_1_secret"}`
	server := &answers{byRequest: map[string]string{
		"GET /v1/keys": `{"keys":[` + one + `,{"id":"key_2","name":"y","role":"admin","prefix":"gw_2"}]}`, "POST /v1/keys": one, "DELETE /v1/keys/key_1": one,
	}}
	dir := t.TempDir()
	s := httptest.NewUnstartedServer(server)
	var err error
	if s.Listener, err = net.Listen("unix", filepath.Join(dir, api.AdminSocket)); err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer s.Close()
	for _, c := range []struct {
		args                  []string
		code                  int
		asked, stdout, stderr string
	}{
		{[]string{"create", "--role", "viewer", "--name", "x"}, 0, `{"name":"x","role":"viewer"}`, "gw_1_secret\n", ""},
		{[]string{"create", "--role", "viewer", "--name", "x", "--service", "shop", "--service", "a,b", "--rate", "2.5"}, 0, `"services":["shop","a,b"],"rate_per_second":2.5`, "gw_1_secret\n", ""},
		{[]string{"create", "--role", "viewer", "--name", "x", "--service", ""}, 0, `"services":[""]`, "", ""}, // which a server refuses
		{[]string{"create", "--role", "root", "--name", "x"}, 2, "", "", "gatewatch keys create --help"},
		{[]string{"list"}, 0, "GET /v1/keys", "key_1  x     viewer  blog,shop", ""},
		{[]string{"list"}, 0, "GET /v1/keys", "key_2  y     admin   all", ""},
		{[]string{"revoke", "key_1"}, 0, "DELETE /v1/keys/key_1", "", "revoked key_1"},
		{[]string{"revoke", "key_9"}, 1, "DELETE /v1/keys/key_9", "", "404"},
		{[]string{"list", "--data-dir", filepath.Join(dir, "none")}, 1, "", "", "no server runs on"},
	} {
		server.asked = nil
		code, stdout, stderr := runWith(t, append([]string{"keys", "--data-dir", dir}, c.args...)...)
		if code != c.code || !strings.Contains(strings.Join(server.asked, "\n"), c.asked) || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%q: %d, asked %q\n%s\n%s", c.args, code, server.asked, stdout, stderr)
		}
	}
}
