package app

import (
	"bufio"
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/trafficgen"
)

// writeShop writes generated traffic to a log and returns what the attacks in it were.
func writeShop(t testing.TB, path string, cfg trafficgen.Config, format trafficgen.Append) []trafficgen.Truth {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	gen := trafficgen.New(cfg)
	if _, err := trafficgen.Write(w, gen, format, 0); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return gen.Truths()
}

// about reports whether the incident is about the attack: its clients or its account in its time, or an endpoint then.
func about(inc *incident.Incident, truth trafficgen.Truth) bool {
	if inc.LastSeen.Before(truth.From) || inc.FirstSeen.After(truth.To.Add(time.Hour)) {
		return false
	}
	switch inc.Entity.Type {
	case detect.EntityClient:
		return slices.ContainsFunc(truth.Clients, func(a netip.Addr) bool { return a.String() == inc.Entity.Value })
	case detect.EntityUser:
		return inc.Entity.Value == truth.User
	default:
		return true
	}
}

// TestAnalyzeFindsTheGeneratedAttacks takes four days of a shop through the whole path: every kind of attack in the
// last third gives an incident, and ordinary traffic hardly any.
func TestAnalyzeFindsTheGeneratedAttacks(t *testing.T) {
	t.Parallel()
	requireEngine(t)
	path := filepath.Join(t.TempDir(), "shop.log")
	truths := writeShop(t, path, trafficgen.Config{Seed: 7, Duration: 4 * 24 * time.Hour, Rate: 1}, trafficgen.AppendJSON)
	report, err := Analyze(context.Background(), AnalyzeOptions{Paths: []string{path}, TempDir: t.TempDir(), engineCommand: testEngine()})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d events, %d incidents, %d models", report.Events, len(report.Incidents), report.Models)
	var stray int
	for _, inc := range report.Incidents {
		if !slices.ContainsFunc(truths, func(truth trafficgen.Truth) bool { return about(inc, truth) }) {
			stray++
			t.Logf("stray: %s %s %s: %s", inc.FirstSeen.Format(time.DateTime), inc.Detector, inc.Entity.Value, inc.Explanation)
		}
	}
	for _, truth := range truths {
		if !slices.ContainsFunc(report.Incidents, func(inc *incident.Incident) bool { return about(inc, truth) }) {
			t.Errorf("%s of %v %s at %s was not found", truth.Kind, truth.Clients[:min(2, len(truth.Clients))], truth.User, truth.From.Format(time.DateTime))
		}
	}
	if stray > 2 {
		t.Errorf("%d incidents about ordinary traffic in four days, want 2 at most", stray)
	}
}
