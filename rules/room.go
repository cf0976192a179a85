package rules

import (
	"math/bits"

	"github.com/gatewatch/gatewatch/detect"
)

// What all rules remember together is bounded. The memory is divided into partitions by the hashes of the groups' values,
// so that what is evicted does not depend on how groups are spread over shards. When a partition is full, the rule that
// holds most of it gives up groups: first stale ones; then, of those that have seen a few events only and those that have
// seen more, the longest idle of whichever are more; last those with an open finding. So a rule that holds less than the
// partition divided by the number of rules loses nothing, however many groups a flood makes in others, and a flood of
// newcomers does not push out who has come again and again.

const (
	partitions    = 64
	defaultMemory = 416 << 20
	evictedAtOnce = 16 // groups that a rule gives up before the rules are compared again
)

// room keeps count of the bytes.
type room struct {
	share int64               // of one partition
	used  [partitions]int64   //
	held  [partitions][]int64 // by the places of the rules' trackers
}

// part is what a tracker has in one partition, by standing.
type part struct {
	lists [standings]groupList
	n     [standings]int
}

// standing is how near a group is to a finding.
type standing int

const (
	newcomer standing = iota // it remembers an event or two
	regular                  // it has a window
	raised                   // it has an open episode
	standings
)

func (g *group) standing() standing {
	switch {
	case g.episode != nil:
		return raised
	case g.window != nil:
		return regular
	}
	return newcomer
}

// assign gives the trackers their places, and counts anew what they hold.
func (w *Windows) assign() {
	former := map[*tracker]int{}
	for i, t := range w.trackers {
		former[t] = t.slot
		t.slot = i
	}
	for p := range partitions {
		before, held := w.room.held[p], make([]int64, len(w.trackers))
		w.room.used[p] = 0
		for i, t := range w.trackers {
			if at := former[t]; at >= 0 {
				held[i] = before[at]
				w.room.used[p] += held[i]
			}
		}
		w.room.held[p] = held
	}
}

// charge counts bytes that a tracker's groups take more, or less, in a partition.
func (r *room) charge(t *tracker, p uint64, bytes int64) {
	r.used[p] += bytes
	r.held[p][t.slot] += bytes
}

// makeRoom evicts groups of a partition until it is no more than full. The group at hand, if there is one, stays.
func (w *Windows) makeRoom(p uint64, at *group, emit detect.Emit) {
	r := &w.room
	for r.used[p] > r.share {
		most := 0
		for i, held := range r.held[p] {
			if held > r.held[p][most] {
				most = i
			}
		}
		t := w.trackers[most]
		if t.expirePart(p, w.now, at) {
			continue
		}
		fair := r.share / int64(len(w.trackers))
		for n := 0; n < evictedAtOnce && (n == 0 || r.held[p][most] > fair); n++ {
			victim := t.idlest(p, at)
			if victim == nil && n > 0 {
				break // another rule may hold most by now
			}
			if victim == nil {
				return // the group at hand is all that is left
			}
			if e := victim.episode; e != nil {
				w.closed(e)
				e.finish(emit)
			}
			t.forget(p, victim)
			w.stats.Evicted++
		}
	}
}

// idlest is the group that is given up next; nil when there is none but the one at hand.
func (t *tracker) idlest(p uint64, at *group) *group {
	part := &t.parts[p]
	order := [standings]standing{newcomer, regular, raised}
	if part.n[regular] > part.n[newcomer] {
		order = [standings]standing{regular, newcomer, raised}
	}
	for _, s := range order {
		id := part.lists[s].last
		if at != nil && id == at.id {
			id = at.prev
		}
		if id != 0 {
			return t.table.at(id)
		}
	}
	return nil
}

// expire forgets stale groups, each half timespan, a tick at least. Until then they cost memory and change nothing. It goes
// by a grid of event time, so that what is forgotten does not depend on when it is called.
func (t *tracker) expire(now int64) {
	if t.n == 0 || now < t.due {
		return
	}
	edge := t.edge(now)
	t.due = edge + t.sweepEvery()
	for filled := t.filled; filled != 0; filled &= filled - 1 {
		p := bits.TrailingZeros64(filled)
		t.expirePart(uint64(p), edge, nil)
		if t.parts[p].n == [standings]int{} {
			t.filled &^= 1 << p
		}
	}
}

// sweepEvery is the step of the grid on which stale groups are forgotten, edge its newest point at a time.
func (t *tracker) sweepEvery() int64 { return max(t.span/2, int64(detect.Tick)) }

func (t *tracker) edge(now int64) int64 { return floorDiv(now, t.sweepEvery()) * t.sweepEvery() }

// expirePart forgets the stale groups of one partition, but for the one at hand, and says whether there were any.
func (t *tracker) expirePart(p uint64, now int64, at *group) (found bool) {
	for s := newcomer; s < raised; s++ {
		t.table.each(&t.parts[p].lists[s], func(g *group) bool {
			if !g.stale(now, t.span) {
				return false
			}
			if g != at {
				t.forget(p, g)
				found = true
			}
			return true
		})
	}
	return found
}

// place puts a group at the front of the list of its standing; was is the one that it had.
func (t *tracker) place(p uint64, g *group, was standing) {
	part, is := &t.parts[p], g.standing()
	if is == was && part.lists[is].first == g.id {
		return
	}
	t.table.unlink(&part.lists[was], g)
	t.table.push(&part.lists[is], g)
	part.n[was]--
	part.n[is]++
}

// begin gives a group an episode; its place is the caller's business.
func (t *tracker) begin(w *Windows, g *group, e *episode) {
	e.tracker, e.group, e.index = t, g, len(w.open)
	g.episode = e
	w.open = append(w.open, e)
	w.nextClose = min(w.nextClose, e.closesAt())
}

// closed takes an episode from those that are open.
func (w *Windows) closed(e *episode) {
	last := w.open[len(w.open)-1]
	w.open[e.index], last.index = last, e.index
	w.open[len(w.open)-1] = nil
	w.open = w.open[:len(w.open)-1]
	e.tracker.conclude(e.group)
}

// conclude takes its episode from a group.
func (t *tracker) conclude(g *group) {
	p := t.partition(g)
	t.room.charge(t, p, -g.episode.size())
	g.episode = nil
	t.place(p, g, raised)
}

// forget removes a group that has no episode.
func (t *tracker) forget(p uint64, g *group) {
	t.room.charge(t, p, -g.size())
	s := g.standing()
	t.table.unlink(&t.parts[p].lists[s], g)
	t.parts[p].n[s]--
	t.n--
	if t.learned != nil {
		delete(t.learned, g)
	}
	t.table.remove(g)
}

// each calls f with every group; f may remove it.
func (t *tracker) each(f func(g *group)) {
	for p := range t.parts {
		for s := range t.parts[p].lists {
			t.table.each(&t.parts[p].lists[s], func(g *group) bool { f(g); return true })
		}
	}
}

// clear forgets all groups of a rule that is no more; none has an episode.
func (t *tracker) clear() {
	t.each(func(g *group) { t.forget(t.partition(g), g) })
}
