package incident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// finding makes a plausible finding: detector, entity, minutes after noon at which it began and was last seen.
func finding(detector string, entity detect.Entity, from, to int, change ...func(*detect.Finding)) detect.Finding {
	f := detect.Finding{
		Revision: 1, Open: true, Detector: detector, Title: strings.ToUpper(detector[:1]) + detector[1:],
		Kind: detect.KindWebAttack, Severity: detect.Medium, Entity: entity, Service: "shop", Route: "/orders/{id}",
		FirstSeen: noon.Add(time.Duration(from) * time.Minute), LastSeen: noon.Add(time.Duration(to) * time.Minute),
		EventCount: uint64(to-from) + 1, Observed: 40, Expected: 20, Unit: "requests",
		Explanation: fmt.Sprintf("%s sent 40 requests; 20 are usual.", entity.Value),
		Tags:        []string{detector}, OWASP: []string{"API4:2023"},
		Measure: detect.Measure{Aggregate: detect.AggregateCount},
	}
	f.FiredAt = f.LastSeen
	for _, c := range change {
		c(&f)
	}
	f.ID = detect.FindingID(f.Detector, f.Entity, f.Service, f.Group, f.FiredAt)
	return f
}

func client(n int) detect.Entity {
	return detect.Entity{Type: detect.EntityClient, Value: fmt.Sprintf("203.0.113.%d", n)}
}

// again is a further revision of f that was last seen at the minute and counted more events.
func again(f detect.Finding, revision uint32, to int, more uint64) detect.Finding {
	f.Revision = revision
	f.LastSeen = noon.Add(time.Duration(to) * time.Minute)
	f.EventCount += more
	return f
}

func newManager(t testing.TB, repo Repository, opts Options) *Manager {
	t.Helper()
	if repo == nil {
		repo = NewMemory(nil)
	}
	return NewManager(repo, opts)
}

func apply(t testing.TB, m *Manager, findings ...detect.Finding) {
	t.Helper()
	if err := m.Apply(t.Context(), findings); err != nil {
		t.Fatal(err)
	}
}

