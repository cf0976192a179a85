package tail

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/ingest"
	"github.com/gatewatch/gatewatch/ingest/ship"
	"github.com/gatewatch/gatewatch/parsers"
)

// agentEnv makes the test binary an agent: it holds the folder; agentServerEnv the server.
const (
	agentEnv       = "GATEWATCH_TAIL_TEST_AGENT"
	agentServerEnv = "GATEWATCH_TAIL_TEST_SERVER"
)

func runAgentProcess() {
	dir := os.Getenv(agentEnv)
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	sink, err := ship.New(ship.Options{Server: os.Getenv(agentServerEnv), Key: "k", RetryMin: 5 * time.Millisecond, Logger: logger})
	if err != nil {
		panic(err)
	}
	f, err := New(Options{
		Sources: []Source{{
			Name: "edge", Files: []string{dir + "/access.log"},
			NewParser: func() (parsers.Parser, error) { return wordParser{}, nil },
		}},
		StateDir: dir + "/state", Sink: sink,
		Poll: 5 * time.Millisecond, Scan: 5 * time.Millisecond, Linger: 2 * time.Millisecond, Grace: 300 * time.Millisecond,
		BatchLines: 50, Logger: logger,
	})
	if err != nil {
		panic(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := f.Run(ctx); err != nil {
		panic(err)
	}
}

// flakyServer takes batches as the real one does, and sometimes fails before or after it has taken one.
func flakyServer(k *keeper, rnd *rand.Rand) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		dice := rnd.IntN(20)
		k.mu.Unlock()
		if dice == 0 {
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		body, err := ingest.Decompress(r.Header.Get("Content-Encoding"), r.Body, 1<<20)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		defer func() { _ = body.Close() }()
		b, err := ingest.DecodeEvents(body, ingest.Limits{})
		if err == nil {
			err = b.ReadHeader(r.Header)
		}
		if err != nil { // a killed agent's half request
			_, _ = io.Copy(io.Discard, r.Body)
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if err := k.Write(r.Context(), b); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if dice == 1 {
			http.Error(w, "stored, but the answer is lost", http.StatusBadGateway)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// TestKilledAgentCountsOnce kills the agent again and again while its log grows and rotates in every way: exactly the
// lines of the log arrive.
func TestKilledAgentCountsOnce(t *testing.T) {
	const lines, kills = 16_000, 25
	r := newRig(t)
	rnd := rand.New(rand.NewPCG(7, 11))
	srv := httptest.NewServer(flakyServer(r.sink, rand.New(rand.NewPCG(1, 2))))
	defer srv.Close()

	written := make(chan struct{})
	go func() {
		defer close(written)
		r.grow(lines, rand.New(rand.NewPCG(3, 5)))
	}()
	for n := 0; n < kills; n++ {
		child := startAgent(t, r.dir, srv.URL)
		time.Sleep(time.Duration(40+rnd.IntN(160)) * time.Millisecond)
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // it was killed
	}
	<-written
	child := startAgent(t, r.dir, srv.URL)
	defer func() {
		_ = child.Process.Signal(syscall.SIGINT)
		_ = child.Wait()
	}()
	r.f = &Follower{}
	end := time.Now().Add(2 * time.Minute)
	for len(r.sink.got()) < lines && time.Now().Before(end) {
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(300 * time.Millisecond) // what comes too often comes now
	count := map[string]int{}
	for _, w := range r.sink.got() {
		count[w]++
	}
	wrong := 0
	for i := range lines {
		if n := count[strconv.Itoa(i)]; n != 1 {
			if wrong++; wrong < 10 {
				t.Errorf("line %d arrived %d times", i, n)
			}
		}
	}
	t.Logf("%d lines, %d batches, %d events sent again, %d wrong, %d generations", lines, len(r.sink.batches), r.sink.dropped,
		wrong, len(r.sink.max))
	if len(count) != lines {
		t.Errorf("%d different lines: want %d", len(count), lines)
	}
}

func startAgent(t *testing.T, dir, server string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), agentEnv+"="+dir, agentServerEnv+"="+server)
	if testing.Verbose() {
		cmd.Stderr = os.Stderr
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// grow writes numbered lines for some seconds and rotates the log now and then as logrotate would: by renaming or by
// copying and truncating, the older ones compressed.
func (r *rig) grow(lines int, rnd *rand.Rand) {
	generation := 0
	open := func() *os.File {
		f, err := os.OpenFile(r.path("access.log"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
		if err != nil {
			panic(err)
		}
		return f
	}
	f := open()
	for i := 0; i < lines; {
		for n := rnd.IntN(60); n > 0 && i < lines; n-- {
			text := fmt.Sprintf("ok %d\n", i)
			if cut := rnd.IntN(40); cut < len(text) { // a line in two pieces
				_, _ = f.WriteString(text[:cut])
				time.Sleep(time.Millisecond)
				text = text[cut:]
			}
			_, _ = f.WriteString(text)
			i++
		}
		time.Sleep(time.Duration(rnd.IntN(4)) * time.Millisecond)
		if rnd.IntN(60) > 0 {
			continue
		}
		r.shift(generation)
		generation++
		if rnd.IntN(2) == 0 {
			r.copyTruncate("access.log", "access.log.1")
			continue
		}
		r.rename("access.log", "access.log.1")
		next := open()
		if i < lines { // the gateway still writes to the old file for a moment
			_, _ = fmt.Fprintf(f, "ok %d\n", i)
			i++
		}
		_ = f.Close()
		f = next
	}
	_ = f.Close()
}

// shift makes room for access.log.1: every number goes up by one, and the second is compressed.
func (r *rig) shift(generation int) {
	for n := generation; n > 0; n-- {
		for _, ext := range []string{"", ".gz"} {
			from := fmt.Sprintf("access.log.%d%s", n, ext)
			if _, err := os.Stat(r.path(from)); err == nil {
				r.rename(from, fmt.Sprintf("access.log.%d%s", n+1, ext))
			}
		}
	}
	if _, err := os.Stat(r.path("access.log.2")); err == nil {
		r.compress("access.log.2", ".gz")
	}
}
