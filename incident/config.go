package incident

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewatch/gatewatch/detect"
)

// Config is the `incidents` section of the configuration. The zero value means the documented defaults.
type Config struct {
	// Gap is how much event time may lie between findings of one entity and kind within one incident. Default 24h.
	Gap time.Duration `yaml:"gap"`
	// ReopenGrace is how much event time an episode may go on after its incident was resolved without reopening it.
	// Default 1h.
	ReopenGrace time.Duration `yaml:"reopen_grace"`
	// EvidenceEvents is how many events are kept with an incident. Default 20, at most 200.
	EvidenceEvents int `yaml:"evidence_events"`
	// MaxIncidents is how many incidents are held for lists; the longest closed ones leave first and stay in the store.
	// Default 200000.
	MaxIncidents int `yaml:"max_incidents"`
}

// The defaults and bounds of Config.
const (
	defaultGap            = 24 * time.Hour
	defaultReopenGrace    = time.Hour
	defaultEvidenceEvents = 20
	maxEvidenceEvents     = 200
	defaultMaxIncidents   = 200_000
	minMaxIncidents       = 1000
)

// Validate returns every fault of c with the key, the value and what is accepted.
func (c Config) Validate() []error {
	var faults []error
	if c.Gap < 0 {
		faults = append(faults, fmt.Errorf("incidents.gap: %s: want a duration of 0 (default %s) or more", c.Gap, defaultGap))
	}
	if c.ReopenGrace < 0 {
		faults = append(faults, fmt.Errorf("incidents.reopen_grace: %s: want a duration of 0 (default %s) or more", c.ReopenGrace, defaultReopenGrace))
	}
	if c.EvidenceEvents < 0 || c.EvidenceEvents > maxEvidenceEvents {
		faults = append(faults, fmt.Errorf("incidents.evidence_events: %d: want 0 (default %d) to %d", c.EvidenceEvents, defaultEvidenceEvents, maxEvidenceEvents))
	}
	if c.MaxIncidents != 0 && c.MaxIncidents < minMaxIncidents {
		faults = append(faults, fmt.Errorf("incidents.max_incidents: %d: want 0 (default %d) or at least %d", c.MaxIncidents, defaultMaxIncidents, minMaxIncidents))
	}
	return faults
}

func (c Config) withDefaults() Config {
	if c.Gap == 0 {
		c.Gap = defaultGap
	}
	if c.ReopenGrace == 0 {
		c.ReopenGrace = defaultReopenGrace
	}
	if c.EvidenceEvents == 0 {
		c.EvidenceEvents = defaultEvidenceEvents
	}
	if c.MaxIncidents == 0 {
		c.MaxIncidents = defaultMaxIncidents
	}
	return c
}

// Options are what a Manager is built with besides its repository.
type Options struct {
	Config
	// Now stamps created_at, updated_at, notes and history. Nil: the event time of the finding that caused the change,
	// which makes a one-shot run's output depend on its input alone.
	Now func() time.Time
	// Suppresses returns the id of the suppression that hides a finding, "" when none does. Nil: none ever does.
	Suppresses func(*detect.Finding) string
	Logger     *slog.Logger          // nil: discard
	Registerer prometheus.Registerer // nil: no metrics
}
