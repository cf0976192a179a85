package baseline

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// scenario is a day of the lab after its history, with something done to it.
type scenario struct {
	name string
	// skip leaves ordinary requests out; add puts others in.
	skip func(route string, t time.Time) bool
	add  func(l *lab)
	want []string // "detector entity" of the findings, in order
}

var judgedDay = labStart.AddDate(0, 0, historyDays) // a Monday again

func clock(h, m int) time.Time {
	return judgedDay.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute)
}

// burst spreads n requests over [from, to), each changed by with. The gaps vary as those of people do, more or less.
func (l *lab) burst(n int, from, to time.Time, method, route string, with func(i int, e *event.Event)) {
	for i := range n {
		part := to.Sub(from) / time.Duration(n)
		at := from.Add(part*time.Duration(i) + time.Duration(l.gaps.Float64()*float64(part)))
		if i == 0 {
			at = from
		}
		e := l.event(at, method, route, 200)
		if with != nil {
			with(i, e)
		}
	}
}

func scenarios() []scenario {
	user := func(name string) func(int, *event.Event) {
		return func(_ int, e *event.Event) { e.User = name }
	}
	order := func(name string, step int) func(int, *event.Event) {
		return func(i int, e *event.Event) { e.User, e.ObjectIDs = name, []string{fmt.Sprint(5000 + i*step)} }
	}
	return append([]scenario{
		{name: "an ordinary day"},
		{
			name: "many clients ask for products",
			add:  func(l *lab) { l.burst(1500, clock(14, 0), clock(14, 15), "GET", "/products", nil) },
			want: []string{"endpoint-traffic GET /products"},
		},
		{
			name: "half as many more, as on a good day",
			add:  func(l *lab) { l.burst(90, clock(14, 0), clock(14, 15), "GET", "/products", nil) },
		},
		{
			name: "one client asks for products: its own affair",
			add: func(l *lab) {
				l.burst(1000, clock(14, 0), clock(14, 15), "GET", "/products", func(_ int, e *event.Event) {
					e.ClientIP = netip.MustParseAddr("198.51.100.7")
				})
			},
		},
		{
			name: "reports stop in office hours",
			skip: func(string, time.Time) bool { return false },
			add: func(l *lab) {
				kept := l.events[:0]
				for _, e := range l.events {
					if e.Route != "/reports" || e.Time.Before(clock(10, 0)) || !e.Time.Before(clock(13, 0)) {
						kept = append(kept, e)
					}
				}
				l.events = kept
			},
			want: []string{"endpoint-traffic GET /reports"},
		},
		{
			name: "the whole shop stops",
			add: func(l *lab) {
				kept := l.events[:0]
				for _, e := range l.events {
					if e.Time.Before(clock(10, 0)) || !e.Time.Before(clock(11, 0)) {
						kept = append(kept, e)
					}
				}
				l.events = kept
			},
			want: []string{"endpoint-traffic shop"},
		},
		{
			name: "products fail",
			add: func(l *lab) {
				for i := range l.events {
					e := l.events[i]
					if e.Route == "/products" && !e.Time.Before(clock(15, 0)) && e.Time.Before(clock(15, 10)) && i%2 == 0 {
						e.Status = 502
					}
				}
			},
			want: []string{"endpoint-error-burst GET /products"},
		},
		{
			name: "a few products fail",
			add: func(l *lab) {
				n := 0
				for i := range l.events {
					e := l.events[i]
					if e.Route == "/products" && !e.Time.Before(clock(15, 0)) && n < 8 {
						n++
						e.Status = 502
					}
				}
			},
		},
		{
			name: "a user goes wild",
			add:  func(l *lab) { l.burst(900, clock(3, 10), clock(3, 50), "GET", "/cart", user("u-3")) },
			want: []string{"user-request-spike u-3"},
		},
		{
			name: "a user is eager",
			add:  func(l *lab) { l.burst(200, clock(3, 10), clock(3, 50), "GET", "/cart", user("u-3")) },
		},
		{
			name: "a user reads orders one after the other",
			add:  func(l *lab) { l.burst(60, clock(11, 5), clock(11, 15), "GET", "/orders/{id}", order("u-4", 1)) },
			want: []string{"object-enumeration u-4"},
		},
		{
			name: "a user tries orders that are refused",
			add: func(l *lab) {
				l.burst(60, clock(11, 5), clock(11, 15), "GET", "/orders/{id}", func(i int, e *event.Event) {
					order("u-4", 1)(i, e)
					e.Status = 403
				})
			},
		},
		{
			name: "a user reads one order again and again",
			add:  func(l *lab) { l.burst(100, clock(11, 5), clock(11, 15), "GET", "/orders/{id}", order("u-4", 0)) },
		},
		{
			name: "a user reads some orders more than usual",
			add:  func(l *lab) { l.burst(12, clock(11, 5), clock(11, 15), "GET", "/orders/{id}", order("u-4", 13)) },
		},
	}, append(laterScenarios(), conductScenarios()...)...)
}