// all returns every incident in full, by first_seen and id.
func all(t testing.TB, m *Manager) []*Incident {
	t.Helper()
	var list []*Incident
	if err := m.Each(t.Context(), Filter{}, func(i *Incident) error { list = append(list, i); return nil }); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestGrouping(t *testing.T) {
	const day = 24 * 60
	user := detect.Entity{Type: detect.EntityUser, Value: "alice"}
	endpoint := detect.Entity{Type: detect.EntityEndpoint, Value: "GET /orders"}
	kind := func(k detect.Kind) func(*detect.Finding) { return func(f *detect.Finding) { f.Kind = k } }
	service := func(s string) func(*detect.Finding) { return func(f *detect.Finding) { f.Service = s } }
	for _, c := range []struct {
		name     string
		findings []detect.Finding
		want     [][]int // the findings of each incident, by index, incidents in order of first_seen
	}{
		{"one", []detect.Finding{finding("scan", client(1), 0, 5)}, [][]int{{0}}},
		{"related detectors", []detect.Finding{finding("scan", client(1), 0, 5), finding("sqli", client(1), 10, 12)}, [][]int{{0, 1}}},
		{"two actors", []detect.Finding{finding("scan", client(1), 0, 5), finding("scan", client(2), 1, 5)}, [][]int{{0}, {1}}},
		{"two kinds", []detect.Finding{
			finding("scan", client(1), 0, 5), finding("brute", client(1), 1, 5, kind(detect.KindCredential)),
		}, [][]int{{0}, {1}}},
		{"one value, two types", []detect.Finding{
			finding("scan", client(1), 0, 5),
			finding("scan", detect.Entity{Type: detect.EntityUser, Value: client(1).Value}, 1, 5),
		}, [][]int{{0}, {1}}},
		{"a client across services", []detect.Finding{
			finding("scan", client(1), 0, 5), finding("scan", client(1), 8, 9, service("billing")),
		}, [][]int{{0, 1}}},
		{"an endpoint's name in two services", []detect.Finding{
			finding("spike", endpoint, 0, 5), finding("spike", endpoint, 1, 5, service("billing")),
		}, [][]int{{0}, {1}}},
		{"just within the gap", []detect.Finding{finding("scan", user, 0, 5), finding("scan", user, 5+day, 6+day)}, [][]int{{0, 1}}},
		{"just beyond the gap", []detect.Finding{finding("scan", user, 0, 5), finding("scan", user, 6+day, 7+day)}, [][]int{{0}, {1}}},
		{"a late one joins what it lies by", []detect.Finding{
			finding("scan", client(1), 0, 5), finding("scan", client(1), 3*day, 3*day+5), finding("sqli", client(1), 20, 21),
		}, [][]int{{0, 2}, {1}}},
		{"a late one between two joins the newer", []detect.Finding{
			finding("scan", client(1), 0, 5), finding("scan", client(1), day+60, day+65), finding("sqli", client(1), 100, 101),
		}, [][]int{{0}, {1, 2}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newManager(t, nil, Options{})
			apply(t, m, c.findings...)
			var got [][]int
			for _, inc := range all(t, m) {
				var members []int
				for _, f := range inc.Findings {
					members = append(members, slices.IndexFunc(c.findings, func(x detect.Finding) bool { return x.ID == f.ID }))
				}
				slices.Sort(members)
				got = append(got, members)
			}
			// The late finding may have moved an incident's first_seen: compare as sets of incidents.
			slices.SortFunc(got, func(a, b []int) int { return a[0] - b[0] })
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Fatalf("incidents (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIncidentIDComesFromTheFirstFinding(t *testing.T) {
	m := newManager(t, nil, Options{})
	first := finding("scan", client(1), 10, 15)
	apply(t, m, first, finding("sqli", client(1), 0, 1)) // the second one is late and earlier
	inc := all(t, m)[0]
	if want := "inc_" + strings.TrimPrefix(first.ID, "fnd_"); inc.ID != want {
		t.Fatalf("id %s, want %s", inc.ID, want)
	}
	if !inc.FirstSeen.Equal(noon) || !inc.LastSeen.Equal(first.LastSeen) {
		t.Fatalf("seen %v to %v", inc.FirstSeen, inc.LastSeen)
	}
}

func TestApplyIsIdempotent(t *testing.T) {
	m := newManager(t, nil, Options{})
	f := finding("scan", client(1), 0, 5)
	grown := again(f, 2, 20, 30)
	apply(t, m, f, grown)
	before := all(t, m)
	apply(t, m, f, grown, f)
	if diff := cmp.Diff(before, all(t, m)); diff != "" {
		t.Fatalf("a repetition changed (-before +after):\n%s", diff)
	}
	inc := before[0]
	if inc.EventCount != 36 || inc.FindingCount != 1 || inc.Version != 2 || len(inc.Findings) != 1 || inc.Findings[0].Revision != 2 {
		t.Fatalf("%d events, %d findings, version %d, %v", inc.EventCount, inc.FindingCount, inc.Version, inc.Findings)
	}
}

func TestApplyRefusesWhatHasNoIdentity(t *testing.T) {
	for name, spoil := range map[string]func(*detect.Finding){
		"id":       func(f *detect.Finding) { f.ID = "" },
		"revision": func(f *detect.Finding) { f.Revision = 0 },
		"entity":   func(f *detect.Finding) { f.Entity.Value = "" },
	} {
		m := newManager(t, nil, Options{})
		bad := finding("scan", client(2), 0, 5)
		spoil(&bad)
		if err := m.Apply(t.Context(), []detect.Finding{finding("scan", client(1), 0, 5), bad}); err == nil {
			t.Errorf("without %s it was taken", name)
		}
		if got := all(t, m); len(got) != 0 {
			t.Errorf("without %s: half of the call was applied: %d incidents", name, len(got))
		}
	}
}

func TestApplyTakesNumbersThatJSONCannot(t *testing.T) {
	m := newManager(t, nil, Options{})
	apply(t, m, finding("scan", client(1), 0, 5, func(f *detect.Finding) { f.Observed, f.Expected = math.Inf(1), math.NaN() }))
	inc := all(t, m)[0]
	if _, err := json.Marshal(inc); err != nil || inc.Observed != math.MaxFloat64 || inc.Expected != 0 {
		t.Fatalf("observed %v expected %v: %v", inc.Observed, inc.Expected, err)
	}
}

// story is a random sequence of findings with revisions, as detectors would emit it.
func story(t *rapid.T) []detect.Finding {
	kinds := []detect.Kind{detect.KindWebAttack, detect.KindCredential}
	var out, open []detect.Finding
	clock := 0
	seen := map[string]bool{}
	for range rapid.IntRange(1, 40).Draw(t, "steps") {
		clock += rapid.SampledFrom([]int{0, 1, 7, 90, 26 * 60}).Draw(t, "pass")
		if len(open) > 0 && rapid.Bool().Draw(t, "grow") {
			i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
			verdict := rapid.SampledFrom(append(detect.Verdicts(), "")).Draw(t, "outcome")
			if verdict != "" {
				began := minute(rapid.IntRange(0, 1).Draw(t, "followed since"))
				open[i] = ended(open[i], verdict, began, len(out), someEvent(uint64(clock*10+7)))
			}
			if verdict != "" && rapid.Bool().Draw(t, "turn") { // nothing but the outcome is new
				out = append(out, open[i])
				continue
			}
			open[i] = again(open[i], open[i].Revision+1, clock, uint64(rapid.IntRange(0, 9).Draw(t, "more")))
			out = append(out, open[i])
			continue
		}
		back := rapid.IntRange(0, 30).Draw(t, "back")
		f := finding(rapid.SampledFrom([]string{"scan", "sqli", "tool"}).Draw(t, "detector"),
			client(rapid.IntRange(1, 3).Draw(t, "client")), clock-back, clock, func(f *detect.Finding) {
				f.Kind = rapid.SampledFrom(kinds).Draw(t, "kind")
				f.Severity = detect.Severity(rapid.IntRange(1, 4).Draw(t, "severity"))
				f.Observed = float64(rapid.IntRange(0, 500).Draw(t, "observed"))
				for i := range rapid.IntRange(0, 4).Draw(t, "sample") {
					f.Sample = append(f.Sample, someEvent(uint64(clock*10+i)))
				}
			})
		if !seen[f.ID] {
			seen[f.ID] = true
			open = append(open, f)
			out = append(out, f)
		}
	}
	return out
}

func someEvent(position uint64) event.Event {
	var e event.Event
	e.Reset()
	e.Time, e.Source, e.Generation, e.Position = noon, "access.log", 1, position
	e.Method, e.Path, e.Status = "GET", "/orders/1", 200
	return e
}

// The same findings in any batches, with restarts and repetitions in between, make the same incidents.
func TestBatchesDoNotMatter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		findings := story(rt)
		whole := newManager(t, nil, Options{})
		apply(t, whole, findings...)
		want, err := json.Marshal(all(t, whole))
		if err != nil {
			t.Fatal(err)
		}
		repo := NewMemory(nil)
		m := newManager(t, repo, Options{})
		for left := findings; len(left) > 0; {
			n := rapid.IntRange(1, len(left)).Draw(rt, "batch")
			apply(t, m, left[:n]...)
			left = left[n:]
			if rapid.Bool().Draw(rt, "restart") {
				m = newManager(t, repo, Options{})
				if err := m.Load(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if rapid.Bool().Draw(rt, "repeat") {
				apply(t, m, findings[:len(findings)-len(left)]...)
			}
		}
		got, err := json.Marshal(all(t, m))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			rt.Fatalf("in batches:\n%s\nat once:\n%s", got, want)
		}
	})
}

// failing is a repository that fails on demand.
type failing struct {
	*Memory
	fail bool
}

func (f *failing) Append(ctx context.Context, w Write) error {
	if f.fail {
		return errors.New("disk full")
	}
	return f.Memory.Append(ctx, w)
}

func TestWhatIsNotStoredDidNotHappen(t *testing.T) {
	repo := &failing{Memory: NewMemory(nil)}
	m := newManager(t, repo, Options{})
	f := finding("scan", client(1), 0, 5)
	apply(t, m, f)
	before := all(t, m)
	seq := m.LastSeq()
	repo.fail = true
	more := []detect.Finding{again(f, 2, 50, 10), finding("sqli", client(1), 6, 7), finding("scan", client(2), 6, 7)}
	if err := m.Apply(t.Context(), more); err == nil {
		t.Fatal("the failed write was not told")
	}
	status := StatusResolved
	if _, err := m.Patch(t.Context(), before[0].ID, AnyVersion, Patch{Status: &status}, "ann"); err == nil {
		t.Fatal("the failed change was not told")
	}
	if diff := cmp.Diff(before, all(t, m)); diff != "" || m.LastSeq() != seq {
		t.Fatalf("a failed write is visible: %s", diff)
	}
	repo.fail = false
	apply(t, m, more...)
	if got := all(t, m); len(got) != 2 || got[0].FindingCount != 2 {
		t.Fatalf("the repetition made %d incidents", len(got))
	}
}

// archive answers with as many events as it is asked for.
type archive struct{ asked int }

func (a *archive) MeasureEvents(_ context.Context, _ detect.Measure, limit int) ([]*event.Event, error) {
	a.asked++
	var list []*event.Event
	for i := range limit {
		e := someEvent(uint64(1000 + i))
		list = append(list, &e)
	}
	return list, nil
}

func TestEvidenceIsBounded(t *testing.T) {
	events := &archive{}
	m := newManager(t, NewMemory(events), Options{})
	sample := func(from uint64, n int) func(*detect.Finding) {
		return func(f *detect.Finding) {
			for i := range n {
				f.Sample = append(f.Sample, someEvent(from+uint64(i)))
			}
			f.EventCount = 500
		}
	}
	apply(t, m, finding("scan", client(1), 0, 5, sample(0, 3)))
	if got := len(all(t, m)[0].Evidence); got != 13 || events.asked != 1 {
		t.Fatalf("%d events of evidence after %d queries, want 3 of the sample and 10 read", got, events.asked)
	}
	apply(t, m, finding("sqli", client(1), 6, 7, sample(1, 30)))
	if got := len(all(t, m)[0].Evidence); got != 20 || events.asked != 1 {
		t.Fatalf("%d events of evidence after %d queries, want 20 after one", got, events.asked)
	}
	for _, body := range all(t, m)[0].Evidence {
		if !json.Valid(body) || !strings.Contains(string(body), `"event_id"`) {
			t.Fatalf("evidence %s", body)
		}
	}
}

// broken is an archive that cannot be read.
type broken struct{}

func (broken) MeasureEvents(context.Context, detect.Measure, int) ([]*event.Event, error) {
	return nil, errors.New("memory limit exceeded")
}

func TestEvidenceThatCannotBeReadLosesNoIncident(t *testing.T) {
	m := newManager(t, NewMemory(broken{}), Options{})
	apply(t, m, finding("scan", client(1), 0, 5, func(f *detect.Finding) { f.Sample = []event.Event{someEvent(1)} }))
	if got := all(t, m); len(got) != 1 || len(got[0].Evidence) != 1 {
		t.Fatalf("%d incidents", len(got))
	}
}

func TestMembersAreForgottenWhenTheyCannotComeAgain(t *testing.T) {
	m := newManager(t, nil, Options{})
	for i := range 2000 { // one short episode every ten minutes for two weeks
		apply(t, m, finding("scan", client(1), i*10, i*10+1, func(f *detect.Finding) { f.Open = false }))
	}
	inc := all(t, m)[0]
	r, _ := m.get(inc.ID)
	if len(r.Members) > 30 || len(m.seen) != len(r.Members) || len(r.Coverage.Segments) > maxSegments {
		t.Fatalf("%d members, %d seen, %d segments", len(r.Members), len(m.seen), len(r.Coverage.Segments))
	}
	if inc.FindingCount != 2000 || inc.EventCount != 4000 || inc.Signals[0].Findings != 2000 || inc.Signals[0].Events != 4000 {
		t.Fatalf("%d findings, %d events, %+v", inc.FindingCount, inc.EventCount, inc.Signals)
	}
	if len(inc.Findings) != MaxFindings {
		t.Fatalf("%d findings in full, want the newest %d", len(inc.Findings), MaxFindings)
	}
}

func TestEviction(t *testing.T) {
	m := newManager(t, nil, Options{Config: Config{MaxIncidents: 1000}})
	for i := range 1200 {
		apply(t, m, finding("scan", detect.Entity{Type: detect.EntityUser, Value: fmt.Sprint("u", i)}, i, i+1))
	}
	page, err := m.List(Filter{}, "first_seen", "", 1)
	if err != nil || page.Total > 1000 || page.Total < 980 || len(m.byID) != page.Total || len(m.groups) != page.Total {
		t.Fatalf("%d incidents, %d by id, %d groups: %v", page.Total, len(m.byID), len(m.groups), err)
	}
	if page.Incidents[0].FirstSeen.Before(noon.Add(200 * time.Minute)) {
		t.Fatalf("the oldest stayed: %v", page.Incidents[0].FirstSeen)
	}
	for i, r := range m.list {
		if r.rec.slot != i || m.byID[r.id] != r.rec {
			t.Fatalf("slot %d is wrong", i)
		}
	}
}

// A learned detector that joins has no sample: the evidence takes events of its measure, within the same bound.
func TestEvidenceOfJoiningDetectors(t *testing.T) {
	events := &archive{}
	m := newManager(t, NewMemory(events), Options{})
	learned := func(f *detect.Finding) { f.Sample, f.EventCount = nil, 500 }
	apply(t, m, finding("spike", client(1), 0, 5, learned))
	for i, detector := range []string{"errors", "latency", "third", "fourth"} {
		apply(t, m, finding(detector, client(1), 1, 5, learned), finding(detector, client(1), 2, 6, learned))
		if want := 1 + min(i+1, 2); events.asked != want {
			t.Errorf("%d queries after %d further detectors, want %d", events.asked, i+1, want)
		}
	}
	inc := all(t, m)[0]
	if len(inc.Signals) != 5 || len(inc.Evidence) > 20 {
		t.Errorf("%d detectors, %d events", len(inc.Signals), len(inc.Evidence))
	}
}
