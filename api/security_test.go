package api

import (
	"strings"
	"testing"
)

func TestSecurityMetrics(t *testing.T) {
	b := newBench(t)
	var m securityMetrics
	res := b.ask(RoleViewer, "GET", "/v1/metrics/security?since=1970-01-02T00:00:00Z", "")
	res.into(t, &m)
	if res.StatusCode != 200 || m.Incidents == 0 || m.Open != m.Incidents || len(m.Detectors) == 0 || m.BlindSpots == nil {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	res = b.ask(RoleViewer, "GET", "/v1/metrics/security?since=1970-01-02T00:00:00Z&format=prometheus", "")
	for _, want := range []string{
		`gatewatch_security_incidents_by_severity{severity="high"}`, `gatewatch_security_incidents_by_status{status="open"}`,
		`gatewatch_security_detector_incidents{detector=`, `gatewatch_security_seconds{quantile="0.5",step="detect"}`,
	} {
		if !strings.Contains(res.body, want) {
			t.Errorf("no %s in\n%s", want, res.body)
		}
	}
}

func TestFields(t *testing.T) {
	b := newBench(t)
	for target, want := range map[string]string{
		"/v1/incidents/" + b.first + "?fields=id,status":  `{"id":"` + b.first + `","status":"open"}`,
		"/v1/incidents?sort=first_seen&limit=1&fields=id": `{"incidents":[{"id":"inc_`,
		"/v1/events?limit=1&fields=method,no_such_member": "",
		"/v1/incidents?fields=id,,":                       "",
		"/v1/incidents/" + b.first + "?fields=password":   "",
	} {
		res := b.ask(RoleViewer, "GET", target, "")
		switch {
		case want == "":
			if res.StatusCode != 400 || !res.problem(t).names("fields") {
				t.Errorf("%s: %d %s", target, res.StatusCode, res.body)
			}
		case res.StatusCode != 200 || !strings.HasPrefix(res.body, want):
			t.Errorf("%s: %d %s, want %s", target, res.StatusCode, res.body, want)
		}
	}
	res := b.ask(RoleViewer, "GET", "/v1/events?limit=1&fields=method,path", "")
	if res.StatusCode != 200 || !strings.Contains(res.body, `{"events":[{"method":`) || strings.Contains(res.body, "client_ip") {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
}
