package app

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/parsers"
)

// gateway is a real server in front of the test's backend: how it is started, and what its log says of a request.
type gateway struct {
	name    string
	program string   // what must be installed
	config  string   // its configuration file's text
	args    []string // behind the program
	more    []string // a second program, which writes the log
	syslog  bool     // logs over syslog as well
	file    bool     // logs to DIR/NAME.log
	host    bool     // the log names the host
	agent   bool     // and the user agent
	timed   bool     // and the duration
}

// stage is what configurations speak of.
type stage struct{ dir, listen, backend, syslog string }

// gateways are configured as docs/sources says; DIR, LISTEN, BACKEND and SYSLOG stand for the test's own.
func gateways(t *testing.T) []gateway {
	return []gateway{
		{name: "nginx", program: "nginx", file: true, syslog: true, host: true, agent: true, timed: true, args: []string{"-p", "DIR", "-c", "CONFIG"}, config: `
daemon off; master_process off; pid DIR/nginx.pid; error_log DIR/nginx-error.log;
events {}
http {
  client_body_temp_path DIR/t1; proxy_temp_path DIR/t2; fastcgi_temp_path DIR/t3; uwsgi_temp_path DIR/t4; scgi_temp_path DIR/t5;
` + documented(t, "nginx.md", "log_format gatewatch", "}';") + `
  access_log DIR/nginx.log gatewatch;
  access_log syslog:server=SYSLOG,tag=nginx combined;
  server { listen LISTEN; location / { proxy_pass http://BACKEND; proxy_set_header Host $host; } }
}`},
		{name: "haproxy", program: "haproxy", syslog: true, host: true, agent: true, timed: true, args: []string{"-db", "-f", "CONFIG"}, config: `
global
  log SYSLOG local0
defaults
  mode http
  log global
  option httplog
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend fe
  bind LISTEN
  capture request header Host len 64
  capture request header User-Agent len 128
  capture request header X-Forwarded-For len 64
  default_backend be
backend be
  server one BACKEND
`},
		{name: "apache", program: "apache2", file: true, host: true, agent: true, timed: true, args: []string{"-DFOREGROUND", "-f", "CONFIG"}, config: `
ServerRoot DIR
DefaultRuntimeDir DIR
PidFile DIR/httpd.pid
Listen LISTEN
ServerName gateway.example.com
User www-data
Group www-data
ErrorLog DIR/apache-error.log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
` + documented(t, "apache.md", "LogFormat", "gatewatch") + `
CustomLog DIR/apache.log gatewatch
ProxyPass / http://BACKEND/
`},
		{name: "caddy", program: "caddy", file: true, host: true, agent: true, timed: true, args: []string{"run", "--config", "CONFIG", "--adapter", "caddyfile"}, config: `
{
  admin off
  auto_https off
}
http://LISTEN {
  log {
    output file DIR/caddy.log
    format json
  }
  reverse_proxy BACKEND
}
`},
		{
			name: "varnish", program: "varnishd", file: true, host: true, agent: true, config: "",
			args: []string{"-F", "-j", "none", "-n", "DIR/varnish", "-a", "LISTEN", "-b", "BACKEND", "-s", "malloc,8m"},
			more: []string{"varnishncsa", "-d", "-n", "DIR/varnish", "-w", "DIR/varnish.log"},
		},
	}
}

// documented cuts a configuration out of a page of docs/formats, so that what the page says is what is tested.
func documented(t *testing.T, page, from, to string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "formats", page))
	if err != nil {
		t.Fatal(err)
	}
	i := strings.Index(string(text), "    "+from)
	if i < 0 {
		t.Fatalf("%s does not show %s", page, from)
	}
	j := strings.Index(string(text[i+len(from)+4:]), to)
	if j < 0 {
		t.Fatalf("%s: %s does not end in %s", page, from, to)
	}
	return string(text[i : i+len(from)+4+j+len(to)])
}

// TestGateways starts each gateway that is installed on loopback, sends requests through it, and finds them in the store
// with the right values.
func TestGateways(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/missing"):
			http.NotFound(w, r)
		case r.Method == http.MethodPost:
			w.WriteHeader(http.StatusUnauthorized)
		default:
			_, _ = w.Write([]byte("hello"))
		}
	}))
	defer backend.Close()
	cfg := Config{DataDir: filepath.Join(dir, "data")}
	format := documented(t, "apache.md", "  apache: '", "'\n")
	format = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(format), "apache: '"), "'")
	cfg.Sources = []Source{{Name: "apache", Files: []string{filepath.Join(dir, "apache.log")}, Format: parsers.Spec{Apache: format}}}
	for _, name := range []string{"nginx", "caddy", "varnish"} {
		cfg.Sources = append(cfg.Sources, Source{Name: name + "-file", Files: []string{filepath.Join(dir, name+".log")}})
	}
	cfg.Syslog = []SyslogInput{
		{Name: "nginx", Listen: "udp://127.0.0.1:0"},
		{Name: "haproxy", Listen: "udp://127.0.0.1:0", Format: parsers.Spec{Name: "haproxy", Captures: []string{"host", "user-agent", "x-forwarded-for"}}},
	}
	s, _ := startServer(t, cfg, ServeOptions{})
	for _, g := range gateways(t) {
		t.Run(g.name, func(t *testing.T) {
			p := stage{dir: dir, listen: freePort(t), backend: strings.TrimPrefix(backend.URL, "http://")}
			if g.syslog {
				p.syslog = s.syslog.Addr(g.name).String()
			}
			startGateway(t, g, p)
			sendRequests(t, g, p)
			ways := 0
			if g.file {
				ways++
				name := g.name + "-file"
				if g.name == "apache" {
					name = g.name
				}
				checkGateway(t, s, g, name+":"+filepath.Join(dir, g.name+".log"))
			}
			if g.syslog {
				ways++
				checkGateway(t, s, g, g.name+":")
			}
			t.Logf("%s: %d ways in, 3 requests each", g.name, ways)
		})
	}
}

