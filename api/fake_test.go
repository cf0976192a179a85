package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/incident/decision"
	"github.com/gatewatch/gatewatch/incident/exception"
	"github.com/gatewatch/gatewatch/ingest"
	"github.com/gatewatch/gatewatch/inventory"
	"github.com/gatewatch/gatewatch/inventory/policy"
	"github.com/gatewatch/gatewatch/rules"
)

func TestMain(m *testing.M) {
	if spec := os.Getenv(loadVariable); spec != "" {
		askAlone(spec)
	}
	goleak.VerifyTestMain(m)
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fakeStore stands in for the store: keys, audit, events and measures in memory.
type fakeStore struct {
	mu      sync.Mutex
	keys    map[string][]byte
	audit   []auditEntry
	where   []detect.Condition // of the last search
	history []event.Event      // what a backtest reads
	value   float64            // what a measure gives
	events  uint64
	stored  []event.Event   // what a search finds; none: one event of no service
	used    []inventory.Use // beside the shop's
	down    error

	inventory map[string][]byte // rows by kind and key
	answers   map[string][]byte // by id
}

func (f *fakeStore) AppendAnswer(_ context.Context, id string, _ time.Time, body []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answers == nil {
		f.answers = map[string][]byte{}
	}
	f.answers[id] = body
	return f.down
}

func (f *fakeStore) Answer(_ context.Context, id string, _ time.Time) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.answers[id], f.down
}

func (f *fakeStore) Ping(context.Context) error { return f.down }

func (f *fakeStore) AppendKey(_ context.Context, id string, _ uint64, body []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil {
		return f.down
	}
	f.keys[id] = bytes.Clone(body)
	return nil
}

func (f *fakeStore) LoadKeys(_ context.Context, each func([]byte) error) error {
	for _, body := range f.keys {
		if err := each(body); err != nil {
			return err
		}
	}
	return f.down
}

func (f *fakeStore) AppendAudit(_ context.Context, id string, at time.Time, actor, role, action, target, remote, detail string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil {
		return f.down
	}
	f.audit = append(f.audit, auditEntry{id, at, actor, role, action, target, remote, detail})
	return nil
}

func (f *fakeStore) Audit(_ context.Context, _, to time.Time, beforeID string, limit int,
	each func(id string, at time.Time, actor, role, action, target, remote, detail string) error,
) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	rows := slices.Clone(f.audit)
	slices.SortFunc(rows, func(a, b auditEntry) int {
		if c := b.Time.Compare(a.Time); c != 0 {
			return c
		}
		return strings.Compare(b.ID, a.ID)
	})
	for _, e := range rows {
		if limit == 0 {
			break
		}
		if !to.IsZero() && (e.Time.After(to) || e.Time.Equal(to) && e.ID >= beforeID) {
			continue
		}
		limit--
		if err := each(e.ID, e.Time, e.Actor, e.Role, e.Action, e.Target, e.Remote, e.Detail); err != nil {
			return err
		}
	}
	return f.down
}

func (f *fakeStore) actions() (list []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.audit {
		list = append(list, e.Actor+" "+e.Action+" "+e.Target)
	}
	return list
}

func (f *fakeStore) FindEvents(
	_ context.Context, _, _ time.Time, where []detect.Condition, within event.Services, before *event.Place, limit int,
) ([]*event.Event, *event.Place, error) {
	f.where = where
	if f.stored != nil {
		return f.find(where, within, before, limit)
	}
	e := someEvent(7)
	next := e.Place()
	if before != nil || limit > 1 {
		return []*event.Event{&e}, nil, f.down
	}
	return []*event.Event{&e}, &next, f.down
}

// find pages through the stored events in their order.
func (f *fakeStore) find(where []detect.Condition, within event.Services, before *event.Place, limit int) (page []*event.Event, next *event.Place, err error) {
	for i := range f.stored {
		ev := &f.stored[i]
		if before != nil && ev.Position <= before.Position || !within.Covers(ev.Service) || slices.ContainsFunc(where, func(c detect.Condition) bool {
			return c.Field == "service" && c.Value != ev.Service
		}) {
			continue
		}
		if len(page) == limit {
			at := page[limit-1].Place()
			return page, &at, f.down
		}
		page = append(page, ev)
	}
	return page, nil, f.down
}

