package store

import (
	"context"
	"time"
)

// NewestEvent returns the latest event time in the store, zero when there is none.
func (s *Store) NewestEvent(ctx context.Context) (time.Time, error) {
	var at time.Time
	var n uint64
	if err := s.conn.QueryRow(ctx, "SELECT max(time), count() FROM events").Scan(&at, &n); err != nil {
		return time.Time{}, wrap("read the newest event's time", err)
	}
	if n == 0 {
		return time.Time{}, nil
	}
	return at.UTC(), nil
}
