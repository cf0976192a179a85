package parsers

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// These tests start real gateways on the loopback address, send them the same requests and read what they logged. A
// gateway that is not installed is skipped.

// gateway is how one is started: files to write, the command, and the logs that it leaves with their formats.
type gateway struct {
	program string
	files   map[string]string
	args    []string
	logs    map[string]Spec // file to format
}

// rawRequests are sent as they stand, each over its own connection.
var rawRequests = []string{
	"GET /a/b%20c?x=1&y=%22q%22 HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: te\"st \\ 1\r\nReferer: http://ref.example/\"x\r\nX-Forwarded-For: 198.51.100.7\r\nConnection: close\r\n\r\n",
	"POST /login HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: curl/8.5.0\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
	"GET /none HTTP/1.0\r\nHost: shop.example.com\r\nUser-Agent: \xc3\xa4\r\n\r\n",
	"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}

func TestRealGateways(t *testing.T) {
	for _, name := range []string{"nginx", "apache2", "haproxy", "caddy"} {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(name); err != nil {
				if _, err = exec.LookPath("/usr/sbin/" + name); err != nil {
					t.Skipf("%s is not installed", name)
				}
			}
			runGateway(t, name)
		})
	}
}

func runGateway(t *testing.T, name string) {
	dir := t.TempDir()
	port := freePort(t)
	g := gatewayConfig(name, dir, port)
	for file, text := range g.files {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	path, err := exec.LookPath(g.program)
	if err != nil {
		path = "/usr/sbin/" + g.program
	}
	cmd := exec.Command(path, g.args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	out, err := os.Create(filepath.Join(dir, "stdout.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	if !waitFor(addr) {
		text, _ := os.ReadFile(out.Name())
		t.Skipf("%s did not come up here: %s", name, text)
	}
	for _, r := range rawRequests {
		send(t, addr, r)
	}
	for file, spec := range g.logs {
		checkGatewayLog(t, filepath.Join(dir, file), spec)
	}
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func waitFor(addr string) bool {
	for range 100 {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			_ = c.Close()
			return true
		}
		time.Sleep(50 * time.Millisecond)
	}
	return false
}

func send(t *testing.T, addr, request string) {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, c)
}

// checkGatewayLog reads a log with its format and again with auto, and looks for the requests in it.
func checkGatewayLog(t *testing.T, file string, spec Spec) {
	t.Helper()
	for _, s := range []Spec{spec, {Name: "auto"}} {
		if s.Name == "auto" && spec.Nginx != "" {
			continue // a layout of the user's own
		}
		events := map[string]event.Event{}
		deadline := time.Now().Add(time.Minute)
		for time.Now().Before(deadline) && len(events) < 3 {
			events = readGatewayLog(t, file, s)
			time.Sleep(20 * time.Millisecond)
		}
		first, ok := events["/a/b%20c"]
		if !ok {
			text, _ := os.ReadFile(file)
			t.Errorf("%s as %s: the first request is missing; the log:\n%s", filepath.Base(file), s, text)
			continue
		}
		if first.Method != "GET" || first.Query != "x=1&y=%22q%22" || first.Protocol != "HTTP/1.1" || first.Status != 200 || first.ClientIP.String() != "127.0.0.1" {
			t.Errorf("%s as %s: %s", filepath.Base(file), s, first.AppendJSON(nil))
		}
		if first.UserAgent != "" && (first.UserAgent != `te"st \ 1` || first.Referer != `http://ref.example/"x`) {
			t.Errorf("%s as %s: agent %q, referer %q", filepath.Base(file), s, first.UserAgent, first.Referer)
		}
		if age := time.Since(first.Time); age < -time.Minute || age > time.Minute {
			t.Errorf("%s as %s: the time is %s off", filepath.Base(file), s, age)
		}
		if e := events["/login"]; e.Method != "POST" {
			t.Errorf("%s as %s: POST /login is missing", filepath.Base(file), s)
		}
		if e := events["/none"]; e.UserAgent != "" && e.UserAgent != "ä" {
			t.Errorf("%s as %s: agent %q, want ä", filepath.Base(file), s, e.UserAgent)
		}
	}
}

func readGatewayLog(t *testing.T, file string, s Spec) map[string]event.Event {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	p, err := New(s, Options{Location: time.Local})
	if err != nil {
		t.Fatal(err)
	}
	events := map[string]event.Event{}
	for in := bufio.NewScanner(f); in.Scan(); {
		var ev event.Event
		ev.Reset()
		err := p.Parse(strings.Clone(in.Text()), &ev)
		if err != nil && !errors.Is(err, ErrNoRequest) {
			t.Errorf("%s as %s: %v\n%s", filepath.Base(file), s, err, in.Text())
		}
		if err == nil && ev.Path != "" {
			events[ev.Path] = ev
		}
	}
	return events
}

func gatewayConfig(name, dir string, port int) gateway {
	switch name {
	case "nginx":
		return nginxGateway(dir, port)
	case "apache2":
		return apacheGateway(dir, port)
	case "haproxy":
		return gateway{
			program: "haproxy", args: []string{"-db", "-f", "haproxy.cfg"}, logs: map[string]Spec{"stdout.log": {Name: "haproxy"}},
			files: map[string]string{"haproxy.cfg": fmt.Sprintf("global\n  log stdout format raw local0\ndefaults\n  mode http\n  log global\n  option httplog\n"+
				"  timeout client 5s\n  timeout server 5s\n  timeout connect 5s\nfrontend web\n  bind 127.0.0.1:%d\n  http-request return status 200 content-type text/plain string ok\n", port)},
		}
	default:
		return gateway{
			program: "caddy", args: []string{"run", "--config", "Caddyfile", "--adapter", "caddyfile"}, logs: map[string]Spec{"access.log": {Name: "caddy"}},
			files: map[string]string{"Caddyfile": fmt.Sprintf("{\n  admin off\n  auto_https off\n}\nhttp://:%d {\n  bind 127.0.0.1\n  log {\n    output file %s/access.log\n  }\n  respond \"ok\" 200\n}\n", port, dir)},
		}
	}
}

func nginxGateway(dir string, port int) gateway {
	custom := `$msec|$remote_addr|$request_method|$request_uri|$server_protocol|$status|$request_time|"$http_user_agent"|"$http_referer"|$host`
	conf := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/nginx.pid; error_log %[1]s/error.log info;
events {}
http {
  client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
  log_format main '%[3]s';
  log_format custom '%[4]s';
  log_format json escape=json '{"time_iso8601":"$time_iso8601","remote_addr":"$remote_addr","request":"$request","status":"$status","body_bytes_sent":"$body_bytes_sent","request_time":"$request_time","http_user_agent":"$http_user_agent","http_referer":"$http_referer","host":"$host"}';
  access_log %[1]s/combined.log; access_log %[1]s/main.log main; access_log %[1]s/custom.log custom; access_log %[1]s/json.log json;
  server { listen 127.0.0.1:%[2]d; location / { return 200 "ok"; } location /none { return 404; } }
}
`, dir, port, nginxMainFormat, custom)
	return gateway{
		program: "nginx", args: []string{"-p", dir, "-c", filepath.Join(dir, "nginx.conf")}, files: map[string]string{"nginx.conf": conf},
		logs: map[string]Spec{"combined.log": {Name: "combined"}, "main.log": {Name: "nginx_main"}, "custom.log": {Nginx: custom}, "json.log": {Name: "json"}},
	}
}

func apacheGateway(dir string, port int) gateway {
	modules := "/usr/lib/apache2/modules"
	conf := fmt.Sprintf(`ServerRoot %[1]s
PidFile %[1]s/apache.pid
ServerName shop.example.com
Listen 127.0.0.1:%[2]d
LoadModule mpm_event_module %[3]s/mod_mpm_event.so
LoadModule authz_core_module %[3]s/mod_authz_core.so
LoadModule rewrite_module %[3]s/mod_rewrite.so
LoadModule alias_module %[3]s/mod_alias.so
ErrorLog %[1]s/error.log
LogFormat "%%h %%l %%u %%t \"%%r\" %%>s %%O \"%%{Referer}i\" \"%%{User-Agent}i\"" combined
LogFormat "%%v:%%p %%h %%l %%u %%t \"%%r\" %%>s %%O \"%%{Referer}i\" \"%%{User-Agent}i\"" vhost_combined
CustomLog %[1]s/combined.log combined
CustomLog %[1]s/vhost.log vhost_combined
DocumentRoot %[1]s
AliasMatch ^/ %[1]s/apache.conf
AcceptPathInfo On
`, dir, port, modules)
	return gateway{
		program: "apache2", args: []string{"-X", "-f", filepath.Join(dir, "apache.conf")}, files: map[string]string{"apache.conf": conf},
		logs: map[string]Spec{"combined.log": {Name: "combined"}, "vhost.log": {Name: "vhost_combined"}},
	}
}
