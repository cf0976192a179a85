package incident

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// Memory is a Repository that lasts as long as the process: for one-shot runs and tests.
type Memory struct {
	events    Events
	mu        sync.Mutex
	incidents map[string]Row
	findings  map[string]map[string]detect.Finding // by incident and finding
	evidence  map[string][]EvidenceRow
}

// NewMemory returns an empty repository over the events of from. With nil there are none, and an incident's evidence is
// its findings' samples.
func NewMemory(from Events) *Memory {
	return &Memory{
		events:    from,
		incidents: map[string]Row{}, findings: map[string]map[string]detect.Finding{}, evidence: map[string][]EvidenceRow{},
	}
}

var _ Repository = (*Memory)(nil)

// MaxFindings is how many findings of one incident Details returns, the newest.
const MaxFindings = 500

// Append implements Repository.
func (s *Memory) Append(_ context.Context, w Write) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range w.Findings {
		of := s.findings[f.IncidentID]
		if of == nil {
			of = map[string]detect.Finding{}
			s.findings[f.IncidentID] = of
		}
		if have, ok := of[f.Finding.ID]; !ok || have.Revision < f.Finding.Revision {
			of[f.Finding.ID] = f.Finding
		}
	}
	for _, e := range w.Evidence {
		have := s.evidence[e.IncidentID]
		if !slices.ContainsFunc(have, func(x EvidenceRow) bool { return x.EventID == e.EventID }) {
			s.evidence[e.IncidentID] = append(have, e)
		}
	}
	for _, r := range w.Incidents {
		if have, ok := s.incidents[r.Incident.ID]; !ok || have.Incident.Version < r.Incident.Version {
			s.incidents[r.Incident.ID] = r
		}
	}
	return nil
}

// LoadIncidents implements Repository.
func (s *Memory) LoadIncidents(_ context.Context, each func([]byte) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.incidents {
		if err := each(slices.Clone(r.Body)); err != nil {
			return err
		}
	}
	return nil
}

// OpenFindings implements Repository.
func (s *Memory) OpenFindings(context.Context) ([]detect.Finding, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var open []detect.Finding
	for _, of := range s.findings {
		for _, f := range of {
			if f.Open {
				open = append(open, f)
			}
		}
	}
	slices.SortFunc(open, compareFindings)
	return open, nil
}

// Details implements Repository.
func (s *Memory) Details(_ context.Context, ids []string) (map[string]Details, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]Details{}
	for _, id := range ids {
		var d Details
		for _, f := range s.findings[id] {
			d.Findings = append(d.Findings, f)
		}
		slices.SortFunc(d.Findings, compareFindings)
		if over := len(d.Findings) - MaxFindings; over > 0 {
			d.Findings = d.Findings[over:]
		}
		rows := slices.Clone(s.evidence[id])
		slices.SortFunc(rows, func(a, b EvidenceRow) int { return a.Place.Compare(b.Place) })
		for _, e := range rows {
			d.Evidence = append(d.Evidence, json.RawMessage(e.Body))
		}
		if d.Findings != nil || d.Evidence != nil {
			out[id] = d
		}
	}
	return out, nil
}

// Matching implements Repository.
func (s *Memory) Matching(ctx context.Context, queries []EventQuery) ([][]*event.Event, error) {
	if s.events == nil {
		return make([][]*event.Event, len(queries)), nil
	}
	return MatchEach(ctx, s.events, queries)
}

// compareFindings orders a timeline: by time of firing, then id.
func compareFindings(a, b detect.Finding) int {
	if c := a.FiredAt.Compare(b.FiredAt); c != 0 {
		return c
	}
	return compare(a.ID, b.ID)
}
