package incident

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
)

// aboutClient is a finding about client n.
func aboutClient(n int, detector string) detect.Finding {
	at := time.Date(2026, 3, 1, 12, n, 0, 0, time.UTC)
	f := detect.Finding{
		Revision: 1, Detector: detector, Title: "Scan", Kind: detect.KindWebAttack, Severity: detect.High, Service: "shop",
		Entity:  detect.Entity{Type: detect.EntityClient, Value: fmt.Sprintf("203.0.113.%d", n)},
		FiredAt: at, FirstSeen: at, LastSeen: at, EventCount: 9, Observed: 40, Expected: 20,
	}
	f.ID = detect.FindingID(detector, f.Entity, "shop", nil, at)
	return f
}

func only(t *testing.T, m *Manager, f Filter) *Incident {
	t.Helper()
	page, err := m.List(f, "", "", 10)
	if err != nil || len(page.Incidents) != 1 {
		t.Fatalf("%d incidents, want 1 (%v)", len(page.Incidents), err)
	}
	return page.Incidents[0]
}

// What people keep calling false scores less, says so, and does so after a restart as well; what they take back counts again.
func TestFeedbackLowersTheScore(t *testing.T) {
	ctx := context.Background()
	repo := NewMemory(nil)
	m := NewManager(repo, Options{})
	wrong := StatusFalsePositive
	var scores []int
	for n := range 6 {
		if n == 4 { // a restart
			m = NewManager(repo, Options{})
			if err := m.Load(ctx); err != nil {
				t.Fatal(err)
			}
		}
		f := aboutClient(n, "scan")
		if err := m.Apply(ctx, []detect.Finding{f}); err != nil {
			t.Fatal(err)
		}
		inc := only(t, m, Filter{Entity: f.Entity.Value})
		scores = append(scores, inc.Score)
		sum := 0
		for _, p := range inc.ScoreParts {
			sum += p.Points
		}
		if sum != inc.Score {
			t.Errorf("the parts add up to %d, the score is %d", sum, inc.Score)
		}
		if _, err := m.Patch(ctx, inc.ID, AnyVersion, Patch{Status: &wrong}, "ann"); err != nil {
			t.Fatal(err)
		}
	}
	if scores[0] != scores[1] || scores[2] != scores[0]-10 || scores[3] != scores[0]-12 || scores[5] != scores[0]-14 {
		t.Errorf("scores %v", scores)
	}
	other := aboutClient(50, "another")
	if err := m.Apply(ctx, []detect.Finding{other}); err != nil {
		t.Fatal(err)
	}
	if inc := only(t, m, Filter{Entity: other.Entity.Value}); inc.Score != scores[0] {
		t.Errorf("another detector's incident scores %d", inc.Score)
	}
	open := StatusOpen
	page, err := m.List(Filter{Statuses: []Status{wrong}}, "", "", 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, inc := range page.Incidents {
		if _, err := m.Patch(ctx, inc.ID, AnyVersion, Patch{Status: &open}, "ann"); err != nil {
			t.Fatal(err)
		}
	}
	f := aboutClient(51, "scan")
	if err := m.Apply(ctx, []detect.Finding{f}); err != nil {
		t.Fatal(err)
	}
	if inc := only(t, m, Filter{Entity: f.Entity.Value}); inc.Score != scores[0] {
		t.Errorf("after all was taken back it scores %d", inc.Score)
	}
}

// A suppressed incident is hidden until something joins that nothing suppresses.
func TestSuppressedIncidentsAreHidden(t *testing.T) {
	ctx := context.Background()
	m := NewManager(NewMemory(nil), Options{Suppresses: func(f *detect.Finding) string {
		if f.Detector == "scan" {
			return "exc_1"
		}
		return ""
	}})
	if err := m.Apply(ctx, []detect.Finding{aboutClient(1, "scan")}); err != nil {
		t.Fatal(err)
	}
	if page, err := m.List(Filter{}, "", "", 10); err != nil || page.Total != 0 {
		t.Fatalf("a suppressed incident is listed: %+v %v", page, err)
	}
	if inc := only(t, m, Filter{Suppressed: SuppressedOnly}); inc.SuppressedBy != "exc_1" {
		t.Errorf("%+v", inc)
	}
	worse := aboutClient(1, "injection")
	if err := m.Apply(ctx, []detect.Finding{worse}); err != nil {
		t.Fatal(err)
	}
	inc := only(t, m, Filter{})
	if last := inc.History[len(inc.History)-1]; inc.SuppressedBy != "" || last.Field != "suppressed_by" || last.From != "exc_1" {
		t.Errorf("%+v", inc)
	}
	only(t, m, Filter{Suppressed: SuppressedAll})
}
