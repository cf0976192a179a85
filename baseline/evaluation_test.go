package baseline

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// attackKind is one kind of attack, or of a benign look-alike, in the evaluation: make puts one of random size and time
// into a day and returns whom it is about and when it began.
type attackKind struct {
	detector string
	attack   func(l *lab, r *rand.Rand) (entity string, from time.Time)
	benign   func(l *lab, r *rand.Rand)
}

// evalUser is a customer; each kind of attack has customers of its own, so that one day holds all kinds.
func evalUser(kind int, r *rand.Rand) string { return fmt.Sprintf("u-%d", kind*4+r.IntN(4)) }

// within draws a whole minute between two hours of the judged day.
func within(r *rand.Rand, from, to int) time.Time { return clock(from, r.IntN((to-from)*60)) }

// by makes requests of a user.
func by(user string, more func(i int, e *event.Event)) func(int, *event.Event) {
	return func(i int, e *event.Event) {
		e.User = user
		if more != nil {
			more(i, e)
		}
	}
}

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }

var evaluated = append([]attackKind{
	{
		EndpointTraffic,
		func(l *lab, r *rand.Rand) (string, time.Time) {
			at := within(r, 2, 4)
			l.burst(600+r.IntN(2000), at, at.Add(minutes(12)), "GET", "/products", nil)
			return "GET /products", at
		},
		func(l *lab, r *rand.Rand) { // a good quarter of an hour
			at := within(r, 2, 20)
			l.burst(60+r.IntN(30), at, at.Add(minutes(15)), "GET", "/products", nil)
		},
	},
	{
		EndpointErrorBurst,
		func(l *lab, r *rand.Rand) (string, time.Time) {
			at, share := within(r, 9, 10), 4+r.IntN(5)
			l.each("/products", at, at.Add(minutes(20)), func(e *event.Event) {
				if r.IntN(10) < share {
					e.Status = 503
				}
			})
			return "GET /products", at
		},
		func(l *lab, r *rand.Rand) { // a few failures
			at, n := within(r, 2, 20), 0
			l.each("/products", at, at.Add(minutes(30)), func(e *event.Event) {
				if n++; n%20 == 0 {
					e.Status = 503
				}
			})
		},
	},
	{
		EndpointLatency,
		func(l *lab, r *rand.Rand) (string, time.Time) {
			at, by := within(r, 16, 17), 100+r.Float64()*900
			l.each("/products", at, at.Add(minutes(30)), func(e *event.Event) { e.DurationMS += by })
			return "GET /products", at
		},
		func(l *lab, r *rand.Rand) { // a few are very slow
			at := within(r, 2, 20)
			l.each("/products", at, at.Add(minutes(30)), func(e *event.Event) {
				if r.IntN(3) == 0 {
					e.DurationMS += 5000
				}
			})
		},
	},
	{
		ResponseSize,
		func(l *lab, r *rand.Rand) (string, time.Time) {
			hour, times := clock(11+r.IntN(3), 0), int64(4+r.IntN(20))
			l.each("/orders/{id}", hour, hour.Add(time.Hour), func(e *event.Event) { e.BytesOut *= times })
			return "GET /orders/{id}", hour
		},
		func(l *lab, r *rand.Rand) { // somewhat more
			at := within(r, 2, 20)
			l.each("/orders/{id}", at, at.Add(2*time.Hour), func(e *event.Event) { e.BytesOut = e.BytesOut * 3 / 2 })
		},
	},
	{
		UserRequestSpike,
		func(l *lab, r *rand.Rand) (string, time.Time) {
			user, at := evalUser(0, r), clock(r.IntN(20), 5)
			l.burst(400+r.IntN(2000), at, at.Add(minutes(40)), "GET", "/cart", by(user, nil))
			return user, at
		},
		func(l *lab, r *rand.Rand) { // an eager customer
			at := clock(r.IntN(20), 5)
			l.burst(100+r.IntN(150), at, at.Add(minutes(40)), "GET", "/cart", by(evalUser(0, r), nil))
		},
	},
	{
		ObjectEnumeration,
		func(l *lab, r *rand.Rand) (string, time.Time) {
			user, at, step := evalUser(1, r), clock(r.IntN(20), 5), 1+r.IntN(40)
			l.burst(40+r.IntN(300), at, at.Add(minutes(30)), "GET", "/orders/{id}", by(user, func(i int, e *event.Event) {
				e.ObjectIDs = []string{fmt.Sprint(5000 + i*step)}
			}))
			return user, at
		},
		func(l *lab, r *rand.Rand) { // refused, or the same ones
			at, refused := clock(r.IntN(20), 5), r.IntN(2) == 0
			l.burst(150, at, at.Add(minutes(30)), "GET", "/orders/{id}", by(evalUser(1, r), func(i int, e *event.Event) {
				e.ObjectIDs = []string{fmt.Sprint(5000 + i%15)}
				if refused {
					e.ObjectIDs, e.Status = []string{fmt.Sprint(5000 + i)}, 403
				}
			}))
		},
	},
	{
		ObjectEnumerationSlow,
		func(l *lab, r *rand.Rand) (string, time.Time) {
			user, at, step := evalUser(2, r), within(r, 0, 2), 1+r.IntN(20)
			every := 3 + r.IntN(5) // minutes
			n := 14 * 60 / every
			l.burst(n, at, at.Add(14*time.Hour), "GET", "/orders/{id}", by(user, func(i int, e *event.Event) {
				e.ObjectIDs = []string{fmt.Sprint(7000 + i*step)}
			}))
			return user, at
		},
		func(l *lab, r *rand.Rand) { // looks at thirty orders, all day
			at := within(r, 0, 2)
			l.burst(200, at, at.Add(14*time.Hour), "GET", "/orders/{id}", by(evalUser(2, r), func(i int, e *event.Event) {
				e.ObjectIDs = []string{fmt.Sprint(7000 + i%24)}
			}))
		},
	},
	{
		NewEndpoint,
		func(l *lab, r *rand.Rand) (string, time.Time) {
			at, route := within(r, 1, 22), fmt.Sprintf("/internal/v%d", r.IntN(9))
			l.burst(6+r.IntN(20), at.Truncate(time.Hour), at.Truncate(time.Hour).Add(minutes(40)), "GET", route, nil)
			return "GET " + route, at.Truncate(time.Hour)
		},
		func(l *lab, r *rand.Rand) { // a scanner's misses
			at := within(r, 1, 22)
			for i := range 30 {
				l.burst(2, at, at.Add(minutes(5)), "GET", fmt.Sprintf("/internal/%d", i), func(_ int, e *event.Event) { e.Status = 404 })
			}
		},
	},
	{
		NewMethod,
		func(l *lab, r *rand.Rand) (string, time.Time) {
			at, method := clock(1+r.IntN(20), 1), []string{"PUT", "DELETE", "PATCH"}[r.IntN(3)]
			l.burst(6+r.IntN(20), at, at.Add(minutes(40)), method, "/cart", by(evalUser(3, r), nil))
			return method + " /cart", at
		},
		func(l *lab, r *rand.Rand) { // not allowed
			at := clock(1+r.IntN(20), 1)
			l.burst(30, at, at.Add(minutes(40)), "DELETE", "/cart", by(evalUser(3, r), func(_ int, e *event.Event) { e.Status = 405 }))
		},
	},
	{
		MissingAuthentication,
		func(l *lab, r *rand.Rand) (string, time.Time) {
			at := clock(1+r.IntN(20), 1)
			l.burst(4+r.IntN(20), at, at.Add(minutes(40)), "GET", "/stock", nil)
			return "GET /stock", at
		},
		func(l *lab, r *rand.Rand) { // refused
			at := clock(1+r.IntN(20), 1)
			l.burst(30, at, at.Add(minutes(40)), "GET", "/stock", func(_ int, e *event.Event) { e.Status = 401 })
		},
	},
	{
		PrivilegedFirstUse,
		func(l *lab, r *rand.Rand) (string, time.Time) {
			user, at := evalUser(4, r), within(r, 1, 22)
			l.burst(1+r.IntN(5), at, at.Add(minutes(10)), "POST", "/audit", by(user, nil))
			return user, at
		},
		func(l *lab, r *rand.Rand) {
			at := within(r, 9, 16)
			l.burst(20, at, at.Add(minutes(10)), "POST", "/audit", by(evalUser(4, r), func(_ int, e *event.Event) { e.Status = 403 }))
			l.burst(20, at, at.Add(minutes(10)), "POST", "/audit", by("auditor-0", nil))
		},
	},
	{
		DataVolume,
		func(l *lab, r *rand.Rand) (string, time.Time) {
			user, at := evalUser(5, r), clock(r.IntN(20), 5)
			l.burst(60+r.IntN(60), at, at.Add(minutes(40)), "GET", "/cart", by(user, func(_ int, e *event.Event) { e.BytesOut = 3 << 20 }))
			return user, at
		},
		func(l *lab, r *rand.Rand) {
			at := clock(r.IntN(20), 5)
			l.burst(20+r.IntN(10), at, at.Add(minutes(40)), "GET", "/cart", by(evalUser(5, r), func(_ int, e *event.Event) { e.BytesOut = 3 << 20 }))
		},
	},
	{
		OffHours,
		func(l *lab, r *rand.Rand) (string, time.Time) {
			at := clock(r.IntN(5), 5)
			l.burst(25+r.IntN(100), at, at.Add(minutes(40)), "GET", "/stock", by("clerk", nil))
			return "clerk", at
		},
		func(l *lab, r *rand.Rand) { // late, or just a look
			at := clock(18, 5)
			l.burst(40, at, at.Add(minutes(40)), "GET", "/stock", by("clerk", nil))
			at = clock(3, 5)
			l.burst(10, at, at.Add(minutes(40)), "GET", "/stock", by("clerk", nil))
		},
	},
	{
		DormantAccount,
		func(l *lab, r *rand.Rand) (string, time.Time) {
			at := clock(12+r.IntN(10), 5)
			l.burst(25+r.IntN(100), at, at.Add(minutes(40)), "GET", "/stock", by("leaver", nil))
			return "leaver", at
		},
		func(l *lab, r *rand.Rand) { // a look; and a customer never seen before
			at := clock(12+r.IntN(10), 5)
			l.burst(10, at, at.Add(minutes(40)), "GET", "/stock", by("leaver", nil))
			l.burst(40, at, at.Add(minutes(40)), "GET", "/stock", by("new customer", nil))
		},
	},
	{
		NewCountry,
		func(l *lab, r *rand.Rand) (string, time.Time) {
			at := clock(20+r.IntN(3), 5)
			l.burst(4+r.IntN(10), at, at.Add(minutes(40)), "GET", "/stock", by("auditor-1", func(_ int, e *event.Event) { abroad(e, "BR", -23.5, -46.6) }))
			return "auditor-1", at
		},
		func(l *lab, r *rand.Rand) { // the traveller; and one stray request
			at := clock(20+r.IntN(3), 5)
			l.burst(5, at, at.Add(minutes(40)), "GET", "/stock", by("traveller", func(_ int, e *event.Event) { abroad(e, "NO", 60, 10) }))
			l.burst(1, at, at.Add(minutes(40)), "GET", "/stock", by("auditor-1", func(_ int, e *event.Event) { abroad(e, "PL", 52.4, 16.9) }))
		},
	},
	{
		ImpossibleTravel,
		func(l *lab, r *rand.Rand) (string, time.Time) {
			user, at := evalUser(6, r), within(r, 8, 20)
			l.burst(1, at, at.Add(time.Minute), "GET", "/stock", by(user, nil))
			far := at.Add(minutes(10 + r.IntN(120)))
			l.burst(1, far, far.Add(time.Minute), "GET", "/stock", by(user, func(_ int, e *event.Event) { abroad(e, "AU", -33.9, 151.2) }))
			return user, far
		},
		func(l *lab, r *rand.Rand) { // a tunnel by habit; a neighbouring country
			at := within(r, 8, 20)
			l.burst(1, at, at.Add(time.Minute), "GET", "/stock", by("tunnel", nil))
			l.burst(1, at.Add(time.Minute), at.Add(minutes(2)), "GET", "/stock", by("tunnel", func(_ int, e *event.Event) { abroad(e, "US", 40.7, -74) }))
			l.burst(1, at.Add(minutes(40)), at.Add(minutes(41)), "GET", "/stock", by(evalUser(6, r), func(_ int, e *event.Event) { abroad(e, "PL", 52.4, 16.9) }))
		},
	},
}, []attackKind{}...)

