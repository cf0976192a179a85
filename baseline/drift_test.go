package baseline

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// madeHistory is a History of one endpoint over so many days: made requests in the hour at t, with noise.
type madeHistory struct {
	memory
	key  EndpointKey
	days int
	seed uint64
	made func(t time.Time) float64
	// service is the requests of the service as a whole, known for 28 days; nil: it has none of its own.
	service func(t time.Time) float64
	shape   func(t time.Time) (ms, bytes float64)
}

func (h madeHistory) each(s Snapshot, fn func(t time.Time, noise float64)) {
	rng := rand.New(rand.NewPCG(3, h.seed))
	for t := s.From(); t.Before(s.Until.Truncate(time.Hour)); t = t.Add(time.Hour) {
		noise := math.Exp(0.08 * rng.NormFloat64())
		if !t.Before(s.Until.AddDate(0, 0, -h.days)) {
			fn(t, noise)
		}
	}
}

func (h madeHistory) Endpoints(_ context.Context, s Snapshot, fn func(EndpointHours) error) error {
	r := EndpointHours{Key: h.key}
	h.each(s, func(t time.Time, noise float64) {
		n := uint32(h.made(t) * noise)
		if n == 0 {
			return
		}
		r.Hours, r.Requests = append(r.Hours, uint32(hourOf(t))), append(r.Requests, n)
		r.Peak, r.Trough = append(r.Peak, n/12+n/60+1), append(r.Trough, n/12-n/60)
	})
	r.ClientErrors, r.ServerErrors = make([]uint32, len(r.Hours)), make([]uint32, len(r.Hours))
	if h.service != nil {
		whole := madeHistory{key: h.key.service(), days: 28, made: h.service}
		if err := whole.Endpoints(context.Background(), s, fn); err != nil {
			return err
		}
	}
	return fn(r)
}

func (h madeHistory) Shapes(_ context.Context, s Snapshot, fn func(ShapeHours) error) error {
	if h.shape == nil {
		return nil
	}
	r := ShapeHours{Key: h.key}
	h.each(s, func(t time.Time, noise float64) {
		ms, size := h.shape(t)
		r.Hours, r.Successes, r.Anonymous = append(r.Hours, uint32(hourOf(t))), append(r.Successes, 100), append(r.Anonymous, 0)
		r.Timed, r.Duration = append(r.Timed, 100), append(r.Duration, float32(ms*noise))
		r.Sized, r.Size = append(r.Sized, 100), append(r.Size, float32(size*noise))
	})
	return fn(r)
}

var (
	driftEnd = time.Date(2026, 3, 30, 3, 17, 0, 0, time.UTC) // a Monday
	driftKey = EndpointKey{"shop", "GET", "/products"}
)

// shopDay is 600 requests an hour by day and 60 at night, two thirds of that at weekends.
func shopDay(t time.Time) float64 {
	n := 60 + 540*math.Pow(math.Sin(math.Pi*float64(t.Hour())/24), 2)
	if d := t.Weekday(); d == time.Saturday || d == time.Sunday {
		n *= 0.66
	}
	return n
}

// back tells how long before the end t is.
func back(t time.Time) time.Duration { return driftEnd.Truncate(time.Hour).Sub(t) }

const dayLong = 24 * time.Hour