func (f *fakeStore) EachEvent(_ context.Context, _, _ time.Time, yield func(*event.Event) error) error {
	for i := range f.history {
		ev := f.history[i]
		if err := yield(&ev); err != nil {
			return err
		}
	}
	return f.down
}

func (f *fakeStore) Reproduce(context.Context, detect.Measure) (string, map[string]string, float64, uint64, error) {
	return "SELECT count() FROM events WHERE time >= {p0:DateTime64(9, 'UTC')}", map[string]string{"p0": "2026-03-01 12:00:00"}, f.value, f.events, f.down
}

func (f *fakeStore) AppendDecision(context.Context, decision.Row) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.down
}

func (f *fakeStore) LoadDecisions(context.Context, time.Time, func([]byte) error) error {
	return f.down
}

func (f *fakeStore) AppendException(context.Context, string, uint64, []byte) error { return f.down }

func (f *fakeStore) LoadExceptions(context.Context, func([]byte) error) error { return f.down }

// shopUse are requests to endpoints, as the rollups have them.
func shopUse(method, route string, status int, identity string, n uint64) inventory.Use {
	return inventory.Use{
		Key: inventory.Key{Service: "shop", Method: method, Route: route}, Status: status, Identity: identity, Requests: n,
		TLSVersion: "TLSv1.3", First: noon, Last: noon.Add(time.Hour),
	}
}

func (f *fakeStore) EndpointUses(context.Context, inventory.Period) ([]inventory.Use, error) {
	return append([]inventory.Use{
		shopUse("GET", "/orders/{id}", 200, "jwt", 40), shopUse("GET", "/orders/{id}", 200, inventory.Anonymous, 2),
		shopUse("POST", "/login", 401, inventory.Anonymous, 7), shopUse("GET", "/blog/{slug}", 200, inventory.Anonymous, 99),
	}, f.used...), f.down
}

func (f *fakeStore) EndpointCallers(_ context.Context, groups [][]inventory.Key, _ inventory.Period) ([]inventory.Callers, error) {
	list := make([]inventory.Callers, len(groups))
	for i := range list {
		list[i] = inventory.Callers{Users: 3, Clients: 1}
	}
	return list, f.down
}

func (f *fakeStore) EndpointAccesses(
	_ context.Context, groups [][]inventory.Key, _ inventory.Period, _ int, each func(int, inventory.Access) error,
) error {
	for i := range groups {
		a := inventory.Access{User: "=ann<script>", Requests: 9, Successes: 8, First: noon, Last: noon}
		if i%2 == 1 {
			a.User, a.Client = "", netip.MustParseAddr("203.0.113.9")
		}
		if err := each(i, a); err != nil {
			return err
		}
	}
	return f.down
}

func (f *fakeStore) QueryNames(context.Context, time.Time, time.Time) ([]inventory.Name, error) {
	return nil, f.down
}

func (f *fakeStore) CountedSince(context.Context) (time.Time, error) { return noon, f.down }

func (f *fakeStore) AppendInventory(_ context.Context, kind, key string, _ uint64, body []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil {
		return f.down
	}
	if f.inventory == nil {
		f.inventory = map[string][]byte{}
	}
	f.inventory[kind+" "+key] = bytes.Clone(body)
	return nil
}

func (f *fakeStore) LoadInventory(_ context.Context, kind string, each func([]byte) error) error {
	for _, name := range slices.Sorted(maps.Keys(f.inventory)) {
		if strings.HasPrefix(name, kind+" ") {
			if err := each(f.inventory[name]); err != nil {
				return err
			}
		}
	}
	return f.down
}

