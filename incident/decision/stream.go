package decision

import "time"

// maxCursors bounds the bouncers that are remembered; one that is forgotten gets everything again.
const maxCursors = 10_000

// defaultScopes are those of a stream that names none.
var defaultScopes = []string{"ip", "range"}

// Delta is what a bouncer has to add and to drop, and the moment that it is true for.
type Delta struct {
	New     []Decision
	Deleted []Decision
	At      time.Time

	bouncer string
	next    cursor
}

// Changes returns what changed for the bouncer (a key and an address) since its last acknowledged answer; with startup,
// or when it is not known, all that counts. A value that is still under another decision of its type is not deleted.
// Nothing moves until Acknowledge, so that an answer that was not sent is given again.
func (b *Book) Changes(bouncer string, startup bool, f Filter) Delta {
	if len(f.Scopes) == 0 {
		f.Scopes = defaultScopes
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	now := b.now()
	from := cursor{}
	if !startup {
		from = b.cursors[bouncer]
	}
	var active, over []*entry
	standing := map[same]bool{}
	for _, e := range b.byID {
		if !f.matches(e) {
			continue
		}
		if e.Active(now) {
			standing[e.same()] = true
			active = append(active, e)
			continue
		}
		if e.ended > from.seq || e.end().After(from.at) {
			over = append(over, e)
		}
	}
	if f.NoDuplicates { // before what is new: a shorter decision does not cut short one that was told
		active, over = longest(active), longest(over)
	}
	d := Delta{At: now, bouncer: bouncer, next: cursor{seq: b.seq, at: now}}
	for _, e := range active {
		if e.made <= from.seq && !from.at.IsZero() {
			continue
		}
		seen, _ := e.Within(f.Within)
		d.New = append(d.New, seen)
	}
	for _, e := range over {
		if !standing[e.same()] {
			seen, _ := e.Within(f.Within)
			d.Deleted = append(d.Deleted, seen)
		}
	}
	sortDecisions(d.New)
	sortDecisions(d.Deleted)
	return d
}

// Acknowledge notes that the bouncer has the answer.
func (b *Book) Acknowledge(d Delta) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.cursors) >= maxCursors {
		clear(b.cursors)
	}
	b.cursors[d.bouncer] = d.next
}
