package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/gatewatch/gatewatch/baseline"
)

var _ baseline.Leases = (*Store)(nil)

// lease is the newest row of a name.
type lease struct {
	term   uint64
	holder string
	until  time.Time
}

// TakeLease implements baseline.Leases. ClickHouse has no compare-and-set; it has the deduplication of inserts, which drops
// the second block of one token: whoever's row is there for the new term has the lease.
func (s *Store) TakeLease(ctx context.Context, name, holder string, now, until time.Time) (uint64, error) {
	have, err := s.newestLease(ctx, name)
	if err != nil {
		return 0, err
	}
	if have.holder != holder && have.until.After(now) {
		return 0, fmt.Errorf("%w: %s has the lease until %s", baseline.ErrBusy, have.holder, have.until.UTC().Format(time.RFC3339))
	}
	term := have.term + 1
	token := fmt.Sprintf("%s %d", name, term)
	if err := s.appendLease(ctx, token, name, lease{term, holder, until}, 0); err != nil {
		return 0, err
	}
	st := newStatement()
	st.add("name = " + st.param("String", name))
	st.add("term = " + st.param("UInt64", strconv.FormatUint(term, 10)))
	var got string
	sql := "SELECT holder FROM leases" + st.clause() + " AND seq = 0 ORDER BY holder LIMIT 1"
	if err := s.conn.QueryRow(ctx, sql, arguments(st.params)...).Scan(&got); err != nil {
		return 0, wrap("read who has the lease", err)
	}
	if got != holder {
		return 0, fmt.Errorf("%w: %s has just taken the lease", baseline.ErrBusy, got)
	}
	return term, nil
}

// KeepLease implements baseline.Leases.
func (s *Store) KeepLease(ctx context.Context, name, holder string, term uint64, now, until time.Time) error {
	have, err := s.newestLease(ctx, name)
	if err != nil {
		return err
	}
	if have.term != term || have.holder != holder {
		return fmt.Errorf("%w by %s", baseline.ErrLeaseLost, have.holder)
	}
	seq := uint64(max(now.UnixNano(), 1)) //nolint:gosec // positive
	return s.appendLease(ctx, fmt.Sprintf("%s %d %d", name, term, seq), name, lease{term, holder, until}, seq)
}

func (s *Store) newestLease(ctx context.Context, name string) (l lease, err error) {
	st := newStatement()
	st.add("name = " + st.param("String", name))
	sql := "SELECT term, holder, ends_at FROM leases" + st.clause() + " ORDER BY term DESC, seq DESC LIMIT 1"
	err = s.each(ctx, "read the lease", sql, st.params, []any{&l.term, &l.holder, &l.until}, func() error { return nil })
	return l, err
}

func (s *Store) appendLease(ctx context.Context, token, name string, l lease, seq uint64) (err error) {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"insert_deduplication_token": token, "async_insert": 0}))
	batch, err := s.conn.PrepareBatch(ctx, "INSERT INTO leases (name, term, seq, holder, ends_at)")
	if err != nil {
		return wrap("store the lease", err)
	}
	defer func() { err = errors.Join(err, batch.Close()) }()
	if err := batch.Append(name, l.term, seq, l.holder, l.until.UTC()); err != nil {
		return wrap("store the lease", err)
	}
	return wrap("store the lease", batch.Send())
}
