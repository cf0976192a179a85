package policy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/inventory"
	"github.com/gatewatch/gatewatch/trafficgen"
)

var start = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// shop is half a day of the generated shop, some of it over old TLS, some of it without encryption, and with an account
// that the gateway forgot to ask for credentials now and then.
func shop(t *testing.T) []*event.Event {
	t.Helper()
	gen := trafficgen.New(trafficgen.Config{Seed: 5, Start: start, Duration: 6 * time.Hour, Rate: 0.3, Users: 30, Attacks: []trafficgen.Attack{
		{Kind: trafficgen.Scraping, At: 2 * time.Hour}, {Kind: trafficgen.UserSpike, At: 3 * time.Hour},
	}})
	var list []*event.Event
	for n := uint64(0); ; n++ {
		r, ok := gen.Next()
		if !ok {
			return list
		}
		e := new(event.Event)
		e.Reset()
		e.Time, e.Source, e.Position, e.Service = r.Time, "shop.log", n, "shop"
		e.IngestedAt = start.AddDate(0, 1, 0).Add(time.Duration(n/100) * time.Millisecond)
		e.ClientIP, e.User, e.Method, e.Path, e.Status = r.Client, r.User, r.Method, r.Path, r.Status
		e.Route = strings.TrimRight(r.Path, "0123456789")
		if e.Route != r.Path {
			e.Route += "{id}"
		}
		e.TLSVersion, e.Scheme = "TLSv1.3", "https"
		switch {
		case n%97 == 0:
			e.TLSVersion = "TLSv1.1"
		case n%201 == 0:
			e.TLSVersion, e.Scheme = "", "http"
		case n%11 == 0 && strings.HasPrefix(e.Route, "/api/v1/orders"):
			e.User = ""
		}
		list = append(list, e)
	}
}

func policies(t *testing.T) []Policy {
	t.Helper()
	repo := rows{}
	r := NewRegistry(repo, nil, func() time.Time { return start })
	for id, n := range map[string]New{
		"tls":        {Route: "/api/*", MinTLS: "1.2"},
		"orders":     {Service: "shop", Route: "/api/v1/orders*", Auth: true, Severity: detect.Critical},
		"catalogue":  {Route: "/api/v1/products/{id}", Method: "GET", Rate: &Rate{Requests: 60, Per: "1m", By: ByClient}},
		"everything": {Rate: &Rate{Requests: 40, Per: "10m", By: ByUser}},
		"login":      {Route: "/api/v1/login", Rate: &Rate{Requests: 20, Per: "1h", By: ByEndpoint}},
		"elsewhere":  {Service: "other", MinTLS: "1.3", Auth: true},
		"later":      {MinTLS: "1.3", From: start.AddDate(1, 0, 0)},
	} {
		n.From = cmpOr(n.From, start)
		if _, made, err := r.Put(t.Context(), id, 0, n, "ann"); err != nil || !made {
			t.Fatal(id, made, err)
		}
	}
	return r.List()
}

func cmpOr(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}

// judge takes events through a detector and returns every state of every finding.
func judge(list []Policy, events []*event.Event) []detect.Finding {
	var found []detect.Finding
	d := NewDetector()
	d.Use(list)
	j := detect.NewJudge(func(f detect.Finding) { found = append(found, f) }, d)
	for _, e := range events {
		j.Observe(e)
	}
	j.Advance(events[len(events)-1].Time.Add(48 * time.Hour))
	return found
}

func firsts(found []detect.Finding) (list []detect.Finding) {
	for _, f := range found {
		if f.Revision == 1 {
			list = append(list, f)
		}
	}
	return list
}

