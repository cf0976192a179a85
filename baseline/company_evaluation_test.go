package baseline

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

var (
	fullEvaluation = flag.Bool("full-evaluation", false, "evaluate many days of attacks, and four weeks of clean traffic of three companies, learning every week anew")
	evaluationSeed = flag.Uint64("evaluation-seed", 1, "of the evaluation's traffic and attacks")
)

// evaluationSeeds is how many months of changes are looked at.
const evaluationSeeds = 12

// trafficDrop is the half of endpoint-traffic that judges drops; it is counted by itself.
const trafficDrop = EndpointTraffic + ", drops"

// evaluated are the names under which detectors are counted.
func evaluated() (names []string) {
	for _, i := range Infos() {
		if names = append(names, i.ID); i.ID == EndpointTraffic {
			names = append(names, trafficDrop)
		}
	}
	return names
}

func evaluatedAs(f detect.Finding) string {
	if f.Detector == EndpointTraffic && slices.Contains(f.Tags, directionDrop) {
		return trafficDrop
	}
	return f.Detector
}

// tallyOf is how a detector did.
type tallyOf struct {
	attacks, found int
	said, wrong    int
	took           []float64 // minutes
}

// before makes the company's history: 35 days. One customer was there on the first days only, and colleagues of the back
// office log in to it.
func companyBefore(seed uint64) *company {
	c := newCompany(seed)
	c.days(companyStart, companyStart.AddDate(0, 0, companyDays))
	gone := *c.people[0]
	gone.name = "gone"
	for i := range 12 {
		for k := range 9 {
			c.as(&gone, companyStart.Add(time.Duration(i*7)*time.Hour+time.Duration(k)*time.Minute), "shop", "GET", "/account", 200)
		}
	}
	for h := 8; h < companyDays*24; h++ {
		if h%24 >= 8 && h%24 < 18 {
			e := c.event(companyStart.Add(time.Duration(h)*time.Hour+time.Duration(c.rng.IntN(3000))*time.Second), "office", "POST", "/session", 200)
			if e.ClientIP = c.people[customers].address; c.rng.IntN(12) == 0 {
				e.Status = 401
			}
			e.UserAgent = labAgents[h%len(labAgents)]
		}
	}
	return c
}

