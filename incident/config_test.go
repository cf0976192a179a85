package incident

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestConfig(t *testing.T) {
	if faults := (Config{}).Validate(); len(faults) != 0 {
		t.Fatalf("the zero value: %v", faults)
	}
	bad := Config{Gap: -1, ReopenGrace: -time.Hour, EvidenceEvents: 201, MaxIncidents: 5}
	faults := bad.Validate()
	keys := []string{"incidents.gap", "incidents.reopen_grace", "incidents.evidence_events", "incidents.max_incidents"}
	if len(faults) != len(keys) {
		t.Fatalf("%d faults: %v", len(faults), faults)
	}
	for i, key := range keys {
		if !strings.HasPrefix(faults[i].Error(), key+": ") || !strings.Contains(faults[i].Error(), "want") {
			t.Errorf("%v, want it to name %s", faults[i], key)
		}
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := newManager(t, nil, Options{Registerer: reg})
	f := finding("scan", client(1), 0, 5)
	apply(t, m, f, f, again(f, 2, 9, 1))
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, x := range family.GetMetric() {
			name := family.GetName()
			for _, l := range x.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = x.GetCounter().GetValue() + x.GetGauge().GetValue()
		}
	}
	for name, want := range map[string]float64{
		"gatewatch_findings_total scan new":      1,
		"gatewatch_findings_total scan grown":    1,
		"gatewatch_findings_total scan repeated": 1,
		"gatewatch_incidents medium open":        1,
		"gatewatch_incidents high open":          0,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s = %v (%v), want %v", name, v, ok, want)
		}
	}
}
