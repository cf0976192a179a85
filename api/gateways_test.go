package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/incident/decision"
)

// freePort returns a port of the loopback that nobody listens on.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // it served its purpose
	return l.Addr().(*net.TCPAddr).Port
}

// runGateway runs a program until the test ends, and waits until it listens.
func runGateway(t *testing.T, port int, name string, args ...string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(name, args...)
	dir := t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // it is killed
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			_ = cmd.Process.Kill() // it may have ended
			<-ended
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", name, out.String())
		}
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = c.Close() // it was only to see
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen: %v", name, err)
		}
	}
}

// gatewayBench is the server on a port of its own with an application behind the gateway to come.
func gatewayBench(t *testing.T) (b *bench, host, app string) {
	t.Helper()
	b = newBench(t)
	b.book, _ = decision.NewBook(b.store, decision.Options{}) // by the real clock; the configuration is empty
	b.deps.Decisions = b.book
	server := httptest.NewServer(b.Handler())
	t.Cleanup(server.Close)
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "the application") }))
	t.Cleanup(behind.Close)
	return b, strings.TrimPrefix(server.URL, "http://"), strings.TrimPrefix(behind.URL, "http://")
}

// exercise walks through a gateway on port: who is under no decision gets in, who is does not, and gets in again after the
// undo. Frozen users are refused, whatever their address is.
func exercise(t *testing.T, b *bench, port int) {
	t.Helper()
	ask := func(user string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/orders/1?x=1", port), strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			req.SetBasicAuth(user, "secret")
		}
		req.Header.Set("X-Forwarded-For", "198.51.100.1") // what a client says of itself counts for nothing
		req.Header.Set("X-Forwarded-User", "root")
		req.Header.Set("X-Api-Key", "the client's own")
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }() // it was only read
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text)
	}
	add := func(n decision.New) uint64 {
		t.Helper()
		d, err := b.book.Add(context.Background(), n, "ann")
		if err != nil {
			t.Fatal(err)
		}
		return d.ID
	}
	add(decision.New{Value: "198.51.100.1"})
	add(decision.New{Scope: "user", Value: "root"})
	if status, text := ask(""); status != 200 || text != "the application" {
		t.Fatalf("before any ban: %d %s", status, text)
	}
	id := add(decision.New{Value: "127.0.0.1"})
	if status, text := ask(""); status != 403 || strings.Contains(text, "the application") {
		t.Fatalf("banned: %d %s", status, text)
	}
	if list := b.book.List(decision.Filter{Value: "127.0.0.1"}); list[0].Refused != 1 {
		t.Errorf("%d refused requests are counted", list[0].Refused)
	}
	if _, err := b.book.End(context.Background(), id, "ann", ""); err != nil {
		t.Fatal(err)
	}
	if status, text := ask("alice"); status != 200 {
		t.Fatalf("after the undo: %d %s", status, text)
	}
	add(decision.New{Scope: "user", Value: "alice"})
	if status, _ := ask("alice"); status != 403 {
		t.Fatalf("frozen: %d", status)
	}
	if status, _ := ask("bob"); status != 200 {
		t.Fatalf("another user: %d", status)
	}
	if status, _ := ask(""); status != 200 {
		t.Fatalf("without a user: %d", status)
	}
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNginxAuthRequest(t *testing.T) {
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("nginx is not installed (Debian package nginx-light)")
	}
	b, host, app := gatewayBench(t)
	port, dir := freePort(t), t.TempDir()
	conf := writeFile(t, "nginx.conf", fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr info;
events {}
http {
  access_log off;
  client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
  server {
    listen 127.0.0.1:%[2]d;
    location / {
      auth_request /gatewatch;
      proxy_pass http://%[4]s;
    }
    location = /gatewatch {
      internal;
      proxy_pass http://%[3]s/v1/check;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header X-Gatewatch-Key %[5]s;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-User $remote_user;
    }
  }
}
`, dir, port, host, app, b.secrets[RoleBouncer]))
	runGateway(t, port, nginx, "-p", dir, "-e", "stderr", "-c", conf)
	exercise(t, b, port)
}

func TestCaddyForwardAuth(t *testing.T) {
	caddy, err := exec.LookPath("caddy")
	if err != nil {
		t.Skip("caddy is not installed (Debian package caddy)")
	}
	b, host, app := gatewayBench(t)
	port := freePort(t)
	conf := writeFile(t, "Caddyfile", fmt.Sprintf(`{
	admin off
	auto_https off
}
http://127.0.0.1:%d {
	forward_auth %s {
		uri /v1/check
		header_up X-Gatewatch-Key %s
		header_up -X-Forwarded-User
	}
	reverse_proxy %s
}
`, port, host, b.secrets[RoleBouncer], app))
	runGateway(t, port, caddy, "run", "--config", conf, "--adapter", "caddyfile")
	b.deps.Normalizer = basicNames{} // Caddy passes Authorization on, which the server's identities read
	exercise(t, b, port)
}
