// Package recent owns a bounded map that forgets what was not used lately. It is what enrichment keeps answers in
// (a user agent's family, an address's place, a path's route), because the same values repeat in a log.
//
// It holds values and nothing else: it never computes, loads or expires by time, so that the same sequence of calls
// leaves the same content.
package recent

// Map holds at most twice its size in two generations. A value that is read moves to the young generation; when that
// one is full it becomes the old one and the former old one is dropped. So reading costs one or two look-ups and no
// list to maintain, and what is used at least once in size distinct keys stays. A Map is not safe for concurrent use.
type Map[K comparable, V any] struct {
	size       int
	young, old map[K]V
}

// New returns an empty map whose generations hold size keys each; a size below one counts as one.
func New[K comparable, V any](size int) *Map[K, V] {
	size = max(size, 1)
	return &Map[K, V]{size: size, young: make(map[K]V)}
}

// Get returns the value of k and whether it was there, and marks it as used.
func (m *Map[K, V]) Get(k K) (V, bool) {
	if v, ok := m.young[k]; ok {
		return v, true
	}
	v, ok := m.old[k]
	if ok {
		m.Put(k, v)
	}
	return v, ok
}

// Put keeps v under k. The map keeps k itself: a caller whose keys alias a larger buffer clones them first.
func (m *Map[K, V]) Put(k K, v V) {
	if len(m.young) >= m.size {
		if _, ok := m.young[k]; !ok {
			m.old, m.young = m.young, make(map[K]V, m.size)
		}
	}
	m.young[k] = v
}

// Len returns how many entries are held, counting a key in both generations twice.
func (m *Map[K, V]) Len() int { return len(m.young) + len(m.old) }

// Clear forgets everything.
func (m *Map[K, V]) Clear() {
	m.young, m.old = make(map[K]V), nil
}