const evaluationSeeds = 12

var fullEvaluation = flag.Bool("full-evaluation", false, "evaluate clean traffic of four services, learning every week anew")

// tallyOf is how a detector did.
type tallyOf struct {
	attacks, found int
	said, wrong    int
	took           []float64 // minutes
}

// TestEvaluation puts every kind of attack, and every kind of look-alike, into days of the laboratory and holds what the
// learned detectors say against the labels. A finding is right when it is about somebody or something that an attack of
// that day was about; an attack is found when its own detector says so.
func TestEvaluation(t *testing.T) {
	results := map[string]*tallyOf{}
	for _, k := range evaluated {
		results[k.detector] = &tallyOf{}
	}
	for seed := range uint64(evaluationSeeds) {
		for _, bad := range []bool{true, false} {
			evaluateDay(t, seed, bad, results)
		}
	}
	t.Logf("%-26s %8s %8s %10s %8s %14s", "detector", "attacks", "recall", "findings", "precision", "median minutes")
	results[LastingChange] = evaluateChanges(t)
	for _, i := range Infos() {
		r := results[i.ID]
		if r == nil && slices.ContainsFunc(conductInfos(), func(c detect.Info) bool { return c.ID == i.ID }) {
			continue
		}
		if r == nil {
			t.Errorf("%s is not evaluated", i.ID)
			continue
		}
		recall, precision := float64(r.found)/float64(r.attacks), 1.0
		if r.said > 0 {
			precision = 1 - float64(r.wrong)/float64(r.said)
		}
		t.Logf("%-26s %8d %8.2f %10d %8.2f %14.1f", i.ID, r.attacks, recall, r.said, precision, median(r.took))
		if recall < 0.9 || precision < 0.9 {
			t.Errorf("%s: recall %.2f, precision %.2f, want 0.9 each", i.ID, recall, precision)
		}
	}
}

