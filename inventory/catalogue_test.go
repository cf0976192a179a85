package inventory

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewatch/gatewatch/incident"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// memory is a Repository whose rollups a test writes.
type memory struct {
	uses  []Use
	names []Name
	asked [2]time.Time // of the last QueryNames
	rows  map[string][]byte
	down  error
}

func (m *memory) EndpointUses(context.Context, Period) ([]Use, error) { return m.uses, m.down }

func (m *memory) EndpointCallers(_ context.Context, groups [][]Key, _ Period) ([]Callers, error) {
	return make([]Callers, len(groups)), m.down
}

func (m *memory) EndpointAccesses(_ context.Context, groups [][]Key, _ Period, _ int, each func(int, Access) error) error {
	for i := range groups {
		if err := each(i, Access{Client: netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), Requests: 1}); err != nil {
			return err
		}
	}
	return m.down
}

func (m *memory) QueryNames(_ context.Context, since, until time.Time) ([]Name, error) {
	m.asked = [2]time.Time{since, until}
	return m.names, m.down
}

func (m *memory) CountedSince(context.Context) (time.Time, error) { return noon, m.down }

func (m *memory) AppendInventory(_ context.Context, kind, key string, _ uint64, body []byte) error {
	if m.down == nil {
		m.rows[kind+" "+key] = bytes.Clone(body)
	}
	return m.down
}

func (m *memory) LoadInventory(_ context.Context, kind string, each func([]byte) error) error {
	for _, name := range slices.Sorted(maps.Keys(m.rows)) {
		if strings.HasPrefix(name, kind+" ") {
			if err := each(m.rows[name]); err != nil {
				return err
			}
		}
	}
	return m.down
}

func use(method, route string, status int, n uint64, hours int) Use {
	at := noon.Add(time.Duration(hours) * time.Hour)
	return Use{Key: Key{"shop", method, route}, Status: status, Identity: Anonymous, Requests: n, First: noon, Last: at}
}

func shopUses() []Use {
	return []Use{
		use("GET", "/v1/orders/{id}", 200, 40, 1), use("DELETE", "/v1/orders/{id}", 204, 3, 1), use("GET", "/v1/orders/search", 200, 5, 1),
		use("POST", "/v1/login", 401, 7, 1), use("GET", "/v1/debug/vars", 200, 1, 1), use("GET", "/v1/secret", 403, 9, 1),
		use("GET", "/assets/*.css", 200, 80, 1), use("OPTIONS", "/v1/anything", 204, 2, 1), use("HEAD", "/v1/orders/{id}", 200, 1, 1),
	}
}

const shopDocument = `
openapi: 3.1.0
info: {title: Shop, version: "1"}
servers: [{url: /v1}]
paths:
  /orders/{orderId}: {get: {}, delete: {deprecated: true}}
  /login: {post: {deprecated: true, requestBody: {content: {json: {schema: {properties: {iban: {}}}}}}}}
  /reports: {get: {}}
  /old: {get: {deprecated: true}}
`

func standings(t *testing.T, c *Catalogue) map[string]Standing {
	t.Helper()
	p, err := c.List(t.Context(), Filter{}, Period{}, "", "", MaxPage)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Standing{}
	for _, e := range p.Endpoints {
		out[e.String()] = e.Standing
	}
	return out
}

