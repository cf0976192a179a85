package store

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"golang.org/x/sync/errgroup"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident"
)

var _ incident.Repository = (*Store)(nil)

// incidentColumns are the columns of incidents in order of insertion; the types are those of the migration.
func incidentColumns() []string {
	return []string{
		"id String", "version UInt64", "seq UInt64", "title String", "detector LowCardinality(String)",
		"kind LowCardinality(String)", "severity LowCardinality(String)", "score UInt8", "status LowCardinality(String)", "outcome LowCardinality(String)",
		"entity_type LowCardinality(String)", "entity_value String", "service LowCardinality(String)", "route String",
		"first_seen DateTime64(9, 'UTC')", "last_seen DateTime64(9, 'UTC')", "event_count UInt64", "assignee String",
		"created_at DateTime64(9, 'UTC')", "updated_at DateTime64(9, 'UTC')", "body String",
	}
}

// Append implements incident.Repository: findings and evidence first, then the incidents in one block, whose row is
// what makes them count.
func (s *Store) Append(ctx context.Context, w incident.Write) error {
	var first errgroup.Group
	first.Go(func() error { return s.appendFindings(ctx, w.Findings) })
	first.Go(func() error { return s.appendEvidence(ctx, w.Evidence) })
	if err := first.Wait(); err != nil {
		return err
	}
	if len(w.Incidents) == 0 {
		return nil
	}
	return s.insertRows(ctx, "incidents", incidentColumns(), func(add func(...any) error) error {
		for _, r := range w.Incidents {
			i := r.Incident
			err := add(i.ID, i.Version, r.Seq, i.Title, i.Detector, string(i.Kind), i.Severity.String(), uint8(i.Score),
				string(i.Status), string(i.Outcome), string(i.Entity.Type), i.Entity.Value, i.Service, i.Route, i.FirstSeen.UTC(), i.LastSeen.UTC(),
				i.EventCount, i.Assignee, i.CreatedAt.UTC(), i.UpdatedAt.UTC(), string(r.Body))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) appendEvidence(ctx context.Context, list []incident.EvidenceRow) error {
	if len(list) == 0 {
		return nil
	}
	columns := []string{
		"incident_id String", "event_id String", "time DateTime64(9, 'UTC')", "source LowCardinality(String)",
		"generation UInt64", "position UInt64", "body String",
	}
	return s.insertRows(ctx, "evidence", columns, func(add func(...any) error) error {
		for _, e := range list {
			p := e.Place
			err := add(e.IncidentID, e.EventID, p.Time.UTC(), p.Source, p.Generation, p.Position, string(e.Body))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// LoadIncidents implements incident.Repository.
func (s *Store) LoadIncidents(ctx context.Context, each func(body []byte) error) error {
	rows, err := s.conn.Query(ctx, "SELECT body FROM incidents FINAL")
	if err != nil {
		return wrap("load incidents", err)
	}
	return wrap("load incidents", scanAll(rows, func() error {
		var body string
		if err := rows.Scan(&body); err != nil {
			return err
		}
		return each([]byte(body))
	}))
}

// Details implements incident.Repository.
func (s *Store) Details(ctx context.Context, ids []string) (map[string]incident.Details, error) {
	findings, err := s.findingsOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[string]incident.Details, len(findings))
	for id, list := range findings {
		out[id] = incident.Details{Findings: list}
	}
	rows, err := s.conn.Query(ctx, `SELECT incident_id, body FROM evidence FINAL WHERE incident_id IN {ids:Array(String)}
ORDER BY time, source, generation, position`, clickhouse.Named("ids", arrayLiteral(ids)))
	if err != nil {
		return nil, wrap("load evidence", err)
	}
	err = scanAll(rows, func() error {
		var id, body string
		if err := rows.Scan(&id, &body); err != nil {
			return err
		}
		d := out[id]
		d.Evidence = append(d.Evidence, json.RawMessage(body))
		out[id] = d
		return nil
	})
	return out, wrap("load evidence", err)
}

// Matching implements incident.Repository.
func (s *Store) Matching(ctx context.Context, queries []incident.EventQuery) ([][]*event.Event, error) {
	return incident.MatchEach(ctx, s, queries)
}

// Reproduce takes a measure again and says how: the statement, its parameters, the number, and how many of the events
// that it selects are still there.
func (s *Store) Reproduce(ctx context.Context, m detect.Measure) (sql string, params map[string]string, value float64, events uint64, err error) {
	if sql, params, err = MeasureSQL(m); err != nil {
		return "", nil, 0, 0, err
	}
	if value, err = s.Measure(ctx, m); err != nil {
		return "", nil, 0, 0, err
	}
	m.Aggregate, m.Field, m.Quantile, m.Bits = detect.AggregateCount, "", 0, 0
	m.Where = withoutNumerator(m.Where)
	n, err := s.Measure(ctx, m)
	return sql, params, value, uint64(n), err
}

// withoutNumerator drops the conditions that only select the numerator of a share.
func withoutNumerator(list []detect.Condition) []detect.Condition {
	var kept []detect.Condition
	for _, c := range list {
		if !c.Of {
			kept = append(kept, c)
		}
	}
	return kept
}

// arrayLiteral writes strings as the value of an Array(String) parameter.
func arrayLiteral(words []string) string {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	var b strings.Builder
	b.WriteByte('[')
	for i, w := range words {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("'" + quote.Replace(w) + "'")
	}
	b.WriteByte(']')
	return b.String()
}

// FindEvents returns up to limit events in [from, to) (zero: no bound) of the services within that meet every condition,
// newest first, beginning after the place before (nil: the newest), and the place to go on from (nil: that was all).
func (s *Store) FindEvents(
	ctx context.Context, from, to time.Time, where []detect.Condition, within event.Services, before *event.Place, limit int,
) ([]*event.Event, *event.Place, error) {
	var any [][]detect.Condition
	for _, name := range within {
		any = append(any, []detect.Condition{{Field: "service", Op: detect.OpEqual, Value: name}})
	}
	if within.Limited() && any == nil {
		return nil, nil, nil
	}
	return s.SearchEvents(ctx, Search{Query: Query{From: from, To: to, Where: where, Any: any}, Limit: limit, Before: before})
}
