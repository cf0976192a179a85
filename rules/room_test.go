package rules

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// crowdOf draws events of so many clients that little memory does not hold them.
func crowdOf(t *rapid.T, clients int) []event.Event {
	n := rapid.IntRange(50, 400).Draw(t, "n")
	events := make([]event.Event, n)
	at := scenarioStart
	for i := range events {
		ev := &events[i]
		ev.Reset()
		at = at.Add(time.Duration(rapid.IntRange(0, 2500).Draw(t, "gap")) * time.Millisecond)
		ev.Time, ev.Source, ev.Position, ev.IngestedAt = at, "s", uint64(i), at
		ev.ClientIP = netip.AddrFrom4([4]byte{203, 0, 113, byte(rapid.IntRange(1, clients).Draw(t, "client"))})
		ev.Path = rapid.SampledFrom([]string{"/a", "/b", "/c", "/d"}).Draw(t, "path")
		ev.Method = rapid.SampledFrom([]string{"GET", "GET", "DELETE"}).Draw(t, "method")
		ev.Status = rapid.SampledFrom([]int{404, 404, 200}).Draw(t, "status")
		ev.Service = "shop"
	}
	return events
}

// scarce is so little memory that a partition holds a few groups.
const scarce = partitions * 8 * 1024

// observeAll judges events and closes everything.
func observeAll(set *Set, opts WindowOptions, events []event.Event, each func(w *Windows, ev *event.Event, emit detect.Emit)) ([]detect.Finding, WindowStats) {
	m, w := set.NewMatcher(), set.NewWindows(opts)
	var out []detect.Finding
	emit := func(f detect.Finding) { out = append(out, f) }
	for i := range events {
		ev := events[i]
		m.Match(&ev)
		if each != nil {
			each(w, &ev, emit)
		}
		w.Observe(&ev, emit)
	}
	stats := w.Stats()
	w.Advance(scenarioStart.Add(10000*time.Hour), emit)
	return out, stats
}

// TestRoomIsKept counts anew, after every event, what the windows say that they hold, and that it is no more than they may
// hold, unless the rule that holds most has nothing but the group at hand.
func TestRoomIsKept(t *testing.T) {
	set := load(t, allRules)
	evicted := uint64(0)
	rapid.Check(t, func(t *rapid.T) {
		_, stats := observeAll(set, WindowOptions{Memory: scarce}, crowdOf(t, 255), func(w *Windows, _ *event.Event, _ detect.Emit) {
			groups := 0
			for p := range uint64(partitions) {
				used, most, alone := int64(0), int64(0), false
				for slot, tr := range w.trackers {
					held, had := int64(0), groups
					for s, list := range tr.parts[p].lists {
						n := 0
						w.table.each(&list, func(g *group) bool {
							if int(g.standing()) != s || tr.partition(g) != p || w.table.find(g.key) != g {
								t.Fatalf("%s: a group is in the wrong place", tr.rule.ID)
							}
							held += g.size()
							n++
							return true
						})
						if n != tr.parts[p].n[s] {
							t.Fatalf("%s: %d groups are said to be %d", tr.rule.ID, n, tr.parts[p].n[s])
						}
						groups += n
					}
					if held != w.room.held[p][slot] {
						t.Fatalf("%s: holds %d bytes, said to be %d", tr.rule.ID, held, w.room.held[p][slot])
					}
					if held > most {
						most, alone = held, groups == had+1
					}
					used += held
				}
				if used != w.room.used[p] || used > w.room.share && !alone {
					t.Fatalf("%d bytes used of %d, said to be %d", used, w.room.share, w.room.used[p])
				}
			}
			if groups != w.Stats().Groups {
				t.Fatalf("%d groups, said to be %d", groups, w.Stats().Groups)
			}
		})
		evicted += stats.Evicted
	})
	if evicted == 0 {
		t.Error("nothing was evicted: the test shows nothing")
	}
}

// TestEvictionDoesNotDependOnAdvance holds that findings do not depend on how often Advance is called, also when memory is
// scarce.
func TestEvictionDoesNotDependOnAdvance(t *testing.T) {
	set := load(t, allRules)
	rapid.Check(t, func(t *rapid.T) {
		events := crowdOf(t, 255)
		plain, a := observeAll(set, WindowOptions{Memory: scarce}, events, nil)
		often, b := observeAll(set, WindowOptions{Memory: scarce}, events, func(w *Windows, ev *event.Event, emit detect.Emit) {
			w.Advance(ev.Time.Truncate(time.Second), emit)
		})
		if !reflect.DeepEqual(plain, often) || a != b {
			t.Fatal(a, b, cmp.Diff(plain, often, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })))
		}
	})
}

