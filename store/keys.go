package store

import "context"

// AppendKey stores a version of an API key's row; the highest version of an id wins. body is opaque to the store and
// holds no key.
func (s *Store) AppendKey(ctx context.Context, id string, version uint64, body []byte) error {
	return s.insertRows(ctx, "api_keys", []string{"id String", "version UInt64", "body String"}, func(add func(...any) error) error {
		return add(id, version, string(body))
	})
}

// LoadKeys calls each with the body of every key's latest row, by id.
func (s *Store) LoadKeys(ctx context.Context, each func(body []byte) error) error {
	rows, err := s.conn.Query(ctx, "SELECT body FROM api_keys FINAL ORDER BY id")
	if err != nil {
		return wrap("load keys", err)
	}
	return wrap("load keys", scanAll(rows, func() error {
		var body string
		if err := rows.Scan(&body); err != nil {
			return err
		}
		return each([]byte(body))
	}))
}
