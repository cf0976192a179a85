package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir string, change func(*Options)) *Spool {
	t.Helper()
	o := Options{Dir: dir, SegmentBytes: 200}
	if change != nil {
		change(&o)
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// drain takes records until want came.
func drain(t *testing.T, s *Spool, want int, take func(Chunk) error) (got []string, places map[string]bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	places = map[string]bool{}
	err := s.Run(ctx, func(_ context.Context, c Chunk) error {
		if take != nil {
			if err := take(c); err != nil {
				return err
			}
		}
		for _, r := range c.Records {
			got = append(got, string(r.Data))
			places[fmt.Sprint(c.Generation, " ", r.Position)] = true
			if r.Position < c.From || r.Position >= c.To {
				t.Errorf("position %d outside [%d, %d)", r.Position, c.From, c.To)
			}
		}
		if len(got) >= want {
			cancel()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, places
}

func fill(t *testing.T, s *Spool, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := s.Append(fmt.Appendf(nil, "record %d", i)); err != nil {
			t.Fatal(err)
		}
	}
}

func inOrder(t *testing.T, got []string, from, to int) {
	t.Helper()
	if len(got) != to-from {
		t.Fatalf("%d records, want %d", len(got), to-from)
	}
	for i, g := range got {
		if want := fmt.Sprintf("record %d", from+i); g != want {
			t.Fatalf("record %d is %q, want %q", i, g, want)
		}
	}
}

func TestOrderAcrossSegments(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	fill(t, s, 0, 100)
	failed := false
	got, places := drain(t, s, 100, func(Chunk) error {
		if !failed {
			failed = true
			return errors.New("away")
		}
		return nil
	})
	inOrder(t, got, 0, 100)
	if len(places) != 100 {
		t.Errorf("%d places of 100 records", len(places))
	}
	fill(t, s, 100, 103)
	got, more := drain(t, s, 103-100, nil)
	if len(got) < 3 || got[len(got)-1] != "record 102" {
		t.Errorf("got %q", got)
	}
	for p := range more {
		_ = p
	}
}

// TestRestart: what was not taken comes again, under the same places; new records have new ones.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	fill(t, s, 0, 50)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got, first := drain(t, s, 50, func(c Chunk) error { return nil })
	inOrder(t, got, 0, 50)
	s = open(t, dir, nil)
	fill(t, s, 50, 60)
	var all []string
	all, second := drain(t, s, 10, nil)
	if all[len(all)-1] != "record 59" {
		t.Errorf("the last is %q", all[len(all)-1])
	}
	for p := range second {
		delete(first, p)
	}
	if len(second) < 10 {
		t.Errorf("%d places", len(second))
	}
}

// TestBound: a full spool takes nothing, says so, and takes again when it was read.
func TestBound(t *testing.T) {
	s := open(t, t.TempDir(), func(o *Options) { o.MaxBytes = 1600 })
	n := 0
	for ; ; n++ {
		if err := s.Append(fmt.Appendf(nil, "record %d", n)); errors.Is(err, ErrFull) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if bytes, dropped := s.Stats(); bytes > 1600 || dropped != 1 {
		t.Errorf("%d bytes, %d dropped", bytes, dropped)
	}
	got, _ := drain(t, s, n, nil)
	inOrder(t, got, 0, n)
	for range 5 { // the segment that was read last may still be there
		if s.Append([]byte("again")) == nil {
			return
		}
		drain(t, s, 0, nil)
	}
	t.Error("it stays full")
}

// TestDamage: a torn tail and a flipped bit cost what is behind them in their segment, no more.
func TestDamage(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"torn":    func(b []byte) []byte { return b[:len(b)-3] },
		"header":  func(b []byte) []byte { return b[:len(b)-14] },
		"flipped": func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"length":  func(b []byte) []byte { b[3] = 0xff; return b },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, nil)
			fill(t, s, 0, 5)
			_ = s.Close()
			file := filepath.Join(dir, s.names[0])
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, spoil(b), 0o600); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir, nil)
			fill(t, s, 5, 8)
			got, _ := drain(t, s, map[bool]int{true: 3, false: 7}[name == "length"], nil)
			if got[len(got)-1] != "record 7" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestTooLarge(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	if err := s.Append(make([]byte, MaxRecord+1)); !errors.Is(err, ErrRecord) {
		t.Error(err)
	}
	if err := s.Append(make([]byte, MaxRecord)); err != nil {
		t.Error(err)
	}
	if got, _ := drain(t, s, 1, nil); len(got[0]) != MaxRecord {
		t.Errorf("%d bytes", len(got[0]))
	}
}

// TestTogether: a writer and a reader at once lose and double nothing.
func TestTogether(t *testing.T) {
	s := open(t, t.TempDir(), func(o *Options) { o.SegmentBytes = 4000 })
	const n = 5000
	var w sync.WaitGroup
	w.Go(func() { fill(t, s, 0, n) })
	got, places := drain(t, s, n, nil)
	w.Wait()
	inOrder(t, got, 0, n)
	if len(places) != n {
		t.Errorf("%d places", len(places))
	}
}

// BenchmarkAppend is what a datagram costs.
func BenchmarkAppend(b *testing.B) {
	s, err := Open(Options{Dir: b.TempDir(), MaxBytes: 1 << 40})
	if err != nil {
		b.Fatal(err)
	}
	record := make([]byte, 250)
	b.SetBytes(int64(len(record)))
	for b.Loop() {
		if err := s.Append(record); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// TestSave: what was appended is written to the disk, segments before the last included, and let go of.
func TestSave(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	fill(t, s, 0, 100)
	if len(s.retired) == 0 || !s.unsaved {
		t.Fatalf("%d retired segments, unsaved %t", len(s.retired), s.unsaved)
	}
	if err := s.save(); err != nil || len(s.retired) != 0 || s.unsaved {
		t.Errorf("saved: %v, %d retired, unsaved %t", err, len(s.retired), s.unsaved)
	}
	fill(t, s, 100, 101)
	got, _ := drain(t, s, 101, nil)
	inOrder(t, got, 0, 101)
}