// fakeSink stands in for the committer.
type fakeSink struct {
	batches []*ingest.Batch
	fail    error
}

func (f *fakeSink) Write(_ context.Context, b *ingest.Batch) error {
	f.batches = append(f.batches, b)
	return f.fail
}

// fakePositions has one log up to its hundredth byte.
type fakePositions struct{}

func (fakePositions) Position(_ context.Context, source string, _ uint64) (uint64, bool, error) {
	return 100, source == "import:access.log", nil
}

// fakeNormalizer marks what went through it.
type fakeNormalizer struct{}

func (fakeNormalizer) Normalize(e *event.Event) { e.Wire = event.Wire{}; e.UAFamily = "normalised" }

// fakeBaselines knows one job.
type fakeBaselines struct{ busy bool }

func (fakeBaselines) Versions(context.Context) ([]baseline.Meta, error) {
	return []baseline.Meta{{Version: "v1"}}, nil
}

func (f fakeBaselines) Recompute(_ context.Context, actor string) (Job, error) {
	if f.busy {
		return Job{}, ErrBusy
	}
	return Job{ID: "job_1", Kind: "baseline_recompute", Status: "running", RequestedBy: actor, StartedAt: noon}, nil
}

func (f fakeBaselines) Jobs(ctx context.Context, _ int) ([]Job, error) {
	j, err := f.Job(ctx, "job_1")
	return []Job{j}, err
}

func (fakeBaselines) Job(_ context.Context, id string) (Job, error) {
	if id != "job_1" {
		return Job{}, ErrNoJob
	}
	return Job{ID: id, Kind: "baseline_recompute", Status: "succeeded", StartedAt: noon, FinishedAt: noon, Progress: 1}, nil
}

func (f fakeBaselines) Cancel(ctx context.Context, id string) (Job, error) {
	j, err := f.Job(ctx, id)
	if f.busy {
		return Job{}, ErrOver
	}
	j.Status = "cancelled"
	return j, err
}

func (f fakeBaselines) Accept(_ context.Context, a baseline.Acceptance) (baseline.Acceptance, Job, error) {
	a.At = noon
	if f.busy {
		return a, Job{}, nil
	}
	return a, Job{ID: "job_1", Kind: "baseline_recompute", Status: "running", RequestedBy: a.By, StartedAt: noon}, nil
}

func (fakeBaselines) Accepted(context.Context) ([]baseline.Acceptance, error) { return nil, nil }

func (fakeBaselines) Diff(_ context.Context, from, to string, limit int) (baseline.Diff, error) {
	if from == "v9" {
		return baseline.Diff{}, ErrNoVersion
	}
	return baseline.Diff{From: baseline.Meta{Version: from}, To: baseline.Meta{Version: to}, Total: limit}, nil
}

func (fakeBaselines) RollBack(_ context.Context, r baseline.RollBack) (baseline.Meta, error) {
	if r.To != "v1" {
		return baseline.Meta{}, ErrNoVersion
	}
	return baseline.Meta{Version: "v2", Snapshot: baseline.Snapshot{RolledBack: &r}}, nil
}

func (fakeBaselines) EndpointSeries(_ context.Context, names []baseline.EndpointKey, from, to time.Time) (baseline.Series, error) {
	s := baseline.HourlySeries(from, make([]float64, int(to.Sub(from).Hours())))
	s.Version = names[0].String()
	return s, nil
}

func (f fakeBaselines) ActorSeries(ctx context.Context, k baseline.ActorKey, from, to time.Time) (baseline.Series, *baseline.Actor, error) {
	s, err := f.EndpointSeries(ctx, []baseline.EndpointKey{{Service: k.Value}}, from, to)
	return s, &baseline.Actor{Hours: 3}, err
}

func (fakeBaselines) ActorSets(context.Context, baseline.ActorKey) (map[string][]baseline.SetMember, error) {
	return map[string][]baseline.SetMember{baseline.SetCountries: {{Value: "DE", FirstSeen: noon, LastSeen: noon, Days: 1, Requests: 3, Share: 1}}}, nil
}

