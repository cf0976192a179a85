package store

import (
	"context"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// EachEvent calls yield for the stored events of [from, to), in judging order, as a backtest takes them, and stops at its
// first error. Memory is bounded whatever the range; events that are stored meanwhile are not seen.
func (s *Store) EachEvent(ctx context.Context, from, to time.Time, yield func(*event.Event) error) error {
	return s.ReadEvents(ctx, Query{From: from, To: to}, yield)
}
