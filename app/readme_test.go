package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	fencedShell  = regexp.MustCompile("(?s)```sh\n(.*?)```")
	anIncident   = regexp.MustCompile(`inc_[0-9a-f]{20}`)
	readmeOwnLog = "/var/log/nginx/access.log"
)

// readmeCommands are the README's commands in order.
func readmeCommands(t *testing.T) (list []string) {
	t.Helper()
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range fencedShell.FindAllSubmatch(page, -1) {
		for line := range strings.Lines(string(block[1])) {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}

// readme is a checkout as far as the commands need one, in a folder of the test.
type readme struct {
	t      *testing.T
	root   string
	listen string
	log    string // stands for the reader's own log
	demo   *running
	key    string
	id     string // of an incident in the demo
}

// running is a server that was started by a command, and what it printed.
type running struct {
	t    *testing.T
	cmd  *exec.Cmd
	mu   sync.Mutex
	out  bytes.Buffer
	done chan error
}

func (r *running) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.Write(p)
}

func (r *running) printed() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.String()
}

// until waits for something to be printed.
func (r *running) until(what *regexp.Regexp) string {
	r.t.Helper()
	deadline := time.Now().Add(6 * time.Minute)
	for {
		if found := what.FindString(r.printed()); found != "" {
			return found
		}
		select {
		case err := <-r.done:
			r.t.Fatalf("ended without %s: %v\n%s", what, err, r.printed())
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("no %s in time:\n%s", what, r.printed())
		}
	}
}

// interrupt is Ctrl-C; the server must stop without a fault.
func (r *running) interrupt() {
	r.t.Helper()
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
		r.t.Fatal(err)
	}
	if err := <-r.done; err != nil {
		r.t.Errorf("after Ctrl-C: %v\n%s", err, r.printed())
	}
}

// TestReadmeCommands runs every command of the README, and fails at one that it does not know.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: the README's commands take a minute")
	}
	requireEngine(t)
	r := newReadme(t)
	known := []struct {
		begins string
		run    func(command string)
	}{
		{"make run LOG=", r.makeRunLog},
		{"make run", r.makeRun},
		{"make test", r.makeTest},
		{"export KEY=", r.exportKey},
		{"bin/gatewatch analyze", r.analyze},
		{"curl ", r.curl},
	}
commands:
	for _, command := range readmeCommands(t) {
		for _, k := range known {
			if strings.HasPrefix(command, k.begins) {
				t.Log(command)
				k.run(command)
				continue commands
			}
		}
		t.Errorf("no test runs %q", command)
	}
	if r.demo == nil || r.key == "" {
		t.Fatal("the README does not start the demo and make a key")
	}
	r.demo.interrupt()
}

func newReadme(t *testing.T) *readme {
	r := &readme{t: t, root: t.TempDir(), listen: freePort(t)}
	for _, dir := range []string{"bin", "scripts"} {
		if err := os.Mkdir(filepath.Join(r.root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	script, err := os.ReadFile("../scripts/run.sh")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.root, "scripts", "run.sh"), script, 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	if err := os.Rename(buildBinary(t), filepath.Join(r.root, "bin", "gatewatch")); err != nil {
		t.Fatal(err)
	}
	r.log = filepath.Join(r.root, "own.log")
	if err := os.WriteFile(r.log, []byte(bruteForce("203.0.113.9", 40, time.Now())), 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *readme) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = r.root
	cmd.Env = append(os.Environ(), "GATEWATCH_LISTEN="+r.listen, "KEY="+r.key)
	return cmd
}

func (r *readme) start(args ...string) *running {
	r.t.Helper()
	s := &running{t: r.t, cmd: r.command("scripts/run.sh", args...), done: make(chan error, 1)}
	s.cmd.Stdout, s.cmd.Stderr = s, s
	if err := s.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() { s.done <- s.cmd.Wait() }()
	r.t.Cleanup(func() { _ = s.cmd.Process.Kill() }) // it has ended when all went well
	return s
}

// planned is what make would do for the command, in the checkout itself.
func (r *readme) planned(command string) string {
	r.t.Helper()
	cmd := exec.Command("sh", "-c", strings.Replace(command, "make ", "make --dry-run --no-print-directory ", 1))
	cmd.Dir = ".."
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return string(out)
}

// makeRun runs what make would after its build: the demo, until its first incident.
func (r *readme) makeRun(command string) {
	plan := r.planned(command)
	for _, step := range []string{"go build", "engine install", "scripts/run.sh ''"} {
		if !strings.Contains(plan, step) {
			r.t.Errorf("%s does not %s:\n%s", command, step, plan)
		}
	}
	r.demo = r.start("")
	if url := "http://" + r.listen + "/"; !strings.Contains(r.demo.until(regexp.MustCompile("at http.*")), url) {
		r.t.Errorf("the address is not told:\n%s", r.demo.printed())
	}
	r.demo.until(regexp.MustCompile("Admin key, shown this once: gw_"))
	r.id = r.demo.until(anIncident)
}

// makeRunLog follows a log of one's own beside the demo.
func (r *readme) makeRunLog(command string) {
	if plan := r.planned(command); !strings.Contains(plan, "scripts/run.sh '"+readmeOwnLog+"'") {
		r.t.Errorf("%s does not pass the log on:\n%s", command, plan)
	}
	demo := r.listen
	r.listen = freePort(r.t)
	defer func() { r.listen = demo }()
	own := r.start(r.log)
	own.until(anIncident)
	own.interrupt()
	if !strings.Contains(own.printed(), "203.0.113.9") {
		r.t.Errorf("the incident is not about the client:\n%s", own.printed())
	}
}

// makeTest finds the command in what CI runs: it is what runs this test.
func (r *readme) makeTest(command string) {
	ci, err := os.ReadFile("../.ci/run")
	if err != nil {
		r.t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^[^#]*\b` + command + `\b`).Match(ci) {
		r.t.Errorf("CI does not run %s", command)
	}
}

func (r *readme) exportKey(command string) {
	out, err := r.command("sh", "-c", command+` && printf %s "$KEY"`).Output()
	if err != nil || !strings.HasPrefix(string(out), "gw_") {
		r.t.Fatalf("%s: %v, %q", command, err, out)
	}
	r.key = string(out)
}

func (r *readme) analyze(command string) {
	out, err := r.command("sh", "-c", strings.ReplaceAll(command, readmeOwnLog, r.log)).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("203.0.113.9")) {
		r.t.Errorf("%s: %v\n%s", command, err, out)
	}
}

// curl asks the demo; the incident of the page is replaced by one that is there. Answers are lists with an incident, or
// a number that is the same again.
func (r *readme) curl(command string) {
	command = strings.ReplaceAll(command, defaultListen, r.listen)
	command = anIncident.ReplaceAllString(command, r.id)
	var out []byte
	var err error
	deadline := time.Now().Add(6 * time.Minute)
	for {
		if out, err = r.command("sh", "-c", command).Output(); err != nil {
			r.t.Fatalf("%s: %v", command, err)
		}
		var answer struct {
			Incidents []json.RawMessage `json:"incidents"`
			Same      bool              `json:"same"`
			SQL       string            `json:"sql"`
		}
		if err := json.Unmarshal(out, &answer); err != nil {
			r.t.Fatalf("%s: %v in %s", command, err, out)
		}
		if len(answer.Incidents) > 0 || answer.Same && answer.SQL != "" {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatal(fmt.Errorf("%s: neither an incident nor a number that is the same: %s", command, out))
		}
		time.Sleep(time.Second) // the demo's user enumerates within its first minute
	}
}
