package store

import (
	"context"
	"time"

	"github.com/gatewatch/gatewatch/incident/decision"
)

var _ decision.Repository = (*Store)(nil)

// AppendDecision implements decision.Repository.
func (s *Store) AppendDecision(ctx context.Context, r decision.Row) error {
	columns := []string{
		"id UInt64", "version UInt64", "type LowCardinality(String)", "scope LowCardinality(String)", "value String",
		"origin LowCardinality(String)", "scenario String", "simulated Bool", "incident String", "author String",
		"created_at DateTime64(9, 'UTC')", "until DateTime64(9, 'UTC')", "ended_at DateTime64(9, 'UTC')", "body String",
	}
	d := r.Decision
	ended := d.EndedAt
	if ended.IsZero() {
		ended = time.Unix(0, 0)
	}
	return s.insertRows(ctx, "decisions", columns, func(add func(...any) error) error {
		return add(d.ID, r.Version, string(d.Type), string(d.Scope), d.Value, d.Origin, d.Scenario, d.Simulated, d.Incident, d.Author,
			d.CreatedAt.UTC(), d.Until.UTC(), ended.UTC(), string(r.Body))
	})
}

// LoadDecisions implements decision.Repository. The newest decision is among them whenever it ended, so that no id is
// given twice.
func (s *Store) LoadDecisions(ctx context.Context, since time.Time, each func(body []byte) error) error {
	st := newStatement()
	st.add("(until > " + st.time(since) + " OR id = (SELECT max(id) FROM decisions))")
	rows, err := s.conn.Query(ctx, "SELECT body FROM decisions FINAL"+st.clause(), arguments(st.params)...)
	if err != nil {
		return wrap("load decisions", err)
	}
	return wrap("load decisions", scanAll(rows, func() error {
		var body string
		if err := rows.Scan(&body); err != nil {
			return err
		}
		return each([]byte(body))
	}))
}