func learnMade(t *testing.T, h madeHistory, accepted ...Acceptance) *Model {
	t.Helper()
	if h.days == 0 {
		h.days = 28
	}
	h.key = driftKey
	s := Snapshot{Until: driftEnd, Cut: driftEnd, WindowDays: 28, Generation: "test", Accepted: accepted}
	m, err := Recompute(t.Context(), Config{}, h, s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWhatIsALastingChange(t *testing.T) {
	for _, c := range []struct {
		name  string
		days  int
		made  func(t time.Time) float64
		since time.Duration // before the end; 0: none
		times float64
	}{
		{"an ordinary month", 28, shopDay, 0, 1},
		{"an ordinary fortnight", 14, shopDay, 0, 1},
		{"three times as much for six days", 28, func(t time.Time) float64 {
			if back(t) <= 6*dayLong+5*time.Hour {
				return 3 * shopDay(t)
			}
			return shopDay(t)
		}, 6*dayLong + 5*time.Hour, 3},
		{"the same after two weeks of history", 14, func(t time.Time) float64 {
			if back(t) <= 6*dayLong+5*time.Hour {
				return 3 * shopDay(t)
			}
			return shopDay(t)
		}, 6*dayLong + 5*time.Hour, 3},
		{"a third is left", 28, func(t time.Time) float64 {
			if back(t) <= 8*dayLong {
				return shopDay(t) / 3
			}
			return shopDay(t)
		}, 8 * dayLong, 1. / 3},
		{"a long weekend", 28, func(t time.Time) float64 {
			if back(t) <= 4*dayLong {
				return shopDay(t) / 4
			}
			return shopDay(t)
		}, 0, 1},
		{"a busy week that is over", 28, func(t time.Time) float64 {
			if back(t) <= 9*dayLong && back(t) > 2*dayLong {
				return 3 * shopDay(t)
			}
			return shopDay(t)
		}, 0, 1},
		{"growth of a quarter a week", 28, func(t time.Time) float64 {
			return shopDay(t) * math.Exp(0.032*(28-back(t).Hours()/24))
		}, 0, 1},
		{"a fifth more", 28, func(t time.Time) float64 {
			if back(t) <= 10*dayLong {
				return 1.2 * shopDay(t)
			}
			return shopDay(t)
		}, 0, 1},
		{"every other day", 28, func(t time.Time) float64 {
			if t.YearDay()%2 == 0 {
				return 2 * shopDay(t)
			}
			return shopDay(t)
		}, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := learnMade(t, madeHistory{days: c.days, made: c.made})
			if c.since == 0 {
				if got := m.Changes(); len(got) > 0 {
					t.Fatalf("found %+v", got)
				}
				return
			}
			got := m.Changes()
			if len(got) != 1 {
				t.Fatalf("found %+v", got)
			}
			if off := back(got[0].Since) - c.since; off.Abs() > 3*time.Hour {
				t.Errorf("since %v, off by %v", got[0].Since, off)
			}
			if r := got[0].After / got[0].Before / c.times; r < 0.85 || r > 1.18 || !got[0].New || !got[0].Told || got[0].By != AcceptedByLearning {
				t.Errorf("change %+v, ratio off by %v", got[0], r)
			}
			now, was := m.Endpoint(driftKey), learnMade(t, madeHistory{days: c.days, made: shopDay}).Endpoint(driftKey)
			for slot := range hoursOfWeek {
				r := float64(now.Season.Level[slot] / was.Season.Level[slot])
				if r < 0.7*c.times || r > 1.4*c.times {
					t.Errorf("hour %d of the week: level %v, before %v", slot, now.Season.Level[slot], was.Season.Level[slot])
				}
			}
			if now.SpikeZ > 2*was.SpikeZ {
				t.Errorf("a spike is judged at %v, before at %v", now.SpikeZ, was.SpikeZ)
			}
		})
	}
}

func TestGrowthIsFollowed(t *testing.T) {
	m := learnMade(t, madeHistory{made: func(t time.Time) float64 { return shopDay(t) * math.Exp(0.032*(28-back(t).Hours()/24)) }})
	e := m.Endpoint(driftKey)
	want := shopDay(time.Date(2026, 3, 30, 12, 0, 0, 0, time.UTC)) * math.Exp(0.032*28)
	if got := float64(e.Season.Level[24+12]); got < 0.85*want || got > 1.15*want || e.Trend < 0.2 || e.Trend > 0.3 {
		t.Errorf("level %v at the end, want %v; trend %v a week", got, want, e.Trend)
	}
}

// A holiday in two weeks of history must not make every such weekday half a holiday.
func TestUnusualDaysDoNotPoison(t *testing.T) {
	holiday := time.Date(2026, 3, 25, 0, 0, 0, 0, time.UTC)
	for _, days := range []int{14, 15, 28} {
		h := madeHistory{days: days, made: func(t time.Time) float64 {
			if t.Truncate(dayLong).Equal(holiday) {
				return shopDay(t) / 10
			}
			return shopDay(t)
		}}
		with, without := learnMade(t, h).Endpoint(driftKey), learnMade(t, madeHistory{days: days, made: shopDay}).Endpoint(driftKey)
		slot := slotOf(holiday.Add(12*time.Hour), time.UTC)
		if r := with.Season.Level[slot] / without.Season.Level[slot]; r < 0.8 {
			t.Errorf("%d days: after a holiday %v are expected, without it %v", days, with.Season.Level[slot], without.Season.Level[slot])
		}
		if with.Season.Least[slot] > without.Season.Least[slot]/2 {
			t.Errorf("%d days: the fewest ever seen are %v: a holiday was seen", days, with.Season.Least[slot])
		}
	}
}

// An endpoint known from a Friday to a Sunday expects on weekdays what its service says of weekdays.
func TestWhoIsNewStartsFromItsGroup(t *testing.T) {
	young := func(t time.Time) float64 { return shopDay(t) / 2 }
	alone := learnMade(t, madeHistory{days: 3, made: young}).Endpoint(driftKey)
	group := learnMade(t, madeHistory{days: 3, made: young, service: shopDay}).Endpoint(driftKey)
	noon := func(e *Endpoint, day time.Weekday) float64 { return float64(e.Season.Level[int(day)*24+12]) / 300 }
	if noon(alone, time.Tuesday) > 0.7 || noon(group, time.Tuesday) < 0.8 || noon(group, time.Tuesday) > 1.3 {
		t.Errorf("on a Tuesday, not seen yet, %.2f of what comes are expected alone, %.2f with the service", noon(alone, time.Tuesday), noon(group, time.Tuesday))
	}
	if noon(alone, time.Sunday) != noon(group, time.Sunday) {
		t.Errorf("what was seen is overruled by the service: %.2f, %.2f", noon(alone, time.Sunday), noon(group, time.Sunday))
	}
}

func TestAnswersChangeForGood(t *testing.T) {
	h := madeHistory{made: shopDay, shape: func(t time.Time) (float64, float64) {
		if back(t) <= 7*dayLong {
			return 300, 2000
		}
		return 40, 2000
	}}
	m := learnMade(t, h)
	got := m.Changes()
	if len(got) != 1 || got[0].Measure != MeasuredDuration || back(got[0].Since) != 7*dayLong || got[0].Events != 7*24*100 {
		t.Fatalf("found %+v", got)
	}
	if l := m.Endpoint(driftKey).Shape.Latency; l.Median < 250 || l.Median > 350 || l.Low < 100 {
		t.Errorf("latency %+v, want it about 300", l)
	}
}

// What one version found the next one takes for granted: it is told once.
func TestAChangeIsToldOnce(t *testing.T) {
	h := madeHistory{made: func(t time.Time) float64 {
		if back(t) <= 6*dayLong {
			return 3 * shopDay(t)
		}
		return shopDay(t)
	}}
	first := learnMade(t, h)
	carried := Accepted(first, nil, first.Snapshot.From())
	if len(carried) != 1 {
		t.Fatalf("carried on %+v", carried)
	}
	second := learnMade(t, h, carried...)
	if c := second.Changes(); len(c) != 1 || c[0].New || c[0].Told || !c[0].At.Equal(first.EffectiveFrom) {
		t.Errorf("the second version %+v", c)
	}
	if d := cmp.Diff(first.Endpoint(driftKey), second.Endpoint(driftKey)); d != "" {
		t.Errorf("it learned otherwise (-first +second):\n%s", d)
	}
	if again := Accepted(second, carried, second.Snapshot.From()); !cmp.Equal(again, carried) {
		t.Errorf("carried on %+v, then %+v", carried, again)
	}
	if late := Accepted(second, nil, driftEnd); len(late) > 0 {
		t.Errorf("what lies before the window is carried on: %+v", late)
	}
	if first.Version == second.Version {
		t.Error("what was accepted is not part of the version")
	}

	b, err := NewModelBuilder(first.Meta())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rowsOf(t, first) {
		if err := b.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	var told []detect.Finding
	d := NewDetectors(Config{})
	d.UseModel(b.Model())
	j := detect.NewJudge(func(f detect.Finding) { told = append(told, f) }, d.List()...)
	ev := func(at time.Time) *event.Event {
		e := new(event.Event)
		e.Reset()
		e.Time, e.Service, e.Method, e.Route, e.Status = at, "shop", "GET", "/products", 200
		return e
	}
	j.Observe(ev(driftEnd.Add(-time.Minute)))
	if len(told) > 0 {
		t.Errorf("told before the model was in effect: %+v", told)
	}
	j.Observe(ev(driftEnd.Add(time.Minute)))
	d.UseModel(second)
	j.Observe(ev(driftEnd.Add(2 * time.Hour)))
	if len(told) != 1 {
		t.Fatalf("told %d times: %+v", len(told), told)
	}
	f := told[0]
	if f.Detector != LastingChange || f.Kind != detect.KindChange || f.Severity != detect.Low || f.Observed != float64(first.Changes()[0].Events) ||
		!f.FirstSeen.Equal(first.Changes()[0].Since) || !f.FiredAt.Equal(driftEnd) || f.Open {
		t.Errorf("finding %+v", f)
	}
	t.Log(f.Explanation)
}

func TestAcceptingAtOnce(t *testing.T) {
	h := madeHistory{made: func(t time.Time) float64 {
		if back(t) <= 6*time.Hour {
			return 4 * shopDay(t)
		}
		return shopDay(t)
	}}
	since := driftEnd.Truncate(time.Hour).Add(-6 * time.Hour)
	a := Acceptance{Endpoint: driftKey, Measure: MeasuredRequests, Since: since, At: driftEnd, By: "ann", Reason: "new customer"}
	was, now := learnMade(t, h).Endpoint(driftKey), learnMade(t, h, a)
	if r := now.Endpoint(driftKey).Season.Level[24+12] / was.Season.Level[24+12]; r < 3.2 || r > 4.6 {
		t.Errorf("the level is %v times what it was, want 4 or so: the six hours begin on a Sunday", r)
	}
	if c := now.Changes(); len(c) != 1 || c[0].New || c[0].Told || c[0].By != "ann" || c[0].After/c[0].Before < 3.2 {
		t.Errorf("changes %+v", c)
	}
	// What somebody accepted is learned from although it lies under a confirmed incident.
	x := newExclusions([]Exclusion{{Endpoint: driftKey, From: since.Add(-time.Hour), To: driftEnd}}, []Acceptance{a}, nil)
	if x.endpoint(driftKey, hourOf(since)) || !x.endpoint(driftKey, hourOf(since)-1) {
		t.Error("an acceptance does not win over a confirmed incident")
	}
	a.By = AcceptedByLearning
	if x := newExclusions([]Exclusion{{Endpoint: driftKey, From: since, To: driftEnd}}, []Acceptance{a}, nil); !x.endpoint(driftKey, hourOf(since)) {
		t.Error("learning by itself wins over a confirmed incident")
	}
}

func TestWhichChangesAreTold(t *testing.T) {
	change := func(route string, before, after float64) Change {
		k := EndpointKey{"shop", "GET", route}
		if route == "" {
			k = k.service()
		}
		return Change{Acceptance: Acceptance{Endpoint: k, Measure: MeasuredRequests, Since: labStart}, Before: before, After: after, New: true}
	}
	told := func(list ...Change) (routes []string) {
		tell(list)
		for _, c := range list {
			if c.Told {
				routes = append(routes, c.Endpoint.Route)
			}
		}
		return routes
	}
	for name, c := range map[string]struct{ got, want []string }{
		"one endpoint explains its service": {told(change("", 1000, 3000), change("/a", 100, 1900)), []string{"/a"}},
		"many endpoints are a service":      {told(change("", 1000, 3000), change("/a", 100, 900), change("/b", 100, 900)), []string{""}},
		"the three largest":                 {told(change("/a", 1, 200), change("/b", 1, 300), change("/c", 400, 1), change("/d", 1, 500)), []string{"/b", "/c", "/d"}},
	} {
		if d := cmp.Diff(c.want, c.got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// evaluateChanges learns from months in which a level changes for good, and from months in which something else happens:
// nothing, a long weekend, a busy week that is over, growth, a little more. Only the first are to be told, at any age from
// six days on; how long it takes is drift_days.
func evaluateChanges(t *testing.T) *tallyOf {
	t.Helper()
	res := &tallyOf{}
	rng := rand.New(rand.NewPCG(11, 9))
	for range evaluationSeeds {
		factor, age := 1.8+3*rng.Float64(), time.Duration(6*24+rng.IntN(300))*time.Hour
		if rng.IntN(2) == 0 {
			factor = 1 / factor
		}
		for i, made := range []func(t time.Time) float64{
			func(t time.Time) float64 {
				if back(t) <= age {
					return factor * shopDay(t)
				}
				return shopDay(t)
			},
			shopDay,
			func(t time.Time) float64 {
				if back(t) <= age && back(t) > age-4*dayLong {
					return factor * shopDay(t)
				}
				return shopDay(t)
			},
			func(t time.Time) float64 { return shopDay(t) * math.Exp(0.03*(28-back(t).Hours()/24)) },
			func(t time.Time) float64 {
				if back(t) <= age {
					return 1.3 * shopDay(t)
				}
				return shopDay(t)
			},
		} {
			found := learnMade(t, madeHistory{made: made, seed: rng.Uint64()}).Changes()
			res.said += len(found)
			if i > 0 {
				res.wrong += len(found)
				continue
			}
			res.attacks++
			if len(found) == 1 {
				res.found++
				res.took = append(res.took, float64((Config{}).withDefaults().DriftDays)*dayLong.Minutes())
			}
		}
	}
	return res
}
