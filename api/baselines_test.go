package api

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gatewatch/gatewatch/baseline"
)

func TestAcceptingAChange(t *testing.T) {
	b := newBench(t)
	const path = "/v1/baselines/accept"
	for field, body := range map[string]string{
		"reason":       `{"entity":{"type":"user","value":"u-1"},"since":"2026-03-01T00:00:00Z"}`,
		"since":        `{"entity":{"type":"user","value":"u-1"},"since":"2030-03-01T00:00:00Z","reason":"x"}`,
		"measure":      `{"entity":{"type":"user","value":"u-1"},"since":"2026-03-01T00:00:00Z","measure":"bytes_out","reason":"x"}`,
		"service":      `{"entity":{"type":"endpoint","value":"GET /orders"},"since":"2026-03-01T00:00:00Z","reason":"x"}`,
		"entity.value": `{"entity":{"type":"client_ip","value":"nobody"},"since":"2026-03-01T00:00:00Z","reason":"x"}`,
		"entity.type":  `{"entity":{"type":"session","value":"s"},"since":"2026-03-01T00:00:00Z","reason":"x"}`,
	} {
		if res := b.ask(RoleAnalyst, "POST", path, body); res.StatusCode != 400 || !res.problem(t).names(field) {
			t.Errorf("%s: %d %s", field, res.StatusCode, res.body)
		}
	}
	if res := b.ask(RoleAnalyst, "POST", path, `{"entity":{"type":"user","value":"u-1"},"reason":"x"}`); res.StatusCode != 400 || !res.problem(t).names("since") {
		t.Errorf("without a time and an incident: %d %s", res.StatusCode, res.body)
	}
	var out struct {
		Accepted baseline.Acceptance `json:"accepted"`
		Job      *Job                `json:"job"`
	}
	res := b.ask(RoleAnalyst, "POST", path, `{"entity":{"type":"endpoint","value":"GET /orders/{id}"},"service":"shop","since":"2026-03-01T10:20:00Z","reason":"new customer"}`)
	res.into(t, &out)
	want := baseline.EndpointKey{Service: "shop", Method: "GET", Route: "/orders/{id}"}
	if res.StatusCode != 202 || out.Accepted.Endpoint != want || out.Accepted.By != "the analyst" || out.Accepted.Since.Minute() != 0 ||
		out.Accepted.Measure != baseline.MeasuredRequests || out.Job == nil || res.Header.Get("Location") != "/v1/jobs/job_1" {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	b.ask(RoleAnalyst, "POST", path, `{"entity":{"type":"client_ip","value":"203.0.113.1"},"reason":"our scanner"}`).into(t, &out)
	if out.Accepted.Actor.Value != "203.0.113.1" || !out.Accepted.Since.Equal(noon) {
		t.Errorf("since the incident about it: %+v", out.Accepted)
	}
	if got := b.store.actions(); len(got) != 2 || got[0] != "the analyst baseline.accept shop GET /orders/{id}" {
		t.Errorf("audit %q", got)
	}
	b = newBench(t, func(d *Deps) { d.Baselines = fakeBaselines{busy: true} })
	res = b.ask(RoleAnalyst, "POST", path, `{"entity":{"type":"service","value":"shop"},"since":"2026-03-01T10:20:00Z","reason":"x"}`)
	if res.StatusCode != 202 || strings.Contains(res.body, `"job"`) {
		t.Errorf("while one runs: %d %s", res.StatusCode, res.body)
	}
}

func TestVersionsAreComparedAndRolledBack(t *testing.T) {
	b := newBench(t)
	if res := b.ask(RoleViewer, "GET", "/v1/baselines/diff?from=v9", ""); res.StatusCode != 404 {
		t.Errorf("an unknown version: %d %s", res.StatusCode, res.body)
	}
	var d baseline.Diff
	b.ask(RoleViewer, "GET", "/v1/baselines/diff?from=a&to=b&limit=7", "").into(t, &d)
	if d.From.Version != "a" || d.To.Version != "b" || d.Total != 7 {
		t.Errorf("%+v", d)
	}
	const path = "/v1/baselines/rollback"
	for field, body := range map[string]string{
		"version": `{"reason":"x"}`, "reason": `{"version":"v1","reason":" "}`, "hold_hours": `{"version":"v1","reason":"x","hold_hours":-1}`,
	} {
		if res := b.ask(RoleAnalyst, "POST", path, body); res.StatusCode != 400 || !res.problem(t).names(field) {
			t.Errorf("%s: %d %s", field, res.StatusCode, res.body)
		}
	}
	if res := b.ask(RoleAnalyst, "POST", path, `{"version":"v7","reason":"x"}`); res.StatusCode != 404 {
		t.Errorf("an unknown version: %d %s", res.StatusCode, res.body)
	}
	var m baseline.Meta
	res := b.ask(RoleAnalyst, "POST", path, `{"version":"v1","reason":"it learned an attack","hold_hours":2}`)
	res.into(t, &m)
	if r := m.Snapshot.RolledBack; res.StatusCode != 201 || m.Version != "v2" || r == nil || r.By != "the analyst" || !r.Hold.Equal(noon.AddDate(0, 0, 1).Add(7200e9)) {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	if res := b.ask(RoleAnalyst, "POST", "/v1/jobs/job_1/cancel", ""); res.StatusCode != 200 || !strings.Contains(res.body, "cancelled") {
		t.Errorf("cancel: %d %s", res.StatusCode, res.body)
	}
	if res := b.ask(RoleAnalyst, "POST", "/v1/jobs/job_2/cancel", ""); res.StatusCode != 404 {
		t.Errorf("cancel of no job: %d %s", res.StatusCode, res.body)
	}
	if got := b.store.actions(); !slices.Equal(got, []string{"the analyst baseline.rollback v1", "the analyst baseline.cancel job_1"}) {
		t.Errorf("audit %q", got)
	}
}

func TestEntityProfiles(t *testing.T) {
	b := newBench(t)
	var out entityProfile
	b.ask(RoleViewer, "GET", "/v1/entities/client_ip/203.0.113.3", "").into(t, &out)
	if out.Total != 1 || len(out.Incidents) != 1 || out.Risk == 0 || out.Profile == nil || len(out.Sets[baseline.SetCountries]) != 1 || len(out.Series.Observed) != 7*24 || out.Series.Step != 3600 {
		t.Errorf("%+v", out)
	}
	out = entityProfile{}
	r := httptest.NewRequest("GET", "/v1/entities/endpoint/GET%20%2Forders%2F%7Bid%7D?service=shop&from=2026-01-01T00:00:00Z", nil)
	r.Header.Set("X-Api-Key", b.secrets[RoleViewer])
	w := httptest.NewRecorder()
	b.Handler().ServeHTTP(w, r)
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	if out.Series.Version != "GET /orders/{id}" || out.Profile != nil || len(out.Series.Observed) != 31*24 || out.Service != "shop" {
		t.Errorf("%+v", out)
	}
	for target, field := range map[string]string{
		"/v1/entities/session/s": "type", "/v1/entities/client_ip/me": "value", "/v1/entities/endpoint/GET": "service",
		"/v1/entities/user/u?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z": "to",
	} {
		if res := b.ask(RoleViewer, "GET", target, ""); res.StatusCode != 400 || !res.problem(t).names(field) {
			t.Errorf("%s: %d %s", target, res.StatusCode, res.body)
		}
	}
	if got := b.store.actions(); len(got) != 2 || got[0] != "the viewer entity.read client_ip:203.0.113.3" {
		t.Errorf("audit %q", got)
	}
	var e endpointWithSeries
	b.ask(RoleViewer, "GET", "/v1/endpoints/"+ordersID, "").into(t, &e)
	if e.Series == nil || e.Series.Version != "GET /orders/{id}" || len(e.Series.Observed) != 7*24 {
		t.Errorf("%+v", e.Series)
	}
}