// startGateway runs the gateway until the test ends. It skips when it is not installed.
func startGateway(t *testing.T, g gateway, p stage) {
	t.Helper()
	for _, name := range append([]string{g.program}, g.more[:min(1, len(g.more))]...) {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed", name)
		}
	}
	config := filepath.Join(p.dir, g.name+".conf")
	fill := strings.NewReplacer("DIR", p.dir, "CONFIG", config, "LISTEN", p.listen, "BACKEND", p.backend, "SYSLOG", p.syslog)
	if err := os.WriteFile(config, []byte(fill.Replace(g.config)), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(program string, args []string) {
		for i := range args {
			args[i] = fill.Replace(args[i])
		}
		out, err := os.Create(filepath.Join(p.dir, program+".out"))
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program, args...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, out, out
		cmd.Env = append(os.Environ(), "HOME="+p.dir, "XDG_DATA_HOME="+p.dir, "XDG_CONFIG_HOME="+p.dir, "TZ=UTC")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // it may have ended by itself
			done := make(chan struct{})
			go func() { defer close(done); _ = cmd.Wait() }()
			select {
			case <-done:
			case <-time.After(3 * time.Second):
				_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
				<-done
			}
			_ = out.Close()
			if t.Failed() {
				text, _ := os.ReadFile(out.Name())
				t.Logf("%s said:\n%s", program, text)
			}
		})
	}
	run(g.program, append([]string(nil), g.args...))
	waitFor(t, g.name+" listens", func() bool {
		c, err := net.DialTimeout("tcp", p.listen, time.Second)
		if err != nil {
			return false
		}
		_ = c.Close()
		return true
	})
	if len(g.more) > 0 {
		run(g.more[0], append([]string(nil), g.more[1:]...))
		waitFor(t, g.more[0]+" opens its log", func() bool {
			_, err := os.Stat(filepath.Join(p.dir, g.name+".log"))
			return err == nil
		})
	}
}

func sendRequests(t *testing.T, g gateway, p stage) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	for _, r := range []struct{ method, target string }{
		{"GET", "/" + g.name + "/items/7?x=%27a+b"}, {"GET", "/" + g.name + "/missing"}, {"POST", "/" + g.name + "/login"},
	} {
		req, err := http.NewRequest(r.method, "http://"+p.listen+r.target, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("User-Agent", `gateway-test/1.0 ("quoted")`)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
}

// checkGateway waits for the three requests from a source and compares them.
func checkGateway(t *testing.T, s *Server, g gateway, source string) {
	t.Helper()
	var got map[string]*event.Event
	waitFor(t, g.name+" in "+source, func() bool {
		list, _, err := s.store.FindEvents(context.Background(), time.Time{}, time.Time{}, nil, nil, nil, 1000)
		if err != nil {
			t.Fatal(err)
		}
		got = map[string]*event.Event{}
		for _, ev := range list {
			if strings.HasPrefix(ev.Source, source) && strings.HasPrefix(ev.Path, "/"+g.name+"/") {
				got[ev.Method+" "+ev.Path] = ev
			}
		}
		return len(got) >= 3
	})
	for _, want := range []struct {
		what, query string
		status      int
	}{
		{"GET /" + g.name + "/items/7", "x=%27a+b", 200}, {"GET /" + g.name + "/missing", "", 404}, {"POST /" + g.name + "/login", "", 401},
	} {
		ev := got[want.what]
		if ev == nil {
			t.Errorf("%s: no %s", source, want.what)
			continue
		}
		file := strings.Contains(source, ".log")
		switch {
		case ev.Query != want.query || ev.Status != want.status || ev.ClientIP.String() != "127.0.0.1":
			t.Errorf("%s: %s", source, ev.AppendJSON(nil))
		case time.Since(ev.Time) > time.Minute || time.Until(ev.Time) > time.Minute:
			t.Errorf("%s: the time is %s", source, ev.Time)
		case ev.BytesOut < 0 || ev.Service == "":
			t.Errorf("%s: %s", source, ev.AppendJSON(nil))
		case g.agent && ev.UserAgent != `gateway-test/1.0 ("quoted")`:
			t.Errorf("%s: user agent %q", source, ev.UserAgent)
		case g.host && ev.Host == "" && (file || g.name == "haproxy"):
			t.Errorf("%s: no host: %s", source, ev.AppendJSON(nil))
		case g.timed && ev.DurationMS < 0 && (file || g.name == "haproxy"):
			t.Errorf("%s: no duration: %s", source, ev.AppendJSON(nil))
		}
	}
	if t.Failed() {
		t.Logf("%d events of %s", len(got), source)
	}
}
