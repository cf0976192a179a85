package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident"
)

// someFindings returns findings about clients of someEvents, each with a measure that these events answer.
func someFindings(events []*event.Event, n int) []detect.Finding {
	last := events[len(events)-1]
	until := last.Place()
	list := make([]detect.Finding, n)
	for i := range list {
		e := events[i]
		entity := detect.Entity{Type: detect.EntityClient, Value: e.ClientIP.String()}
		at := last.Time.Add(time.Duration(i) * time.Second)
		list[i] = detect.Finding{
			ID: detect.FindingID("path_scan", entity, "shop", nil, at), Revision: 1, Open: true, Detector: "path_scan",
			Title: "It's a scan", Kind: detect.KindWebAttack, Severity: detect.High, Entity: entity, Service: "shop",
			Route: "/orders/{id}", FiredAt: at, FirstSeen: e.Time, LastSeen: last.Time, EventCount: 40, Observed: 40, Expected: 20,
			Unit: "requests", Explanation: `it asked for 'a' and \b`, OWASP: []string{"API4:2023"}, Group: []string{"x\x00y"},
			Measure: detect.Measure{
				Aggregate: detect.AggregateCount, From: events[0].Time, To: last.Time.Add(time.Second), Until: &until, Cut: last.IngestedAt,
				Where: []detect.Condition{{Field: "client_ip", Op: detect.OpEqual, Value: entity.Value}},
			},
			Baseline: &detect.BaselineRef{Version: "v1", Key: "k", Row: json.RawMessage(`{"median":3}`), History: "2 days"},
			Sample:   []event.Event{*e},
		}
	}
	return list
}

