package watch

import (
	"fmt"
	"time"
)

// Config is the `pipeline` section of the configuration: when the pipeline's own state is an incident. The zero value
// means the documented defaults; what is usual for a source is learned besides and can only raise these bounds.
type Config struct {
	// Silence is the shortest silence of a source that is told. Default 10m. How long a source must be silent before it
	// is told follows from its own habit at that time of day and week.
	Silence time.Duration `yaml:"silence"`
	// HistoryDays is how many comparable days must be known before a silence is judged. Default 3, at most 14.
	HistoryDays int `yaml:"history_days"`
	// Lag is how far the newest request of a source may lie behind its arrival. Default 5m.
	Lag time.Duration `yaml:"lag"`
	// FailedPercent is the share of a source's lines of five minutes that may fail to parse, in percent. Default 20.
	FailedPercent float64 `yaml:"failed_percent"`
	// MinFailed is how many lines must have failed in five minutes besides. Default 50.
	MinFailed int `yaml:"min_failed"`
	// DiskFreePercent is how much of the data directory's disk must be free, in percent. Default 10.
	DiskFreePercent float64 `yaml:"disk_free_percent"`
	// DiskHours: a disk that will be full within so many hours at its present pace is told. Default 12.
	DiskHours float64 `yaml:"disk_hours"`
	// Off switches all of it off.
	Off bool `yaml:"off"`
}

// The defaults of Config.
const (
	defaultSilence       = 10 * time.Minute
	defaultHistoryDays   = 3
	maxHistoryDays       = 14
	defaultLag           = 5 * time.Minute
	defaultFailedPercent = 20
	defaultMinFailed     = 50
	defaultDiskFree      = 10
	defaultDiskHours     = 12
)

// Validate returns every fault of c with the key, the value and what is accepted.
func (c Config) Validate() (faults []error) {
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("pipeline."+format, args...))
		}
	}
	fault(c.Silence != 0 && (c.Silence < time.Minute || c.Silence > 24*time.Hour),
		"silence: %s: want 0 (default %s), or 1m to 24h", c.Silence, defaultSilence)
	fault(c.HistoryDays < 0 || c.HistoryDays > maxHistoryDays, "history_days: %d: want 0 (default %d) to %d", c.HistoryDays, defaultHistoryDays, maxHistoryDays)
	fault(c.Lag != 0 && c.Lag < time.Second, "lag: %s: want 0 (default %s), or 1s or more", c.Lag, defaultLag)
	fault(!(c.FailedPercent >= 0 && c.FailedPercent <= 100), "failed_percent: %v: want 0 (default %d) to 100", c.FailedPercent, defaultFailedPercent)
	fault(c.MinFailed < 0, "min_failed: %d: want 0 (default %d) or more", c.MinFailed, defaultMinFailed)
	fault(!(c.DiskFreePercent >= 0 && c.DiskFreePercent <= 90), "disk_free_percent: %v: want 0 (default %d) to 90", c.DiskFreePercent, defaultDiskFree)
	fault(!(c.DiskHours >= 0), "disk_hours: %v: want 0 (default %d) or more", c.DiskHours, defaultDiskHours)
	return faults
}

func (c Config) withDefaults() Config {
	setDefault(&c.Silence, defaultSilence)
	setDefault(&c.HistoryDays, defaultHistoryDays)
	setDefault(&c.Lag, defaultLag)
	setDefault(&c.FailedPercent, defaultFailedPercent)
	setDefault(&c.MinFailed, defaultMinFailed)
	setDefault(&c.DiskFreePercent, defaultDiskFree)
	setDefault(&c.DiskHours, defaultDiskHours)
	return c
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
