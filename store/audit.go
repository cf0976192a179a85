package store

import (
	"context"
	"fmt"
	"time"
)

// AppendAudit adds a row to the audit: at time at, actor (a key's name) in a role did action to target, from the
// address remote. id is unique. Rows are never changed.
func (s *Store) AppendAudit(ctx context.Context, id string, at time.Time, actor, role, action, target, remote, detail string) error {
	columns := []string{
		"time DateTime64(9, 'UTC')", "id String", "actor LowCardinality(String)", "role LowCardinality(String)",
		"action LowCardinality(String)", "target String", "remote String", "detail String",
	}
	return s.insertRows(ctx, "audit", columns, func(add func(...any) error) error {
		return add(at.UTC(), id, actor, role, action, target, remote, detail)
	})
}

// Audit calls each for the rows of [from, to), newest first, limit at most; a zero time is no bound. Rows of the moment to
// itself with an id below beforeID belong to it as well, so that pages join.
func (s *Store) Audit(ctx context.Context, from, to time.Time, beforeID string, limit int,
	each func(id string, at time.Time, actor, role, action, target, remote, detail string) error,
) error {
	st := newStatement()
	if !from.IsZero() {
		st.add("time >= " + st.time(from))
	}
	if !to.IsZero() {
		st.add("(time, id) < (" + st.time(to) + ", " + st.param("String", beforeID) + ")")
	}
	rows, err := s.conn.Query(ctx, "SELECT time, id, actor, role, action, target, remote, detail FROM audit"+st.clause()+
		fmt.Sprintf(" ORDER BY time DESC, id DESC LIMIT %d", limit), arguments(st.params)...)
	if err != nil {
		return wrap("read audit", err)
	}
	return wrap("read audit", scanAll(rows, func() error {
		var at time.Time
		var id, actor, role, action, target, remote, detail string
		if err := rows.Scan(&at, &id, &actor, &role, &action, &target, &remote, &detail); err != nil {
			return err
		}
		return each(id, at.UTC(), actor, role, action, target, remote, detail)
	}))
}
