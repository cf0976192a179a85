package api

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/inventory"
	"github.com/gatewatch/gatewatch/inventory/apidoc"
)

func TestEndpoints(t *testing.T) {
	b := newBench(t)
	var list endpointList
	b.ask(RoleViewer, "GET", "/v1/endpoints?sort=-requests&limit=2", "").into(t, &list)
	if list.Total != 4 || len(list.Endpoints) != 2 || list.Endpoints[0].Route != "/blog/{slug}" || list.NextCursor == "" || !list.CountedSince.Equal(noon) {
		t.Fatalf("%+v", list)
	}
	first := list.Endpoints
	cursor := list.NextCursor
	list = endpointList{}
	b.ask(RoleViewer, "GET", "/v1/endpoints?sort=-requests&limit=2&cursor="+cursor, "").into(t, &list)
	if len(list.Endpoints) != 2 || list.Endpoints[1].Standing != inventory.Orphan || slices.Contains([]string{first[0].ID, first[1].ID}, list.Endpoints[0].ID) {
		t.Fatalf("%+v", list)
	}
	list = endpointList{}
	b.ask(RoleViewer, "GET", "/v1/endpoints?standing=shadow,zombie&sensitivity=low,high", "").into(t, &list)
	if list.Total != 2 {
		t.Fatalf("%+v", list)
	}
	res := b.ask(RoleViewer, "GET", "/v1/endpoints/"+ordersID, "")
	if !strings.Contains(res.body, `"callers":{"users":3,"clients":1}`) {
		t.Errorf("callers in %s", res.body)
	}
	var e inventory.Endpoint
	res.into(t, &e)
	if res.Header.Get("ETag") != `"1"` || e.Requests != 42 || e.Auth["jwt"] != 40 || e.Callers.Users != 3 || e.Operation != "/orders/{orderId}" || e.TLS["TLSv1.3"] != 42 {
		t.Fatalf("%s %+v", res.Header.Get("ETag"), e)
	}

	patch := func(match, body string) answerTo {
		return b.ask(RoleAnalyst, "PATCH", "/v1/endpoints/"+ordersID, body, "If-Match", match)
	}
	res = patch(`"1"`, `{"owner":"team orders","sensitivity":"high","data":["orders","payment"],"type":"partner"}`)
	res.into(t, &e)
	if res.StatusCode != 200 || res.Header.Get("ETag") != `"2"` || e.Owner != "team orders" || e.Sensitivity != inventory.High || e.Type != inventory.Partner {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	if res = patch(`"1"`, `{"owner":"other"}`); res.StatusCode != 412 || res.Header.Get("ETag") != `"2"` || !res.problem(t).names("If-Match") {
		t.Errorf("a stale ETag: %d %s", res.StatusCode, res.body)
	}
	if all := b.store.actions(); !slices.Contains(all, "the analyst endpoint.change "+ordersID) {
		t.Errorf("not audited: %q", all)
	}

	res = b.ask(RoleViewer, "GET", "/v1/endpoints/export?format=csv&service=shop", "")
	table, err := csv.NewReader(strings.NewReader(res.body)).ReadAll()
	if err != nil || len(table) != 5 || !slices.Equal(table[0], endpointColumns) {
		t.Errorf("%v %q", err, table)
	}
	res = b.ask(RoleViewer, "GET", "/v1/endpoints/export", "")
	lines := strings.Split(strings.TrimSpace(res.body), "\n")
	if len(lines) != 4 || json.Unmarshal([]byte(lines[0]), &e) != nil {
		t.Errorf("%q", lines)
	}
}

func TestOpenAPIDocuments(t *testing.T) {
	b := newBench(t)
	var out compared
	b.ask(RoleViewer, "GET", "/v1/openapi/shop", "").into(t, &out)
	if len(out.Shadow) != 1 || out.Shadow[0].Route != "/blog/{slug}" || len(out.Zombie) != 1 || len(out.Orphan) != 1 || out.Operations != 3 || out.Deprecated != 1 {
		t.Fatalf("%+v", out)
	}
	res := b.ask(RoleAnalyst, "PUT", "/v1/openapi/a%20b", shopDocument)
	if res.StatusCode != 201 {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	if res = b.ask(RoleAnalyst, "PUT", "/v1/openapi/shop", shopDocument); res.StatusCode != 200 {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	var list struct{ Documents []described }
	b.ask(RoleViewer, "GET", "/v1/openapi", "").into(t, &list)
	if len(list.Documents) != 2 || list.Documents[1].Revision != 2 {
		t.Fatalf("%+v", list)
	}
	if res = b.ask(RoleAnalyst, "DELETE", "/v1/openapi/shop", ""); res.StatusCode != 204 {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	if res = b.ask(RoleViewer, "GET", "/v1/openapi/shop", ""); res.StatusCode != 404 {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	for body, status := range map[string]int{
		"": 400, "{}": 400, "swagger: '2.0'": 400, strings.Repeat("#", apidoc.MaxBytes+1): 413, strings.Repeat("[", 100_000): 400,
		`{"openapi":"3.0.0","paths":{"a":{"get":{}}}}`: 400,
	} {
		if res := b.ask(RoleAnalyst, "PUT", "/v1/openapi/shop", body); res.StatusCode != status || !res.problem(t).names("body") {
			t.Errorf("%.40q: %d %s", body, res.StatusCode, res.body)
		}
	}
	b.store.down = errDown
	if res := b.ask(RoleAnalyst, "PUT", "/v1/openapi/other", shopDocument); res.StatusCode != 503 {
		t.Errorf("a store that is away: %d", res.StatusCode)
	}
}

func TestPolicies(t *testing.T) {
	b := newBench(t)
	res := b.ask(RoleAnalyst, "PUT", "/v1/policies/slow", `{"route":"/login","rate":{"requests":5,"per":"1m","by":"client_ip"},"reason":"guessing"}`)
	if res.StatusCode != 201 || res.Header.Get("ETag") != `"1"` {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	var list struct{ Policies []heldPolicy }
	b.ask(RoleViewer, "GET", "/v1/policies", "").into(t, &list)
	if len(list.Policies) != 2 || list.Policies[0].ID != "guarded" || list.Policies[0].Assessment.Violations != 2 || list.Policies[0].Assessment.Requests != 84 {
		t.Fatalf("%+v", list)
	}
	if res := b.ask(RoleAnalyst, "PUT", "/v1/policies/slow", `{"auth":true}`, "If-Match", `"9"`); res.StatusCode != 412 {
		t.Errorf("a stale ETag: %d", res.StatusCode)
	}
	for body, field := range map[string]string{
		`{}`: "min_tls", `{"min_tls":1.2}`: "min_tls", `{"rate":{"requests":-1}}`: "rate.requests", `{"auth":true,"color":"red"}`: "color",
		`{"rate":{"requests":5,"per":"1m","by":"moon"}}`: "rate.by", `{"auth":true,"from":"soon"}`: "from",
	} {
		if res := b.ask(RoleAnalyst, "PUT", "/v1/policies/slow", body); res.StatusCode != 400 || !res.problem(t).names(field) {
			t.Errorf("%s: %d %s", body, res.StatusCode, res.body)
		}
	}
	if res := b.ask(RoleAnalyst, "DELETE", "/v1/policies/slow", ""); res.StatusCode != 204 {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	for _, target := range []string{"/v1/policies/slow", "/v1/policies/none"} {
		if res := b.ask(RoleViewer, "GET", target, ""); res.StatusCode != 404 {
			t.Errorf("%s: %d", target, res.StatusCode)
		}
	}
	if res := b.ask(RoleAnalyst, "PUT", "/v1/policies/a'b", `{"auth":true}`); res.StatusCode != 400 || !res.problem(t).names("id") {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	if all := b.store.actions(); !slices.Contains(all, "the analyst policy.put slow") || !slices.Contains(all, "the analyst policy.delete slow") {
		t.Errorf("not audited: %q", all)
	}
}

func TestAccessReport(t *testing.T) {
	b := newBench(t)
	res := b.ask(RoleViewer, "GET", "/v1/reports/access?from=2026-02-01T10:00:00Z&to=2026-03-02T10:00:00Z&sensitivity=medium,high", "")
	if res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") ||
		!strings.Contains(res.Header.Get("Content-Disposition"), "access-2026-02-01-2026-03-02.html") {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	for _, want := range []string{"/orders/{id}", "=ann&lt;script&gt;", "203.0.113.9", "2026-02-01 to 2026-03-02", "counted from 2026-03-01", "the viewer", "@page"} {
		if !strings.Contains(res.body, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	for _, never := range []string{"<script", "http://", "https://", "src=", "ZgotmplZ", "/blog"} {
		if strings.Contains(res.body, never) {
			t.Errorf("the report has %q", never)
		}
	}
	if p := res.Header.Get("Content-Security-Policy"); !strings.Contains(p, "sha256-") {
		t.Errorf("policy %q", p)
	}
	res = b.ask(RoleViewer, "GET", "/v1/reports/access?format=csv&sensitivity=low,medium,high", "")
	table, err := csv.NewReader(strings.NewReader(res.body)).ReadAll()
	if err != nil || len(table) != 4 || !slices.Equal(table[0], accessColumns) || !strings.HasPrefix(table[1][5], "'=ann") {
		t.Errorf("%v %q", err, table)
	}
	if all := b.store.actions(); len(all) != 2 || all[0] != "the viewer report.access " {
		t.Errorf("audit: %q", all)
	}
	for query, field := range map[string]string{
		"format=pdf": "format", "sensitivity=secret": "sensitivity", "from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z": "to", "x=1": "x",
	} {
		if res := b.ask(RoleViewer, "GET", "/v1/reports/access?"+query, ""); res.StatusCode != 400 || !res.problem(t).names(field) {
			t.Errorf("%s: %d %s", query, res.StatusCode, res.body)
		}
	}
	b.store.down = errors.New("away")
	if res := b.ask(RoleViewer, "GET", "/v1/reports/access", ""); res.StatusCode != 503 {
		t.Errorf("a store that is away: %d", res.StatusCode)
	}
}

func TestPeriod(t *testing.T) {
	now := time.Date(2026, 3, 10, 15, 0, 0, 0, time.UTC)
	for _, c := range [][4]string{
		{"2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z", "2026-03-01", "2026-03-02"},
		{"2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-01", "2026-03-02"},
		{"24h", "0s", "2026-03-09", "2026-03-11"},
		{"", "", "0001-01-01", "0001-01-01"},
	} {
		p := &params{now: now, values: map[string][]string{"from": {c[0]}, "to": {c[1]}}}
		got := p.period()
		if err := p.err(); err != nil || got.From.Format(time.DateOnly) != c[2] || got.To.Format(time.DateOnly) != c[3] {
			t.Errorf("%q: %+v %v", c, got, err)
		}
	}
}

// Whatever is uploaded, the answer is 2xx or a problem of the 4xx kind that names the body.
func FuzzUpload(f *testing.F) {
	for _, doc := range []string{
		shopDocument, "openapi: 3.1.0\npaths: {/a: {get: {}}}", "a: &a [*a]", `{"openapi":"3.0.0","paths":{"/a":{"$ref":"#/paths/~1a"}}}`,
		`{"openapi":"3.0.0","paths":{"/{a}{b}":{"get":{}}},"servers":[{"url":"file:///etc"}]}`, "openapi: 3.0.0\npaths: {/: {get: {responses: {200: {$ref: 'http://127.0.0.1:1/x'}}}}}",
	} {
		f.Add([]byte(doc))
	}
	b := newBench(f)
	f.Fuzz(func(t *testing.T, doc []byte) {
		res := b.ask(RoleAdmin, "PUT", "/v1/openapi/fuzz", string(doc))
		if res.StatusCode >= 500 || res.StatusCode >= 400 && !res.problem(t).names("body") {
			t.Fatalf("%d %s", res.StatusCode, res.body)
		}
		if res := b.ask(RoleAdmin, "GET", "/v1/openapi/fuzz", ""); res.StatusCode != 200 && res.StatusCode != 404 {
			t.Fatalf("afterwards: %d %s", res.StatusCode, res.body)
		}
	})
}
