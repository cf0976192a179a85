package detect

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewatch/gatewatch/event"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(source string, seconds float64, position uint64) *event.Event {
	return &event.Event{Time: t0.Add(time.Duration(seconds * float64(time.Second))), Source: source, Position: position}
}

func seconds(evs []*event.Event) (out []float64) {
	for _, ev := range evs {
		out = append(out, ev.Time.Sub(t0).Seconds())
	}
	return out
}

func TestReorder(t *testing.T) {
	for _, tc := range []struct {
		name   string
		limit  int
		in     []float64
		before []float64 // released before the flush
		after  []float64
		capped uint64
	}{
		{"in order", 10, []float64{0, 5, 10, 15}, []float64{0, 5}, []float64{10, 15}, 0},
		{"step back within the delay", 10, []float64{0, 8, 3, 12}, []float64{0}, []float64{3, 8, 12}, 0},
		{"step back beyond the delay is released at once", 10, []float64{0, 30, 5}, []float64{0, 5}, []float64{30}, 0},
		{"full", 2, []float64{0, 1, 2, 3}, []float64{0, 1}, []float64{2, 3}, 2},
		{"one event of a wrong clock waits in its place", 30, []float64{0, 1, 2, 9000, 3, 12, 13, 14}, []float64{0, 1, 2, 3}, []float64{12, 13, 14, 9000}, 0},
		{"the first event of a wrong clock", 30, []float64{9000, 0, 1, 2, 11, 12, 13}, []float64{0, 1, 2}, []float64{11, 12, 13, 9000}, 0},
		{"a silence is believed after three events", 30, []float64{0, 1, 2, 900, 901, 902, 912, 915}, []float64{0, 1, 2, 900, 901, 902}, []float64{912, 915}, 0},
		{"a wrong clock in the past holds nothing up", 30, []float64{100, 101, 102, 0, 1, 2, 3, 112}, []float64{0, 1, 2, 3, 100, 101, 102}, []float64{112}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := NewReorder(10*time.Second, tc.limit)
			var got []*event.Event
			release := func(ev *event.Event) { got = append(got, ev) }
			for i, s := range tc.in {
				r.Push(at("a", s, uint64(i)), release)
			}
			if d := cmp.Diff(tc.before, seconds(got)); d != "" {
				t.Errorf("before the flush (-want +got):\n%s", d)
			}
			got = nil
			r.Flush(release)
			if d := cmp.Diff(tc.after, seconds(got)); d != "" {
				t.Errorf("flushed (-want +got):\n%s", d)
			}
			if r.Capped() != tc.capped {
				t.Errorf("capped %d, want %d", r.Capped(), tc.capped)
			}
		})
	}
}

func TestReorderSortsWhatStepsBackLessThanTheDelay(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	r := NewReorder(time.Minute, 5000)
	var got []*event.Event
	release := func(ev *event.Event) { got = append(got, ev) }
	const n = 20000
	for i := range n {
		r.Push(at("a", float64(i)/10-rng.Float64()*59, uint64(i)), release)
	}
	r.Flush(release)
	if len(got) != n {
		t.Fatalf("released %d of %d", len(got), n)
	}
	for i := 1; i < n; i++ {
		if event.Compare(got[i-1], got[i]) > 0 {
			t.Fatalf("event %d is out of order", i)
		}
	}
}

func TestLive(t *testing.T) {
	wall := time.Date(2026, 3, 1, 12, 0, 5, 0, time.UTC)
	var got []*event.Event
	release := func(ev *event.Event) { got = append(got, ev) }
	expect := func(t *testing.T, want ...float64) {
		t.Helper()
		if d := cmp.Diff(want, seconds(got)); d != "" {
			t.Errorf("released (-want +got):\n%s", d)
		}
		got = nil
	}
	t.Run("one source in order does not wait", func(t *testing.T) {
		l := NewLive(time.Second)
		l.Push([]*event.Event{at("a", 1, 1), at("a", 2, 2), at("a", 2, 3)}, wall, release)
		expect(t, 1, 2, 2)
	})
	t.Run("two sources wait for the slower one, and a second at most", func(t *testing.T) {
		l := NewLive(time.Second)
		l.Push([]*event.Event{at("a", 1, 1), at("b", 0.5, 1), at("a", 2, 2)}, wall, release)
		expect(t)
		l.Push([]*event.Event{at("b", 1.5, 2)}, wall.Add(200*time.Millisecond), release)
		expect(t, 0.5, 1)
		l.Release(wall.Add(time.Second), release)
		expect(t, 1.5, 2)
	})
	t.Run("a source that steps back is given room", func(t *testing.T) {
		l := NewLive(time.Second)
		l.Push([]*event.Event{at("a", 3, 1), at("a", 2.4, 2), at("a", 4, 3)}, wall, release)
		expect(t, 2.4, 3)
		l.Release(wall.Add(time.Second), release)
		expect(t, 4)
		if l.Waiting() != 0 {
			t.Errorf("%d waiting", l.Waiting())
		}
	})
}

type recorder struct {
	observed []float64
	advanced []time.Time
}

func (r *recorder) Observe(ev *event.Event, _ Emit) {
	r.observed = append(r.observed, ev.Time.Sub(t0).Seconds())
}
func (r *recorder) Advance(t time.Time, _ Emit) { r.advanced = append(r.advanced, t) }
func (r *recorder) Restore([]Finding)           {}
func (r *recorder) Lookback() time.Duration     { return 10 * time.Minute }

func TestJudgeAdvancesByWholeMinutesBeforeTheEvent(t *testing.T) {
	rec := &recorder{}
	j := NewJudge(func(Finding) {}, rec)
	for i, s := range []float64{5, 59, 61, 30, 400} {
		j.Observe(at("a", s, uint64(i)))
	}
	if d := cmp.Diff([]time.Time{t0, t0.Add(time.Minute), t0.Add(6 * time.Minute)}, rec.advanced); d != "" {
		t.Errorf("advanced (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]float64{5, 59, 61, 30, 400}, rec.observed); d != "" {
		t.Errorf("observed (-want +got):\n%s", d)
	}
	if s := j.Stats(); s.Late != 1 || s.Judged != 5 {
		t.Errorf("stats %+v, want 1 late of 5", s)
	}
}

func TestFindingIDDependsOnEveryPart(t *testing.T) {
	base := func() string { return FindingID("d", Entity{EntityUser, "u"}, "s", []string{"a", "b"}, t0) }
	seen := map[string]string{base(): "base"}
	for name, id := range map[string]string{
		"detector": FindingID("e", Entity{EntityUser, "u"}, "s", []string{"a", "b"}, t0),
		"type":     FindingID("d", Entity{EntityClient, "u"}, "s", []string{"a", "b"}, t0),
		"value":    FindingID("d", Entity{EntityUser, "v"}, "s", []string{"a", "b"}, t0),
		"service":  FindingID("d", Entity{EntityUser, "u"}, "t", []string{"a", "b"}, t0),
		"group":    FindingID("d", Entity{EntityUser, "u"}, "s", []string{"ab", ""}, t0),
		"time":     FindingID("d", Entity{EntityUser, "u"}, "s", []string{"a", "b"}, t0.Add(time.Millisecond)),
	} {
		if other, dup := seen[id]; dup {
			t.Errorf("%s and %s share the id %s", name, other, id)
		}
		seen[id] = name
	}
	if first, second := base(), base(); first != second {
		t.Errorf("the id is not deterministic: %s, %s", first, second)
	}
}
