package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// runningServer is a server process with an admin key and the read-only user switched on.
type runningServer struct {
	*process
	t              *testing.T
	listen, reader string
	dataDir, key   string
}

// serveProcess starts `gatewatch serve` over a data directory and makes an admin key.
func serveProcess(t *testing.T, bin, dataDir string, args ...string) *runningServer {
	t.Helper()
	s := &runningServer{t: t, listen: freePort(t), reader: freePort(t), dataDir: dataDir}
	s.process = &process{
		t: t, bin: bin, log: &bytes.Buffer{}, args: append([]string{"serve", "--data-dir", dataDir, "--listen", s.listen}, args...),
		env: []string{
			"GATEWATCH_ENGINE_READER_LISTEN=" + s.reader, "GATEWATCH_ENGINE_READER_PASSWORD=only-for-reading", "GATEWATCH_ENGINE_READER_DATABASE=gatewatch",
		},
	}
	s.start()
	t.Cleanup(func() { s.end(os.Kill) })
	s.ready()
	s.key = s.makeKey("admin")
	return s
}

func (s *runningServer) ready() {
	s.t.Helper()
	waitFor(s.t, "the server", func() bool { return healthy(s.listen) })
}

func (s *runningServer) makeKey(role string) string {
	s.t.Helper()
	key, err := exec.Command(s.bin, "keys", "create", "--role", role, "--name", "test-"+role, "--data-dir", s.dataDir).Output()
	if err != nil {
		s.t.Fatalf("keys create: %v", err)
	}
	return strings.TrimSpace(string(key))
}

// count asks the store for the number of events and of their different positions.
func (s *runningServer) count() (events, positions int) {
	events, _ = strconv.Atoi(query(s.reader, "SELECT count() FROM events"))
	positions, _ = strconv.Atoi(query(s.reader, "SELECT uniqExact(source, generation, position) FROM events"))
	return events, positions
}

func (s *runningServer) incidents(client string) incidentList {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+s.listen+"/v1/incidents?entity="+client, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	var list incidentList
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return list // it is starting
	}
	defer resp.Body.Close()
	_ = json.NewDecoder(resp.Body).Decode(&list)
	return list
}

// TestFullDiskLosesNothing fills the disk under the data directory while lines are being followed: the server says so,
// keeps running, and stores every line once there is room.
func TestFullDiskLosesNothing(t *testing.T) {
	requireEngine(t)
	dir := filepath.Join(t.TempDir(), "small")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Skipf("no small disk can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	log := filepath.Join(t.TempDir(), "access.log")
	const part = 20_000
	now := time.Now()
	if err := os.WriteFile(log, []byte(visits(part, now)), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serveProcess(t, buildBinary(t), dir, "--log", log)
	waitFor(t, "the first lines", func() bool { n, _ := s.count(); return n == part })

	filler := filepath.Join(dir, "filler")
	if err := fill(dir, filler); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		appendTo(t, log, visits(part, now))
		time.Sleep(time.Second)
	}
	if !healthy(s.listen) {
		t.Error("the server is not ready with a full disk: incidents cannot be read")
	}
	if n, _ := s.count(); n >= 4*part {
		t.Fatal("the disk was never full")
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "every line once there is room", func() bool { n, _ := s.count(); return n >= 4*part })
	if n, places := s.count(); n != 4*part || places != n {
		t.Errorf("%d events at %d places, want %d", n, places, 4*part)
	}
	s.end(syscall.SIGTERM)
	// What is out of room first, the store or the checkpoint before it, is the disk's choice.
	text := s.log.String()
	tells := func(words ...string) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
	}
	if !tells("nothing is acknowledged", "free space", "the store takes events again") &&
		!tells("no space left on device; nothing is sent", "a problem with a log is over") {
		t.Errorf("the log does not tell of a full disk and its end:\n%s", tailOf(s.log))
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit status %d\n%s", code, tailOf(s.log))
	}
}

// fill writes a file that leaves a few kilobytes free.
func fill(dir, file string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return err
	}
	room := int64(st.Bavail)*st.Bsize - 64<<10
	if err := os.WriteFile(file, make([]byte, room), 0o600); !errors.Is(err, unix.ENOSPC) { // the engine writes too
		return err
	}
	return nil
}

// TestStoppedDuringIngestCountsOnce stops and kills a server over and over while it reads a log that holds an attack:
// every line is stored once, and the attack is one incident with all its requests.
func TestStoppedDuringIngestCountsOnce(t *testing.T) {
	requireEngine(t)
	dir := t.TempDir()
	log := filepath.Join(dir, "access.log")
	const before, attempts, after = 60_000, 400, 60_000
	now := time.Now().Add(-2 * time.Hour)
	text := visits(before, now.Add(-attempts*time.Second)) + bruteForce(late, attempts, now) + visits(after, now.Add(after*50*time.Millisecond))
	if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	const lines = before + attempts + after
	s := serveProcess(t, buildBinary(t), filepath.Join(dir, "data"), "--log", log)
	for i, sig := range []os.Signal{syscall.SIGTERM, os.Kill, syscall.SIGTERM, os.Kill} {
		time.Sleep(time.Duration(100+150*i) * time.Millisecond)
		s.end(sig)
		if sig == syscall.SIGTERM && s.cmd.ProcessState.ExitCode() != 0 {
			t.Errorf("told to stop it ended with %d\n%s", s.cmd.ProcessState.ExitCode(), tailOf(s.log))
		}
		s.start()
	}
	s.ready()
	waitFor(t, "every line", func() bool { n, _ := s.count(); return n >= lines })
	if n, places := s.count(); n != lines || places != n {
		t.Errorf("%d events at %d places, want %d", n, places, lines)
	}
	waitFor(t, "one incident about the attack with all its requests", func() bool {
		list := s.incidents(late).Incidents
		return len(list) == 1 && list[0].EventCount == attempts
	})
}

