package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gatewatch/gatewatch/incident"
)

// securityMetrics are how detection does in a period, and what it cannot see.
type securityMetrics struct {
	incident.Security
	BlindSpots []blindSpot `json:"blind_spots"`
}

// blindSpot is a source whose log has too little for some detectors.
type blindSpot struct {
	Source        string        `json:"source"`
	FieldsMissing []string      `json:"fields_missing"`
	DetectorsOff  []detectorOff `json:"detectors_off"`
}

// defaultPeriod is the period of the security metrics when the caller does not say.
const defaultPeriod = 30 * 24 * time.Hour

// showSecurity answers GET /v1/metrics/security, as JSON or in Prometheus' text form.
func (s *Server) showSecurity(c echo.Context) error {
	p := s.query(c)
	since, until := p.time("since"), p.time("until")
	format := each(p, "format", oneOf([]string{"json", "prometheus"}))
	if err := p.err(); err != nil {
		return err
	}
	if since.IsZero() {
		since = p.now.Add(-defaultPeriod).UTC()
	}
	if until.IsZero() {
		until = p.now.UTC()
	}
	m := securityMetrics{Security: s.deps.Incidents.Security(since, until, p.services), BlindSpots: []blindSpot{}}
	if !p.services.Limited() { // a source may carry any service's requests
		m.BlindSpots = s.blindSpots()
	}
	if len(format) == 1 && format[0] == "prometheus" {
		reg := prometheus.NewRegistry()
		reg.MustRegister(m)
		promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(c.Response(), c.Request())
		return nil
	}
	return c.JSON(http.StatusOK, m)
}

func (s *Server) blindSpots() []blindSpot {
	spots := []blindSpot{}
	if s.deps.Sources == nil {
		return spots
	}
	for _, r := range s.deps.Sources.Report() {
		if st := describeSource(r, s.detectors()); len(st.DetectorsOff) > 0 {
			spots = append(spots, blindSpot{r.Source, st.FieldsMissing, st.DetectorsOff})
		}
	}
	return spots
}

// Describe implements prometheus.Collector: what there is depends on the incidents.
func (securityMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (m securityMetrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(name, help string, labels ...string) func(v float64, values ...string) {
		d := prometheus.NewDesc("gatewatch_security_"+name, help, labels, nil)
		return func(v float64, values ...string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, values...)
		}
	}
	for _, by := range []struct {
		label  string
		counts map[string]int
	}{{"severity", m.BySeverity}, {"kind", m.ByKind}, {"status", m.ByStatus}, {"outcome", m.ByOutcome}} {
		put := gauge("incidents_by_"+by.label, "Incidents of the period by "+by.label+".", by.label)
		for value, n := range by.counts {
			put(float64(n), value)
		}
	}
	took := gauge("seconds", "How long it took to detect, acknowledge and resolve incidents of the period.", "step", "quantile")
	for step, t := range map[string]incident.Took{"detect": m.Detect, "acknowledge": m.Acknowledge, "resolve": m.Resolve} {
		if t.Count > 0 {
			took(t.MedianSeconds, step, "0.5")
			took(t.P90Seconds, step, "0.9")
		}
	}
	found := gauge("detector_incidents", "Incidents of the period by leading detector.", "detector")
	precise := gauge("detector_precision", "Share of a detector's closed incidents of the period that nobody called false.", "detector")
	for _, d := range m.Detectors {
		found(float64(d.Incidents), d.ID)
		if d.Precision != nil {
			precise(*d.Precision, d.ID)
		}
	}
	off := gauge("source_detectors_off", "Detectors that a source's log has too little for.", "source")
	for _, b := range m.BlindSpots {
		off(float64(len(b.DetectorsOff)), b.Source)
	}
}