func evaluateDay(t *testing.T, seed uint64, bad bool, results map[string]*tallyOf) {
	t.Helper()
	l, r := newLab(100+seed), rand.New(rand.NewPCG(seed, 9))
	l.minutes(judgedDay.Add(-time.Hour), judgedDay.AddDate(0, 0, 1), nil) // an hour of lookback
	began := map[string]time.Time{}                                       // by detector and entity
	guilty := map[string]bool{}
	for _, k := range evaluated {
		if !bad {
			k.benign(l, r)
			continue
		}
		entity, from := k.attack(l, r)
		began[k.detector+" "+entity] = from
		guilty[entity] = true
		results[k.detector].attacks++
	}
	for _, f := range firsts(judgeAll(t, l.sorted(), judgedDay.AddDate(0, 0, 1), labModel())) {
		res := results[f.Detector]
		res.said++
		if !guilty[f.Entity.Value] {
			res.wrong++
			t.Logf("seed %d, attacks %v: %s about %s: %s", seed, bad, f.Detector, f.Entity.Value, f.Explanation)
			continue
		}
		key := f.Detector + " " + f.Entity.Value
		if from, ok := began[key]; ok && !f.FiredAt.Before(from) {
			res.found++
			res.took = append(res.took, f.FiredAt.Sub(from).Minutes())
			delete(began, key)
		}
	}
	for missed := range began {
		t.Logf("seed %d: missed %s", seed, missed)
	}
}

