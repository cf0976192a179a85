package incident

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewatch/gatewatch/detect"
)

// metrics are what the Manager counts. Without a registerer they are counted and not shown.
type metrics struct {
	findings       *prometheus.CounterVec
	evidenceFailed prometheus.Counter
	evicted        prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, m *Manager) *metrics {
	x := &metrics{
		findings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatewatch_findings_total", Help: "Findings by detector: new, grown (a further revision), turned (another outcome of its attack) or repeated (changed nothing).",
		}, []string{"detector", "outcome"}),
		evidenceFailed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatewatch_incident_evidence_failures_total", Help: "Incidents whose events could not be read when they began.",
		}),
		evicted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatewatch_incidents_evicted_total", Help: "Incidents that left memory for their number.",
		}),
	}
	if reg != nil {
		reg.MustRegister(x.findings, x.evidenceFailed, x.evicted, &stateCollector{m: m, desc: prometheus.NewDesc(
			"gatewatch_incidents", "Incidents in memory by status and severity.", []string{"status", "severity"}, nil)})
	}
	return x
}

func (x *metrics) finding(detector, outcome string) {
	x.findings.WithLabelValues(detector, outcome).Inc()
}

// stateCollector counts the incidents when it is asked.
type stateCollector struct {
	m    *Manager
	desc *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *stateCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect implements prometheus.Collector.
func (c *stateCollector) Collect(ch chan<- prometheus.Metric) {
	counts := map[Status]map[detect.Severity]int{}
	for _, s := range Statuses() {
		counts[s] = map[detect.Severity]int{}
	}
	c.m.mu.RLock()
	for _, r := range c.m.list {
		counts[r.status][r.severity]++
	}
	c.m.mu.RUnlock()
	for _, s := range Statuses() {
		for sev := detect.Low; sev <= detect.Critical; sev++ {
			ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(counts[s][sev]), string(s), sev.String())
		}
	}
}
