package tail

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func gz(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zst(t *testing.T, data []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = z.Close() }()
	return z.EncodeAll(data, nil)
}

// compress replaces a file by its archive.
func (r *rig) compress(name, ext string) {
	r.t.Helper()
	data, err := os.ReadFile(r.path(name))
	if err != nil {
		r.t.Fatal(err)
	}
	pack := gz
	if ext == ".zst" {
		pack = zst
	}
	info, err := os.Stat(r.path(name))
	if err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(r.path(name+ext), pack(r.t, data), 0o644); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Chtimes(r.path(name+ext), info.ModTime(), info.ModTime()); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Remove(r.path(name)); err != nil {
		r.t.Fatal(err)
	}
}

// TestRotatedWhileStopped: what was not read of a log is read from wherever rotation took it, before what follows.
func TestRotatedWhileStopped(t *testing.T) {
	for name, rotate := range map[string]func(r *rig){
		"renamed":             func(r *rig) { r.rename("access.log", "access.log.1") },
		"renamed with a date": func(r *rig) { r.rename("access.log", "access.log-20260102") },
		"gzip":                func(r *rig) { r.rename("access.log", "access.log.1"); r.compress("access.log.1", ".gz") },
		"zstd":                func(r *rig) { r.rename("access.log", "access.log.1"); r.compress("access.log.1", ".zst") },
		"copytruncate":        func(r *rig) { r.copyTruncate("access.log", "access.log.1") },
		"copytruncate and gzip": func(r *rig) {
			r.copyTruncate("access.log", "access.log.1")
			r.compress("access.log.1", ".gz")
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.write("access.log", "ok a\nok b\n")
			r.start()
			r.wantWords("a", "b")
			r.stop()
			r.write("access.log", "ok c\nok d\n")
			rotate(r)
			r.write("access.log", "ok e\n")
			r.start()
			r.wantWords("a", "b", "c", "d", "e")
			if r.sink.dropped != 0 {
				t.Errorf("%d events were sent twice", r.sink.dropped)
			}
			r.until("rotated file finished", func() bool { return r.f.Report()[0].LagBytes == 0 })
		})
	}
}

// TestRotatedTwiceWhileStopped: a generation that was never seen is read too; archives from before the first start are
// not.
func TestRotatedTwiceWhileStopped(t *testing.T) {
	r := newRig(t)
	r.write("access.log.1", "ok before\n")
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(r.path("access.log.1"), old, old); err != nil {
		t.Fatal(err)
	}
	r.rename("access.log.1", "access.log.3")
	r.write("access.log", "ok a\n")
	r.start()
	r.wantWords("a")
	r.stop()
	r.write("access.log", "ok b\n")
	r.rename("access.log", "access.log.2")
	r.compress("access.log.2", ".gz")
	r.write("access.log", "ok c\n")
	r.rename("access.log", "access.log.1")
	r.write("access.log", "ok d\n")
	r.start()
	r.until("all", func() bool { return len(r.sink.got()) >= 4 })
	time.Sleep(100 * time.Millisecond)
	got := r.sink.got()
	if slices.Sort(got); !slices.Equal(got, []string{"a", "b", "c", "d"}) {
		t.Fatalf("got %v\n%s", got, r.log)
	}
}