// TestEvictionDoesNotDependOnSharding: shards that have the groups of some partitions each find together what one finds
// that has them all.
func TestEvictionDoesNotDependOnSharding(t *testing.T) {
	set := load(t, windowRules)
	evicted := uint64(0)
	rapid.Check(t, func(t *rapid.T) {
		events := crowdOf(t, 255)
		for i := range events {
			events[i].User = "" // all rules group by the client
		}
		shards := rapid.IntRange(2, 5).Draw(t, "shards")
		ids := func(findings []detect.Finding) (out []string) {
			for _, f := range findings {
				out = append(out, fmt.Sprint(f.ID, f.Revision, f.EventCount, f.Open))
			}
			slices.Sort(out)
			return out
		}
		whole, stats := observeAll(set, WindowOptions{Memory: scarce}, events, nil)
		evicted += stats.Evicted
		var parts []detect.Finding
		lost := uint64(0)
		for shard := range shards {
			own := slices.DeleteFunc(slices.Clone(events), func(ev event.Event) bool {
				by := grouping{fields: []fieldID{fieldClientIP}}
				hash, _ := by.of(&Windows{observed: 1}, &ev)
				return int(hash%partitions)%shards != shard
			})
			found, stats := observeAll(set, WindowOptions{Memory: scarce}, own, nil)
			parts = append(parts, found...)
			lost += stats.Evicted
		}
		if a, b := ids(whole), ids(parts); !slices.Equal(a, b) {
			t.Fatal(cmp.Diff(a, b))
		}
	})
	if evicted == 0 {
		t.Error("nothing was evicted: the test shows nothing")
	}
}

// flood is a million clients, and one that comes again and again among them.
const floodRules = `
title: Missing
name: missing
logsource: {category: webserver}
detection: {sel: {sc-status: 404}, condition: sel}
level: informational
---
title: Refused
name: refused
logsource: {category: webserver}
detection: {sel: {sc-status: 401}, condition: sel}
level: informational
---
title: Many missing
name: many-missing
correlation:
  type: event_count
  rules: [missing]
  group-by: [c-ip]
  timespan: 1h
  condition: {gte: 10}
---
title: Many refused
name: many-refused
correlation:
  type: event_count
  rules: [refused]
  group-by: [c-ip]
  timespan: 1h
  condition: {gte: 10}
`

// TestFloodHidesNobody holds that clients who come once each push out neither another rule's groups nor who comes again
// and again, however slowly.
func TestFloodHidesNobody(t *testing.T) {
	set := load(t, floodRules)
	m, w := set.NewMatcher(), set.NewWindows(WindowOptions{Memory: 1 << 20})
	found := map[string]int{}
	emit := func(f detect.Finding) {
		if f.Revision == 1 {
			found[f.Detector+" "+f.Entity.Value]++
		}
	}
	request := func(n int, client [4]byte, status int) {
		var ev event.Event
		ev.Reset()
		ev.Time, ev.Source, ev.Position, ev.Service = scenarioStart.Add(time.Duration(n)*10*time.Millisecond), "s", uint64(n), "shop"
		ev.ClientIP, ev.Method, ev.Path, ev.Status = netip.AddrFrom4(client), "GET", "/x", status
		m.Match(&ev)
		w.Observe(&ev, emit)
	}
	const crowd = 300_000
	for n := range crowd {
		request(n, [4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}, 404)
		switch {
		case n < 300 && n%100 == 50, n > 1000 && n%30_000 == 0:
			request(n, [4]byte{203, 0, 113, 1}, 404)
		case n%29_000 == 1:
			request(n, [4]byte{203, 0, 113, 2}, 401)
		}
	}
	want := map[string]int{"many-missing 203.0.113.1": 1, "many-refused 203.0.113.2": 1}
	if d := cmp.Diff(want, found); d != "" {
		t.Error(d)
	}
	if s := w.Stats(); s.Evicted < crowd/2 || s.Bytes > 1<<20 {
		t.Errorf("%+v, want most of the crowd evicted and at most a MiB held", s)
	}
}
