package notify

import "github.com/prometheus/client_golang/prometheus"

// metrics are what the Notifier counts. Without a registerer they are counted and not shown.
type metrics struct {
	messages *prometheus.CounterVec
	entries  *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, n *Notifier) *metrics {
	m := &metrics{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatewatch_notification_messages_total", Help: "Attempts to send a message, by channel: delivered, failed (tried again), refused or given_up.",
		}, []string{"channel", "result"}),
		entries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatewatch_notifications_total", Help: "Finished entries of the outbox, by channel: delivered or dead.",
		}, []string{"channel", "state"}),
	}
	if reg != nil {
		reg.MustRegister(m.messages, m.entries, &openCollector{n: n, desc: prometheus.NewDesc(
			"gatewatch_notifications_open", "Entries of the outbox that are not delivered: waiting, sending or dead.", []string{"channel", "state"}, nil)})
	}
	return m
}

func (m *metrics) message(channel, result string) { m.messages.WithLabelValues(channel, result).Inc() }

func (m *metrics) finished(channel string, s State, count int) {
	m.entries.WithLabelValues(channel, string(s)).Add(float64(count))
}

// openCollector counts what is not delivered when it is asked.
type openCollector struct {
	n    *Notifier
	desc *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *openCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect implements prometheus.Collector.
func (c *openCollector) Collect(ch chan<- prometheus.Metric) {
	for _, s := range c.n.Channels() {
		for state, count := range map[State]int{Waiting: s.Waiting, Sending: s.Sending, Dead: s.Dead} {
			ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(count), s.Name, string(state))
		}
	}
}
