package incident

import (
	"context"
	"encoding/json"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// Repository keeps what must last. The store implements it over ClickHouse, Memory for one-shot runs and tests.
// The Manager is its only writer.
type Repository interface {
	// Append stores w durably: findings and evidence before incidents, since an incident's row is what makes the rest
	// count. Storing the same rows again changes nothing; of several rows of one finding or incident the one with the
	// highest revision or version wins.
	Append(ctx context.Context, w Write) error
	// LoadIncidents calls each with the body of every incident's latest row, in any order. The bytes are each's.
	LoadIncidents(ctx context.Context, each func(body []byte) error) error
	// OpenFindings returns the latest revision of every finding whose episode may still grow, without samples.
	OpenFindings(ctx context.Context) ([]detect.Finding, error)
	// Details returns findings (in order of time; the newest maxFindings) and evidence of the named incidents.
	// An id without any is absent from the map.
	Details(ctx context.Context, incidentIDs []string) (map[string]Details, error)
	// Matching returns, for each query, up to Limit of the events that its measure counts, in judging order.
	Matching(ctx context.Context, queries []EventQuery) ([][]*event.Event, error)
}

// Write is what one step of the Manager makes durable.
type Write struct {
	Findings  []FindingRow
	Evidence  []EvidenceRow
	Incidents []Row
}

// FindingRow is a finding's revision and the incident that it belongs to. The finding's Sample is empty.
type FindingRow struct {
	IncidentID string
	Finding    detect.Finding
}

// EvidenceRow is one event kept with an incident for as long as the incident lives. (IncidentID, EventID) is its key.
type EvidenceRow struct {
	IncidentID string
	EventID    string
	Place      event.Place
	Body       json.RawMessage // the event's JSON
}

// Row is one version of an incident. Body is opaque to the repository: the Manager wrote it and reads it.
// Incident serves columns that people query with SQL.
type Row struct {
	Incident *Incident
	Seq      uint64 // place in the stream of changes, unique and growing
	Body     []byte
}

// Details are an incident's findings and evidence.
type Details struct {
	Findings []detect.Finding
	Evidence []json.RawMessage
}

// EventQuery asks for events that a measure counted.
type EventQuery struct {
	Measure detect.Measure
	Limit   int
}

// Events finds the events behind a measure; the store does.
type Events interface {
	MeasureEvents(ctx context.Context, m detect.Measure, limit int) ([]*event.Event, error)
}

// MatchEach answers queries one after the other: what a Repository's Matching does over an Events.
func MatchEach(ctx context.Context, from Events, queries []EventQuery) ([][]*event.Event, error) {
	found := make([][]*event.Event, len(queries))
	for i, q := range queries {
		events, err := from.MeasureEvents(ctx, q.Measure, q.Limit)
		if err != nil {
			return nil, err
		}
		found[i] = events
	}
	return found, nil
}
