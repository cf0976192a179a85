package store

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// Query selects stored events. The zero Query selects all.
type Query struct {
	From, To time.Time          // time in [From, To); zero: no bound
	After    *event.Place       // only events after this one in judging order; nil: no bound
	Since    time.Time          // ingested after this stamp; zero: no bound
	Cut      time.Time          // ingested at or before this stamp; zero: no bound
	Where    []detect.Condition // every condition must hold
	// Any are alternatives: all conditions of one of them must hold.
	Any [][]detect.Condition
}

func (q Query) compile() (*statement, error) {
	s, _, err := compileMeasure(detect.Measure{
		Aggregate: detect.AggregateCount, Where: q.Where, Any: q.Any, From: q.From, To: q.To, Cut: q.Cut,
	})
	if err != nil {
		return nil, err
	}
	if q.After != nil {
		// The first condition says no more than the second; it is the one that indexes understand.
		s.add("time >= " + s.time(q.After.Time))
		s.add(placeTuple + " > " + s.place(*q.After))
	}
	if !q.Since.IsZero() {
		s.add("ingested_at > " + s.time(q.Since))
	}
	return s, nil
}

// sliceEvents is about how many events are sorted at a time; it bounds memory.
const sliceEvents = 200_000

// ReadEvents calls yield for the events that q selects, in judging order, and stops at its first error, which it
// returns. The events are yield's to keep. Memory is bounded whatever the range: it is read in slices of time.
//
// Without a Cut, events that are stored while it reads may be seen or not.
func (s *Store) ReadEvents(ctx context.Context, q Query, yield func(*event.Event) error) error {
	slices, err := s.slices(ctx, q)
	if err != nil {
		return err
	}
	for _, part := range slices {
		part.After, part.Since, part.Cut, part.Where, part.Any = q.After, q.Since, q.Cut, q.Where, q.Any
		st, err := part.compile()
		if err != nil {
			return err
		}
		if err := s.stream(ctx, st, "ASC", 0, yield); err != nil {
			return err
		}
	}
	return nil
}

// slices cuts the query's range of time into parts of about sliceEvents each; a single second is never cut.
func (s *Store) slices(ctx context.Context, q Query) ([]Query, error) {
	st, err := q.compile()
	if err != nil {
		return nil, err
	}
	rows, err := s.conn.Query(ctx, `SELECT min(second), max(second), sum(n)
FROM
(
    SELECT second, n, intDiv(sum(n) OVER (ORDER BY second ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - 1, `+
		fmt.Sprint(sliceEvents)+`) AS slice
    FROM
    (
        SELECT intDiv(toUnixTimestamp64Nano(time) - positiveModulo(toUnixTimestamp64Nano(time), 1000000000), 1000000000) AS second, count() AS n
        FROM events`+st.clause()+`
        GROUP BY second
    )
)
GROUP BY slice
ORDER BY slice`, arguments(st.params)...)
	if err != nil {
		return nil, wrap("read events: divide the range", err)
	}
	var list []Query
	err = scanAll(rows, func() error {
		var first, last int64
		var n uint64
		if err := rows.Scan(&first, &last, &n); err != nil {
			return err
		}
		part := Query{From: time.Unix(first, 0).UTC(), To: time.Unix(last+1, 0).UTC()}
		if part.From.Before(q.From) {
			part.From = q.From
		}
		if !q.To.IsZero() && part.To.After(q.To) {
			part.To = q.To
		}
		list = append(list, part)
		return nil
	})
	return list, wrap("read events: divide the range", err)
}

// Search is a page of events for people: newest first.
type Search struct {
	Query
	Limit  int          // events of a page, 1 to 1,000
	Before *event.Place // the last event of the page before; nil: the first page
}

// SearchEvents returns a page of events, newest first in judging order, and the place to ask the next page with;
// nil when there is none.
func (s *Store) SearchEvents(ctx context.Context, q Search) ([]*event.Event, *event.Place, error) {
	if q.Limit < 1 || q.Limit > 1000 {
		return nil, nil, rejected("limit %d: want 1 to 1000", q.Limit)
	}
	st, err := q.compile()
	if err != nil {
		return nil, nil, err
	}
	if q.Before != nil {
		st.add("time <= " + st.time(q.Before.Time))
		st.add(placeTuple + " < " + st.place(*q.Before))
	}
	page, err := s.selectEvents(ctx, st, "DESC", q.Limit+1)
	if err != nil {
		return nil, nil, wrap("search events", err)
	}
	if len(page) <= q.Limit {
		return page, nil, nil
	}
	page = page[:q.Limit]
	next := page[q.Limit-1].Place()
	return page, &next, nil
}

// EventByID returns the event with this id, ErrNotFound when it is not stored (any more).
func (s *Store) EventByID(ctx context.Context, id string) (*event.Event, error) {
	hash, generation, position, err := event.ParseID(id)
	if err != nil {
		return nil, rejected("%w", err)
	}
	st := newStatement()
	st.add("position = " + st.param("UInt64", fmt.Sprint(position)))
	st.add("generation = " + st.param("UInt64", fmt.Sprint(generation)))
	list, err := s.selectEvents(ctx, st, "ASC", 0)
	if err != nil {
		return nil, wrap("read event "+id, err)
	}
	for _, e := range list {
		if event.SourceHash(e.Source) == hash {
			return e, nil
		}
	}
	return nil, fmt.Errorf("event %s: %w", id, ErrNotFound)
}

// selectEvents collects the first limit events that st selects in judging order or its reverse; 0: all.
func (s *Store) selectEvents(ctx context.Context, st *statement, order string, limit int) ([]*event.Event, error) {
	var list []*event.Event
	err := s.stream(ctx, st, order, limit, func(e *event.Event) error {
		list = append(list, e)
		return nil
	})
	return list, err
}

// stream runs one SELECT and yields its events. When yield fails, the statement is cancelled before its rows are
// closed: closing alone would read the rest.
func (s *Store) stream(
	ctx context.Context, st *statement, order string, limit int, yield func(*event.Event) error,
) error {
	sql := "SELECT " + columnNames() + "\nFROM events" + st.clause() +
		fmt.Sprintf("\nORDER BY time %[1]s, source %[1]s, generation %[1]s, position %[1]s", order)
	if limit > 0 {
		sql += fmt.Sprintf("\nLIMIT %d", limit)
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	rows, err := s.conn.Query(clickhouse.Context(inner), sql, arguments(st.params)...)
	if err != nil {
		return wrap("read events", err)
	}
	r := newRow()
	for rows.Next() {
		if err := rows.Scan(r.next()...); err != nil {
			cancel()
			_ = rows.Close() // the scan's error is the one that matters
			return wrap("read events", err)
		}
		err := yield(r.event())
		if err == nil {
			err = ctx.Err() // what was received before the cancellation is not read on
		}
		if err != nil {
			cancel()
			_ = rows.Close() // cancelled on purpose
			return err
		}
	}
	if err := rows.Close(); err != nil {
		return wrap("read events", err)
	}
	return wrap("read events", rows.Err())
}
