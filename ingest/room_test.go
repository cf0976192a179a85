package ingest

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func body(text string) io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }

// closing is a body that notes when it is closed.
type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

func TestRoomIsGivenBack(t *testing.T) {
	room := NewRoom(1 << 20)
	for range 10 {
		r, err := room.Enter(t.Context(), body(strings.Repeat("x", 400_000)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		if used := room.Used(); used != 800_000 {
			t.Errorf("%d bytes are taken, want twice the body", used)
		}
		if err := errors.Join(r.Close(), r.Close()); err != nil || room.Used() != 0 {
			t.Fatalf("%d bytes stay taken, %v", room.Used(), err)
		}
	}
}

func TestRoomIsBounded(t *testing.T) {
	room := NewRoom(1 << 20)
	room.patience = 10 * time.Millisecond
	huge, err := room.Enter(t.Context(), body(strings.Repeat("x", 4<<20)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(huge); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a body beyond the room: %v, want ErrTooLarge", err)
	}
	if err := huge.Close(); err != nil {
		t.Fatal(err)
	}
	lines, err := room.Enter(t.Context(), body(strings.Repeat("\n", 1000)))
	if err != nil {
		t.Fatal(err)
	}
	large, err := room.Enter(t.Context(), body(strings.Repeat("x", 500_000)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(lines); err != nil || room.Used() < 600_000 {
		t.Errorf("%d bytes for a thousand events, %v: lines are counted as the events that they become", room.Used(), err)
	}
	if _, err := io.ReadAll(large); !errors.Is(err, ErrBusy) {
		t.Errorf("two bodies beyond the room together: %v, want ErrBusy", err)
	}
	if used := room.Used(); used > 2<<20 {
		t.Errorf("%d bytes were taken", used)
	}
	turnedAway := &closing{Reader: strings.NewReader("x")}
	if _, err := room.Enter(t.Context(), turnedAway); !errors.Is(err, ErrBusy) || !turnedAway.closed {
		t.Errorf("while there is no room: %v, want ErrBusy, and the body closed: %v", err, turnedAway.closed)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := room.Enter(gone, body("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("whose client went away: %v, want context.Canceled", err)
	}
	if err := errors.Join(large.Close(), lines.Close()); err != nil || room.Used() != 0 {
		t.Fatalf("%d bytes stay taken, %v", room.Used(), err)
	}
}

func TestRoomIsWaitedFor(t *testing.T) {
	room := NewRoom(1 << 20)
	room.patience = time.Hour
	first, err := room.Enter(t.Context(), body(strings.Repeat("x", 400_000)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(first); err != nil {
		t.Fatal(err)
	}
	entered := make(chan error, 1)
	go func() {
		_, err := room.Enter(t.Context(), body("x"))
		entered <- err
	}()
	select {
	case err := <-entered:
		t.Fatalf("entered at once: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-entered; err != nil {
		t.Error(err)
	}
}
