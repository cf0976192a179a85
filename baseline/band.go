package baseline

import (
	"math"
	"time"
)

// Series is what was observed of an endpoint, a service or an actor, by the hour, beside what was expected, ready to be
// plotted. All slices are as long as Observed; Expected, Low and High are nil where too little is known.
type Series struct {
	Start    time.Time `json:"start"`
	Step     int       `json:"step"` // seconds
	Unit     string    `json:"unit"`
	Observed []float64 `json:"observed"`
	Expected []float64 `json:"expected"`
	Low      []float64 `json:"low"`  // below it a drop is judged, where one is
	High     []float64 `json:"high"` // above it a spike is judged
	// Version is the model that the band is of, which may have learned from the hours shown; History says from how much.
	Version string `json:"version,omitempty"`
	History string `json:"history,omitempty"`
}

// HourlySeries returns the series of requests without a band.
func HourlySeries(start time.Time, observed []float64) Series {
	return Series{Start: start, Step: oneHour, Unit: "requests", Observed: observed}
}

// EndpointBand completes the series of an endpoint, or of a service as a whole, with what m expects. cfg is the
// configuration that findings are judged by.
func (m *Model) EndpointBand(cfg Config, k EndpointKey, s *Series) {
	cfg = cfg.withDefaults()
	s.Version = m.Version
	e := m.endpoints[k]
	if e == nil {
		s.History = "it was never seen while the baselines were learned"
		return
	}
	s.History = e.history()
	if e.Season == nil {
		s.History += "; too few requests to say what is unusual"
		return
	}
	s.allocate()
	dropped := e.Days >= max(7, m.MinDays)
	for i := range s.Observed {
		slot := m.slot(s.Start.Add(time.Duration(i) * time.Hour))
		level, least := float64(e.Season.Level[slot]), float64(e.Season.Least[slot])
		s.Expected[i] = round2(level)
		s.High[i] = math.Round(max(boundAt(e.SpikeZ, level, e.Alpha), level+float64(cfg.MinSpikeRequests), level*leastRatio))
		if dropped && least*float64(e.Step)/oneHour >= busyBucket {
			s.Low[i] = math.Round(least * dropRatio)
		}
	}
}

// ActorBand completes the series of a user or client with what m expects: its usual active hour at the hours of the day at
// which it comes, nothing at others, and the count at which user-request-spike fires.
func (m *Model) ActorBand(cfg Config, k ActorKey, s *Series) {
	cfg = cfg.withDefaults()
	own, known := m.actors[k]
	crowd := m.Crowd(k.User)
	s.Version = m.Version
	s.History = history(crowd.Days, crowd.Hours, "hours of "+plural(crowd.Actors, k))
	if known {
		s.History = history(int(own.Days), uint64(own.Hours), "active hours") + " of its own; " + s.History
	} else {
		s.History = "it is not known by itself; " + s.History
	}
	if !crowd.judgeable(m.MinDays) {
		return
	}
	s.allocate()
	high := math.Floor(spikeBound(cfg, k, own, crowd))
	for i := range s.Observed {
		s.High[i] = high
		clock := m.slot(s.Start.Add(time.Duration(i)*time.Hour)) % hoursADay
		if known && (!k.User || own.Clock&(1<<clock) != 0) {
			s.Expected[i] = round2(float64(own.Median))
		}
	}
}

func (s *Series) allocate() {
	n := len(s.Observed)
	s.Expected, s.Low, s.High = make([]float64, n), make([]float64, n), make([]float64, n)
}
