package incident

import (
	"context"
	"slices"
)

// feed is the stream of changes in order of their sequence number. The newest feedRecent changes are kept one by one;
// of older ones only those remain that are still their incident's newest. So every subscriber, however far behind and
// across restarts, can be brought up to date from the number that it saw last, and there is no buffer per subscriber
// that could overflow: whoever falls more than feedRecent changes behind gets each incident's current state, without
// the states between.
type feed struct {
	log  []*record // by Seq
	last uint64    // newest sequence number
	wake chan struct{}
}

// feedRecent is how many changes are kept one by one.
const feedRecent = 4096

// Published is one change: the incident as it was after it, without findings and evidence.
type Published struct {
	Seq      uint64
	Incident *Incident
}

func (f *feed) reset() {
	f.log = nil
}

func (f *feed) append(r *record) {
	f.log = append(f.log, r)
	f.last = max(f.last, r.Seq)
}

// compact drops superseded entries that are not recent once they outnumber the rest.
func (f *feed) compact(current func(*record) bool, incidents int) {
	if len(f.log) <= 2*(incidents+feedRecent) {
		return
	}
	old := len(f.log) - feedRecent
	kept := slices.DeleteFunc(slices.Clone(f.log[:old]), func(r *record) bool { return !current(r) })
	f.log = append(kept, f.log[old:]...)
}

// publish wakes everybody who waits.
func (f *feed) publish() {
	close(f.wake)
	f.wake = make(chan struct{})
}

// Changes returns up to limit changes after the sequence number, in order, and a channel that is closed at the next
// change. A caller without changes waits for the channel and asks again.
func (m *Manager) Changes(after uint64, limit int) ([]Published, <-chan struct{}) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	from, found := slices.BinarySearchFunc(m.feed.log, after, func(r *record, seq uint64) int { return compare(r.Seq, seq) })
	if found {
		from++
	}
	to := min(len(m.feed.log), from+max(limit, 0))
	out := make([]Published, 0, to-from)
	for _, r := range m.feed.log[from:to] {
		out = append(out, Published{Seq: r.Seq, Incident: r.Incident})
	}
	return out, m.feed.wake
}

// LastSeq returns the newest change's number: a subscription from it sees what comes from now on.
func (m *Manager) LastSeq() uint64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.feed.last
}

// subscribeBatch is how many changes a subscriber takes at a time.
const subscribeBatch = 100

// Subscribe calls fn with every change after the sequence number, in order, until ctx ends (nil) or fn fails (its error).
func (m *Manager) Subscribe(ctx context.Context, after uint64, fn func(Published) error) error {
	for {
		changes, wake := m.Changes(after, subscribeBatch)
		for _, c := range changes {
			if ctx.Err() != nil {
				return nil
			}
			if err := fn(c); err != nil {
				return err
			}
			after = c.Seq
		}
		if len(changes) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		}
	}
}
