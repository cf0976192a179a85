package app

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// process is a gatewatch of its own, which can be killed.
type process struct {
	t    *testing.T
	bin  string
	args []string
	env  []string
	log  *bytes.Buffer
	cmd  *exec.Cmd
	done chan struct{}
}

func (p *process) start() {
	p.t.Helper()
	p.cmd = exec.Command(p.bin, p.args...)
	p.cmd.Env = append(os.Environ(), p.env...)
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.done = make(chan struct{})
	go func() {
		_ = p.cmd.Wait() // a killed process says so
		close(p.done)
	}()
}

func (p *process) end(sig os.Signal) {
	_ = p.cmd.Process.Signal(sig) // it may have ended by itself
	<-p.done
}

// buildBinary compiles the command as it is shipped.
func buildBinary(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "gatewatch")
	cmd := exec.Command("go", "build", "-o", bin, "../cmd/gatewatch")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// enginePID finds the engine among the children of a server.
func enginePID(server int) (int, bool) {
	out, err := exec.Command("ps", "-o", "pid=", "--ppid", strconv.Itoa(server)).Output()
	if err != nil {
		return 0, false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(strings.Split(strings.TrimSpace(string(out)), "\n")[0]))
	return pid, err == nil
}

// TestKillLoopLosesAndDoublesNothing kills server, agent and engine at random while an agent ships 500,000 lines, and
// finds exactly the file's lines in the store; and a webhook was told of every incident, each notification in one message.
func TestKillLoopLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: the loop takes half a minute")
	}
	requireEngine(t)
	const lines, kills = 500_000, 18
	dir := t.TempDir()
	bin := buildBinary(t)
	listen, reader := freePort(t), freePort(t)
	logDir := filepath.Join(dir, "logs")
	if err := os.Mkdir(logDir, 0o700); err != nil {
		t.Fatal(err)
	}
	hook := newTold(t)
	server := &process{t: t, bin: bin, log: &bytes.Buffer{}, args: []string{"serve", "--data-dir", filepath.Join(dir, "data"), "--listen", listen}, env: []string{
		hook.channel(),
		"GATEWATCH_ENGINE_READER_LISTEN=" + reader, "GATEWATCH_ENGINE_READER_PASSWORD=only-for-reading", "GATEWATCH_ENGINE_READER_DATABASE=gatewatch",
	}}
	server.start()
	defer func() { server.end(os.Kill) }()
	waitFor(t, "the server", func() bool { return healthy(listen) })
	key, err := exec.Command(bin, "keys", "create", "--role", "agent", "--name", "kill-test", "--data-dir", filepath.Join(dir, "data")).Output()
	if err != nil {
		t.Fatalf("keys create: %v", err)
	}
	agent := &process{t: t, bin: bin, log: &bytes.Buffer{}, env: []string{"GATEWATCH_KEY=" + strings.TrimSpace(string(key))}, args: []string{
		"agent", "--server", "http://" + listen, "--file", filepath.Join(logDir, "*.log"), "--state-dir", filepath.Join(dir, "agent"),
	}}
	agent.start()
	defer func() { agent.end(os.Kill) }()

	written := make(chan error, 1)
	go func() { written <- writeSlowly(filepath.Join(logDir, "access.log"), lines, 12*time.Second) }()
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	for range kills {
		time.Sleep(time.Duration(200+rng.IntN(700)) * time.Millisecond)
		switch rng.IntN(3) {
		case 0:
			server.end(os.Kill)
			server.start()
		case 1:
			agent.end(os.Kill)
			agent.start()
		case 2:
			if pid, ok := enginePID(server.cmd.Process.Pid); ok {
				if p, err := os.FindProcess(pid); err == nil {
					_ = p.Kill() // it may be between two lives
				}
			}
		}
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	var got, positions string
	deadline := time.Now().Add(5 * time.Minute)
	for time.Now().Before(deadline) {
		got = query(reader, "SELECT count() FROM events")
		if got == strconv.Itoa(lines) {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	time.Sleep(time.Second) // whatever is still on its way may show as too many
	got = query(reader, "SELECT count() FROM events")
	positions = query(reader, "SELECT uniqExact(position) FROM events")
	if got != strconv.Itoa(lines) || positions != got {
		t.Errorf("%s events at %s positions in the store, want %d\nagent:\n%s\nserver:\n%s", got, positions, lines, tailOf(agent.log), tailOf(server.log))
	}
	if rollup := query(reader, "SELECT sum(requests) FROM endpoint_minutes"); rollup != got {
		t.Errorf("the per-minute rollup counts %s of %s events", rollup, got)
	}
	waitFor(t, "the notifications", func() bool {
		got = query(reader, "SELECT count() FROM incidents FINAL WHERE severity != 'low'")
		return got == strconv.Itoa(hook.count()) && hook.count() >= lines/injectEvery
	})
	if len(hook.moved) > 0 {
		t.Errorf("notifications %v came with more than one message", hook.moved)
	}
	t.Logf("told of %s incidents", got)
}

// injectEvery says which of the lines are an injection, each from a client of its own.
const injectEvery = 9973

func healthy(listen string) bool {
	resp, err := http.Get("http://" + listen + "/readyz")
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// query asks the read-only user; an engine that is starting gives "".
func query(reader, sql string) string {
	req, err := http.NewRequest(http.MethodGet, "http://"+reader+"/?query="+url.QueryEscape(sql), nil)
	if err != nil {
		return ""
	}
	req.SetBasicAuth("reader", "only-for-reading")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// writeSlowly writes numbered lines over about the given time, cut at arbitrary bytes as a buffered gateway does.
func writeSlowly(path string, lines int, over time.Duration) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	const steps = 200
	base := time.Now().Add(-time.Hour)
	var rest []byte
	for step := range steps {
		b := rest
		for i := step * lines / steps; i < (step+1)*lines/steps; i++ {
			client, query := fmt.Sprintf("198.51.100.%d", i%250), ""
			if i%injectEvery == injectEvery-1 {
				client, query = fmt.Sprintf("203.0.113.%d", i/injectEvery), "?q=1%27%20UNION%20SELECT%20password%20FROM%20users--%20"
			}
			b = fmt.Appendf(b, "%s - - [%s] \"GET /items/%d%s HTTP/1.1\" 200 %d \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"\n",
				client, base.Add(time.Duration(i)*7*time.Millisecond).UTC().Format("02/Jan/2006:15:04:05 -0700"), i, query, 100+i%900)
		}
		cut := len(b)
		if step < steps-1 {
			cut -= 37
		}
		if _, err := f.Write(b[:cut]); err != nil {
			return err
		}
		rest = bytes.Clone(b[cut:])
		time.Sleep(over / steps)
	}
	return nil
}

func tailOf(b *bytes.Buffer) string {
	s := b.String()
	return s[max(0, len(s)-3000):]
}
