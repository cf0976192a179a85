package decision

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
)

// attack is an incident that the default policies are for.
func attack(client string, at time.Time) *incident.Incident {
	return &incident.Incident{
		ID: "inc_" + strings.ReplaceAll(client, ".", ""), Title: "Brute force by " + client, Detector: "brute-force", Kind: detect.KindCredential,
		Severity: detect.High, Score: 70, Status: incident.StatusOpen, Entity: detect.Entity{Type: detect.EntityClient, Value: client},
		FirstSeen: at, LastSeen: at, Signals: []incident.Signal{{Detector: "brute-force"}}, Services: []string{"shop"},
	}
}

func TestPolicies(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, Config{Mode: ModeEnforce, MaxPerHour: 3, Allow: []string{"192.0.2.0/24"}})
	made := func(inc *incident.Incident) time.Duration {
		t.Helper()
		d, ok, err := b.Consider(ctx, inc)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return 0
		}
		return d.Until.Sub(b.now)
	}
	inc := attack("203.0.113.9", noon)
	if got := made(inc); got != 4*time.Hour {
		t.Fatalf("the first ban lasts %s", got)
	}
	if got := made(inc); got != 0 {
		t.Fatal("a second ban while the first counts")
	}
	for name, change := range map[string]func(*incident.Incident){
		"a protected client": func(i *incident.Incident) { i.Entity.Value = "192.0.2.4" },
		"a private address":  func(i *incident.Incident) { i.Entity.Value = "10.0.0.4" },
		"a closed one":       func(i *incident.Incident) { i.Status = incident.StatusResolved },
		"history":            func(i *incident.Incident) { i.LastSeen = noon.Add(-2 * time.Hour) },
		"a mild one":         func(i *incident.Incident) { i.Severity = detect.Medium },
		"another kind":       func(i *incident.Incident) { i.Kind = detect.KindAvailability },
		"an endpoint":        func(i *incident.Incident) { i.Entity.Type = detect.EntityEndpoint },
		"no address":         func(i *incident.Incident) { i.Entity.Value = "hash:12" },
	} {
		other := attack("203.0.113.10", noon)
		change(other)
		if got := made(other); got != 0 {
			t.Errorf("%s is banned for %s", name, got)
		}
	}
	b.now = noon.Add(5 * time.Hour)
	if got := made(inc); got != 0 {
		t.Error("what ended is banned again though nothing happened since")
	}
	inc.LastSeen = b.now
	if got := made(inc); got != 8*time.Hour {
		t.Errorf("the repetition lasts %s, want 8h", got)
	}
	last := b.OfIncident(inc.ID)[1]
	if _, err := b.End(ctx, last.ID, "bob", "a customer"); err != nil {
		t.Fatal(err)
	}
	inc.LastSeen = b.now.Add(time.Second)
	if got := made(inc); got != 0 {
		t.Error("what somebody undid is decided again")
	}
	for i, want := range []time.Duration{4 * time.Hour, 4 * time.Hour, 0} {
		if got := made(attack(fmt.Sprintf("203.0.113.%d", 20+i), b.now)); got != want {
			t.Errorf("ban %d within the hour lasts %s, want %s", i+2, got, want)
		}
	}
	b.now = b.now.Add(61 * time.Minute)
	if got := made(attack("203.0.113.22", b.now)); got == 0 {
		t.Error("the brake does not let go")
	}
}

func TestMonitorModeBlocksNobody(t *testing.T) {
	b := newBench(t, Config{})
	if _, ok, err := b.Consider(context.Background(), attack("203.0.113.9", noon)); !ok || err != nil {
		t.Fatal(err)
	}
	if _, ok := b.Check(netip.MustParseAddr("203.0.113.9"), "", nil); ok {
		t.Error("monitor mode refuses a request")
	}
	f, _ := ParseFilter(url.Values{})
	if list := b.List(f); len(list) != 0 || len(b.Changes("k", true, f).New) != 0 {
		t.Errorf("monitor mode serves %v", list)
	}
	f.Simulated = true
	if list := b.List(f); len(list) != 1 || !list[0].Simulated {
		t.Errorf("what would be done is not shown: %v", list)
	}
}
