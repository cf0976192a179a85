package store

import "context"

// SetMerges stops or starts the merging of parts in the background, for all tables of the server: it is meant for a
// private engine that lives for one walk over a log, where merges would cost more than they save. Merges must run again
// before some hundreds of parts have come together.
func (s *Store) SetMerges(ctx context.Context, on bool) error {
	if on {
		return wrap("start merges", s.conn.Exec(ctx, "SYSTEM START MERGES"))
	}
	return wrap("stop merges", s.conn.Exec(ctx, "SYSTEM STOP MERGES"))
}