// Every number that a finding tells comes out again when its measure is taken over the events.
func TestFindingsAreReproducible(t *testing.T) {
	events := shop(t)
	found := judge(policies(t), events)
	byDetector := map[string]int{}
	for _, f := range firsts(found) {
		byDetector[f.Detector]++
		selects, n := f.Measure.Selector(), 0
		for _, e := range events {
			if selects(e) {
				n++
			}
		}
		if float64(n) != f.Observed {
			t.Errorf("%s: observed %v, reproduced %d\n%+v", f.Explanation, f.Observed, n, f.Measure)
		}
		if f.Observed <= f.Expected || f.Explanation == "" || !strings.Contains(f.Explanation, f.Group[0]) || f.ID == "" {
			t.Errorf("%+v", f)
		}
	}
	if byDetector[TLS] < 5 || byDetector[Auth] < 1 || byDetector[Rates] < 3 {
		t.Errorf("findings: %v", byDetector)
	}
	for _, f := range found {
		if f.Group[0] == "elsewhere" || f.Group[0] == "later" {
			t.Errorf("%s has nothing to judge here", f.Group[0])
		}
	}
}

// An episode is one finding, whose count is that of all its violations, and it is told as over in the end.
func TestOnceAnEpisode(t *testing.T) {
	events := shop(t)
	last := map[string]detect.Finding{}
	for _, f := range judge(policies(t), events) {
		if was, ok := last[f.ID]; ok && (f.Revision != was.Revision+1 || f.EventCount < was.EventCount || !was.Open) {
			t.Errorf("%s: revision %d after %d", f.ID, f.Revision, was.Revision)
		}
		last[f.ID] = f
	}
	for _, f := range last {
		if f.Open {
			t.Errorf("%s stays open", f.Explanation)
		}
		if f.Detector != TLS {
			continue
		}
		var n uint64
		for _, e := range events {
			if e.Method == f.Group[2] && e.Route == f.Group[3] && e.Status/100 == 2 && e.Method != "HEAD" && (e.TLSVersion == "TLSv1.1" || e.TLSVersion == "") {
				n++
			}
		}
		if n != f.EventCount {
			t.Errorf("%s: %d events, want %d", f.Entity.Value, f.EventCount, n)
		}
	}
}

// A process that stops anywhere and is started again tells the same findings in the same states.
func TestRestartTellsTheSame(t *testing.T) {
	events, list := shop(t), policies(t)
	want := finals(judge(list, events))
	for _, share := range []int{3, 5, 7} {
		cut := len(events) * share / 10
		stored := map[string]detect.Finding{}
		var found []detect.Finding
		emit := func(f detect.Finding) { found = append(found, f); stored[f.ID] = f }
		one := NewDetector()
		one.Use(list)
		j := detect.NewJudge(emit, one)
		for _, e := range events[:cut] {
			j.Observe(e)
		}
		var open []detect.Finding
		for _, id := range slices.Sorted(maps.Keys(stored)) {
			if stored[id].Open {
				open = append(open, stored[id])
			}
		}
		two, muted := NewDetector(), true
		two.Know(map[string]time.Time{"shop": start})
		two.Use(list)
		j = detect.NewJudge(func(f detect.Finding) {
			if !muted {
				emit(f)
			}
		}, two)
		j.Restore(open)
		from := events[cut-1].Time.Add(-two.Lookback())
		for i, e := range events {
			if muted = i < cut; e.Time.Before(from) {
				continue
			}
			j.Observe(e)
		}
		j.Advance(events[len(events)-1].Time.Add(48 * time.Hour))
		if d := cmp.Diff(want, finals(found)); d != "" {
			t.Errorf("restarted after %d events (-want +got):\n%s", cut, d)
		}
	}
}

// finals is the last state of every finding, in words.
func finals(found []detect.Finding) map[string]string {
	out := map[string]string{}
	for _, f := range found {
		out[f.ID] = fmt.Sprintf("%s %s: %d events to %s, open %v", f.Detector, f.Explanation, f.EventCount, f.LastSeen.Format(time.TimeOnly), f.Open)
	}
	return out
}

// A log that has no field for credentials says nothing about who had some.
func TestAuthIsSilentUntilCredentialsWereSeen(t *testing.T) {
	events := shop(t)
	anonymous := make([]*event.Event, len(events))
	for i, e := range events {
		own := *e
		own.User = ""
		anonymous[i] = &own
	}
	for _, f := range judge(policies(t), anonymous) {
		if f.Detector == Auth || f.Group[0] == "everything" {
			t.Errorf("%s", f.Explanation)
		}
	}
}

