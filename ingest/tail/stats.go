package tail

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Status says how a followed log stands.
type Status struct {
	Source     string    `json:"source"`
	Path       string    `json:"path"`
	Generation uint64    `json:"generation,string"`
	Offset     uint64    `json:"offset"`    // acknowledged, in bytes of the generation
	LagBytes   uint64    `json:"lag_bytes"` // written and not acknowledged
	Lines      uint64    `json:"lines"`     // acknowledged since the start, like the four below
	Parsed     uint64    `json:"parsed"`
	Failed     uint64    `json:"failed"`
	Skipped    uint64    `json:"skipped"`
	Cut        uint64    `json:"cut"`      // overlong lines
	Rejected   uint64    `json:"rejected"` // events that the server will never take
	Rotations  uint64    `json:"rotations"`
	Format     string    `json:"format,omitempty"`
	Confidence float64   `json:"confidence,omitempty"`
	Fields     []string  `json:"fields,omitempty"` // event fields that the recognition found
	Problem    string    `json:"problem,omitempty"`
	LastRead   time.Time `json:"last_read,omitzero"`
}

// stats guards a Status that its log writes and reports read.
type stats struct {
	mu sync.Mutex
	s  Status
}

func (s *stats) update(f func(*Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.s)
}

func (s *stats) row() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.s
}

// collector exposes the report as metrics. The label is the log's source, of which an operator has few.
type collector struct{ f *Follower }

var (
	linesDesc = prometheus.NewDesc("gatewatch_tail_lines_total",
		"Acknowledged log lines by what became of them.", []string{"source", "result"}, nil)
	lagDesc = prometheus.NewDesc("gatewatch_tail_lag_bytes",
		"Bytes written to the log and not acknowledged.", []string{"source"}, nil)
	rotationsDesc = prometheus.NewDesc("gatewatch_tail_rotations_total",
		"Rotations and truncations seen.", []string{"source"}, nil)
	problemDesc = prometheus.NewDesc("gatewatch_tail_problem",
		"1 while the log or its checkpoint has a problem.", []string{"source"}, nil)
)

// Describe implements prometheus.Collector.
func (collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- linesDesc
	ch <- lagDesc
	ch <- rotationsDesc
	ch <- problemDesc
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	sum := map[string]Status{}
	for _, r := range c.f.Report() { // logs named by date share a source
		s := sum[r.Source]
		s.Parsed += r.Parsed
		s.Failed += r.Failed
		s.Skipped += r.Skipped
		s.Cut += r.Cut
		s.Rejected += r.Rejected
		s.LagBytes += r.LagBytes
		s.Rotations += r.Rotations
		if r.Problem != "" {
			s.Problem = r.Problem
		}
		sum[r.Source] = s
	}
	for source, s := range sum {
		for _, v := range []struct {
			result string
			n      uint64
		}{{"parsed", s.Parsed}, {"failed", s.Failed}, {"skipped", s.Skipped}, {"cut", s.Cut}, {"rejected", s.Rejected}} {
			ch <- prometheus.MustNewConstMetric(linesDesc, prometheus.CounterValue, float64(v.n), source, v.result)
		}
		problem := 0.0
		if s.Problem != "" {
			problem = 1
		}
		ch <- prometheus.MustNewConstMetric(lagDesc, prometheus.GaugeValue, float64(s.LagBytes), source)
		ch <- prometheus.MustNewConstMetric(rotationsDesc, prometheus.CounterValue, float64(s.Rotations), source)
		ch <- prometheus.MustNewConstMetric(problemDesc, prometheus.GaugeValue, problem, source)
	}
}
