package app

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewatch/gatewatch/rules"
)

// windowMetrics tell what the rules' windows of the live stream hold and what they had to leave out. It belongs to the
// goroutine of the stream.
type windowMetrics struct {
	groups, bytes prometheus.Gauge
	evicted, late prometheus.Counter
	told          rules.WindowStats
	warned        time.Time
}

// evictionWarnings is how far warnings of evictions lie apart.
const evictionWarnings = time.Hour

func newWindowMetrics(reg prometheus.Registerer) *windowMetrics {
	m := &windowMetrics{
		groups: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gatewatch_rule_groups", Help: "Groups that the rules' windows remember.",
		}),
		bytes: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gatewatch_rule_group_bytes", Help: "What these take, by estimate; rules.memory_mb bounds it.",
		}),
		evicted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatewatch_rule_groups_evicted_total", Help: "Groups given up for want of memory: slow attackers may be missed.",
		}),
		late: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatewatch_rule_late_events_total", Help: "Events, by rule that they count for, that came after their window.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.groups, m.bytes, m.evicted, m.late)
	}
	return m
}

// tell takes the counts as they are.
func (m *windowMetrics) tell(s rules.WindowStats, now time.Time, log *slog.Logger) {
	m.groups.Set(float64(s.Groups))
	m.bytes.Set(float64(s.Bytes))
	m.late.Add(float64(s.Late - m.told.Late))
	if news := s.Evicted - m.told.Evicted; news > 0 {
		m.evicted.Add(float64(news))
		if now.Sub(m.warned) >= evictionWarnings {
			m.warned = now
			log.Warn("the rules' windows are full: groups that were idle longest were given up, slow attackers may be missed",
				"evicted", s.Evicted, "bytes", s.Bytes, "setting", "rules.memory_mb")
		}
	}
	m.told = s
}