func (s scenario) events() []*event.Event {
	l := newLab(2)
	l.minutes(judgedDay, judgedDay.AddDate(0, 0, 1), s.skip)
	if s.add != nil {
		s.add(l)
	}
	return l.sorted()
}

func TestScenarios(t *testing.T) {
	fired := map[string]bool{}
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			events := s.events()
			found := firsts(judgeAll(t, events, judgedDay.AddDate(0, 0, 1), labModel()))
			var got []string
			for _, f := range found {
				got = append(got, f.Detector+" "+f.Entity.Value)
				fired[f.Detector] = true
				t.Log(f.Explanation)
				checkFinding(t, f, events)
			}
			if d := cmp.Diff(s.want, got); d != "" {
				t.Errorf("findings (-want +got):\n%s", d)
			}
		})
	}
	for _, i := range Infos() {
		if !fired[i.ID] && i.ID != LastingChange { // it takes days: TestWhatIsALastingChange
			t.Errorf("no scenario makes %s fire", i.ID)
		}
	}
}

// checkFinding checks that a finding is complete and that its measure gives the number that it shows.
func checkFinding(t *testing.T, f detect.Finding, events []*event.Event) {
	t.Helper()
	if f.Baseline == nil || f.Baseline.Version == "" || len(f.Baseline.Row) < 3 || !strings.Contains(f.Baseline.History, "day") {
		t.Errorf("%s: baseline %+v", f.Detector, f.Baseline)
	}
	if f.ID == "" || f.Title == "" || f.Unit == "" || f.FirstSeen.IsZero() || f.LastSeen.Before(f.FirstSeen) || f.FiredAt.IsZero() {
		t.Errorf("incomplete: %+v", f)
	}
	if !strings.Contains(f.Explanation, "from 1") {
		t.Errorf("the explanation does not say from how much history: %s", f.Explanation)
	}
	if got := take(t, f.Measure, events); got != f.Observed {
		t.Errorf("%s observed %v, its measure gives %v", f.Detector, f.Observed, got)
	}
	if f.Detector == ImpossibleTravel && !strings.Contains(f.Explanation, "km away") {
		t.Errorf("no distance: %s", f.Explanation)
	}
	drop := len(f.Tags) > 0 && f.Tags[0] == "drop"
	if (f.Observed > f.Expected) == drop {
		t.Errorf("%s observed %v, expected %v", f.Detector, f.Observed, f.Expected)
	}
}

// take evaluates a measure over events, as the store does.
func take(t *testing.T, m detect.Measure, events []*event.Event) float64 {
	t.Helper()
	n, sum, distinct := 0.0, 0.0, map[string]bool{}
	selects := m.Selector()
	for _, e := range events {
		if !selects(e) {
			continue
		}
		n++
		sum += float64(max(e.BytesOut, 0))
		switch m.Field {
		case "object_ids":
			distinct[fmt.Sprint(e.ObjectIDs)] = true
		case "country":
			distinct[e.Country] = true
		case "user_agent":
			distinct[e.UserAgent] = true
		case "route":
			distinct[e.Route] = true
		case "asn":
			distinct[fmt.Sprint(e.ASN)] = true
		case "user":
			distinct[e.User] = true
		case "client_ip":
			distinct[e.ClientIP.String()] = true
		}
	}
	switch m.Aggregate {
	case detect.AggregateDistinct:
		return float64(len(distinct))
	case detect.AggregateSum:
		return sum
	case detect.AggregateCount:
		return n
	}
	t.Fatalf("aggregate %q", m.Aggregate)
	return 0
}

// allAtOnce is a day on which everything happens.
func allAtOnce() []*event.Event {
	l := newLab(3)
	l.minutes(judgedDay, judgedDay.AddDate(0, 0, 2), nil)
	for _, s := range scenarios() {
		if s.add != nil && len(s.want) > 0 && !strings.Contains(s.name, "stop") {
			s.add(l)
		}
	}
	return l.sorted()
}

func TestFindingsDoNotDependOnAdvance(t *testing.T) {
	events := allAtOnce()
	end := judgedDay.AddDate(0, 0, 3)
	want := judgeAll(t, events, end, labModel())
	for _, every := range []time.Duration{time.Second, 7 * time.Minute, 3 * time.Hour} {
		d := NewDetectors(Config{})
		d.UseModel(labModel())
		var got []detect.Finding
		emit := func(f detect.Finding) { got = append(got, f) }
		next := judgedDay
		for i := range events {
			e := events[i]
			for ; !next.After(e.Time); next = next.Add(every) {
				for _, x := range d.List() {
					x.Advance(next, emit)
				}
			}
			for _, x := range d.List() {
				x.Observe(e, emit)
			}
		}
		for _, x := range d.List() {
			x.Advance(end, emit)
		}
		if d := cmp.Diff(byDetector(want), byDetector(got)); d != "" {
			t.Errorf("with an Advance every %v (-want +got):\n%s", every, d)
		}
	}
}

