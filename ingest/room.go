package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/gatewatch/gatewatch/event"
)

// ErrBusy says that there is no room for a push at the moment; the same again may find some.
var ErrBusy = errors.New("too many pushes at a time")

// Room bounds the memory of all pushes together that are on their way into the store: of bodies that are sent slowly, are
// large once decompressed, or wait while the store is away. It is safe for concurrent use.
type Room struct {
	limit    int64 // bytes
	used     atomic.Int64
	patience time.Duration
}

// DefaultRoom is a Room's size in bytes.
const DefaultRoom = 512 << 20

// roomPatience is how long a push waits for room before it is turned away.
const roomPatience = 10 * time.Second

// NewRoom makes room for limit bytes; 0: DefaultRoom.
func NewRoom(limit int64) *Room {
	if limit <= 0 {
		limit = DefaultRoom
	}
	return &Room{limit: limit, patience: roomPatience}
}

// Used is how many bytes are taken.
func (m *Room) Used() int64 { return m.used.Load() }

// Enter waits until half of the room is free, some seconds at most, so that those who are in can finish, and returns body as
// a reader that takes room as it is read and gives it back when it is closed: close it when the store has the events. Its
// errors, and Enter's, wrap ErrBusy when there is no room. When Enter fails it has closed body.
func (m *Room) Enter(ctx context.Context, body io.ReadCloser) (io.ReadCloser, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, m.patience, ErrBusy)
	defer cancel()
	for m.used.Load() > m.limit/2 {
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for other pushes: %w", context.Cause(ctx)), body.Close())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return &guest{ReadCloser: body, room: m}, nil
}

// guest is a body in a Room.
type guest struct {
	io.ReadCloser
	room   *Room
	events int
	held   int64
}

// Read implements io.Reader. A body that does not fit into the room by itself is too large.
func (g *guest) Read(p []byte) (int, error) {
	n, err := g.ReadCloser.Read(p)
	cost := g.cost(p[:n])
	g.held += cost
	used := g.room.used.Add(cost)
	switch {
	case g.held > g.room.limit:
		return n, fmt.Errorf("%w: it takes more memory than there is for all pushes", ErrTooLarge)
	case used > g.room.limit:
		return n, ErrBusy
	}
	return n, err
}

// Close implements io.Closer.
func (g *guest) Close() error {
	g.room.used.Add(-g.held)
	g.held = 0
	return g.ReadCloser.Close()
}

// cost is about what text of a body takes until it is stored: itself twice, since buffers grow by doubling, and an event
// for each line or, in a list, for some of the closing braces (see records.count), as many as a push may have.
func (g *guest) cost(text []byte) int64 {
	events := bytes.Count(text, []byte("\n")) + bytes.Count(text, []byte("},"))/4
	events = min(events, maxEvents-g.events)
	g.events += events
	return 2*int64(len(text)) + int64(events)*int64(unsafe.Sizeof(event.Event{}))
}
