package baseline

import (
	"math"
	"slices"
)

// hashSet is a set of hashes: a slice while they are few, a map when they are many.
type hashSet struct {
	few  []uint64
	many map[uint64]struct{}
}

const fewHashes = 32

// add puts h into the set and reports whether it was not there.
func (s *hashSet) add(h uint64) bool {
	if s.many != nil {
		if _, ok := s.many[h]; ok {
			return false
		}
		s.many[h] = struct{}{}
		return true
	}
	if slices.Contains(s.few, h) {
		return false
	}
	if s.few = append(s.few, h); len(s.few) > fewHashes {
		s.many = make(map[uint64]struct{}, 2*fewHashes)
		for _, h := range s.few {
			s.many[h] = struct{}{}
		}
		s.few = nil
	}
	return true
}

func (s *hashSet) len() int { return len(s.few) + len(s.many) }

// recentSet is a set of things with the hour in which each was met last, so that old ones can be forgotten.
type recentSet struct {
	items []recentItem
	at    map[uint64]int // by hash, when there are many
}

type recentItem struct {
	hash, number uint64
	hour         int64
	numeric      bool // number is the thing's own
}

// never is the hour in which something was met last that was not met.
const never = math.MinInt64

// find notes that the thing was met in this hour and returns the hour in which it was met before, never if it was not.
func (s *recentSet) find(h uint64, hour int64) (before int64) {
	i, ok := 0, false
	if s.at != nil {
		i, ok = s.at[h]
	} else {
		i = slices.IndexFunc(s.items, func(o recentItem) bool { return o.hash == h })
		ok = i >= 0
	}
	if !ok {
		return never
	}
	before = s.items[i].hour
	s.items[i].hour = max(before, hour)
	return before
}

// add puts a thing that find did not find into the set.
func (s *recentSet) add(item recentItem) {
	s.items = append(s.items, item)
	if s.at != nil {
		s.at[item.hash] = len(s.items) - 1
	} else if len(s.items) > fewHashes {
		s.index()
	}
}

func (s *recentSet) index() {
	s.at = make(map[uint64]int, 2*len(s.items))
	for i, o := range s.items {
		s.at[o.hash] = i
	}
}

// since counts the things that were met in the given hour or later.
func (s *recentSet) since(hour int64) (n int) {
	for i := range s.items {
		if s.items[i].hour >= hour {
			n++
		}
	}
	return n
}

// slow reports whether no hour of the last day made half of the things: a burst is for others to tell.
func (s *recentSet) slow() bool {
	var hours [dayHours]int
	for _, o := range s.items {
		hours[o.hour%dayHours]++
	}
	return 2*slices.Max(hours[:]) <= len(s.items)
}

// forget drops what was met last before the given hour and returns how many things that were.
func (s *recentSet) forget(before int64) int {
	n := len(s.items)
	s.items = slices.DeleteFunc(s.items, func(o recentItem) bool { return o.hour < before })
	gone := n - len(s.items)
	if gone == 0 {
		return 0
	}
	if s.at = nil; len(s.items) > fewHashes {
		s.index()
	}
	return gone
}

// room bounds the things that all recent sets of a detector remember together.
type room struct{ used, limit int }

// meet notes the thing in s and returns the hour in which it was met before, never if it was not; full says that there was
// no room for it.
func (r *room) meet(s *recentSet, item recentItem) (before int64, full bool) {
	before = s.find(item.hash, item.hour)
	if before != never {
		return before, false
	}
	if r.used >= r.limit {
		return never, true
	}
	r.used++
	s.add(item)
	return never, false
}

// forget is recentSet.forget with the room given back.
func (r *room) forget(s *recentSet, before int64) int {
	gone := s.forget(before)
	r.used -= gone
	return gone
}
