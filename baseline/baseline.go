// Package baseline owns learned behaviour: what is normal for every endpoint and every user, how that is learned from
// history, and the detectors that hold events against it.
//
// Learning is set-based work over rollups that the store does behind the small interface History; Recompute turns its
// rows into an immutable, versioned Model. The detectors (endpoint traffic, endpoint errors, user request spike, object
// enumeration) take events in judging order, count them in buckets of event time, and judge a bucket with the newest
// model that was in effect when the bucket began. The package does no I/O, reads no clock and knows no SQL.
package baseline

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// Config sets how much history is learned from and how readily the learned detectors speak. The zero value of a key
// stands for its documented default.
type Config struct {
	// Schedule is the cron expression (five fields) of the recomputation. Default "17 3 * * *": once a night.
	Schedule string `yaml:"schedule"`
	// Jitter puts each start off by up to so much, 0 to 6h. Default 5m; a negative one is none.
	Jitter time.Duration `yaml:"jitter"`
	// TimeZone is the IANA zone of Schedule and of the hours of the week that are learned. Default "UTC".
	TimeZone string `yaml:"time_zone"`
	// WindowDays is how many days of history a model is learned from, 1 to 90. Default 35: five weeks
	// hold a month's end.
	WindowDays int `yaml:"window_days"`
	// MinDays is the written floor of history: an endpoint or a group with less is not judged. Default 3.
	MinDays int `yaml:"min_days"`
	// DriftDays is for how many days a level must have changed to be called a lasting change and learned, 3 to 28.
	// Default 5: a long weekend is none.
	DriftDays int `yaml:"drift_days"`
	// AlarmsPerWeek is the budget of false alarms per endpoint and week from which thresholds are derived. Default 0.1.
	AlarmsPerWeek float64 `yaml:"alarms_per_week"`
	// Budgets are budgets of their own for single detectors by name, of those that have one: see budgeted.
	Budgets map[string]float64 `yaml:"budgets"`
	// MinSpikeRequests is the least number of requests above the expected ones that makes a spike. Default 100.
	MinSpikeRequests int `yaml:"min_spike_requests"`
	// MinErrors is the least number of server errors in a bucket that makes an error burst. Default 15; client errors
	// need four times as many.
	MinErrors int `yaml:"min_errors"`
	// MinUserRequests is the least number of requests of a user in an hour that makes a spike. Default 300; a client
	// without an identity needs four times as many.
	MinUserRequests int `yaml:"min_user_requests"`
	// MinObjects is the least number of distinct objects that one user reads through one route in an hour that makes
	// an enumeration. Default 25; a client without an identity needs four times as many, in sequence.
	MinObjects int `yaml:"min_objects"`
	// MinDayObjects is the same for a day, which slow readers are judged by. Default 60.
	MinDayObjects int `yaml:"min_day_objects"`
	// MinRoutes is the least number of different routes that one user uses in a day or a week that makes breadth.
	// Default 20.
	MinRoutes int `yaml:"min_routes"`
	// MinRefused is the least number of refusals (status 401 or 403) in a row that make a success suspicious, and of users
	// that one client is refused as in a day that make credential stuffing. An endpoint needs twice as many refused users
	// in an hour for password spraying. Default 10.
	MinRefused int `yaml:"min_refused"`
	// MinUserMegabytes is the least volume of responses to one user in an hour that makes a data volume. Default 100.
	MinUserMegabytes int `yaml:"min_user_megabytes"`
	// MaxEntities bounds how many users and clients, and how many (user, route) pairs, are counted in an hour.
	// What comes on top is counted as overflow and not judged. Default 200000.
	MaxEntities int `yaml:"max_entities"`
}

// withDefaults returns c with the defaults filled in.
func (c Config) withDefaults() Config {
	text := func(v *string, d string) {
		if *v == "" {
			*v = d
		}
	}
	num := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	text(&c.Schedule, "17 3 * * *")
	text(&c.TimeZone, "UTC")
	if c.Jitter == 0 {
		c.Jitter = 5 * time.Minute
	}
	num(&c.WindowDays, 35)
	num(&c.MinDays, 3)
	num(&c.DriftDays, 5)
	if c.AlarmsPerWeek == 0 {
		c.AlarmsPerWeek = 0.1
	}
	if len(c.Budgets) == 0 {
		c.Budgets = nil // so that none at all is the same configuration
	}
	num(&c.MinSpikeRequests, 100)
	num(&c.MinErrors, 15)
	num(&c.MinUserRequests, 300)
	num(&c.MinObjects, 25)
	num(&c.MinDayObjects, 60)
	num(&c.MinRoutes, 20)
	num(&c.MinRefused, 10)
	num(&c.MinUserMegabytes, 100)
	num(&c.MaxEntities, 200_000)
	return c
}

