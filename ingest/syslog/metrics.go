package syslog

import "github.com/prometheus/client_golang/prometheus"

// metrics are labelled by the listener's name, which the operator gives.
type metrics struct {
	received *prometheus.CounterVec
	dropped  *prometheus.CounterVec
	broken   *prometheus.CounterVec
	waiting  *prometheus.GaugeVec
	lag      *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		received: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatewatch_syslog_received_total", Help: "Messages received.",
		}, []string{"listener"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatewatch_syslog_dropped_total", Help: "Messages that were not kept, by reason: full, too large, disk, stopping.",
		}, []string{"listener", "reason"}),
		broken: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatewatch_syslog_broken_connections_total", Help: "Connections that ended in an error.",
		}, []string{"listener"}),
		waiting: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gatewatch_syslog_buffer_bytes", Help: "Bytes of messages on disk that the store does not have yet.",
		}, []string{"listener"}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gatewatch_syslog_lag_seconds", Help: "How long the messages stored last had waited.",
		}, []string{"listener"}),
	}
	if reg != nil {
		reg.MustRegister(m.received, m.dropped, m.broken, m.waiting, m.lag)
	}
	return m
}