func everything(t *testing.T, m *incident.Manager) string {
	t.Helper()
	var list []*incident.Incident
	err := m.Each(t.Context(), incident.Filter{}, func(i *incident.Incident) error { list = append(list, i); return nil })
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What the manager knows after a restart is what it knew, and what it says is what it says over memory alone.
func TestIncidentsSurviveARestart(t *testing.T) {
	s := openTestStore(t)
	events := someEvents("access.log", 2000)
	if err := s.InsertEvents(t.Context(), "block", events); err != nil {
		t.Fatal(err)
	}
	findings := someFindings(events, 7)
	m := incident.NewManager(s, incident.Options{})
	inMemory := incident.NewManager(incident.NewMemory(s), incident.Options{})
	for _, one := range []*incident.Manager{m, inMemory} {
		for _, f := range findings {
			if err := one.Apply(t.Context(), []detect.Finding{f}); err != nil {
				t.Fatal(err)
			}
		}
		grown := findings[0]
		grown.Revision, grown.Open, grown.EventCount = 2, false, 55
		if err := one.Apply(t.Context(), []detect.Finding{grown, findings[1]}); err != nil {
			t.Fatal(err)
		}
	}
	status := incident.StatusAcknowledged
	list, err := m.List(incident.Filter{}, "first_seen", "", 1)
	if err != nil {
		t.Fatal(err)
	}
	first := list.Incidents[0].ID
	for _, one := range []*incident.Manager{m, inMemory} {
		if _, err := one.Patch(t.Context(), first, incident.AnyVersion, incident.Patch{Status: &status}, "ann"); err != nil {
			t.Fatal(err)
		}
	}
	want := everything(t, m)
	if got := everything(t, inMemory); got != want {
		t.Errorf("over the store:\n%s\nover memory:\n%s", want, got)
	}

	again := incident.NewManager(s, incident.Options{})
	if err := again.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := everything(t, again); got != want {
		t.Errorf("after a restart:\n%s\nbefore:\n%s", got, want)
	}
	if again.LastSeq() != m.LastSeq() {
		t.Errorf("stream at %d, was at %d", again.LastSeq(), m.LastSeq())
	}
	if err := again.Apply(t.Context(), findings); err != nil { // a replay
		t.Fatal(err)
	}
	if got := everything(t, again); got != want {
		t.Errorf("a replay changed something:\n%s", got)
	}
	inc, err := again.Get(t.Context(), first)
	if err != nil || inc.EventCount != 55 || len(inc.Evidence) < 10 || len(inc.Evidence) > 20 {
		t.Fatalf("%d events, %d of evidence, %v", inc.EventCount, len(inc.Evidence), err)
	}

	open, err := again.OpenFindings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range findings {
		findings[i].Sample = nil
	}
	if diff := cmp.Diff(findings[1:], open); diff != "" {
		t.Errorf("open findings (-want +got):\n%s", diff)
	}
}

func TestReproduce(t *testing.T) {
	s := openTestStore(t)
	events := someEvents("access.log", 2000)
	if err := s.InsertEvents(t.Context(), "block", events); err != nil {
		t.Fatal(err)
	}
	f := someFindings(events, 1)[0]
	later := someEvents("late.log", 100) // the same clients, ingested after the cut
	stamp(later, later[0].IngestedAt.Add(time.Hour))
	if err := s.InsertEvents(t.Context(), "later", later); err != nil {
		t.Fatal(err)
	}
	sql, params, value, n, err := s.Reproduce(t.Context(), f.Measure)
	if err != nil || value != 40 || n != 40 || sql == "" || len(params) == 0 {
		t.Fatalf("%q %v: %v over %d events, %v", sql, params, value, n, err)
	}
	f.Measure.Aggregate = detect.AggregateShare
	f.Measure.Where = append(f.Measure.Where, detect.Condition{Field: "status", Op: detect.OpEqual, Value: "200", Of: true})
	if _, _, value, n, err = s.Reproduce(t.Context(), f.Measure); err != nil || n != 40 || value <= 0 || value > 1 {
		t.Fatalf("share %v over %d events, %v", value, n, err)
	}
	if _, _, _, _, err := s.Reproduce(t.Context(), detect.Measure{Aggregate: "sum"}); !errors.Is(err, ErrRejected) {
		t.Fatalf("a measure that makes no sense: %v", err)
	}
}

func TestFindEvents(t *testing.T) {
	s := openTestStore(t)
	events := someEvents("access.log", 500)
	for i, e := range events[:10] {
		e.Service = []string{"", "blog"}[i%2]
	}
	if err := s.InsertEvents(t.Context(), "block", events); err != nil {
		t.Fatal(err)
	}
	if err := s.InsertEvents(t.Context(), "more", someEvents("other.log", 10)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		within event.Services
		want   int
	}{{nil, 510}, {event.Services{"shop"}, 500}, {event.Services{"blog"}, 5}, {event.Services{"blog", "shop"}, 505}, {event.Services{"web"}, 0}, {event.Services{}, 0}} {
		if page, _, err := s.FindEvents(t.Context(), time.Time{}, time.Time{}, nil, c.within, nil, 1000); err != nil || len(page) != c.want {
			t.Errorf("%v: %d events, %v, want %d", c.within, len(page), err, c.want)
		}
	}
	where := []detect.Condition{{Field: "status", Op: detect.OpGTE, Value: "500"}, {Field: "source", Op: detect.OpEqual, Value: "access.log"}}
	var got int
	var before *event.Place
	for {
		page, next, err := s.FindEvents(t.Context(), time.Time{}, time.Time{}, where, nil, before, 30)
		if err != nil {
			t.Fatal(err)
		}
		got += len(page)
		if before = next; next == nil {
			break
		}
	}
	if got != 100 {
		t.Fatalf("%d events on all pages, want 100", got)
	}
}

func TestKeyRows(t *testing.T) {
	s := openTestStore(t)
	for version, body := range []string{`{"v":0}`, `{"v":1}`, `{"v":2}`} {
		for _, id := range []string{"key_b", "key_a"} {
			if err := s.AppendKey(t.Context(), id, uint64(version), []byte(id+body)); err != nil {
				t.Fatal(err)
			}
		}
	}
	var got []string
	if err := s.LoadKeys(t.Context(), func(b []byte) error { got = append(got, string(b)); return nil }); err != nil {
		t.Fatal(err)
	}
	if want := []string{`key_a{"v":2}`, `key_b{"v":2}`}; !slices.Equal(got, want) {
		t.Fatalf("%q", got)
	}
}

func TestAuditRows(t *testing.T) {
	s := openTestStore(t)
	at := time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC)
	for i := range 9 { // three a moment, so that a page ends within one
		err := s.AppendAudit(t.Context(), fmt.Sprintf("aud_%d", i), at.Add(time.Duration(i/3)*time.Minute), "ann", "admin",
			"key.create", "key_'1", "127.0.0.1:1", `x\y`)
		if err != nil {
			t.Fatal(err)
		}
	}
	var ids []string
	to, beforeID := time.Time{}, ""
	for {
		n := 0
		err := s.Audit(t.Context(), at.Add(time.Minute), to, beforeID, 2,
			func(id string, when time.Time, actor, role, action, target, remote, detail string) error {
				n++
				ids = append(ids, id)
				to, beforeID = when, id
				if actor+role+action+target+remote+detail != `annadminkey.createkey_'1127.0.0.1:1x\y` {
					t.Errorf("row %s", id)
				}
				return nil
			})
		if err != nil {
			t.Fatal(err)
		}
		if n < 2 {
			break
		}
	}
	want := []string{"aud_8", "aud_7", "aud_6", "aud_5", "aud_4", "aud_3"}
	if !slices.Equal(ids, want) {
		t.Fatalf("%v, want %v", ids, want)
	}
}

func TestStopReading(t *testing.T) {
	s := openTestStore(t)
	if err := s.AppendKey(t.Context(), "key_a", 1, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if err := s.LoadKeys(t.Context(), func([]byte) error { return context.Canceled }); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
}

func BenchmarkAppendIncident(b *testing.B) {
	s := openTestStore(b)
	findings := someFindings(someEvents("access.log", 2000), 50)
	m := incident.NewManager(s, incident.Options{})
	i := 0
	for b.Loop() {
		f := findings[i%50]
		f.Revision = uint32(i/50 + 1)
		i++
		if err := m.Apply(b.Context(), []detect.Finding{f}); err != nil {
			b.Fatal(err)
		}
	}
}
