package incident

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatewatch/gatewatch/detect"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestChangesInOrder(t *testing.T) {
	m := newManager(t, nil, Options{})
	apply(t, m, finding("scan", client(1), 0, 5))
	from := m.LastSeq()
	apply(t, m, finding("scan", client(2), 1, 5), finding("sqli", client(1), 6, 7))
	set(t, m, all(t, m)[0].ID, StatusAcknowledged)
	got, _ := m.Changes(from, 10)
	if len(got) != 3 {
		t.Fatalf("%d changes, want 3", len(got))
	}
	for i, c := range got {
		if c.Seq != from+uint64(i)+1 {
			t.Errorf("change %d has number %d", i, c.Seq)
		}
	}
	if got[1].Incident.Status != StatusOpen || got[2].Incident.Status != StatusAcknowledged {
		t.Error("a change does not show the incident as it was then")
	}
	if rest, wake := m.Changes(m.LastSeq(), 10); len(rest) != 0 {
		t.Error("there is something after the last")
	} else {
		apply(t, m, finding("scan", client(3), 1, 5))
		select {
		case <-wake:
		default:
			t.Error("a change woke nobody")
		}
	}
}

// Subscribers that stop and resume at random places see every change once, in order, while changes are made.
func TestSubscribersMissNothing(t *testing.T) {
	m := newManager(t, nil, Options{})
	const changes, subscribers = 600, 20
	done := make(chan error, subscribers)
	for i := range subscribers {
		go func() { done <- subscribeInPieces(t.Context(), m, changes, rand.New(rand.NewPCG(1, uint64(i)))) }()
	}
	for i := range changes {
		apply(t, m, finding("scan", client(i%50), i, i+1))
	}
	for range subscribers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func subscribeInPieces(ctx context.Context, m *Manager, want int, r *rand.Rand) error {
	errStop := errors.New("disconnected")
	last := uint64(0)
	for last < uint64(want) {
		left := 1 + r.IntN(50)
		err := m.Subscribe(ctx, last, func(p Published) error {
			if p.Seq != last+1 {
				return errors.New("a gap or a repetition")
			}
			last = p.Seq
			if left--; left == 0 || last == uint64(want) {
				return errStop
			}
			return nil
		})
		if !errors.Is(err, errStop) {
			return err
		}
	}
	return nil
}

func TestSubscribeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := newManager(t, nil, Options{}).Subscribe(ctx, 0, func(Published) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

// However far behind, a subscriber ends with the newest state of every incident; the log stays bounded.
func TestFeedIsBoundedAndComplete(t *testing.T) {
	repo := NewMemory(nil)
	m := newManager(t, repo, Options{})
	for i := range 3 * feedRecent {
		apply(t, m, finding("scan", client(i%10), i, i+1, func(f *detect.Finding) { f.Open = false }))
	}
	if len(m.feed.log) > 2*(10+feedRecent)+1 {
		t.Fatalf("%d entries", len(m.feed.log))
	}
	check := func(m *Manager) {
		t.Helper()
		newest := map[string]uint64{}
		after := uint64(0)
		for {
			changes, _ := m.Changes(after, 100)
			if len(changes) == 0 {
				break
			}
			for _, c := range changes {
				if c.Seq <= after {
					t.Fatalf("number %d after %d", c.Seq, after)
				}
				after = c.Seq
				newest[c.Incident.ID] = c.Incident.Version
			}
		}
		for _, inc := range all(t, m) {
			if newest[inc.ID] != inc.Version {
				t.Errorf("%s: version %d was published, it is at %d", inc.ID, newest[inc.ID], inc.Version)
			}
		}
		if after != m.LastSeq() || len(newest) != 10 {
			t.Errorf("ended at %d of %d with %d incidents", after, m.LastSeq(), len(newest))
		}
	}
	check(m)
	again := newManager(t, repo, Options{})
	if err := again.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again.LastSeq() != m.LastSeq() {
		t.Fatalf("the number went from %d to %d over a restart", m.LastSeq(), again.LastSeq())
	}
	check(again)
}