// TestGlobWithArchives: archives that a glob asks for are read, oldest first, and once; the log under its own source.
func TestGlobWithArchives(t *testing.T) {
	r := newRig(t)
	r.glob = "access.log*"
	r.write("access.log.2", "ok a\nok b\n")
	r.write("access.log.1", "ok c\n")
	for i, name := range []string{"access.log.2", "access.log.1"} {
		at := time.Now().Add(time.Duration(i-5) * time.Hour)
		if err := os.Chtimes(r.path(name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	r.compress("access.log.2", ".gz")
	r.write("access.log", "ok d\n")
	r.start()
	r.until("all", func() bool { return len(r.sink.got()) >= 4 })
	got := r.sink.got()
	if slices.Sort(got); !slices.Equal(got, []string{"a", "b", "c", "d"}) {
		t.Fatalf("got %v", got)
	}
	for _, b := range r.sink.batches {
		if want := "edge:" + r.path("access.log"); b.Source != want {
			t.Errorf("source %q: want %q", b.Source, want)
		}
	}
	r.stop()
	r.start()
	r.write("access.log", "ok e\n")
	r.until("e", func() bool { return slices.Contains(r.sink.got(), "e") })
	if len(r.sink.got()) != 5 || r.sink.dropped != 0 {
		t.Errorf("got %v, %d sent twice", r.sink.got(), r.sink.dropped)
	}
}

func TestRestartGoesOnFromCheckpoint(t *testing.T) {
	r := newRig(t)
	r.write("access.log", "ok a\n")
	r.start()
	r.wantWords("a")
	r.stop()
	r.write("access.log", "ok b\n")
	r.start()
	r.wantWords("a", "b")
	if r.sink.dropped != 0 {
		t.Errorf("%d events were sent twice", r.sink.dropped)
	}
}

// TestUnacknowledgedRangeIsSentAgainExactly: what was in flight at a stop is the first thing sent, byte for byte the same
// range though the file has grown.
func TestUnacknowledgedRangeIsSentAgainExactly(t *testing.T) {
	r := newRig(t)
	r.sink.fail(errors.New("no"))
	r.write("access.log", "ok a\nok b\n")
	r.start()
	r.until("the sink was tried", func() bool { return strings.Contains(r.log.String(), "err=no") })
	r.stop()
	r.write("access.log", "ok c\n")
	r.sink.fail(nil)
	r.start()
	r.wantWords("a", "b", "c")
	if b := r.sink.batches[0]; b.From != 0 || b.To != 10 {
		t.Errorf("first batch covers [%d, %d): want [0, 10)", b.From, b.To)
	}
}

func TestCorruptCheckpointIsSetAside(t *testing.T) {
	r := newRig(t)
	r.write("access.log", "ok a\nok b\n")
	r.start()
	r.wantWords("a", "b")
	file := r.f.store.file("edge:"+r.path("access.log"), r.path("access.log"))
	r.stop()
	for _, junk := range []string{"", "{", `{"version":1,"path":"/elsewhere"}`, "\x00\x00\x00\x00", `{"version":99}`} {
		if err := os.WriteFile(file, []byte(junk), 0o600); err != nil {
			t.Fatal(err)
		}
		before := r.sink.dropped
		r.start()
		r.until("read again", func() bool {
			r.sink.mu.Lock()
			defer r.sink.mu.Unlock()
			return r.sink.dropped == before+2
		})
		r.wantWords("a", "b") // the server dropped the repeat: the generation is the same
		r.stop()
		if aside, err := os.ReadFile(file + ".corrupt"); err != nil || string(aside) != junk {
			t.Errorf("set aside: %q, %v", aside, err)
		}
		if !strings.Contains(r.log.String(), "corrupt checkpoint") {
			t.Errorf("no message about the checkpoint:\n%s", r.log)
		}
	}
}

func TestFullDiskStopsSending(t *testing.T) {
	r := newRig(t)
	full := make(chan error, 1)
	disk := error(nil)
	r.full = func() error {
		select {
		case disk = <-full:
		default:
		}
		return disk
	}
	full <- errors.New("no space left on device")
	r.write("access.log", "ok a\n")
	r.start()
	r.until("the problem is reported", func() bool {
		rep := r.f.Report()
		return len(rep) == 1 && strings.Contains(rep[0].Problem, "no space left")
	})
	r.wantWords()
	full <- nil
	r.wantWords("a")
	r.until("the problem is over", func() bool { return r.f.Report()[0].Problem == "" })
	if n := strings.Count(r.log.String(), "no space left"); n != 1 {
		t.Errorf("logged %d times: want once\n%s", n, r.log)
	}
}

func TestUnreadableFile(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	r := newRig(t)
	r.write("access.log", "ok a\n")
	if err := os.Chmod(r.path("access.log"), 0); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.until("the problem is reported", func() bool {
		rep := r.f.Report()
		return len(rep) == 1 && strings.Contains(rep[0].Problem, "permission denied")
	})
	if err := os.Chmod(r.path("access.log"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.wantWords("a")
}

// TestNotAFile: what a glob finds beside logs is reported, not read; and read once a log is there.
func TestNotAFile(t *testing.T) {
	r := newRig(t)
	if err := os.Mkdir(r.path("access.log"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.until("the problem is reported", func() bool {
		rep := r.f.Report()
		return len(rep) == 1 && strings.Contains(rep[0].Problem, "not a regular file")
	})
	if err := os.Remove(r.path("access.log")); err != nil {
		t.Fatal(err)
	}
	r.write("access.log", "ok a\n")
	r.wantWords("a")
	r.until("the problem is over", func() bool { return r.f.Report()[0].Problem == "" })
}

func TestDeletedFile(t *testing.T) {
	r := newRig(t)
	r.write("access.log", "ok a\n")
	r.start()
	r.wantWords("a")
	if err := os.Remove(r.path("access.log")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	r.write("access.log", "ok b\n")
	r.wantWords("a", "b")
}

func TestLongLinesAndJunk(t *testing.T) {
	r := newRig(t)
	r.tweak = func(o *Options) { o.MaxLine, o.BatchBytes = 1000, 4000 }
	long := strings.Repeat("x", 100_000)
	junk := string([]byte{0xff, 0xfe, 0, 1, 2, 0x80}) + "\n\xc3(\n"
	r.write("access.log", "ok a\nok "+long+"\nok b\n"+junk+strings.Repeat("\x00", 20_000)+"ok c\n")
	r.start()
	r.until("the lines around them", func() bool { return len(r.sink.got()) >= 4 })
	got := r.sink.got()
	if got[0] != "a" || len(got[1]) != 997 || got[2] != "b" || got[3] != "c" {
		t.Errorf("got %d words, second of %d bytes", len(got), len(got[1]))
	}
	r.until("acknowledged", func() bool { return r.f.Report()[0].LagBytes == 0 })
	if st := r.f.Report()[0]; st.Cut != 1 || st.Failed != 2 || st.Parsed != 4 {
		t.Errorf("report %+v: want 1 cut, 2 failed, 4 parsed", st)
	}
	r.write("access.log", "ok "+long) // a line without end, while followed
	r.write("access.log", "more\nok d\n")
	r.until("the line after it", func() bool { return slices.Contains(r.sink.got(), "d") })
}

func TestFromEnd(t *testing.T) {
	r := newRig(t)
	r.tweak = func(o *Options) { o.FromEnd = true }
	r.write("access.log", "ok a\nok be")
	r.start()
	r.until("followed", func() bool { return len(r.f.Report()) == 1 && r.f.Report()[0].Offset == 10 })
	r.write("access.log", "gun\nok c\n")
	r.wantWords("c")
}

func TestSecondFollowerIsRefused(t *testing.T) {
	r := newRig(t)
	r.write("access.log", "ok a\n")
	r.start()
	r.wantWords("a")
	unlock, err := lockDir(r.path("state"))
	if err == nil {
		unlock()
		t.Fatal("the state folder could be locked twice")
	}
	if !strings.Contains(err.Error(), "another gatewatch process") {
		t.Errorf("error %q", err)
	}
}
