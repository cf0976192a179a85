package store

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/gatewatch/gatewatch/event"
)

// The span of time of events: a DateTime64(9) ends in 2262, and no gateway logged before Unix time began.
var (
	earliest = time.Unix(0, 0).UTC()
	latest   = time.Date(2262, 4, 11, 0, 0, 0, 0, time.UTC)
)

// insertColumns and insertEvents are fixed by the table of columns.
var (
	insertColumns = func() []clickhouse.ColumnNameAndType {
		list := make([]clickhouse.ColumnNameAndType, len(columns))
		for i, c := range columns {
			list[i] = clickhouse.ColumnNameAndType{Name: c.name, Type: c.sqlType}
		}
		return list
	}()
	insertEvents = "INSERT INTO events (" + columnNames() + ")"
)

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

func (s *Store) insertBlock(ctx context.Context, token string, events []*event.Event) error {
	ctx = clickhouse.Context(ctx,
		clickhouse.WithColumnNamesAndTypes(insertColumns),
		clickhouse.WithSettings(clickhouse.Settings{
			"insert_deduplication_token": token,
			"async_insert":               0,
		}))
	batch, err := s.conn.PrepareBatch(ctx, insertEvents)
	if err != nil {
		return err
	}
	defer func() { _ = batch.Close() }() // after Send it does nothing
	enc := s.encoders.Get().(*encoder)
	defer s.encoders.Put(enc)
	defer enc.release()
	into := batch.Columns()
	if len(into) != len(columns) {
		return rejected("the store expects %d columns of an event, this program knows %d", len(into), len(columns))
	}
	for i := range columns {
		if err := columns[i].encode(enc, events, into[i]); err != nil {
			return err
		}
	}
	return batch.Send()
}
