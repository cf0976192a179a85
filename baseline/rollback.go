package baseline

import (
	"fmt"
	"time"
)

// RollBack says that a version judges again as an older one did.
type RollBack struct {
	To     string    `json:"to"` // the version
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"` // event time from which it judges
	// Hold is the wall-clock time up to which no scheduled recomputation replaces it.
	Hold time.Time `json:"hold,omitzero"`
}

// RolledBack returns m as a version of its own that judges from r.At on: the same content, learned from the same snapshot,
// only that it takes effect now. What people accepted after m's history is forgotten by it and by those after it. Errors when
// r.At lies before m's own effect.
func (m *Model) RolledBack(r RollBack) (*Model, error) {
	if !r.At.After(m.EffectiveFrom) {
		return nil, fmt.Errorf("roll back to %s: it is in effect since %s, want a later time than that, not %s",
			m.Version, m.EffectiveFrom.Format(time.RFC3339), r.At.Format(time.RFC3339))
	}
	back := *m
	if before := m.Snapshot.RolledBack; before != nil {
		r.To = before.To // a roll back to a roll back is one to what that went back to
	} else {
		r.To = m.Version
	}
	r.At = r.At.UTC()
	s := m.Snapshot
	s.RolledBack, s.EffectiveFrom, s.Forgotten = &r, r.At, r.At
	s.Accepted = Accepted(m, nil, s.From())
	back.Snapshot, back.EffectiveFrom, back.Version = s, r.At, s.Version()
	back.changes = make([]Change, len(m.changes))
	for i, c := range m.changes {
		c.New, c.Told = false, false
		back.changes[i] = c
	}
	return &back, nil
}