// Validate reports every fault of c: the key, the value and what is accepted.
func (c Config) Validate() []error {
	c = c.withDefaults()
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	if _, err := ParseSchedule(c.Schedule, c.TimeZone); err != nil {
		faults = append(faults, err)
	}
	check(c.Jitter <= 6*time.Hour, "baseline.jitter: %s, want up to 6h", c.Jitter)
	check(c.WindowDays >= 1 && c.WindowDays <= 90, "baseline.window_days: %d, want 1 to 90", c.WindowDays)
	check(c.MinDays >= 1 && c.MinDays <= c.WindowDays, "baseline.min_days: %d, want 1 to window_days (%d)", c.MinDays, c.WindowDays)
	check(c.DriftDays >= 3 && c.DriftDays <= 28, "baseline.drift_days: %d, want 3 to 28", c.DriftDays)
	check(c.AlarmsPerWeek > 0 && c.AlarmsPerWeek <= 100, "baseline.alarms_per_week: %g, want more than 0, up to 100", c.AlarmsPerWeek)
	for _, name := range sortedStrings(c.Budgets) {
		n := c.Budgets[name]
		check(slices.Contains(budgeted, name), "baseline.budgets: %q, want one of %s", name, strings.Join(budgeted, ", "))
		check(n > 0 && n <= 100, "baseline.budgets.%s: %g, want more than 0, up to 100", name, n)
	}
	for _, k := range []struct {
		name  string
		value int
	}{
		{"min_spike_requests", c.MinSpikeRequests},
		{"min_errors", c.MinErrors},
		{"min_user_requests", c.MinUserRequests},
		{"min_objects", c.MinObjects},
		{"min_day_objects", c.MinDayObjects},
		{"min_routes", c.MinRoutes},
		{"min_refused", c.MinRefused},
		{"min_user_megabytes", c.MinUserMegabytes},
		{"max_entities", c.MaxEntities},
	} {
		check(k.value > 0, "baseline.%s: %d, want 1 or more", k.name, k.value)
	}
	return faults
}

// Zone returns the IANA zone of the hours that are learned.
func (c Config) Zone() string { return c.withDefaults().TimeZone }

// budgeted are the detectors whose thresholds come from a budget of false alarms. CredentialStuffing's is also that of
// PasswordSpraying and CoordinatedLogins: what is refused is learned for all three.
var budgeted = []string{EndpointTraffic, EndpointErrorBurst, EndpointLatency, ResponseSize, CredentialStuffing, CoordinatedClients}

// budget is the probability with which an ordinary hour of an endpoint may raise a detector's alarm.
func (c Config) budget(detector string) float64 {
	if n, ok := c.Budgets[detector]; ok {
		return n / hoursOfWeek
	}
	return c.AlarmsPerWeek / hoursOfWeek
}

// EndpointKey names an endpoint: one method of one route of one service. With Method and Route empty it names the
// service as a whole.
type EndpointKey struct {
	Service string `json:"service"`
	Method  string `json:"method,omitempty"`
	Route   string `json:"route,omitempty"`
}

// service returns the key of the service as a whole.
func (k EndpointKey) service() EndpointKey { return EndpointKey{Service: k.Service} }

// Whole reports whether k names a service as a whole.
func (k EndpointKey) Whole() bool { return k.Method == "" && k.Route == "" }

// String returns "METHOD route", or the service's name for a service as a whole.
func (k EndpointKey) String() string {
	if k.Whole() {
		return k.Service
	}
	return k.Method + " " + k.Route
}

// clone returns k with strings of its own.
func (k EndpointKey) clone() EndpointKey {
	return EndpointKey{strings.Clone(k.Service), strings.Clone(k.Method), strings.Clone(k.Route)}
}

func endpointOf(ev *event.Event) EndpointKey {
	return EndpointKey{Service: ev.Service, Method: ev.Method, Route: ev.Route}
}

// ActorKey names who acts: a user where the log has an identity, else the client's address.
type ActorKey struct {
	User  bool   `json:"user"`
	Value string `json:"value"`
}

// hourOf returns the number of whole hours since 1970 at t, negative before.
func hourOf(t time.Time) int64 { return floorDiv(t.Unix(), 3600) }

func hourTime(h int64) time.Time { return time.Unix(h*3600, 0).UTC() }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}