func (fakeBaselines) Newest() time.Time { return noon.Add(time.Hour) }

func someEvent(position uint64) event.Event {
	var e event.Event
	e.Reset()
	e.Time, e.Source, e.Generation, e.Position = noon, "access.log", 1, position
	e.Method, e.Path, e.Route, e.Status = "GET", "/orders/1", "/orders/{id}", 200
	return e
}

func finding(n, minute int) detect.Finding {
	f := detect.Finding{
		Revision: 1, Detector: "path_scan", Title: "Path scanning", Kind: detect.KindWebAttack, Severity: detect.High,
		Entity:  detect.Entity{Type: detect.EntityClient, Value: "203.0.113." + strconv.Itoa(n)},
		Service: "shop", FirstSeen: noon, LastSeen: noon.Add(time.Duration(minute) * time.Minute), EventCount: 12,
		Observed: 40, Expected: 20, Unit: "paths", Explanation: "It asked for 40 paths that do not exist.",
		Measure: detect.Measure{Aggregate: detect.AggregateDistinct, Field: "path", From: noon, To: noon.Add(time.Hour)},
		Sample:  []event.Event{someEvent(1), someEvent(2)},
	}
	f.FiredAt = f.LastSeen
	f.ID = detect.FindingID(f.Detector, f.Entity, f.Service, nil, f.FiredAt)
	return f
}

// shopDocument describes a part of the shop.
const shopDocument = `{"openapi":"3.0.3","info":{"title":"Shop","version":"1"},"paths":{
  "/orders/{orderId}":{"get":{}},"/login":{"post":{"deprecated":true}},"/reports":{"get":{}}}}`

// ordersID is the id of an endpoint that the store knows.
var ordersID = inventory.Key{Service: "shop", Method: "GET", Route: "/orders/{id}"}.ID()

// builtin compiles the built-in rules once: they are read only.
var builtin = sync.OnceValues(rules.Builtin)

// bench is a server with everything behind it in memory.
type bench struct {
	*Server
	store   *fakeStore
	sink    *fakeSink
	manager *incident.Manager
	book    *decision.Book

	exceptions *exception.Registry
	identities fakeIdentities
	erasures   fakeErasures
	inventory  *inventory.Catalogue
	policies   *policy.Registry

	secrets map[Role]string
	first   string // id of an incident
}

