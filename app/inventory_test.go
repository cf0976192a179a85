package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/inventory"
	"github.com/gatewatch/gatewatch/inventory/policy"
)

// holdToPolicies takes a running server through the inventory's jobs: what was called otherwise becomes the document's
// endpoint, what is not in the document is a shadow, and answers against a policy become an incident that can be taken again.
func holdToPolicies(t *testing.T, s *Server, key string) {
	t.Helper()
	now, position := time.Now().UTC(), 0
	push := func(at time.Time, path, rest string) {
		t.Helper()
		post(t, s, key, "POST", "/v1/ingest/events", fmt.Sprintf(`{"time":%q,"service":"shop","method":"GET","path":%q,"status":200,"client_ip":"203.0.113.77","position":"%d"%s}`,
			at.Format(time.RFC3339Nano), path, position, rest)+"\n", http.StatusOK)
		position++
	}
	push(now.Add(-30*time.Second), "/v1/invoices/17", `,"user":"ann","tls_version":"TLSv1.3"`)
	push(now.Add(-29*time.Second), "/v1/debug", `,"user":"ann"`)
	post(t, s, key, "PUT", "/v1/openapi/shop", `{"openapi":"3.1.0","info":{"title":"Shop","version":"1"},"paths":{"/v1/invoices/{number}":{"get":{}},"/v1/returns":{"get":{}}}}`, http.StatusCreated)
	post(t, s, key, "PUT", "/v1/policies/invoices", fmt.Sprintf(`{"service":"shop","route":"/v1/invoices/*","min_tls":"1.2","auth":true,"from":%q}`,
		now.Add(-time.Hour).Format(time.RFC3339)), http.StatusCreated)
	push(now.Add(-20*time.Second), "/v1/invoices/18", `,"user":"ann","tls_version":"TLSv1.1"`)
	push(now.Add(-19*time.Second), "/v1/invoices/19", `,"tls_version":"TLSv1.3"`)

	var e struct {
		Endpoints []inventory.Endpoint `json:"endpoints"`
	}
	get(t, s, key, "/v1/endpoints?service=shop&route=/v1/invoices/*", &e)
	if len(e.Endpoints) != 1 || e.Endpoints[0].Route != "/v1/invoices/{number}" || e.Endpoints[0].Requests != 3 || e.Endpoints[0].Sensitivity != inventory.High ||
		e.Endpoints[0].Callers.Users != 1 || e.Endpoints[0].Callers.Clients != 1 || e.Endpoints[0].Standing != inventory.Documented {
		t.Errorf("endpoints: %+v", e.Endpoints)
	}
	var compared map[string]any
	get(t, s, key, "/v1/openapi/shop", &compared)
	for list, want := range map[string]int{"shadow": 1, "orphan": 1, "zombie": 0} {
		if got, _ := compared[list].([]any); len(got) != want {
			t.Errorf("%s: %v", list, compared[list])
		}
	}
	var list incidentList
	for _, id := range []string{policy.TLS, policy.Auth} {
		waitFor(t, "an incident of "+id, func() bool {
			get(t, s, key, "/v1/incidents?detector="+id, &list)
			return len(list.Incidents) > 0
		})
	}
	inc := list.Incidents[0]
	if inc.Entity.Value != "GET /v1/invoices/{number}" || len(inc.Signals) != 2 || !strings.Contains(inc.Explanation, "invoices") {
		t.Errorf("%+v", inc)
	}
	var again struct {
		Same     bool    `json:"same"`
		Observed float64 `json:"observed"`
	}
	get(t, s, key, "/v1/incidents/"+inc.ID+"/reproduce", &again)
	if !again.Same || again.Observed != 1 {
		t.Errorf("reproduced: %+v", again)
	}
	var held struct {
		Policies []struct {
			Assessment policy.Assessment `json:"assessment"`
		} `json:"policies"`
	}
	get(t, s, key, "/v1/policies", &held)
	if a := held.Policies[0].Assessment; a.Endpoints != 1 || a.Violations != 2 || len(a.Off) != 0 {
		t.Errorf("assessment: %+v", a)
	}
	report := post(t, s, key, "GET", "/v1/reports/access?format=csv&from=24h", "", http.StatusOK)
	if rows := strings.Split(strings.TrimSpace(report), "\n"); len(rows) != 5 || !strings.Contains(report, "/v1/invoices/{number},high,payment,ann,,2,2,") {
		t.Errorf("report:\n%s", report)
	}
}
