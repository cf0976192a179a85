package incident

import (
	"context"
	"fmt"
	"slices"
)

// evidenceBatch is how many queries for events go to the repository in one call.
const evidenceBatch = 32

// fetchEvidence asks the repository for events of the incidents that begin with this step, in batches. That they
// cannot be had is logged and counted, and is no reason to lose the incident: the finding's own sample is kept anyway.
func (t *tx) fetchEvidence(ctx context.Context) error {
	for chunk := range slices.Chunk(t.wanted, evidenceBatch) {
		queries := make([]EventQuery, len(chunk))
		for i, w := range chunk {
			queries[i] = w.query
		}
		found, err := t.m.repo.Matching(ctx, queries)
		if err == nil && len(found) != len(queries) {
			err = fmt.Errorf("fetch evidence: %d answers to %d queries", len(found), len(queries))
		}
		if err != nil {
			if isFatal(err) {
				return fmt.Errorf("fetch evidence: %w", err)
			}
			t.m.metrics.evidenceFailed.Add(float64(len(chunk)))
			t.m.log.Warn("the events behind new incidents could not be read; their findings' samples are kept", "incidents", len(chunk), "error", err)
			continue
		}
		for i, w := range chunk {
			for _, ev := range found[i] {
				t.keep(w.id, ev)
			}
		}
	}
	return nil
}

// commit stores the changed incidents and publishes them.
func (t *tx) commit(ctx context.Context) error {
	if len(t.order) == 0 {
		return nil
	}
	m := t.m
	seq := m.feed.last
	for _, id := range t.order {
		r := t.changed[id]
		seq++
		r.Seq = seq
		body, err := r.encode()
		if err != nil {
			return err
		}
		t.write.Incidents = append(t.write.Incidents, Row{Incident: r.Incident, Seq: seq, Body: body})
	}
	if err := m.repo.Append(ctx, t.write); err != nil {
		return fmt.Errorf("store incidents: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, incidentID := range t.seen {
		m.seen[id] = incidentID
	}
	for _, id := range t.gone {
		delete(m.seen, id)
	}
	for _, id := range t.order {
		m.place(t.changed[id])
		m.feed.append(t.changed[id])
	}
	m.evict()
	m.feed.compact(func(r *record) bool { return m.byID[r.Incident.ID] == r }, len(m.list))
	m.feed.publish()
	return nil
}
