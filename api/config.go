package api

import "fmt"

// Config is the `api` section of the configuration. The zero value means the documented defaults.
type Config struct {
	// RatePerSecond and Burst limit the requests of one key. Defaults 100 and 200.
	RatePerSecond float64 `yaml:"rate_per_second"`
	Burst         int     `yaml:"burst"`
	// PublicMetrics serves /metrics without a key.
	PublicMetrics bool `yaml:"public_metrics"`
	// MaxStreams bounds the concurrent SSE streams. Default 500.
	MaxStreams int `yaml:"max_streams"`
	// FastlyServices are the ids of the Fastly services that may log here over HTTPS: the answer to Fastly's challenge
	// names them. "*" stands for any.
	FastlyServices []string `yaml:"fastly_services"`
}

// Validate returns every fault of c with the key, the value and what is accepted.
func (c Config) Validate() []error {
	var faults []error
	if c.RatePerSecond < 0 {
		faults = append(faults, fmt.Errorf("api.rate_per_second: %v: want 0 (default 100) or more", c.RatePerSecond))
	}
	if c.Burst < 0 {
		faults = append(faults, fmt.Errorf("api.burst: %d: want 0 (default 200) or more", c.Burst))
	}
	if c.MaxStreams < 0 {
		faults = append(faults, fmt.Errorf("api.max_streams: %d: want 0 (default 500) or more", c.MaxStreams))
	}
	for i, id := range c.FastlyServices {
		if id != "*" && !plainWord(id) {
			faults = append(faults, fmt.Errorf("api.fastly_services[%d]: %q: want a service's id, or *", i, id))
		}
	}
	return faults
}

func (c Config) withDefaults() Config {
	if c.RatePerSecond == 0 {
		c.RatePerSecond = 100
	}
	if c.Burst == 0 {
		c.Burst = 200
	}
	if c.MaxStreams == 0 {
		c.MaxStreams = 500
	}
	return c
}