func TestStandings(t *testing.T) {
	repo := &memory{uses: shopUses(), rows: map[string][]byte{}}
	now := noon
	var told []string
	options := Options{Now: func() time.Time { return now }, Described: func(_ string, routes []string) error { told = routes; return nil }}
	c := NewCatalogue(repo, options)
	for name, s := range standings(t, c) {
		if s != "" {
			t.Errorf("%s is %s without a document", name, s)
		}
	}
	if _, err := c.PutDocument(t.Context(), "shop", []byte(shopDocument), "ann"); err != nil {
		t.Fatal(err)
	}
	want := map[string]Standing{
		"GET /v1/orders/{id}": Documented, "HEAD /v1/orders/{id}": Documented, "DELETE /v1/orders/{id}": Zombie,
		"GET /v1/orders/search": Documented, // a value of the parameter, as far as the document goes
		"POST /v1/login":        Zombie, "GET /v1/debug/vars": Shadow, "GET /v1/secret": Unknown, "GET /assets/*.css": "", "OPTIONS /v1/anything": "",
		"GET /v1/reports": Orphan, "GET /v1/old": Orphan,
	}
	if d := cmp.Diff(want, standings(t, c)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"/v1/login", "/v1/old", "/v1/orders/{orderId}", "/v1/reports"}, told); d != "" {
		t.Errorf("templates (-want +got):\n%s", d)
	}

	// The next document lacks two operations; one of them is called afterwards.
	now = noon.Add(2 * time.Hour)
	next := strings.ReplaceAll(shopDocument, "  /login: ", "  /signin: ")
	next = strings.ReplaceAll(next, "{get: {}, delete: {deprecated: true}}", "{get: {}}")
	if _, err := c.PutDocument(t.Context(), "shop", []byte(next), "bob"); err != nil {
		t.Fatal(err)
	}
	repo.uses = append(repo.uses, use("POST", "/v1/login", 200, 1, 5))
	want["POST /v1/login"], want["DELETE /v1/orders/{id}"], want["POST /v1/signin"] = Zombie, Removed, Orphan
	if d := cmp.Diff(want, standings(t, c)); d != "" {
		t.Errorf("after the next document (-want +got):\n%s", d)
	}
	again := NewCatalogue(repo, options)
	told = nil
	if err := again.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, standings(t, again)); d != "" || len(told) != 4 {
		t.Errorf("after a restart, with templates %q (-want +got):\n%s", told, d)
	}
	cmpn, err := again.Compare(t.Context(), "shop", Period{})
	if err != nil || len(cmpn.Shadow) != 1 || len(cmpn.Zombie) != 1 || len(cmpn.Orphan) != 3 || cmpn.Revision != 2 {
		t.Errorf("%+v %v", cmpn, err)
	}

	if err := again.DeleteDocument(t.Context(), "shop", "ann"); err != nil || len(told) != 0 {
		t.Errorf("%v, templates %q", err, told)
	}
	for name, s := range standings(t, again) {
		if s != "" {
			t.Errorf("%s is %s after the document is gone", name, s)
		}
	}
	if err := again.DeleteDocument(t.Context(), "shop", "ann"); !errors.Is(err, ErrNoDocument) {
		t.Errorf("twice: %v", err)
	}
	if _, err := again.Compare(t.Context(), "shop", Period{}); !errors.Is(err, ErrNoDocument) {
		t.Errorf("compare: %v", err)
	}
}

// An endpoint that was called otherwise before is one endpoint, with what people said about it then.
func TestAliasesAreOneEndpoint(t *testing.T) {
	repo := &memory{uses: []Use{use("GET", "/users/alice", 200, 2, 1), use("GET", "/users/{slug}", 200, 3, 4), use("POST", "/users/{slug}", 201, 1, 0)}, rows: map[string][]byte{}}
	now := map[string]string{}
	c := NewCatalogue(repo, Options{Resolve: func(_, route string) string {
		if r, ok := now[route]; ok {
			return r
		}
		return route
	}})
	old := Key{"shop", "GET", "/users/alice"}
	owner := "team people"
	if _, err := c.Patch(t.Context(), old.ID(), incident.AnyVersion, Patch{Owner: &owner}); err != nil {
		t.Fatal(err)
	}
	now["/users/alice"] = "/users/{slug}"
	e, err := c.Get(t.Context(), Key{"shop", "GET", "/users/{slug}"}.ID(), Period{})
	if err != nil {
		t.Fatal(err)
	}
	if e.Requests != 5 || e.Owner != owner || len(e.Keys()) != 2 || !e.LastSeen.Equal(noon.Add(4*time.Hour)) || !slices.Equal(e.Methods, []string{"GET", "POST"}) {
		t.Errorf("%+v", e)
	}
	if _, err := c.Get(t.Context(), old.ID(), Period{}); !errors.Is(err, ErrNoEndpoint) {
		t.Errorf("the former name: %v", err)
	}
	r, err := c.Accesses(t.Context(), Filter{}, Period{})
	if err != nil {
		t.Fatal(err)
	}
	accesses := 0
	if err := r.Each(t.Context(), 0, func(a Access) error {
		if accesses++; a.Route != "/users/{slug}" {
			t.Errorf("%+v", a)
		}
		return nil
	}); err != nil || accesses != 2 || len(r.Endpoints) != 2 {
		t.Errorf("%d accesses, %d endpoints, %v", accesses, len(r.Endpoints), err)
	}
}

