package api

import (
	"strings"
	"testing"

	"github.com/gatewatch/gatewatch/incident"
)

func TestBulkChanges(t *testing.T) {
	b := newBench(t)
	page, err := b.manager.List(incident.Filter{}, "", "", 10)
	if err != nil || len(page.Incidents) != 3 {
		t.Fatal(err)
	}
	ids := `"` + page.Incidents[0].ID + `","inc_0","` + page.Incidents[1].ID + `"`
	res := b.ask(RoleAnalyst, "POST", "/v1/incidents/bulk", `{"ids":[`+ids+`],"status":"false_positive","reason":"our scanner"}`)
	if res.StatusCode != 200 || strings.Count(res.body, `"version":2`) != 2 || !strings.Contains(res.body, `{"id":"inc_0","error":"no such incident"}`) {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	page, err = b.manager.List(incident.Filter{Statuses: []incident.Status{incident.StatusFalsePositive}}, "", "", 10)
	if err != nil || page.Total != 2 {
		t.Errorf("%d changed: %v", page.Total, err)
	}
	if got := strings.Count(strings.Join(b.store.actions(), "\n"), "incident.change"); got != 2 {
		t.Errorf("the audit has %d changes", got)
	}
	for body, field := range map[string]string{
		`{"status":"open"}`: "ids", `{"ids":[],"status":"open"}`: "ids", `{"ids":["inc_'"],"status":"open"}`: "ids", `{"ids":["inc_0"]}`: "status",
		`{"ids":["inc_0"],"status":"gone"}`: "status", `{"ids":"inc_0"}`: "ids",
	} {
		if res := b.ask(RoleAnalyst, "POST", "/v1/incidents/bulk", body); res.StatusCode != 400 || !res.problem(t).names(field) {
			t.Errorf("%s: %d %s", body, res.StatusCode, res.body)
		}
	}
}