// TestKilledDuringAnAttackGoesOnCounting kills a server in the middle of an attack: the finding of before goes on.
func TestKilledDuringAnAttackGoesOnCounting(t *testing.T) {
	requireEngine(t)
	dir := t.TempDir()
	log := filepath.Join(dir, "access.log")
	const attempts = 600
	var lines []string
	for line := range strings.Lines(bruteForce(late, attempts, time.Now())) {
		lines = append(lines, line)
	}
	if err := os.WriteFile(log, []byte(strings.Join(lines[:attempts/2], "")), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serveProcess(t, buildBinary(t), filepath.Join(dir, "data"), "--log", log)
	waitFor(t, "the attack", func() bool { return len(s.incidents(late).Incidents) == 1 })
	first := s.incidents(late).Incidents[0]
	s.end(os.Kill)
	appendTo(t, log, strings.Join(lines[attempts/2:], ""))
	s.start()
	s.ready()
	// An open finding tells its count once a minute of event time.
	waitFor(t, "the attack going on", func() bool {
		list := s.incidents(late).Incidents
		return len(list) == 1 && list[0].EventCount > attempts-70
	})
	again := s.incidents(late).Incidents[0]
	if again.ID != first.ID || again.EventCount > attempts || again.FindingCount != first.FindingCount || !again.FirstSeen.Equal(first.FirstSeen) {
		t.Errorf("after the kill incident %s with %d events in %d findings since %v; before it %s with %d in %d since %v", again.ID,
			again.EventCount, again.FindingCount, again.FirstSeen, first.ID, first.EventCount, first.FindingCount, first.FirstSeen)
	}
}

// TestAgentWaitsForItsServer holds that an agent tells a wrong key from an absent server, and loses nothing in either.
func TestAgentWaitsForItsServer(t *testing.T) {
	requireEngine(t)
	dir := t.TempDir()
	bin := buildBinary(t)
	log := filepath.Join(dir, "access.log")
	const lines = 5000
	if err := os.WriteFile(log, []byte(visits(lines, time.Now())), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serveProcess(t, bin, filepath.Join(dir, "data"))
	good := s.makeKey("agent")
	agent := &process{t: t, bin: bin, log: &bytes.Buffer{}, args: []string{
		"agent", "--server", "http://" + s.listen, "--file", log, "--state-dir", filepath.Join(dir, "agent"),
	}}
	defer func() { agent.end(os.Kill) }()
	for _, refused := range []struct{ key, want string }{
		{"gw_wrong", "is the key right"},
		{s.makeKey("viewer"), "the key needs the role agent"},
	} {
		agent.env = []string{"GATEWATCH_KEY=" + refused.key}
		agent.start()
		time.Sleep(2 * time.Second)
		agent.end(syscall.SIGTERM)
		if text := agent.log.String(); !strings.Contains(text, refused.want) || !strings.Contains(text, "nothing is lost") || strings.Contains(text, refused.key) {
			t.Errorf("the agent says\n%s\nwant %q, and not the key", text, refused.want)
		}
	}
	s.end(syscall.SIGTERM)
	agent.env = []string{"GATEWATCH_KEY=" + good}
	agent.start()
	time.Sleep(2 * time.Second)
	s.start()
	s.ready()
	waitFor(t, "every line", func() bool { n, _ := s.count(); return n >= lines })
	time.Sleep(time.Second) // the last acknowledgement
	agent.end(syscall.SIGTERM)
	if n, places := s.count(); n != lines || places != n {
		t.Errorf("%d events at %d places, want %d", n, places, lines)
	}
	if text := agent.log.String(); !strings.Contains(text, "connection refused") || !strings.Contains(text, "batches are shipped again") {
		t.Errorf("the agent does not tell of the server's absence and return:\n%s", text)
	}
}

// TestAnalyzeSurvivesAKilledEngine kills the private engine while logs are analysed: it is started again, and the
// incidents are those of an undisturbed run.
func TestAnalyzeSurvivesAKilledEngine(t *testing.T) {
	requireEngine(t)
	log := filepath.Join(t.TempDir(), "access.log")
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	text := bruteForce(early, tries, now.Add(-48*time.Hour)) + visits(60_000, now.Add(-time.Hour)) + bruteForce(late, tries, now)
	if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var told bytes.Buffer
	killed := 0
	report, err := Analyze(context.Background(), AnalyzeOptions{
		Paths: []string{log}, TempDir: t.TempDir(), BlockSize: 5000, engineCommand: testEngine(),
		Logger: slog.New(slog.NewTextHandler(&told, nil)),
		Progress: func(int64) {
			if killed < 3 {
				if pid, ok := enginePID(os.Getpid()); ok && syscall.Kill(pid, syscall.SIGKILL) == nil {
					killed++
				}
				time.Sleep(300 * time.Millisecond)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(told.String(), "the process ended and is started again") {
		t.Fatalf("the engine was never killed:\n%s", told.String())
	}
	if int(report.Events) != 60_000+2*tries {
		t.Errorf("%d events, want %d", report.Events, 60_000+2*tries)
	}
	checkAttacks(t, report.Incidents)
}
