package tail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/ingest"
	"github.com/gatewatch/gatewatch/parsers"
)

func TestMain(m *testing.M) {
	if os.Getenv(agentEnv) != "" {
		runAgentProcess()
		return
	}
	goleak.VerifyTestMain(m)
}

// wordParser reads lines of the form "ok WORD"; the word becomes the path. It stands for any log format.
type wordParser struct{}

func (wordParser) Parse(line string, ev *event.Event) error {
	switch word, ok := strings.CutPrefix(line, "ok "); {
	case ok:
		ev.Time, ev.Path = time.Unix(1_700_000_000, 0).UTC(), word
		return nil
	case line == "":
		return parsers.ErrNoRequest
	}
	return errors.New("want ok and a word")
}

// keeper is a sink that behaves as the server does: it drops what lies at or below the newest position.
type keeper struct {
	mu      sync.Mutex
	err     error // what Write says instead of taking a batch
	max     map[uint64]uint64
	words   []string
	batches []ingest.Batch
	dropped int
}

func (k *keeper) Write(_ context.Context, b *ingest.Batch) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return k.err
	}
	if k.max == nil {
		k.max = map[uint64]uint64{}
	}
	for i := range b.Events {
		ev := &b.Events[i]
		if ev.Position < b.From || ev.Position >= b.To {
			return fmt.Errorf("position %d outside [%d, %d)", ev.Position, b.From, b.To)
		}
		if at, ok := k.max[b.Generation]; ok && ev.Position <= at {
			k.dropped++
			continue
		}
		k.max[b.Generation] = ev.Position
		k.words = append(k.words, strings.Clone(ev.Path))
	}
	rest := *b
	rest.Events = nil
	k.batches = append(k.batches, rest)
	return nil
}

func (k *keeper) got() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.words)
}

func (k *keeper) fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = err
}

// rig is a folder with a log in it and a follower that can be started and stopped.
type rig struct {
	t       *testing.T
	dir     string
	sink    *keeper
	glob    string
	tweak   func(*Options)
	full    func() error // the disk of the checkpoints
	log     *lockedBuffer
	f       *Follower
	stopNow func()
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), sink: &keeper{}, glob: "access.log", log: &lockedBuffer{}}
	t.Cleanup(func() { r.stop() })
	return r
}

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

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

func (r *rig) start() {
	r.t.Helper()
	o := Options{
		Sources: []Source{{
			Name: "edge", Files: []string{r.path(r.glob)},
			NewParser: func() (parsers.Parser, error) { return wordParser{}, nil },
		}},
		StateDir: r.path("state"),
		Sink:     r.sink,
		Poll:     10 * time.Millisecond, Scan: 10 * time.Millisecond, Linger: 5 * time.Millisecond,
		Grace:  150 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(r.log, nil)),
	}
	if r.tweak != nil {
		r.tweak(&o)
	}
	f, err := New(o)
	if err != nil {
		r.t.Fatal(err)
	}
	if r.full != nil {
		f.store.write = func(path string, data []byte) error {
			if err := r.full(); err != nil {
				return err
			}
			return writeDurably(path, data)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	r.f = f
	r.stopNow = func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("Run: %v", err)
		}
	}
}

func (r *rig) stop() {
	if r.stopNow != nil {
		r.stopNow()
		r.stopNow = nil
	}
}

func (r *rig) write(name, text string) {
	r.t.Helper()
	f, err := os.OpenFile(r.path(name), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		r.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) rename(from, to string) {
	r.t.Helper()
	if err := os.Rename(r.path(from), r.path(to)); err != nil {
		r.t.Fatal(err)
	}
}

// until waits for a condition that the follower brings about.
func (r *rig) until(what string, cond func() bool) {
	r.t.Helper()
	for end := time.Now().Add(time.Minute); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%s: never; got %v\nreport %+v\nlog:\n%s", what, r.sink.got(), r.f.Report(), r.log)
		}
	}
}

// wantWords waits until exactly these words have come, in this order.
func (r *rig) wantWords(words ...string) {
	r.t.Helper()
	r.until(fmt.Sprintf("want %v", words), func() bool { return len(r.sink.got()) >= len(words) })
	if got := r.sink.got(); !slices.Equal(got, words) {
		r.t.Fatalf("got %v\nwant %v\nlog:\n%s", got, words, r.log)
	}
}

