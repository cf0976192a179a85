package app

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/ingest"
	"github.com/gatewatch/gatewatch/ingest/watch"
)

// TestPipelineIncidents takes a burst of failures and a full disk through a restart: each is one operational incident that
// names what to do, and resolves itself.
func TestPipelineIncidents(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	in := watch.Input{
		Sources: []ingest.SourceReport{{Source: "edge:/a.log", Lines: 100, Failed: 99, Parsed: 1, Failures: []ingest.Failure{{Error: "no time"}}}},
		Disk:    watch.Disk{Dir: "/data", Free: 5, Total: 100},
	}
	repo := incident.NewMemory(nil)
	file := filepath.Join(t.TempDir(), habitFile)
	start := func() (*pipeline, *incident.Manager) {
		m := incident.NewManager(repo, incident.Options{Now: clock})
		if err := m.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		p, err := newPipeline(t.Context(), pipeline{
			incidents: m, log: discard(), gather: func() watch.Input { return in }, now: clock,
			watch: watch.New(watch.Config{}, time.UTC, now), file: file,
		})
		if err != nil {
			t.Fatal(err)
		}
		return p, m
	}
	list := func(m *incident.Manager) map[string]*incident.Incident {
		page, err := m.List(incident.Filter{Kinds: []detect.Kind{detect.KindOperational}}, "-score", "", 50)
		if err != nil {
			t.Fatal(err)
		}
		byDetector := map[string]*incident.Incident{}
		for _, inc := range page.Incidents {
			byDetector[inc.Detector] = inc
		}
		return byDetector
	}

	p, m := start()
	p.look(t.Context())
	got := list(m)
	unread, disk := got[watch.Unparsed], got[watch.DiskFull]
	if unread == nil || disk == nil || len(got) != 2 {
		t.Fatalf("incidents %v", got)
	}
	if unread.Entity != (detect.Entity{Type: detect.EntitySource, Value: "edge:/a.log"}) || unread.Severity != detect.High ||
		!strings.Contains(unread.Explanation, "no time") || !strings.Contains(unread.Explanation, "gatewatch parse --explain") {
		t.Errorf("%+v", unread)
	}
	if disk.Entity.Value != "/data" || disk.Status != incident.StatusOpen || !strings.Contains(disk.Explanation, "retention") {
		t.Errorf("%+v", disk)
	}

	now = now.Add(10 * time.Minute)
	in.Sources[0] = ingest.SourceReport{Source: "edge:/a.log", Lines: 200, Parsed: 200} // a process counts anew
	in.Disk.Free = 60
	p, m = start()
	p.look(t.Context())
	for detector, inc := range list(m) {
		last := inc.History[len(inc.History)-1]
		if inc.Status != incident.StatusResolved || last.Actor != "gatewatch" || !strings.HasPrefix(last.Reason, "it is over: ") {
			t.Errorf("%s: %s, %+v", detector, inc.Status, last)
		}
	}
	open, err := m.OpenFindings(t.Context())
	if err != nil || len(open) != 0 || len(p.open) != 0 {
		t.Errorf("open findings %v, %v", open, err)
	}
}

// TestSilenceIsReproducible: a silence's number is one over events, and its id follows from the last of them.
func TestSilenceIsReproducible(t *testing.T) {
	p := &pipeline{infos: map[string]detect.Info{watch.Silent: pipelineInfos()[0]}}
	last := time.Date(2026, 3, 2, 2, 14, 5, 0, time.UTC)
	c := watch.Condition{Key: watch.Key{Check: watch.Silent, Subject: "edge"}, Began: last, Told: last.Add(20 * time.Minute)}
	f := p.finding(c)
	c.Told = last.Add(25 * time.Minute) // another batching, another look
	if again := p.finding(c); again.ID != f.ID {
		t.Error("the id follows from when it was looked at")
	}
	if m := f.Measure; m.Aggregate != detect.AggregateCount || !m.From.Equal(last) || !m.FromOpen || f.Observed != 0 {
		t.Errorf("%+v", m)
	}
}

func TestDiskOfDataDirectory(t *testing.T) {
	if d := diskOf(t.TempDir()); d.Total == 0 || d.Free > d.Total {
		t.Errorf("%+v", d)
	}
}
