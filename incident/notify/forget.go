package notify

import (
	"slices"

	"github.com/gatewatch/gatewatch/detect"
)

// Forget drops everything about an entity, under any of its names, and about further incidents from memory: what waits is not sent, what is being sent is
// not written again. The rows are the repository's to erase, after this.
func (n *Notifier) Forget(entity detect.EntityType, names, incidents []string) {
	for _, c := range n.channels {
		c.forget(func(e *Entry) bool {
			return e.Entity.Type == entity && slices.Contains(names, e.Entity.Value) || slices.Contains(incidents, e.IncidentID)
		})
	}
}

func (c *channel) forget(about func(*Entry) bool) {
	c.write.Lock()
	defer c.write.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	without := func(list []*Entry) []*Entry {
		kept := make([]*Entry, 0, len(list))
		for _, e := range list {
			if about(e) {
				delete(c.told, e.IncidentID)
			} else {
				kept = append(kept, e)
			}
		}
		return kept
	}
	c.waiting, c.dead, c.done = without(c.waiting), without(c.dead), without(c.done)
	flight := make([]*batch, 0, len(c.flight))
	for _, b := range c.flight {
		if b.entries = without(b.entries); len(b.entries) > 0 {
			flight = append(flight, b)
		}
	}
	c.flight = flight
}
