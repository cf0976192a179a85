package app

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewatch/gatewatch/rules"
)

// TestWindowMetricsTellOfEvictions: what the windows gave up is counted, and warned of once an hour.
func TestWindowMetricsTellOfEvictions(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	registry := prometheus.NewRegistry()
	m := newWindowMetrics(registry)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m.tell(rules.WindowStats{Groups: 7, Bytes: 700, Late: 2}, now, log)
	if out.Len() > 0 {
		t.Errorf("warned of nothing: %s", out.String())
	}
	m.tell(rules.WindowStats{Groups: 5, Bytes: 500, Evicted: 3, Late: 2}, now, log)
	m.tell(rules.WindowStats{Groups: 5, Bytes: 500, Evicted: 4, Late: 3}, now.Add(time.Minute), log)
	if n := strings.Count(out.String(), "rules.memory_mb"); n != 1 {
		t.Errorf("%d warnings within an hour, want one:\n%s", n, out.String())
	}
	m.tell(rules.WindowStats{Groups: 5, Bytes: 500, Evicted: 9, Late: 3}, now.Add(2*time.Hour), log)
	if n := strings.Count(out.String(), "rules.memory_mb"); n != 2 {
		t.Errorf("%d warnings within two hours, want two", n)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		got[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue() + f.GetMetric()[0].GetCounter().GetValue()
	}
	for name, want := range map[string]float64{
		"gatewatch_rule_groups": 5, "gatewatch_rule_group_bytes": 500, "gatewatch_rule_groups_evicted_total": 9,
		"gatewatch_rule_late_events_total": 3,
	} {
		if got[name] != want {
			t.Errorf("%s: %v, want %v", name, got[name], want)
		}
	}
}
