package incident

import (
	"context"
	"slices"
	"time"

	"github.com/gatewatch/gatewatch/detect"
)

// Over applies the last revision of a finding about a condition that ended by itself, and resolves its incident in the
// program's name when none of its findings is open any more. An incident that people closed before stays as they left it.
// Like Apply it may be repeated after an error.
func (m *Manager) Over(ctx context.Context, f detect.Finding, reason string) error {
	m.write.Lock()
	defer m.write.Unlock()
	t := newTx(m)
	f.Open = false
	id, ok := t.home(f.ID)
	if !ok {
		return nil // its incident left memory
	}
	if r, ok := t.peek(id); ok && r.Incident.Status.Terminal() {
		f.LastSeen = earlierOf(f.LastSeen, r.Incident.ClosedSeen)
	}
	if err := t.apply(&f); err != nil {
		return err
	}
	for _, id := range t.order {
		r := t.changed[id]
		if !r.Incident.Status.Terminal() && !slices.ContainsFunc(r.Members, func(x member) bool { return x.Open }) {
			r.Incident.setStatus(StatusResolved, systemActor, reason, r.Incident.UpdatedAt)
		}
	}
	return t.commit(ctx)
}

func earlierOf(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
