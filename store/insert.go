package store

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/gatewatch/gatewatch/event"
)

// The span of time that a DateTime64(9) holds. Source: ClickHouse's documentation of DateTime64.
var (
	earliest = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2262, 4, 11, 0, 0, 0, 0, time.UTC)
)

// insertEvents is fixed by the table of columns.
var insertEvents = "INSERT INTO events (" + columnNames() + ")"

// InsertEvents stores the events as one block: all or none. A repeat of the same events under the same token changes
// nothing, neither in events nor in the tables that its materialised views fill, while the token is among the last
// 10,000. Every event carries a Time and an IngestedAt, the same stamp for the block; the block has some 50,000 events at
// most (a million end in several parts, which are no longer all or none). The events are not kept.
func (s *Store) InsertEvents(ctx context.Context, token string, events []*event.Event) error {
	if len(events) == 0 {
		return nil
	}
	if err := check(token, events); err != nil {
		return fmt.Errorf("insert events: %w", err)
	}
	if err := s.insertBlock(ctx, token, events); err != nil {
		return wrap("insert events", err)
	}
	s.sealIfDue(ctx, events[len(events)-1].IngestedAt)
	return nil
}

func check(token string, events []*event.Event) error {
	if token == "" {
		return rejected("no token")
	}
	for _, e := range events {
		if e.Time.Before(earliest) || e.Time.After(latest) {
			return rejected("event %s has the time %v, outside what the store can hold", e.ID(), e.Time)
		}
		if !e.IngestedAt.Equal(events[0].IngestedAt) || e.IngestedAt.IsZero() {
			return rejected("event %s has the stamp %v, its block %v: want one stamp", e.ID(), e.IngestedAt, events[0].IngestedAt)
		}
	}
	return nil
}

// insertBlock sends the events as one Native block. Over HTTP (the embedded engine, https) the block goes as it is; the
// native protocol has no way to send encoded bytes, so there the driver's columns read it first.
func (s *Store) insertBlock(ctx context.Context, token string, events []*event.Event) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"insert_deduplication_token": token,
		"async_insert":               0,
	}))
	enc := s.encoders.Get().(*encoder)
	defer s.encoders.Put(enc)
	defer enc.release()
	if s.http {
		enc.block(events)
		return s.conn.InsertFormat(ctx, "Native", insertEvents, bytes.NewReader(enc.out))
	}
	batch, err := s.conn.PrepareBatch(ctx, insertEvents)
	if err != nil {
		return err
	}
	defer func() { _ = batch.Close() }() // after Send it does nothing
	if err := enc.fill(batch.Columns(), events); err != nil {
		return err
	}
	return batch.Send()
}
