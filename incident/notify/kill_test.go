package notify

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
)

// story is what happens to the incidents; between its steps the outbox works for a minute.
var story = []func(*bench){
	func(b *bench) { b.apply(finding(1, detect.High), finding(2, detect.Medium)) },
	func(b *bench) { b.set(1, incident.StatusAcknowledged) },
	func(b *bench) { b.apply(finding(3, detect.Critical)); b.set(2, incident.StatusResolved) },
	func(b *bench) {
		b.apply(finding(1, detect.Critical, func(f *detect.Finding) { f.Detector, f.LastSeen = "sqli", noon.Add(2*time.Minute) }))
	},
	func(b *bench) {
		b.set(1, incident.StatusFalsePositive)
		b.apply(finding(2, detect.Medium, func(f *detect.Finding) { f.LastSeen = noon.Add(time.Hour) }))
	},
}

// tell plays the story and kills once. What was killed comes back at once, or late: when the story is over. It returns what
// arrived, by change.
func tell(t *testing.T, f *fuse, late bool) (changes map[string]bool, b *bench) {
	t.Helper()
	b = newBench(t, syslogTo("siem"))
	b.repo.fuse, b.to("siem").fuse = f, f
	down := false
	for _, happens := range story {
		happens(b)
		end := b.at.Add(time.Minute)
		if down {
			b.at = end
			continue
		}
		if !survives(func() { b.run(end) }) {
			if down = late; down {
				b.at = end
				continue
			}
			b.start()
			b.run(end)
		}
	}
	if down {
		b.start()
	}
	b.run(b.at.Add(time.Hour))
	changes = map[string]bool{}
	partOf := map[string]string{}
	for _, m := range b.to("siem").messages() {
		for _, n := range m.Notifications {
			if was := partOf[n.ID]; was != "" && was != m.ID {
				t.Errorf("%s came with message %s and with %s", n.ID, was, m.ID)
			}
			partOf[n.ID] = m.ID
			for _, c := range n.Changes {
				changes[fmt.Sprint(n.Incident.Entity.Value, " ", c.Kind, " ", c.To)] = true
			}
		}
	}
	return changes, b
}

func survives(do func()) (alive bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, ours := r.(killed); !ours {
				panic(r)
			}
			alive = false
		}
	}()
	do()
	return true
}

// Killed before or after whatever lasts - the writing of entries, of messages, of deliveries, of places, and the sending
// itself - every change arrives, each notification under one message's id, and more than once only when the sending
// was done and not yet recorded.
func TestKilledAtEveryStep(t *testing.T) {
	whole := &fuse{}
	want, plain := tell(t, whole, false)
	if len(want) != 8 || whole.steps < 15 {
		t.Fatalf("%d changes in %d steps: %v", len(want), whole.steps, slices.Sorted(maps.Keys(want)))
	}
	sent := len(plain.to("siem").messages())
	repeated := 0
	for step := 1; step <= whole.steps; step++ {
		for i, f := range []*fuse{{before: step}, {after: step}, {before: step}, {after: step}} {
			got, b := tell(t, f, i > 1)
			if !maps.Equal(got, want) {
				t.Errorf("killed at %+v: told %v\nwant %v", *f, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
			}
			distinct := map[string]int{}
			for _, m := range b.to("siem").messages() {
				distinct[m.ID]++
			}
			for id, n := range distinct {
				if n > 2 {
					t.Errorf("killed once at %+v: message %s came %d times", *f, id, n)
				}
				repeated += n - 1
			}
			if len(b.List(Filter{States: []State{Waiting, Sending, Dead}}, 10)) != 0 {
				t.Errorf("killed at %+v: something is left", *f)
			}
		}
	}
	if repeated == 0 || repeated > 4*sent {
		t.Errorf("%d repetitions of %d messages: want one where it was killed between a delivery and its record", repeated, sent)
	}
}
