package incident

import (
	"context"
	"fmt"
)

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