func TestFollowsGrowingFile(t *testing.T) {
	r := newRig(t)
	r.write("access.log", "ok a\nok b\n")
	r.start()
	r.wantWords("a", "b")
	r.write("access.log", "ok c\r\n\njunk\nok d\n")
	r.wantWords("a", "b", "c", "d")
	st := r.f.Report()[0]
	if st.Source != "edge:"+r.path("access.log") {
		t.Errorf("source %q", st.Source)
	}
	r.until("counted", func() bool { return r.f.Report()[0].Lines == 6 })
	if st = r.f.Report()[0]; st.Parsed != 4 || st.Failed != 1 || st.Skipped != 1 || st.LagBytes != 0 {
		t.Errorf("report %+v: want 4 parsed, 1 failed, 1 skipped, no lag", st)
	}
}

func TestHalfLineWaitsForItsEnd(t *testing.T) {
	r := newRig(t)
	r.write("access.log", "ok a\nok b")
	r.start()
	r.wantWords("a")
	r.write("access.log", "ee")
	time.Sleep(50 * time.Millisecond)
	r.wantWords("a")
	r.write("access.log", "f\nok c\n")
	r.wantWords("a", "beef", "c")
}

func TestFileAppearsLater(t *testing.T) {
	r := newRig(t)
	r.glob = "*.log"
	r.start()
	r.write("access.log", "ok a\n")
	r.wantWords("a")
	r.write("other.log", "ok b\n")
	r.wantWords("a", "b")
}

func TestRenameRotation(t *testing.T) {
	r := newRig(t)
	r.write("access.log", "ok a\n")
	r.start()
	r.wantWords("a")
	r.rename("access.log", "access.log.1")
	r.write("access.log.1", "ok b\nok half") // the gateway still has the old file open
	r.wantWords("a", "b")
	r.write("access.log", "ok c\n")
	r.until("half line flushed after the grace time", func() bool { return len(r.sink.got()) == 4 })
	if got := r.sink.got(); !slices.Contains(got, "half") || !slices.Contains(got, "c") {
		t.Fatalf("got %v", got)
	}
	r.rename("access.log.1", "access.log.2")
	r.rename("access.log", "access.log.1")
	r.write("access.log", "ok d\n")
	r.until("third generation", func() bool { return len(r.sink.got()) == 5 })
	if len(r.sink.max) != 3 {
		t.Errorf("%d generations: want 3", len(r.sink.max))
	}
}

// TestRotatedFilesThatBeginAlike: generations are told apart though their content is the same.
func TestRotatedFilesThatBeginAlike(t *testing.T) {
	r := newRig(t)
	r.write("access.log", "ok a\nok b\n")
	r.start()
	r.wantWords("a", "b")
	r.rename("access.log", "access.log.1")
	r.write("access.log", "ok a\nok b\n")
	r.wantWords("a", "b", "a", "b")
	r.stop()
	r.start()
	r.write("access.log", "ok c\n")
	r.wantWords("a", "b", "a", "b", "c")
}

func TestCopyTruncate(t *testing.T) {
	r := newRig(t)
	r.write("access.log", "ok a\nok b\n")
	r.start()
	r.wantWords("a", "b")
	// More is written than can be sent before the file is copied and truncated.
	r.sink.fail(errors.New("busy"))
	r.write("access.log", "ok c\nok d\n")
	time.Sleep(30 * time.Millisecond)
	r.copyTruncate("access.log", "access.log.1")
	r.write("access.log", "ok e\n")
	r.sink.fail(nil)
	r.until("all five", func() bool { return len(r.sink.got()) >= 5 })
	got := r.sink.got()
	slices.Sort(got)
	if !slices.Equal(got, []string{"a", "b", "c", "d", "e"}) {
		t.Fatalf("got %v\n%s", got, r.log)
	}
}

func (r *rig) copyTruncate(from, to string) {
	r.t.Helper()
	data, err := os.ReadFile(r.path(from))
	if err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(r.path(to), data, 0o644); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Truncate(r.path(from), 0); err != nil {
		r.t.Fatal(err)
	}
}

func TestTruncationWithoutCopy(t *testing.T) {
	r := newRig(t)
	r.write("access.log", "ok a\nok b\nok c\n")
	r.start()
	r.wantWords("a", "b", "c")
	if err := os.WriteFile(r.path("access.log"), []byte("ok d\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.wantWords("a", "b", "c", "d")
	// Truncated and grown beyond the old size before anyone looked.
	if err := os.WriteFile(r.path("access.log"), []byte("ok e\nok ffffffffffffffffffffffffffffffffff\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.wantWords("a", "b", "c", "d", "e", "ffffffffffffffffffffffffffffffffff")
}
