package incident

import (
	"context"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// wantJoined asks for events behind a finding of a detector that joins an incident and has no sample of its own: what began the
// incident need not show what makes it serious. They take the room of samples.
func (t *tx) wantJoined(r *record, f *detect.Finding) {
	known := slices.ContainsFunc(r.Incident.Signals, func(s Signal) bool { return s.Detector == f.Detector })
	if len(r.Incident.Signals) == 0 || known || len(f.Sample) > 0 {
		return
	}
	n := min(t.m.opts.EvidenceEvents/4, t.room(r))
	if n <= 0 {
		return
	}
	r.Reserved += n
	t.wanted = append(t.wanted, want{id: r.Incident.ID, query: EventQuery{Measure: f.Measure, Limit: n}})
}

// room is how many further sample events the evidence takes: half of it is for samples, the other half for the events that
// fetchEvidence reads when an incident begins. With two quotas the evidence does not depend on how findings were batched.
func (t *tx) room(r *record) int {
	return t.m.opts.EvidenceEvents - t.m.opts.EvidenceEvents/2 - len(r.Kept) - r.Reserved
}

// keepSample adds a finding's events to the evidence as far as there is room.
func (t *tx) keepSample(r *record, sample []event.Event) {
	for i := range sample {
		if t.room(r) <= 0 {
			return
		}
		h := xxhash.Sum64String(sample[i].ID())
		if slices.Contains(r.Kept, h) {
			continue
		}
		r.Kept = append(r.Kept, h)
		t.keep(r.Incident.ID, &sample[i])
	}
}

func (t *tx) keep(incidentID string, ev *event.Event) {
	t.write.Evidence = append(t.write.Evidence, EvidenceRow{
		IncidentID: incidentID, EventID: ev.ID(), Place: ev.Place(), Body: ev.AppendJSON(nil),
	})
}

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