func companyModel(t *testing.T, events []*event.Event, until time.Time) *Model {
	t.Helper()
	m, err := Recompute(t.Context(), Config{}, memory(events), Snapshot{Until: until, Cut: until, WindowDays: companyDays, Generation: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var companyLearned = sync.OnceValue(func() *Model {
	until := companyStart.AddDate(0, 0, companyDays)
	m, err := Recompute(context.Background(), Config{}, memory(companyBefore(*evaluationSeed).sorted()),
		Snapshot{Until: until, Cut: until, WindowDays: companyDays, Generation: "test"})
	if err != nil {
		panic(err)
	}
	return m
})

// TestEvaluation puts every kind of attack, and every kind of look-alike, into days of the company and holds what the
// learned detectors say against the labels. An attack is found when its own detector names whom it is about; a finding is
// right when it is about somebody or something that an attack of that day was about or that suffered from it.
func TestEvaluation(t *testing.T) {
	results := map[string]*tallyOf{}
	for _, name := range evaluated() {
		results[name] = &tallyOf{}
	}
	days := 3
	if *fullEvaluation {
		days = 24
	}
	for n := range uint64(days) { //nolint:gosec // a few
		for _, bad := range []bool{true, false} {
			evaluateDay(t, n, bad, results)
		}
	}
	results[LastingChange] = evaluateChanges(t)
	t.Logf("| detector | attacks | recall | findings | precision | median minutes to detect |")
	for _, name := range evaluated() {
		r := results[name]
		if r.attacks == 0 {
			t.Errorf("%s is not evaluated", name)
			continue
		}
		recall, precision := float64(r.found)/float64(r.attacks), 1.0
		if r.said > 0 {
			precision = 1 - float64(r.wrong)/float64(r.said)
		}
		t.Logf("| `%s` | %d | %.2f | %d | %.2f | %.1f |", name, r.attacks, recall, r.said, precision, median(r.took))
		if least := leastShare(r); recall < least || precision < least {
			t.Errorf("%s: recall %.2f, precision %.2f, want %.2f each", name, recall, precision, least)
		}
	}
}

// leastShare is 0.9, or what one mistake makes of few attacks.
func leastShare(r *tallyOf) float64 {
	return min(0.9, 1-1/float64(r.attacks)) - 1e-9 // two of three are two thirds, whatever their rounding
}

// evaluateDay judges one working day after the history.
func evaluateDay(t *testing.T, n uint64, bad bool, results map[string]*tallyOf) {
	t.Helper()
	day := companyStart.AddDate(0, 0, companyDays+int(n%4)) //nolint:gosec // 0 to 3
	c := newCompany(*evaluationSeed*1000 + n*2 + 1)
	c.days(day.AddDate(0, 0, -1), day.AddDate(0, 0, 1)) // the last hour of the day before is looked back on
	c.events = slices.DeleteFunc(c.events, func(e *event.Event) bool { return e.Time.Before(day.Add(-time.Hour)) })
	d := judged{c, rand.New(rand.NewPCG(*evaluationSeed*1000+n, 9)), day}
	began, guilty := map[string]time.Time{}, map[string]bool{}
	for _, k := range misdeeds {
		if !bad {
			k.benign(d)
			continue
		}
		b := k.attack(d)
		began[k.detector+" "+b.entity] = b.from
		for _, who := range append(b.also, b.entity) {
			guilty[who] = true
		}
		results[k.detector].attacks++
	}
	for _, f := range firsts(judgeAll(t, c.sorted(), day.AddDate(0, 0, 1), companyLearned())) {
		name := evaluatedAs(f)
		res := results[name]
		res.said++
		if !guilty[f.Entity.Value] {
			res.wrong++
			t.Logf("day %d, attacks %v: %s about %s: %s", n, bad, name, f.Entity.Value, f.Explanation)
			continue
		}
		key := name + " " + f.Entity.Value
		if f.Entity.Type == detect.EntityService && name == EndpointTraffic {
			key = name + " GET /search" // the service has been told in the place of its endpoint
		}
		if from, ok := began[key]; ok && !f.FiredAt.Before(from) {
			res.found++
			res.took = append(res.took, f.FiredAt.Sub(from).Minutes())
			delete(began, key)
		}
	}
	for missed, from := range began {
		t.Logf("day %d: missed %s from %s", n, missed, from.Format("15:04"))
	}
}

// TestEvaluationOfCleanTraffic counts what is said about a week in which nothing happened but a month's end and a holiday;
// with -full-evaluation about four weeks of three companies, learning every week anew.
func TestEvaluationOfCleanTraffic(t *testing.T) {
	weeks, companies := 1, 1
	if *fullEvaluation {
		weeks, companies = 4, 3
	}
	const services = 4
	said := map[string]int{}
	total := 0
	for n := range uint64(companies) { //nolint:gosec // a few
		c := newCompany(*evaluationSeed + n)
		if *fullEvaluation {
			c = companyBefore(*evaluationSeed + n)
		}
		first := companyStart.AddDate(0, 0, companyDays)
		c.days(first, first.AddDate(0, 0, 7*weeks))
		events := c.sorted()
		d := NewDetectors(Config{})
		j := detect.NewJudge(func(f detect.Finding) {
			if f.Revision == 1 && f.Detector != LastingChange { // it tells what is normal from now on and asks for nothing
				said[f.Detector]++
				total++
				t.Logf("company %d, %s: %s: %s", n, f.FiredAt.Format("2 January 15:04"), f.Detector, f.Explanation)
			}
		}, d.List()...)
		for week := range weeks {
			until := first.AddDate(0, 0, 7*week)
			m := companyLearned()
			if *fullEvaluation {
				m = companyModel(t, events, until)
			}
			d.UseModel(m)
			for _, e := range events {
				if !e.Time.Before(until) && e.Time.Before(until.AddDate(0, 0, 7)) {
					j.Observe(e)
				}
			}
		}
		j.Advance(first.AddDate(0, 0, 7*weeks))
	}
	t.Logf("%d findings on clean traffic, %.2f per service and week: %s", total, float64(total)/float64(weeks*companies*services), fmt.Sprint(said))
	if total > weeks*companies*services {
		t.Error("want at most one per service and week")
	}
}
