package decision

import "github.com/prometheus/client_golang/prometheus"

// metrics are what the Book counts. Without a registerer they are counted and not shown.
type metrics struct {
	decided *prometheus.CounterVec
	held    *prometheus.CounterVec
	undone  prometheus.Counter
	failed  prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, b *Book) *metrics {
	m := &metrics{
		decided: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatewatch_decisions_total", Help: "Decisions made, by type and origin; simulated ones are of the origin monitor.",
		}, []string{"type", "origin"}),
		held: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatewatch_decisions_held_total", Help: "Decisions that a policy called for and that were not made, by what spoke against them.",
		}, []string{"reason"}),
		undone: prometheus.NewCounter(prometheus.CounterOpts{Name: "gatewatch_decisions_undone_total", Help: "Decisions ended before their time."}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{Name: "gatewatch_decision_failures_total", Help: "Decisions that could not be stored."}),
	}
	if reg != nil {
		reg.MustRegister(m.decided, m.held, m.undone, m.failed, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "gatewatch_decisions", Help: "Decisions that count now.",
		}, func() float64 { return float64(len(b.List(Filter{}))) }))
	}
	return m
}

func (m *metrics) made(d *Decision) {
	origin := d.Origin
	if d.Simulated {
		origin = "monitor"
	}
	m.decided.WithLabelValues(string(d.Type), origin).Inc()
}