func TestPolicyEnds(t *testing.T) {
	repo, now := rows{}, start
	var told []Policy
	r := NewRegistry(repo, func(list []Policy) { told = list }, func() time.Time { return now })
	p, made, err := r.Put(t.Context(), "tls", 0, New{MinTLS: "1.2"}, "ann")
	if err != nil || !made || !p.From.Equal(start.Add(soon)) || p.Version != 1 {
		t.Fatalf("%+v %v %v", p, made, err)
	}
	var conflict *incident.ConflictError
	if _, _, err := r.Put(t.Context(), "tls", 7, New{Auth: true}, "bob"); !errors.As(err, &conflict) {
		t.Errorf("a stale version: %v", err)
	}
	if p, made, err = r.Put(t.Context(), "tls", 1, New{MinTLS: "1.3"}, "bob"); err != nil || made || p.Version != 2 {
		t.Errorf("%+v %v %v", p, made, err)
	}
	now = start.Add(time.Hour)
	if err := r.Delete(t.Context(), "tls", 1, "ann"); !errors.As(err, &conflict) {
		t.Errorf("a stale version: %v", err)
	}
	if err := r.Delete(t.Context(), "tls", 2, "ann"); err != nil {
		t.Fatal(err)
	}
	if len(r.List()) != 0 || len(told) != 1 || told[0].EndedBy != "ann" {
		t.Errorf("%+v, told %+v", r.List(), told)
	}
	if _, err := r.Get("tls"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if err := r.Delete(t.Context(), "tls", 0, "ann"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	again := NewRegistry(repo, func(list []Policy) { told = list }, func() time.Time { return now })
	told = nil
	if err := again.Load(t.Context()); err != nil || len(told) != 1 || told[0].Version != 3 {
		t.Errorf("after a restart: %+v %v", told, err)
	}
	// What happened before the end is judged, what came after is not.
	judged := map[bool]int{}
	for _, f := range firsts(judge(told, shop(t))) {
		judged[f.FiredAt.Before(told[0].EndedAt)]++
	}
	if judged[true] == 0 || judged[false] != 0 {
		t.Errorf("%v", judged)
	}
	if _, made, err := again.Put(t.Context(), "tls", 0, New{Auth: true}, "ann"); err != nil || !made {
		t.Errorf("made again: %v %v", made, err)
	}
	if err := again.Delete(t.Context(), "tls", 0, "ann"); err != nil {
		t.Fatal(err)
	}
	now = now.Add(endedFor + time.Hour)
	if _, _, err := again.Put(t.Context(), "other", 0, New{Auth: true}, "ann"); err != nil || len(told) != 1 || told[0].ID != "other" {
		t.Errorf("long after its end: %+v %v", told, err)
	}
}

func TestBadPolicies(t *testing.T) {
	r := NewRegistry(rows{}, nil, nil)
	for field, n := range map[string]New{
		"min_tls":       {},
		"min_tls ":      {MinTLS: "TLSv1.2"},
		"min_tls  ":     {MinTLS: "1.4"},
		"route":         {Auth: true, Route: "orders"},
		"method":        {Auth: true, Method: "get"},
		"reason":        {Auth: true, Reason: "a\x00b"},
		"rate.requests": {Rate: &Rate{Per: "1m", By: ByUser}},
		"rate.per":      {Rate: &Rate{Requests: 1, Per: "7m", By: ByUser}},
		"rate.per ":     {Rate: &Rate{Requests: 1, Per: "2h", By: ByUser}},
		"rate.by":       {Rate: &Rate{Requests: 1, Per: "1m", By: "country"}},
	} {
		var wrong *incident.InvalidError
		if _, _, err := r.Put(t.Context(), "x", 0, n, "ann"); !errors.As(err, &wrong) || wrong.Field != strings.TrimSpace(field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestVersions(t *testing.T) {
	for name, want := range map[string]int{
		"TLSv1.3": tls13, "1.2": tls12, "TLS 1.2": tls12, "TLSv1": tls10, "tlsv1_1": tls11, "SSLv3": sslOld, "http": noTLS, "QUIC": unknownTLS, "": unknownTLS,
	} {
		if got := version(name); got != want {
			t.Errorf("%q is %d, want %d", name, got, want)
		}
	}
}

func TestAssess(t *testing.T) {
	use := func(service, route, identity, tls, scheme string, status int, n uint64) inventory.Use {
		return inventory.Use{
			Key: inventory.Key{Service: service, Method: "GET", Route: route}, Status: status, Identity: identity, TLSVersion: tls, Scheme: scheme,
			Requests: n, First: start, Last: start,
		}
	}
	repo := &counted{rows: rows{}, uses: []inventory.Use{
		use("shop", "/orders", "jwt", "TLSv1.3", "https", 200, 90), use("shop", "/orders", "anonymous", "TLSv1.1", "https", 200, 4),
		use("shop", "/orders", "anonymous", "", "http", 301, 50), use("shop", "/orders", "anonymous", "", "http", 200, 2),
		use("blog", "/orders", "anonymous", "", "", 200, 30),
	}}
	endpoints, err := inventory.NewCatalogue(repo, inventory.Options{}).All(t.Context(), inventory.Period{})
	if err != nil {
		t.Fatal(err)
	}
	p := Policy{ID: "x", New: New{Route: "/orders", MinTLS: "1.2", Auth: true, Rate: &Rate{Requests: 1, Per: "1m", By: ByUser}}}
	a := Assess(&p, endpoints)
	id := inventory.Key{Service: "shop", Method: "GET", Route: "/orders"}
	want := Assessment{
		Endpoints: 2, Requests: 96 + 96, Violations: 6 + 6,
		Worst: []Violation{{id.ID(), id, TLS, 96, 6}, {id.ID(), id, Auth, 96, 6}},
		Off: []Off{
			{Auth, "blog", []string{"user", "session", "auth_scheme"}}, {Rates, "blog", []string{"user"}}, {TLS, "blog", []string{"tls_version", "scheme"}},
		},
	}
	if d := cmp.Diff(want, a); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// rows is a Repository in memory.
type rows map[string][]byte

func (r rows) AppendInventory(_ context.Context, kind, key string, _ uint64, body []byte) error {
	r[kind+" "+key] = bytes.Clone(body)
	return nil
}

func (r rows) LoadInventory(_ context.Context, kind string, each func([]byte) error) error {
	for _, name := range slices.Sorted(maps.Keys(r)) {
		if strings.HasPrefix(name, kind+" ") {
			if err := each(r[name]); err != nil {
				return err
			}
		}
	}
	return nil
}

// counted adds rollups that a test writes.
type counted struct {
	rows
	uses []inventory.Use
}

func (c *counted) EndpointUses(context.Context, inventory.Period) ([]inventory.Use, error) {
	return c.uses, nil
}

func (c *counted) EndpointCallers(_ context.Context, groups [][]inventory.Key, _ inventory.Period) ([]inventory.Callers, error) {
	return make([]inventory.Callers, len(groups)), nil
}

func (c *counted) EndpointAccesses(context.Context, [][]inventory.Key, inventory.Period, int, func(int, inventory.Access) error) error {
	return nil
}

func (c *counted) QueryNames(context.Context, time.Time, time.Time) ([]inventory.Name, error) {
	return nil, nil
}

func (c *counted) CountedSince(context.Context) (time.Time, error) { return start, nil }

// BenchmarkObserve is what an event costs with the policies above and with none.
func BenchmarkObserve(b *testing.B) {
	ev := &event.Event{Time: start, Service: "shop", Method: "GET", Route: "/api/v1/orders/{id}", Status: 200, User: "ann", TLSVersion: "TLSv1.3"}
	for name, list := range map[string][]Policy{"none": nil, "one": {{ID: "x", New: New{Route: "/api/*", MinTLS: "1.2", Auth: true}}}} {
		b.Run(name, func(b *testing.B) {
			d := NewDetector()
			d.Use(list)
			b.ReportAllocs()
			for b.Loop() {
				d.Observe(ev, func(detect.Finding) {})
			}
		})
	}
}
