package ocsf

import (
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var (
	t0       = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	detector = []detect.Info{{ID: "brute-force", Title: "Brute force"}, {ID: "user-spike", Title: "Request spike of a user", Learned: true}}
)

func sampleEvent() *event.Event {
	var ev event.Event
	ev.Reset()
	ev.Time, ev.Source, ev.Generation, ev.Position = t0, "/var/log/shop.log", 7, 4096
	ev.Service, ev.Format, ev.ClientIP, ev.User = "shop", "nginx", netip.MustParseAddr("203.0.113.9"), "anna"
	ev.Method, ev.Scheme, ev.Host, ev.Path, ev.Query, ev.Protocol = "POST", "https", "shop.example.com", "/login", "next=%2F", "HTTP/1.1"
	ev.Status, ev.BytesOut, ev.DurationMS, ev.Route = 401, 120, 12.5, "/login"
	ev.UserAgent, ev.TLSVersion, ev.Country, ev.ASN = "curl/8.5.0", "TLSv1.3", "DE", 64496
	ev.Signatures, ev.GatewayAction = []string{"sqli"}, event.ActionWAFAlert
	return &ev
}

func sampleIncident() *incident.Incident {
	return &incident.Incident{
		ID: "inc_0a1b2c3d4e5f60718293", Title: "Credential attack from 203.0.113.9", Detector: "brute-force", Kind: detect.KindCredential,
		Severity: detect.High, Score: 64, Status: incident.StatusOpen, Entity: detect.Entity{Type: detect.EntityClient, Value: "203.0.113.9"},
		Service: "shop", Route: "/login", FirstSeen: t0, LastSeen: t0.Add(time.Minute), EventCount: 42, Observed: 42, Expected: 10, Unit: "failures",
		Outcome: detect.Refused, OutcomeReason: "42 of 42 logins were refused, none was taken (42 x 401 at POST /login).",
		Explanation: "42 failed logins within 1 minute.", OWASP: []string{"API2:2023"}, MITRE: []string{"T1110.003", "T1190"}, Tags: []string{},
		Signals: []incident.Signal{
			{Detector: "brute-force", Title: "Brute force", Explanation: "42 failed logins."},
			{Detector: "user-spike", Title: "Request spike of a user", Explanation: "Three times as many requests as usual."},
		},
		Services: []string{"shop"}, Routes: []string{"/login"}, Version: 1, CreatedAt: t0, UpdatedAt: t0.Add(2 * time.Minute),
		Evidence: []json.RawMessage{sampleEvent().AppendJSON(nil)},
	}
}

func golden(t *testing.T, file string, v any) {
	t.Helper()
	got, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	file = "testdata/" + file
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got):\n%s", file, d)
	}
}

func TestFinding(t *testing.T) {
	golden(t, "finding.json", NewMapper("1.2.3", detector).Finding(sampleIncident()))
}

func TestActivity(t *testing.T) {
	golden(t, "activity.json", NewMapper("1.2.3", nil).Activity(sampleEvent()))
}

// TestEvidenceIsNeverEmpty holds the schema's "at least one" of the evidences object for lists, which carry no events.
func TestEvidenceIsNeverEmpty(t *testing.T) {
	m := NewMapper("", nil)
	for _, e := range []detect.Entity{
		{Type: detect.EntityClient, Value: "203.0.113.9"},
		{Type: detect.EntityUser, Value: "anna"},
		{Type: detect.EntitySession, Value: "s"},
		{Type: detect.EntityEndpoint, Value: "GET /a"},
		{Type: detect.EntityService, Value: "shop"},
	} {
		inc := sampleIncident()
		inc.Entity, inc.Evidence = e, nil
		for _, ev := range m.Finding(inc).Evidences {
			if ev.Actor == nil && ev.SrcEndpoint == nil && ev.DstEndpoint == nil && ev.URL == nil {
				t.Errorf("%s: evidence %+v says nothing", e.Type, ev)
			}
		}
	}
}

func TestLifecycle(t *testing.T) {
	m := NewMapper("", nil)
	for _, tc := range []struct {
		status         incident.Status
		version        uint64
		activity, want int
		alert          bool
	}{
		{incident.StatusOpen, 1, 200401, 1, true},
		{incident.StatusOpen, 5, 200402, 1, true},
		{incident.StatusAcknowledged, 6, 200402, 2, true},
		{incident.StatusResolved, 7, 200403, 4, false},
		{incident.StatusFalsePositive, 7, 200403, 3, false},
	} {
		inc := sampleIncident()
		inc.Status, inc.Version = tc.status, tc.version
		f := m.Finding(inc)
		if f.TypeUID != tc.activity || f.StatusID != tc.want || f.IsAlert != tc.alert {
			t.Errorf("%s at version %d: type %d, status %d, alert %v", tc.status, tc.version, f.TypeUID, f.StatusID, f.IsAlert)
		}
	}
}

func TestMethods(t *testing.T) {
	for method, want := range map[string]int{"GET": 400203, "PATCH": 400209, "PROPFIND": 400299, "": 400200} {
		ev := sampleEvent()
		ev.Method = method
		if got := NewMapper("", nil).Activity(ev).TypeUID; got != want {
			t.Errorf("%q: type %d, want %d", method, got, want)
		}
	}
}
