package store

import (
	"context"

	"github.com/gatewatch/gatewatch/incident/exception"
)

var _ exception.Repository = (*Store)(nil)

// AppendException implements exception.Repository.
func (s *Store) AppendException(ctx context.Context, id string, version uint64, body []byte) error {
	return s.insertRows(ctx, "exceptions", []string{"id String", "version UInt64", "body String"}, func(add func(...any) error) error {
		return add(id, version, string(body))
	})
}

// LoadExceptions implements exception.Repository.
func (s *Store) LoadExceptions(ctx context.Context, each func(body []byte) error) error {
	rows, err := s.conn.Query(ctx, "SELECT body FROM exceptions FINAL ORDER BY id")
	if err != nil {
		return wrap("load exceptions", err)
	}
	return wrap("load exceptions", scanAll(rows, func() error {
		var body string
		if err := rows.Scan(&body); err != nil {
			return err
		}
		return each([]byte(body))
	}))
}
