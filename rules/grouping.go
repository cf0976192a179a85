package rules

import (
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/gatewatch/gatewatch/event"
)

// grouping reads the values of group-by fields out of an event. Rules that group by the same share one, so that it does
// so once for an event.
type grouping struct {
	fields []fieldID

	event uint64 // the number of the event that the rest is about
	key   []byte
	hash  uint64
	whole bool // the event has all of the fields
}

const keySeparator = '\x1f'

// of returns the hash of the event's group; false when the event lacks one of the fields.
func (b *grouping) of(w *Windows, ev *event.Event) (uint64, bool) {
	if b.event != w.observed {
		b.event = w.observed
		if b.whole = b.read(ev); b.whole {
			b.hash = xxhash.Sum64(b.key)
		}
	}
	return b.hash, b.whole
}

// read builds the key.
func (b *grouping) read(ev *event.Event) bool {
	b.key = b.key[:0]
	for i, id := range b.fields {
		if i > 0 {
			b.key = append(b.key, keySeparator)
		}
		n := len(b.key)
		switch id {
		case fieldClientIP:
			b.key = appendAddress(b.key, ev)
		case fieldActor:
			// A user may be called like an address: the prefix keeps them apart.
			if ev.User != "" {
				b.key = append(append(b.key, "user="...), ev.User...)
			} else if ev.ClientIP.IsValid() {
				b.key = appendAddress(b.key, ev)
			}
		default:
			b.key = append(b.key, fieldText(ev, id)...)
		}
		if len(b.key) == n {
			return false
		}
	}
	return true
}

func appendAddress(b []byte, ev *event.Event) []byte {
	if ev.ClientIP.IsValid() {
		b = ev.ClientIP.AppendTo(b)
	}
	return b
}

// values returns the group-by values of the event that was read last, for a finding.
func (b *grouping) values() []string {
	if len(b.fields) == 0 {
		return nil
	}
	return strings.Split(string(b.key), string(keySeparator))
}

// shared returns the grouping by the same fields that there is already, or takes g in.
func (w *Windows) shared(g *grouping) *grouping {
	for _, known := range w.groupings {
		if slices.Equal(known.fields, g.fields) {
			return known
		}
	}
	w.groupings = append(w.groupings, g)
	return g
}
