package baseline

import (
	"strings"
	"testing"
	"time"
)

func TestBands(t *testing.T) {
	m := labModel()
	monday := judgedDay
	s := HourlySeries(monday, make([]float64, 48))
	m.EndpointBand(Config{}, EndpointKey{"shop", "GET", "/reports"}, &s)
	if len(s.Expected) != 48 || s.Expected[12] < 300 || s.High[12] < 1.9*s.Expected[12] || s.Low[12] < 40 || s.Low[12] > 80 || s.Low[3] != 0 ||
		s.Version != m.Version || !strings.HasPrefix(s.History, "14 days") || s.Step != 3600 {
		t.Errorf("reports: %+v", s)
	}
	for i := range s.Expected {
		if s.Low[i] > s.Expected[i] || s.Expected[i] > s.High[i] {
			t.Errorf("hour %d: %v to %v, expected %v", i, s.Low[i], s.High[i], s.Expected[i])
		}
	}
	s = HourlySeries(monday, make([]float64, 24))
	m.EndpointBand(Config{}, EndpointKey{"shop", "POST", "/audit"}, &s)
	if s.Expected != nil || !strings.Contains(s.History, "too few requests") {
		t.Errorf("a thin endpoint: %+v", s)
	}
	m.EndpointBand(Config{}, EndpointKey{"shop", "GET", "/none"}, &s)
	if s.Expected != nil || !strings.Contains(s.History, "never seen") {
		t.Errorf("an unknown endpoint: %+v", s)
	}

	s = HourlySeries(monday, make([]float64, 24))
	m.ActorBand(Config{}, ActorKey{true, "clerk"}, &s)
	if s.Expected[12] < 8 || s.Expected[3] != 0 || s.High[3] != 300 || !strings.Contains(s.History, "of its own") {
		t.Errorf("the clerk: %+v", s)
	}
	s = HourlySeries(monday.Add(time.Hour), make([]float64, 3))
	m.ActorBand(Config{}, ActorKey{true, "nobody"}, &s)
	if s.Expected[0] != 0 || s.High[0] != 300 || !strings.Contains(s.History, "not known by itself") {
		t.Errorf("a stranger: %+v", s)
	}
}