// TestEvaluationOfCleanTraffic counts what is said about a week in which nothing happened; with -full-evaluation about
// four weeks of four services, learning every week anew.
func TestEvaluationOfCleanTraffic(t *testing.T) {
	weeks, services, from := 1, 1, judgedDay
	if *fullEvaluation {
		weeks, services, from = 4, 4, labStart
	}
	said := 0
	for seed := range uint64(services) { //nolint:gosec // a few
		l := newLab(500 + seed)
		l.minutes(from, labStart.AddDate(0, 0, historyDays+7*weeks), nil)
		events := l.sorted()
		d := NewDetectors(Config{})
		j := detect.NewJudge(func(f detect.Finding) {
			if f.Revision == 1 {
				said++
				t.Logf("service %d: %s: %s", seed, f.Detector, f.Explanation)
			}
		}, d.List()...)
		for week := range weeks {
			until := labStart.AddDate(0, 0, historyDays+7*week)
			m := labModel()
			if *fullEvaluation {
				s := Snapshot{Until: until, Cut: until, WindowDays: 28, Generation: "test"}
				var err error
				if m, err = Recompute(t.Context(), Config{}, memory(events), s); err != nil {
					t.Fatal(err)
				}
			}
			d.UseModel(m)
			for _, e := range events {
				if !e.Time.Before(until) && e.Time.Before(until.AddDate(0, 0, 7)) {
					j.Observe(e)
				}
			}
		}
		j.Advance(labStart.AddDate(0, 0, historyDays+7*weeks))
	}
	t.Logf("%d findings on clean traffic: %.2f per service and week", said, float64(said)/float64(weeks*services))
	if said > weeks*services {
		t.Error("want at most one per service and week")
	}
}