func TestPatch(t *testing.T) {
	repo := &memory{uses: shopUses(), rows: map[string][]byte{}}
	c := NewCatalogue(repo, Options{})
	id := Key{"shop", "GET", "/v1/orders/{id}"}.ID()
	set := func(version uint64, p Patch) (*Endpoint, error) { return c.Patch(t.Context(), id, version, p) }
	high, none, internal, owner := High, Sensitivity(""), Internal, "team orders"
	e, err := set(1, Patch{Sensitivity: &high, Type: &internal, Owner: &owner, Data: &[]string{"orders", "gdpr", "orders"}})
	if err != nil {
		t.Fatal(err)
	}
	if e.Version != 2 || e.Sensitivity != High || e.Type != Internal || e.Owner != owner || !slices.Equal(e.Data, []string{"gdpr", "orders"}) || len(e.Overridden) != 4 {
		t.Errorf("%+v", e)
	}
	var conflict *incident.ConflictError
	if _, err := set(1, Patch{Owner: &owner}); !errors.As(err, &conflict) || conflict.Have != 2 {
		t.Errorf("a stale version: %v", err)
	}
	if e, err = set(2, Patch{Sensitivity: &none}); err != nil || e.Sensitivity != Medium || e.Version != 3 || len(e.Overridden) != 3 {
		t.Errorf("back to what is inferred: %+v %v", e, err)
	}
	again := NewCatalogue(repo, Options{})
	if err := again.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, err := again.Get(t.Context(), id, Period{})
	if err != nil || cmp.Diff(e.Overridden, after.Overridden) != "" || after.Version != 3 {
		t.Errorf("after a restart: %+v %v", after, err)
	}
	repo.down = errors.New("away")
	if _, err := set(0, Patch{Owner: &owner}); !errors.Is(err, repo.down) {
		t.Errorf("a store that is away: %v", err)
	}
	repo.down = nil
	if e, err := c.Get(t.Context(), id, Period{}); err != nil || e.Version != 3 {
		t.Errorf("a change that was not stored counts: %+v %v", e, err)
	}
	bad, long := Sensitivity("secret"), strings.Repeat("x", 201)
	for field, p := range map[string]Patch{"type": {}, "sensitivity": {Sensitivity: &bad}, "owner": {Owner: &long}, "data": {Data: &[]string{""}}} {
		var invalid *incident.InvalidError
		if _, err := set(0, p); !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// What queries are asked with says what an endpoint handles; what says nothing is not kept.
func TestNamesOfParameters(t *testing.T) {
	repo := &memory{uses: shopUses(), rows: map[string][]byte{}}
	search := Key{"shop", "GET", "/v1/orders/search"}
	repo.names = []Name{{search, "page"}, {search, "cardNumber"}, {search, "email"}, {search, "x7f3"}}
	now := noon
	c := NewCatalogue(repo, Options{Now: func() time.Time { return now }})
	if err := c.LearnNames(t.Context()); err != nil {
		t.Fatal(err)
	}
	e, err := c.Get(t.Context(), search.ID(), Period{})
	if err != nil || e.Sensitivity != High || !slices.Equal(e.Data, []string{"orders", "payment", "personal"}) {
		t.Errorf("%+v %v", e, err)
	}
	if body := string(repo.rows[KindNames+" "+search.ID()]); !strings.Contains(body, `"names":["cardNumber","email"]`) {
		t.Errorf("stored: %s", body)
	}
	last := repo.asked[1]
	now = now.Add(time.Hour)
	repo.rows = maps.Clone(repo.rows)
	delete(repo.rows, KindNames+" "+search.ID())
	if err := c.LearnNames(t.Context()); err != nil || repo.asked[0] != last || len(repo.rows) != 0 {
		t.Errorf("again: %v, asked from %s, stored %d rows", err, repo.asked[0], len(repo.rows))
	}
	repo.down = errors.New("away")
	if err := c.LearnNames(t.Context()); !errors.Is(err, repo.down) {
		t.Error(err)
	}
	repo.down = nil
	last = now.Add(-learnBehind)
	now = now.Add(time.Hour)
	if err := c.LearnNames(t.Context()); err != nil || !repo.asked[0].Equal(last) {
		t.Errorf("what was not looked at is asked again from %s, want %s (%v)", repo.asked[0], last, err)
	}
}

// Pages of any size, in any order, hold every endpoint once.
func TestPages(t *testing.T) {
	repo := &memory{uses: shopUses(), rows: map[string][]byte{}}
	c := NewCatalogue(repo, Options{})
	for _, sort := range []string{"route", "-requests", "sensitivity", "-first_seen", "last_seen"} {
		for limit := 1; limit < 5; limit++ {
			var ids []string
			for cursor := ""; ; {
				p, err := c.List(t.Context(), Filter{}, Period{}, sort, cursor, limit)
				if err != nil || p.Total != 9 {
					t.Fatalf("%s: %+v %v", sort, p, err)
				}
				for _, e := range p.Endpoints {
					ids = append(ids, e.ID)
				}
				if cursor = p.Next; cursor == "" {
					break
				}
			}
			slices.Sort(ids)
			if len(slices.Compact(ids)) != 9 {
				t.Errorf("%s by %d: %d endpoints", sort, limit, len(ids))
			}
		}
	}
	for _, wrong := range [][2]string{{"name", ""}, {"route", "junk"}, {"-route", position{Sort: "route", ID: "x"}.cursor()}} {
		var invalid *incident.InvalidError
		if _, err := c.List(t.Context(), Filter{}, Period{}, wrong[0], wrong[1], 5); !errors.As(err, &invalid) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func TestFilter(t *testing.T) {
	c := NewCatalogue(&memory{uses: shopUses(), rows: map[string][]byte{}}, Options{})
	if _, err := c.PutDocument(t.Context(), "shop", []byte(shopDocument), "ann"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		want int
		Filter
	}{
		{11, Filter{}},
		{0, Filter{Service: "blog"}},
		{6, Filter{Methods: []string{"GET"}, Route: "/v1/*"}},
		{1, Filter{Route: "/v1/login"}},
		{3, Filter{Standings: []Standing{Shadow, Zombie}}},
		{9, Filter{Auth: Anonymous}},
		{3, Filter{Since: noon.Add(time.Hour), Sensitivities: []Sensitivity{High}, Methods: []string{"GET", "POST"}, Text: "E"}},
		{8, Filter{Types: []Type{Public, Partner}, Since: noon}},
		{1, Filter{Data: "payment"}},
		{0, Filter{Owner: "nobody"}},
	} {
		p, err := c.List(t.Context(), test.Filter, Period{}, "", "", MaxPage)
		if err != nil || p.Total != test.want {
			t.Errorf("%+v: %d, want %d (%v)", test.Filter, p.Total, test.want, err)
		}
	}
}

func TestInfer(t *testing.T) {
	for _, c := range []struct {
		route       string
		parameters  []string
		typ         Type
		sensitivity Sensitivity
		data        string
	}{
		{"/", nil, Public, Low, ""},
		{"/blog/{slug}", nil, Public, Low, ""},
		{"/api/v1/users/{id}", nil, Public, Medium, "personal"},
		{"/api/v1/orders/{id}", []string{"creditCard", "page"}, Public, High, "orders payment"},
		{"/api/v1/login", nil, Public, High, "credentials"},
		{"/apiKeys", nil, Public, High, "credentials"},
		{"/admin/users", nil, Internal, High, "administration personal"},
		{"/healthz", nil, Internal, Low, ""},
		{"/partners/webhooks/payment-refunds", nil, Partner, High, "payment"},
		{"/patients/{id}/diagnoses", nil, Public, High, "health"},
		{"/address-book", nil, Public, Medium, "personal"},
		{"/companies/{id}/statuses", nil, Public, Low, ""},
	} {
		in := Infer(c.route, c.parameters)
		if in.Type != c.typ || in.Sensitivity != c.sensitivity || strings.Join(in.Data, " ") != c.data {
			t.Errorf("%s: %+v", c.route, in)
		}
		if (len(in.Reasons) > 0) != (in.Type != Public || len(in.Data) > 0) {
			t.Errorf("%s: reasons %q", c.route, in.Reasons)
		}
	}
}
