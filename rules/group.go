package rules

import (
	"math"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// group is one group-by value of one rule: what its condition still has to remember, and its open episode. There are
// millions of them: it holds neither its values, which the event at hand tells, nor what it shares with the others.
type group struct {
	key      uint64 // the hash of its values, mixed with its rule: its identity, as colliding is next to impossible
	newest   int64  // event time of the newest event; nothing before the first
	memo     int64  // while window is nil: the time of the older of two events, or the hash of the only value
	position uint64 // of the newest event,
	origin   *origin
	window   window   // nil while newest and memo say all there is to remember
	episode  *episode // nil when none is open

	id         uint32 // its place in the table
	chain      uint32 // the next one of the same bucket, or the next free one
	prev, next uint32 // in its list
}

// nothing is the time of no event.
const nothing = int64(math.MinInt64)

// origin is a source and generation, interned.
type origin struct {
	source     string
	generation uint64
}

// place is the place of the newest event.
func (g *group) place() event.Place {
	if g.origin == nil {
		return event.Place{}
	}
	return event.Place{Time: time.Unix(0, g.newest).UTC(), Source: g.origin.source, Generation: g.origin.generation, Position: g.position}
}

// before reports whether the group's newest event lies before ev, or is ev, in judging order.
func (g *group) before(ev *event.Event, now int64) bool {
	if g.newest != now || g.origin == nil {
		return g.newest < now
	}
	return g.place().Compare(ev.Place()) <= 0
}

// stale reports whether nothing that the group remembers matters any more.
func (g *group) stale(now, span int64) bool { return g.episode == nil && g.newest <= now-span }

// size is how many bytes the group takes.
func (g *group) size() int64 {
	n := groupSize
	if g.window != nil {
		n += g.window.size()
	}
	if g.episode != nil {
		n += g.episode.size()
	}
	return n
}

// groupSize is what a group takes in the table and in its index.
const groupSize = int64(88)

// groupTable holds the groups of all rules in chunks that never move, and finds them by their keys.
type groupTable struct {
	chunks  [][]group
	buckets []uint32 // by the low bits of keys: the first group of each chain; 0 is none
	free    uint32   // the first of the unused ones
	n       int
}

const groupsInChunk = 1024

func newGroupTable() *groupTable { return &groupTable{buckets: make([]uint32, groupsInChunk)} }

// at returns the group at a place, from 1 on.
func (t *groupTable) at(id uint32) *group {
	return &t.chunks[(id-1)/groupsInChunk][(id-1)%groupsInChunk]
}

func (t *groupTable) bucket(key uint64) *uint32 { return &t.buckets[key&uint64(len(t.buckets)-1)] }

// find returns the group, or nil.
func (t *groupTable) find(key uint64) *group {
	for id := *t.bucket(key); id != 0; {
		g := t.at(id)
		if g.key == key {
			return g
		}
		id = g.chain
	}
	return nil
}

// add makes a group that remembers nothing.
func (t *groupTable) add(key uint64) *group {
	if t.n >= len(t.buckets) {
		t.widen()
	}
	if t.free == 0 {
		t.grow()
	}
	g := t.at(t.free)
	t.free = g.chain
	b := t.bucket(key)
	*g = group{key: key, newest: nothing, memo: nothing, id: g.id, chain: *b}
	*b = g.id
	t.n++
	return g
}

func (t *groupTable) remove(g *group) {
	link := t.bucket(g.key)
	for *link != g.id {
		link = &t.at(*link).chain
	}
	*link = g.chain
	*g = group{id: g.id, chain: t.free}
	t.free = g.id
	t.n--
}

// grow adds a chunk of unused groups.
func (t *groupTable) grow() {
	chunk := make([]group, groupsInChunk)
	first := uint32(len(t.chunks)*groupsInChunk + 1)
	t.chunks = append(t.chunks, chunk)
	for i := range chunk {
		chunk[i].id, chunk[i].chain = first+uint32(i), first+uint32(i)+1
	}
	chunk[len(chunk)-1].chain = t.free
	t.free = first
}

// widen doubles the buckets.
func (t *groupTable) widen() {
	former := t.buckets
	t.buckets = make([]uint32, 2*len(former))
	for _, id := range former {
		for id != 0 {
			g := t.at(id)
			following := g.chain
			b := t.bucket(g.key)
			g.chain, *b = *b, id
			id = following
		}
	}
}

// groupList is a list of groups, the most recently active first.
type groupList struct{ first, last uint32 }

func (t *groupTable) push(l *groupList, g *group) {
	g.prev, g.next = 0, l.first
	if l.first != 0 {
		t.at(l.first).prev = g.id
	} else {
		l.last = g.id
	}
	l.first = g.id
}

func (t *groupTable) unlink(l *groupList, g *group) {
	if g.prev != 0 {
		t.at(g.prev).next = g.next
	} else {
		l.first = g.next
	}
	if g.next != 0 {
		t.at(g.next).prev = g.prev
	} else {
		l.last = g.prev
	}
	g.prev, g.next = 0, 0
}

// each calls f with every group of a list, the longest idle first; f may remove it.
func (t *groupTable) each(l *groupList, f func(g *group) bool) {
	for id := l.last; id != 0; {
		g := t.at(id)
		id = g.prev
		if !f(g) {
			return
		}
	}
}
