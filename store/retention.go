package store

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
)

// retained lists the tables whose rows expire and the column from which the days are counted.
var retained = []struct {
	table, column string
	days          func(Retention) int
}{
	{"events", "ingested_at", Retention.eventsDays},
	{"endpoint_minutes", "minute", Retention.rollupsDays},
	{"actor_hours", "hour", Retention.rollupsDays},
	{"object_hours", "hour", Retention.rollupsDays},
	{"refusals", "hour", Retention.rollupsDays},
	{"endpoint_days", "day", Retention.rollupsDays},
	{"endpoint_callers", "day", Retention.rollupsDays},
	{"audit", "time", Retention.auditDays},
}

var ttlDays = regexp.MustCompile(` TTL .*?toIntervalDay\((\d+)\)`)

// applyRetention makes the tables' TTL what the configuration says. It changes nothing when it is so already; expired
// rows go with the next merges.
func (s *Store) applyRetention(ctx context.Context) error {
	for _, r := range retained {
		want := r.days(s.cfg.Retention)
		have, err := s.ttlOf(ctx, r.table)
		if err != nil {
			return err
		}
		if have == want || have == tableMissing {
			continue
		}
		alter := fmt.Sprintf("ALTER TABLE %s REMOVE TTL", r.table)
		if want != KeepForever {
			alter = fmt.Sprintf("ALTER TABLE %s MODIFY TTL toDateTime(%s, 'UTC') + INTERVAL %d DAY SETTINGS materialize_ttl_after_modify = 0",
				r.table, r.column, want)
		}
		if err := s.conn.Exec(ctx, alter); err != nil {
			return wrap("set retention of "+r.table, err)
		}
	}
	return nil
}

const tableMissing = -2

// ttlOf returns a table's TTL in days, KeepForever without one, tableMissing without a table.
func (s *Store) ttlOf(ctx context.Context, table string) (int, error) {
	rows, err := s.conn.Query(ctx, `SELECT engine_full FROM system.tables
WHERE database = currentDatabase() AND name = {table:String}`, named("table", table))
	if err != nil {
		return 0, wrap("read retention of "+table, err)
	}
	days := tableMissing
	err = scanAll(rows, func() error {
		var engine string
		if err := rows.Scan(&engine); err != nil {
			return err
		}
		days = KeepForever
		if m := ttlDays.FindStringSubmatch(engine); m != nil {
			days, err = strconv.Atoi(m[1])
		}
		return err
	})
	return days, wrap("read retention of "+table, err)
}