// byDetector lists ids and revisions in order within each detector: between detectors the order may differ.
func byDetector(found []detect.Finding) map[string][]string {
	out := map[string][]string{}
	for _, f := range found {
		out[f.Detector] = append(out[f.Detector], fmt.Sprintf("%s %d %v %d %s", f.ID, f.Revision, f.Open, f.EventCount, f.LastSeen))
	}
	return out
}

func TestReplayAfterRestartRepeatsNothing(t *testing.T) {
	events := allAtOnce()
	want := map[string]bool{}
	for _, f := range judgeAll(t, events, judgedDay.AddDate(0, 0, 3), labModel()) {
		want[f.ID] = true
	}
	for _, stop := range []time.Time{clock(3, 40), clock(11, 12), clock(14, 7), clock(14, 20), clock(15, 8)} {
		before, open := firstPart(events, stop)
		d := NewDetectors(Config{})
		d.UseModel(labModel())
		for _, x := range d.List() {
			x.Restore(open)
		}
		if err := d.Preload(t.Context(), memory(events), stop.Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		replaying := true // what is found again in events that were judged before the stop is stored already
		j := detect.NewJudge(func(f detect.Finding) { got[f.ID] = got[f.ID] || !replaying }, d.List()...)
		for i := range events {
			e := events[i]
			if !e.Time.Before(stop.Add(-j.Lookback())) {
				replaying = e.Time.Before(stop)
				j.Observe(e)
			}
		}
		maps.DeleteFunc(got, func(_ string, after bool) bool { return !after })
		j.Advance(judgedDay.AddDate(0, 0, 3))
		for id := range before {
			got[id] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ids after a stop at %s (-want +got):\n%s", stop.Format("15:04"), diff)
		}
	}
}

// firstPart judges up to stop and returns the ids so far and the findings that are open.
func firstPart(events []*event.Event, stop time.Time) (ids map[string]bool, open []detect.Finding) {
	d := NewDetectors(Config{})
	d.UseModel(labModel())
	latest := map[string]detect.Finding{}
	j := detect.NewJudge(func(f detect.Finding) { latest[f.ID] = f }, d.List()...)
	for i := range events {
		e := events[i]
		if e.Time.Before(stop) {
			j.Observe(e)
		}
	}
	ids = map[string]bool{}
	for id, f := range latest {
		ids[id] = true
		if f.Open {
			open = append(open, f)
		}
	}
	return ids, open
}

func TestEpisodeGoesOn(t *testing.T) {
	l := newLab(2)
	l.minutes(judgedDay, judgedDay.AddDate(0, 0, 1), nil)
	l.burst(6000, clock(14, 0), clock(15, 0), "GET", "/products", nil)
	found := judgeAll(t, l.sorted(), judgedDay.AddDate(0, 0, 1), labModel())
	if len(firsts(found)) != 1 {
		t.Fatalf("%d findings, want 1", len(firsts(found)))
	}
	first, last := found[0], found[len(found)-1]
	if last.ID != first.ID || last.Revision < 10 || last.Open || last.EventCount < 6000 || last.Observed != first.Observed {
		t.Errorf("first %+v\nlast %+v", first, last)
	}
	if want := clock(14, 59); last.LastSeen.Before(want) {
		t.Errorf("last seen %s, want %s or later", last.LastSeen, want)
	}
}

func TestNothingWithoutHistory(t *testing.T) {
	young := labSnapshot()
	young.Until = labStart.AddDate(0, 0, 2)
	m, err := Recompute(t.Context(), Config{}, labHistory(), young)
	if err != nil {
		t.Fatal(err)
	}
	if found := judgeAll(t, allAtOnce(), judgedDay.AddDate(0, 0, 3), m); len(found) != 0 {
		for _, f := range firsts(found) {
			t.Errorf("two days of history gave: %s", f.Explanation)
		}
	}
	if found := judgeAll(t, allAtOnce(), judgedDay.AddDate(0, 0, 3)); len(found) != 0 {
		t.Errorf("no model gave %d findings", len(found))
	}
}

func TestModelJudgesOnlyWhatFollowsIt(t *testing.T) {
	s := labSnapshot()
	s.EffectiveFrom = clock(20, 0)
	m, err := Recompute(t.Context(), Config{}, labHistory(), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range judgeAll(t, allAtOnce(), judgedDay.AddDate(0, 0, 3), m) {
		if f.FiredAt.Before(s.EffectiveFrom) {
			t.Errorf("%s fired at %s, before its model was in effect", f.Detector, f.FiredAt)
		}
	}
}

func TestLongSilenceIsCheap(t *testing.T) {
	l := newLab(2)
	l.minutes(judgedDay, clock(6, 0), nil)
	l.minutes(judgedDay.AddDate(13, 0, 0), judgedDay.AddDate(13, 0, 1), nil)
	found := judgeAll(t, l.sorted(), judgedDay.AddDate(13, 0, 1), labModel())
	if n := len(firsts(found)); n != 1 {
		t.Errorf("%d findings for a silence of 13 years, want 1", n)
	}
	if len(found) > 400 {
		t.Errorf("%d emissions", len(found))
	}
}
