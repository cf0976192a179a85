package ingest

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the committer's counters. They carry no source label: sources are counted in Sources, whose number an
// operator does not choose.
type metrics struct {
	lines   *prometheus.CounterVec
	events  *prometheus.CounterVec
	blocks  prometheus.Counter
	retries prometheus.Counter
	size    prometheus.Histogram
	seconds prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		lines: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatewatch_ingest_lines_total", Help: "Log lines by what became of them: parsed, failed, skipped.",
		}, []string{"result"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatewatch_ingest_events_total", Help: "Events by what became of them: accepted, duplicate, stored.",
		}, []string{"result"}),
		blocks: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatewatch_ingest_blocks_total", Help: "Blocks stored.",
		}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatewatch_ingest_store_retries_total", Help: "Attempts to store a block that failed and were repeated.",
		}),
		size: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gatewatch_ingest_block_events", Help: "Events in a stored block.",
			Buckets: []float64{1, 10, 100, 1000, 5000, 10_000, 25_000, 50_000},
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gatewatch_ingest_insert_seconds", Help: "Time that a successful insert took.",
			Buckets: []float64{.005, .02, .05, .1, .2, .5, 1, 2, 5, 10},
		}),
	}
	if reg != nil {
		reg.MustRegister(m.lines, m.events, m.blocks, m.retries, m.size, m.seconds)
	}
	return m
}

func (m *metrics) count(b *Batch, accepted, duplicate int) {
	m.lines.WithLabelValues("parsed").Add(float64(len(b.Events)))
	m.lines.WithLabelValues("failed").Add(float64(b.Failed))
	m.lines.WithLabelValues("skipped").Add(float64(b.Skipped))
	m.events.WithLabelValues("accepted").Add(float64(accepted))
	m.events.WithLabelValues("duplicate").Add(float64(duplicate))
}

func (m *metrics) inserted(events int, took time.Duration) {
	m.events.WithLabelValues("stored").Add(float64(events))
	m.blocks.Inc()
	m.size.Observe(float64(events))
	m.seconds.Observe(took.Seconds())
}

func (m *metrics) retried() { m.retries.Inc() }
