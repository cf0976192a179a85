package incident

import (
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/gatewatch/gatewatch/detect"
)

// outcomePoints is what an outcome adds to the score: what worked comes first, what was refused last among its like.
func outcomePoints(v detect.Verdict) int {
	switch v {
	case detect.LikelySucceeded:
		return 20
	case detect.Failed:
		return -8
	case detect.Refused:
		return -10
	case detect.Unclear:
	}
	return 0
}

// weighOutcome adds the outcome's part to the score, which stays between 0 and 100. It follows the other parts.
func (inc *Incident) weighOutcome() {
	if inc.Outcome == "" {
		return
	}
	points := min(max(outcomePoints(inc.Outcome), -inc.Score), 100-inc.Score)
	inc.ScoreParts = append(inc.ScoreParts, ScorePart{Name: "outcome", Points: points, Reason: inc.OutcomeReason})
	inc.Score += points
}

// learns reports whether o is news to the incident: another sentence of whoever followed the actor as long as the one
// before, or a more urgent one of somebody who began later and may have forgotten what there was.
func (r *record) learns(o *detect.Outcome) bool {
	inc := r.Incident
	switch {
	case o == nil || o.Verdict == inc.Outcome && o.Reason == inc.OutcomeReason:
		return false
	case inc.Outcome == "" || !o.Since.After(r.OutcomeSince):
		return true
	}
	return o.Verdict.Rank() >= inc.Outcome.Rank()
}

// decide takes over what a finding says of the outcome, and keeps the events that say so: they may be the only ones of
// many that succeeded. That the verdict turned is history.
func (t *tx) decide(r *record, o *detect.Outcome, at time.Time) {
	if !r.learns(o) {
		return
	}
	inc := r.Incident
	if inc.Version > 0 && inc.Outcome != o.Verdict {
		inc.addHistory(Change{At: at, Actor: systemActor, Field: "outcome", From: string(inc.Outcome), To: string(o.Verdict), Reason: o.Reason})
	}
	inc.Outcome, inc.OutcomeReason, r.OutcomeSince = o.Verdict, o.Reason, o.Since
	room := t.m.opts.EvidenceEvents - t.m.opts.EvidenceEvents/2 + maxWitnesses
	for i := range o.Witnesses {
		h := xxhash.Sum64String(o.Witnesses[i].ID())
		if len(r.Kept)+r.Reserved >= room || slices.Contains(r.Kept, h) {
			continue
		}
		r.Kept = append(r.Kept, h)
		t.keep(inc.ID, &o.Witnesses[i])
	}
}

// maxWitnesses is how many events that decided the outcome are kept beyond the samples.
const maxWitnesses = 5

// turn takes the finding of the i-th member that comes again for nothing but its outcome.
func (t *tx) turn(id string, i int, f *detect.Finding) {
	r, _ := t.touch(id)
	r.Members[i].tell(f.Outcome)
	inc := r.Incident
	at := t.m.stamp(f.LastSeen)
	t.decide(r, f.Outcome, at)
	inc.judge()
	inc.heed(t.m.said(inc))
	inc.Version++
	inc.UpdatedAt = at
	t.m.metrics.finding(f.Detector, "turned")
}
