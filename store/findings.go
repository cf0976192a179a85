package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
)

// insertRows stores rows as one block: each calls add once a row, with a value per column.
func (s *Store) insertRows(ctx context.Context, table, columns string, each func(add func(...any) error) error) error {
	batch, err := s.conn.PrepareBatch(clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"async_insert": 0})),
		"INSERT INTO "+table+" ("+columns+")")
	if err != nil {
		return wrap("store "+table, err)
	}
	defer func() { _ = batch.Close() }() // after Send it does nothing
	if err := each(batch.Append); err != nil {
		return wrap("store "+table, err)
	}
	return wrap("store "+table, batch.Send())
}

const findingColumns = `incident_id, id, revision, is_open, detector, kind, severity, entity_type, entity_value, service, route,
fired_at, first_seen, last_seen, event_count, observed, expected, body`

func (s *Store) appendFindings(ctx context.Context, list []incident.FindingRow) error {
	if len(list) == 0 {
		return nil
	}
	return s.insertRows(ctx, "findings", findingColumns, func(add func(...any) error) error {
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
