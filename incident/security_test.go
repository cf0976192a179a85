package incident

import (
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
)

func TestSecurity(t *testing.T) {
	now := noon
	m := newManager(t, nil, Options{Now: func() time.Time { return now }})
	for n, change := range []struct {
		detector string
		after    time.Duration // from the first event to the incident
		seen     int           // minutes after noon
	}{{"scan", time.Minute, 0}, {"scan", 3 * time.Minute, 0}, {"tool", 10 * time.Minute, 0}, {"tool", 0, -100 * 24 * 60}} {
		f := finding(change.detector, client(n+1), change.seen, change.seen)
		now = noon.Add(change.after)
		apply(t, m, ended(f, detect.Refused, f.FiredAt, 1))
	}
	list := all(t, m)
	for _, inc := range list {
		switch inc.Entity {
		case client(1):
			now = noon.Add(11 * time.Minute)
			set(t, m, inc.ID, StatusAcknowledged)
			now = noon.Add(61 * time.Minute)
			set(t, m, inc.ID, StatusResolved)
		case client(2):
			now = noon.Add(23 * time.Minute)
			set(t, m, inc.ID, StatusFalsePositive)
		}
	}
	s := m.Security(noon, time.Time{}, nil)
	want := Took{Count: 2, MedianSeconds: 600, P90Seconds: 1200}
	if s.Incidents != 4 || s.Open != 2 || s.Acknowledge != want {
		t.Errorf("%+v, want acknowledged %+v", s, want)
	}
	if want := (Took{Count: 2, MedianSeconds: 1200, P90Seconds: 3600}); s.Resolve != want {
		t.Errorf("resolved %+v, want %+v", s.Resolve, want)
	}
	if want := (Took{Count: 3, MedianSeconds: 180, P90Seconds: 600}); s.Detect != want { // history is left out
		t.Errorf("detected %+v, want %+v", s.Detect, want)
	}
	if s.BySeverity["medium"] != 4 || s.ByOutcome["refused"] != 4 || s.ByStatus["open"] != 2 || s.ByKind["web_attack"] != 4 {
		t.Errorf("%+v", s)
	}
	if len(s.Detectors) != 2 || s.Detectors[0].ID != "scan" || s.Detectors[0].Precision == nil || *s.Detectors[0].Precision != 0.5 || s.Detectors[1].Precision != nil {
		t.Errorf("%+v", s.Detectors)
	}
	if s := m.Security(noon.Add(2*time.Minute), noon.Add(5*time.Minute), nil); s.Incidents != 1 {
		t.Errorf("%d incidents in the narrow period", s.Incidents)
	}
	if s := m.Security(noon.Add(time.Hour), time.Time{}, nil); s.Incidents != 0 || s.Detect.Count != 0 {
		t.Errorf("%+v of an empty period", s)
	}
}