func newBench(t testing.TB, change ...func(*Deps)) *bench {
	t.Helper()
	b := &bench{
		store: &fakeStore{keys: map[string][]byte{}, value: 40, events: 44}, sink: &fakeSink{}, secrets: map[Role]string{},
		manager: incident.NewManager(incident.NewMemory(nil), incident.Options{Now: func() time.Time { return noon }}),
	}
	var err error
	b.identities = fakeIdentities{alice.Pseudonym: alice}
	b.exceptions = exception.NewRegistry(b.store, func() time.Time { return noon })
	for _, effect := range []exception.Effect{exception.Suppress, exception.Allow} {
		if _, err := b.exceptions.Add(context.Background(), effect, exception.New{User: "the scanner", Reason: "ours"}, "ann"); err != nil {
			t.Fatal(err)
		}
	}
	b.book, err = decision.NewBook(b.store, decision.Options{Guard: b.exceptions, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.book.Add(context.Background(), decision.New{Value: "192.0.2.1"}, "ann"); err != nil {
		t.Fatal(err)
	}
	b.inventory = inventory.NewCatalogue(b.store, inventory.Options{Now: func() time.Time { return noon }})
	if _, err := b.inventory.PutDocument(context.Background(), "shop", []byte(shopDocument), "ann"); err != nil {
		t.Fatal(err)
	}
	b.policies = policy.NewRegistry(b.store, nil, func() time.Time { return noon })
	if _, _, err := b.policies.Put(context.Background(), "guarded", 0, policy.New{Route: "/orders/*", Auth: true, MinTLS: "1.2"}, "ann"); err != nil {
		t.Fatal(err)
	}
	keys, err := NewKeys(context.Background(), b.store, func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Roles() {
		if _, b.secrets[r], err = keys.Create(context.Background(), NewKey{Name: "the " + string(r), Role: r}, "test"); err != nil {
			t.Fatal(err)
		}
	}
	set, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	d := Deps{
		Config: Config{RatePerSecond: 1e9, Burst: 1e6}, Incidents: b.manager, Store: b.store, Keys: keys,
		Decisions: b.book, Notifications: &fakeNotifications{}, Exceptions: b.exceptions, Inventory: b.inventory, Policies: b.policies,
		Identities: b.identities, Erasures: &b.erasures,
		Sink: b.sink, Positions: fakePositions{}, Sources: ingest.NewSources(), Normalizer: fakeNormalizer{}, Baselines: fakeBaselines{}, Behaviour: fakeBaselines{},
		Rules: fixedRules{set}, Detectors: func() []detect.Info { return append(set.Infos(), baseline.Infos()...) }, Version: "test",
		Now: func() time.Time { return noon.Add(24 * time.Hour) },
	}
	for _, c := range change {
		c(&d)
	}
	if b.Server, err = New(d); err != nil {
		t.Fatal(err)
	}
	if err := b.manager.Apply(context.Background(), []detect.Finding{finding(1, 1), finding(2, 2), finding(3, 3)}); err != nil {
		t.Fatal(err)
	}
	page, err := b.manager.List(incident.Filter{}, "last_seen", "", 1)
	if err != nil {
		t.Fatal(err)
	}
	b.first = page.Incidents[0].ID
	return b
}

// answerTo is a response with its body read.
type answerTo struct {
	*http.Response
	body string
}

// ask makes one request as a role; headers are name, value pairs.
func (b *bench) ask(role Role, method, target, body string, headers ...string) answerTo {
	r := httptest.NewRequest(method, "http://gatewatch.test/", strings.NewReader(body))
	path, query, _ := strings.Cut(target, "?")
	r.URL.Path, r.URL.RawQuery = path, query // as it is: what does not parse has to be tried as well
	r.RequestURI = target
	switch {
	case role == "":
	case strings.HasPrefix(path, "/v1/check"): // where Authorization is the asking client's
		r.Header.Set(headerCheckKey, b.secrets[role])
	default:
		r.Header.Set("Authorization", "Bearer "+b.secrets[role])
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	b.Handler().ServeHTTP(w, r)
	res := w.Result()
	text, _ := io.ReadAll(res.Body) // a recorder's body cannot fail
	return answerTo{res, string(text)}
}

func (a answerTo) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%d %s: %v", a.StatusCode, a.body, err)
	}
}

// problem checks that the answer is one, and returns it.
func (a answerTo) problem(t testing.TB) Problem {
	t.Helper()
	var p Problem
	if kind := a.Header.Get("Content-Type"); kind != "application/problem+json" {
		t.Fatalf("%d with %s: %s", a.StatusCode, kind, a.body)
	}
	a.into(t, &p)
	if p.Status != a.StatusCode || p.Title == "" || p.Type != "about:blank" || p.RequestID == "" ||
		p.RequestID != a.Header.Get("X-Request-Id") || strings.Contains(a.body, "goroutine") {
		t.Fatalf("%d: %s", a.StatusCode, a.body)
	}
	return p
}

// names reports whether the problem names the field.
func (p Problem) names(field string) bool {
	for _, e := range p.Errors {
		if e.Field == field && e.Detail != "" {
			return true
		}
	}
	return false
}

var errDown = errors.New("store unavailable: connection refused")

// fixedRules is a rule book that never changes.
type fixedRules struct{ set *rules.Set }

func (r fixedRules) Set() *rules.Set { return r.set }

func (r fixedRules) Reload(context.Context) (rules.Reloaded, error) {
	return rules.Reloaded{Kept: len(r.set.Infos())}, nil
}
