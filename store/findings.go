package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
)

// insertRows stores rows as one block: each calls add once a row, with a value per column. columns are "name Type" pairs;
// with the types known the driver need not ask for them.
func (s *Store) insertRows(ctx context.Context, table string, columns []string, each func(add func(...any) error) error) error {
	names := make([]string, len(columns))
	typed := make([]clickhouse.ColumnNameAndType, len(columns))
	for i, c := range columns {
		name, kind, _ := strings.Cut(c, " ")
		names[i], typed[i] = name, clickhouse.ColumnNameAndType{Name: name, Type: kind}
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithColumnNamesAndTypes(typed),
		clickhouse.WithSettings(clickhouse.Settings{"async_insert": 0}))
	batch, err := s.conn.PrepareBatch(ctx, "INSERT INTO "+table+" ("+strings.Join(names, ", ")+")")
	if err != nil {
		return wrap("store "+table, err)
	}
	defer func() { _ = batch.Close() }() // after Send it does nothing
	if err := each(batch.Append); err != nil {
		return wrap("store "+table, err)
	}
	return wrap("store "+table, batch.Send())
}

// findingColumns are the columns of findings in order of insertion; the types are those of the migration.
func findingColumns() []string {
	return []string{
		"incident_id String", "id String", "revision UInt32", "is_open Bool", "detector LowCardinality(String)",
		"kind LowCardinality(String)", "severity LowCardinality(String)", "entity_type LowCardinality(String)",
		"entity_value String", "service LowCardinality(String)", "route String", "fired_at DateTime64(9, 'UTC')",
		"first_seen DateTime64(9, 'UTC')", "last_seen DateTime64(9, 'UTC')", "event_count UInt64", "observed Float64",
		"expected Float64", "body String",
	}
}

func (s *Store) appendFindings(ctx context.Context, list []incident.FindingRow) error {
	if len(list) == 0 {
		return nil
	}
	return s.insertRows(ctx, "findings", findingColumns(), func(add func(...any) error) error {
		for i := range list {
			f := &list[i].Finding
			body, err := json.Marshal(f)
			if err != nil {
				return rejected("finding %s: %w", f.ID, err)
			}
			err = add(list[i].IncidentID, f.ID, f.Revision, f.Open, f.Detector, string(f.Kind), f.Severity.String(),
				string(f.Entity.Type), f.Entity.Value, f.Service, f.Route, f.FiredAt.UTC(), f.FirstSeen.UTC(), f.LastSeen.UTC(),
				f.EventCount, f.Observed, f.Expected, string(body))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// OpenFindings implements incident.Repository.
func (s *Store) OpenFindings(ctx context.Context) ([]detect.Finding, error) {
	rows, err := s.conn.Query(ctx, "SELECT incident_id, body FROM findings FINAL WHERE is_open ORDER BY fired_at, id")
	if err != nil {
		return nil, wrap("load open findings", err)
	}
	var open []detect.Finding
	err = scanFindings(rows, func(_ string, f detect.Finding) { open = append(open, f) })
	return open, wrap("load open findings", err)
}

// findingsOf returns the incidents' findings in order of time, of each the newest incident.MaxFindings.
func (s *Store) findingsOf(ctx context.Context, ids []string) (map[string][]detect.Finding, error) {
	rows, err := s.conn.Query(ctx, fmt.Sprintf(`SELECT incident_id, body FROM
(
    SELECT incident_id, id, fired_at, body FROM findings FINAL WHERE incident_id IN {ids:Array(String)}
    ORDER BY fired_at DESC, id DESC LIMIT %d BY incident_id
)
ORDER BY fired_at, id`, incident.MaxFindings), clickhouse.Named("ids", arrayLiteral(ids)))
	if err != nil {
		return nil, wrap("load findings", err)
	}
	of := map[string][]detect.Finding{}
	err = scanFindings(rows, func(id string, f detect.Finding) { of[id] = append(of[id], f) })
	return of, wrap("load findings", err)
}

// scanFindings reads rows of (incident_id, body).
func scanFindings(rows driver.Rows, each func(incidentID string, f detect.Finding)) error {
	return scanAll(rows, func() error {
		var id, body string
		if err := rows.Scan(&id, &body); err != nil {
			return err
		}
		var f detect.Finding
		if err := json.Unmarshal([]byte(body), &f); err != nil {
			return rejected("a finding of %s does not decode: %w", id, err)
		}
		each(id, f)
		return nil
	})
}
