package store

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// AppendAnswer keeps what a request under an idempotency key was answered, for two days. id is unique to the caller, the
// operation and the key.
func (s *Store) AppendAnswer(ctx context.Context, id string, at time.Time, body []byte) error {
	return s.insertRows(ctx, "answers", []string{"id String", "time DateTime64(3, 'UTC')", "body String"}, func(add func(...any) error) error {
		return add(id, at.UTC(), string(body))
	})
}

// Answer returns the answer of an id that is not older than since, nil when there is none.
func (s *Store) Answer(ctx context.Context, id string, since time.Time) ([]byte, error) {
	rows, err := s.conn.Query(ctx, "SELECT body FROM answers FINAL WHERE id = {id:String} AND time >= {since:DateTime64(3, 'UTC')}",
		clickhouse.Named("id", id), clickhouse.Named("since", since.UTC().Format("2006-01-02 15:04:05.000")))
	if err != nil {
		return nil, wrap("load an answer", err)
	}
	var found []byte
	err = scanAll(rows, func() error {
		var body string
		if err := rows.Scan(&body); err != nil {
			return err
		}
		found = []byte(body)
		return nil
	})
	return found, wrap("load an answer", err)
}
