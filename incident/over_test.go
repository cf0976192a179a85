package incident

import (
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
)

func TestOver(t *testing.T) {
	operational := func(f *detect.Finding) { f.Kind, f.Open = detect.KindOperational, true }
	m := newManager(t, nil, Options{})
	first := finding("silent", client(1), 0, 5, operational)
	second := finding("lag", client(1), 2, 6, operational)
	apply(t, m, first, second)

	end := func(f detect.Finding, minutes int) {
		t.Helper()
		f.Revision++
		f.LastSeen = noon.Add(time.Duration(minutes) * time.Minute)
		if err := m.Over(t.Context(), f, "it is over"); err != nil {
			t.Fatal(err)
		}
	}
	end(first, 30)
	if inc := all(t, m)[0]; inc.Status != StatusOpen || inc.FindingCount != 2 {
		t.Fatalf("with an open finding: %s, %d findings", inc.Status, inc.FindingCount)
	}
	end(second, 40)
	inc := all(t, m)[0]
	if inc.Status != StatusResolved || inc.History[len(inc.History)-1].Actor != systemActor {
		t.Fatalf("%s, %+v", inc.Status, inc.History)
	}

	third := finding("silent", client(1), 60, 65, operational)
	apply(t, m, third)
	if inc = all(t, m)[0]; inc.Status != StatusOpen {
		t.Fatalf("a new finding left it %s", inc.Status)
	}
	set(t, m, inc.ID, StatusFalsePositive)
	end(third, 600)
	if inc = all(t, m)[0]; inc.Status != StatusFalsePositive || inc.LastSeen.After(noon.Add(70*time.Minute)) {
		t.Errorf("what people closed: %s, last seen %s", inc.Status, inc.LastSeen)
	}
	if err := m.Over(t.Context(), finding("gone", client(2), 0, 1), "x"); err != nil || len(all(t, m)) != 1 {
		t.Errorf("a finding without incident: %v", err)
	}
}
