package app

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/ingest"
	"github.com/gatewatch/gatewatch/store"
)

// stored counts the events in the server's store and their different places.
func stored(t *testing.T, s *Server) (events, places int) {
	t.Helper()
	seen := map[string]bool{}
	err := s.store.ReadEvents(context.Background(), store.Query{}, func(ev *event.Event) error {
		events++
		seen[ev.ID()] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return events, len(seen)
}

// incidents lists those about a client.
func incidents(t *testing.T, s *Server, key, client string) incidentList {
	t.Helper()
	var list incidentList
	get(t, s, key, "/v1/incidents?entity="+client, &list)
	return list
}

// testClock is the wall clock of a test, which can be set forward.
type testClock struct{ ahead atomic.Int64 }

func (c *testClock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// settled waits until n events are stored and judged, then lets an hour of silence pass, so that every episode closes.
func (c *testClock) settled(t *testing.T, s *Server, n int) {
	t.Helper()
	waitFor(t, fmt.Sprint(n, " events"), func() bool {
		events, _ := stored(t, s)
		return events >= n
	})
	time.Sleep(liveHold + 2*releaseEvery)
	c.ahead.Store(int64(time.Hour))
}

// allTries waits until both attacks are there, each as one incident with all its requests.
func allTries(t *testing.T, s *Server, key string) {
	t.Helper()
	for _, client := range []string{early, late} {
		waitFor(t, "one incident about "+client+" with all its requests", func() bool {
			list := incidents(t, s, key, client).Incidents
			return len(list) == 1 && list[0].EventCount == tries
		})
	}
}

// TestServeSurvivesBadLogs is TestAnalyzeSurvivesBadLogs live: the log grows while the server follows it. What was
// counted and found is the same after a restart.
func TestServeSurvivesBadLogs(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: each bad log has a server of its own")
	}
	requireEngine(t)
	for _, bad := range badLogs(time.Now()) {
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "access.log")
			now := time.Now()
			text := bad.text(now)
			half := len(text) - len(bruteForce(late, tries, now))/2
			if err := os.WriteFile(path, []byte(text[:half]), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg := Config{DataDir: filepath.Join(dir, "data"), Sources: []Source{{Name: "bad", Files: []string{path}}}}
			var clock testClock
			s, stop := startServer(t, cfg, ServeOptions{now: clock.now})
			key := s.AdminKey
			waitFor(t, "the first attack", func() bool { return len(incidents(t, s, key, early).Incidents) > 0 })
			appendTo(t, path, text[half:])
			clock.settled(t, s, bad.wantParsed())
			allTries(t, s, key)
			var sources struct {
				Sources []ingest.SourceReport `json:"sources"`
			}
			get(t, s, key, "/v1/sources", &sources)
			if len(sources.Sources) != 1 {
				t.Fatalf("sources: %+v", sources)
			}
			if r := sources.Sources[0]; int(r.Parsed) != bad.wantParsed() || int(r.Failed) != bad.failed || r.Duplicate != 0 {
				t.Errorf("%d parsed, %d failed, %d dropped; want %d, %d, none", r.Parsed, r.Failed, r.Duplicate, bad.wantParsed(), bad.failed)
			}
			ids := fmt.Sprint(incidents(t, s, key, early).Incidents[0].ID, incidents(t, s, key, late).Incidents[0].ID)
			stop()

			s, _ = startServer(t, cfg, ServeOptions{})
			allTries(t, s, key)
			if events, places := stored(t, s); events != bad.wantParsed() || places != events {
				t.Errorf("%d events at %d places in the store, want %d", events, places, bad.wantParsed())
			}
			if again := fmt.Sprint(incidents(t, s, key, early).Incidents[0].ID, incidents(t, s, key, late).Incidents[0].ID); again != ids {
				t.Errorf("incidents %s after the restart, %s before", again, ids)
			}
		})
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestClockAheadIsJudgedApart holds that an attack under a clock that is decades ahead is found, is told of, and does not
// move the others' time on, and that all of it is so after a restart.
func TestClockAheadIsJudgedApart(t *testing.T) {
	dir := t.TempDir()
	paths := []string{filepath.Join(dir, "wrong.log"), filepath.Join(dir, "right.log")}
	future := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, text := range []string{bruteForce("203.0.113.66", tries, future), bruteForce(early, tries, time.Now().Add(-time.Minute))} {
		if err := os.WriteFile(paths[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := Config{DataDir: filepath.Join(dir, "data"), Sources: []Source{{Name: "wrong", Files: paths[:1]}, {Name: "right", Files: paths[1:]}}}
	s, stop := startServer(t, cfg, ServeOptions{})
	key := s.AdminKey
	waitFor(t, "the attack under the wrong clock", func() bool { return len(incidents(t, s, key, "203.0.113.66").Incidents) == 1 })
	waitFor(t, "the attack under the right clock", func() bool { return len(incidents(t, s, key, early).Incidents) == 1 })
	stop()
	if judged := s.stream.judge.Stats(); judged.Last.Time.After(time.Now()) || judged.Judged != tries || judged.Late != 0 {
		t.Errorf("judged %d, late %d, up to %v", judged.Judged, judged.Late, judged.Last.Time)
	}
	if apart := s.stream.ahead.judge.Stats(); apart.Judged != tries {
		t.Errorf("%d events judged apart, want %d", apart.Judged, tries)
	}

	var clock testClock
	s, stop = startServer(t, cfg, ServeOptions{now: clock.now})
	appendTo(t, paths[1], bruteForce(late, tries, time.Now()))
	clock.settled(t, s, 3*tries)
	allTries(t, s, key)
	if list := incidents(t, s, key, "203.0.113.66").Incidents; len(list) != 1 || !strings.HasPrefix(list[0].FirstSeen.Format(time.RFC3339), "2099-12-31") {
		t.Errorf("after the restart %d incidents about the wrong clock's client, %+v", len(list), list)
	}
	stop()
	if judged := s.stream.judge.Stats(); judged.Last.Time.After(time.Now()) {
		t.Errorf("after the restart judged up to %v", judged.Last.Time)
	}
}

// TestServeTellsWhatItCannotFollow holds that a server which sees nothing says why.
func TestServeTellsWhatItCannotFollow(t *testing.T) {
	dir := t.TempDir()
	unknown := filepath.Join(dir, "unknown.log")
	if err := os.WriteFile(unknown, []byte("hello\nworld\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var told lockedBuffer
	startServer(t, Config{DataDir: filepath.Join(dir, "data"), Sources: []Source{
		{Files: []string{filepath.Join(dir, "none-*.log")}}, {Files: []string{unknown}}, {Files: []string{dir}}, {Files: []string{"/proc/self/mem"}},
	}}, ServeOptions{Logger: slog.New(slog.NewTextHandler(&told, nil))})
	for _, want := range []string{"no file matches yet", "none-*.log", "no line of a log can be read", "gatewatch parse --explain", "not a regular file", "input/output error"} {
		waitFor(t, want, func() bool { return strings.Contains(told.String(), want) })
	}
}

// lockedBuffer is a buffer that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
