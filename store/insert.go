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

// InsertEvents stores the events as one block: all or none. Every event carries a Time and an IngestedAt, the same stamp
// for the block and for no other block. A repeat of a block changes nothing, neither in events nor in the tables that its
// materialised views fill, while it is among the last 10,000; Migrate completes a block that a kill left out of a view. The
// token names the block in errors. A block has some 50,000 events (a million would end in several parts, which are no
// longer all or none). The events are not kept.
func (s *Store) InsertEvents(ctx context.Context, token string, events []*event.Event) error {
	if len(events) == 0 {
		return nil
	}
	if err := check(events); err != nil {
		return fmt.Errorf("insert block %s: %w", token, err)
	}
	if err := s.insertBlock(ctx, events); err != nil {
		return wrap("insert block "+token, err)
	}
	s.sealIfDue(ctx, events[0].IngestedAt)
	return nil
}

// blockToken is what ClickHouse recognises a repeated block by. It is made from the block itself, so that it can be made
// again from what is stored.
func blockToken(events []*event.Event) string {
	first, last := events[0].Place(), events[0].Place()
	for _, e := range events[1:] {
		switch p := e.Place(); {
		case p.Compare(first) < 0:
			first = p
		case p.Compare(last) > 0:
			last = p
		}
	}
	return fmt.Sprintf("%d %d %s %s", events[0].IngestedAt.UnixNano(), len(events), first.ID(), last.ID())
}

// completeNewestBlock stores the newest block once more. ClickHouse commits a block to events before it commits what the
// views make of it, so after a kill in between the views may lack the last block; what is there already drops the repeat.
func (s *Store) completeNewestBlock(ctx context.Context) error {
	there, err := s.hasTable(ctx, "events")
	if err != nil || !there {
		return err
	}
	var newest time.Time
	if err := s.conn.QueryRow(ctx, "SELECT max(ingested_at) FROM events").Scan(&newest); err != nil {
		return wrap("look for the newest block", err)
	}
	var block []*event.Event
	q := Query{Since: newest.Add(-time.Nanosecond), Cut: newest}
	if err := s.ReadEvents(ctx, q, func(e *event.Event) error { block = append(block, e); return nil }); err != nil {
		return fmt.Errorf("read the newest block: %w", err)
	}
	if len(block) == 0 {
		return nil
	}
	return wrap("complete the newest block", s.insertBlock(ctx, block))
}

func check(events []*event.Event) error {
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
func (s *Store) insertBlock(ctx context.Context, events []*event.Event) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"insert_deduplication_token": blockToken(events),
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
