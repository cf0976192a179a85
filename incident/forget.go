package incident

import (
	"slices"

	"github.com/gatewatch/gatewatch/detect"
)

// Forget drops the incidents about an entity, under any of its names, and further ones by their ids out of memory and out of the
// stream of changes, and returns how many there were. The repository's rows are its owner's to erase. An episode that still goes
// on makes a new incident with its next event.
func (m *Manager) Forget(entity detect.EntityType, names, ids []string) int {
	m.write.Lock()
	defer m.write.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	about := func(r *record) bool {
		return r.Incident.Entity.Type == entity && slices.Contains(names, r.Incident.Entity.Value) || slices.Contains(ids, r.Incident.ID)
	}
	n := 0
	for _, row := range slices.Clone(m.list) {
		if about(row.rec) {
			m.count(row.rec.Incident, -1)
			m.drop(row.rec)
			n++
		}
	}
	m.feed.log = slices.DeleteFunc(slices.Clone(m.feed.log), about)
	return n
}
