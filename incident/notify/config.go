// Package notify tells people and machines of incidents: it derives what is to be told from the incidents' changes, keeps
// it in a durable outbox, gathers it into messages, and sees each message delivered or given up for all to see.
//
// Nothing is lost and everything keeps its key through a kill at any moment. A change of an incident becomes an entry of the
// outbox whose id follows from channel, incident and version alone; how far a channel has looked is stored behind the entries,
// so what was not written is derived again. Which entries make a message, under which id, is stored before it is sent, and
// that it arrived after: a message may arrive twice, under one id.
//
// Each channel works for itself, with its own place in the stream of changes: one that is away holds up no other. It
// imports incident and detect; what lasts goes through Repository, what leaves the machine through incident/notify/send.
package notify

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident/notify/send"
)

// Config is the `notifications` section of the configuration. The zero value tells nobody.
type Config struct {
	// ConsoleURL is where people open the console, for links; empty: messages have none.
	ConsoleURL string `yaml:"console_url"`
	// Channels are the places that are told.
	Channels []Channel `yaml:"channels"`
}

// Channel is one place, what it is told of, and when.
type Channel struct {
	Name        string `yaml:"name"` // of letters, digits, dots, dashes and underscores; stays the same, as the outbox goes by it
	send.Target `yaml:",inline"`

	// Routes say which incidents; any that fits will do. Default: all of medium severity and more.
	Routes []Route `yaml:"routes"`
	// Changes say what of an incident is told; see send.Kinds. Default: all but assigned, and for people not acknowledged.
	Changes []string `yaml:"changes"`
	// Wait is how long what is to be told waits for more to be told with it. Default 30s for people, 10s for alerting and
	// webhooks, 1s for syslog.
	Wait time.Duration `yaml:"wait"`
	// Interval is the time from one message to the next at least. Default 5m for people, 1m for alerting and webhooks, 1s
	// for syslog.
	Interval time.Duration `yaml:"interval"`
	// GiveUp is how long a message that cannot be delivered is tried. Default 24h.
	GiveUp time.Duration `yaml:"give_up"`
	// Quiet are the times at which nothing is sent; it waits.
	Quiet []Quiet `yaml:"quiet"`
	// QuietPass is the severity that is sent even then: low to critical, or none. Default critical.
	QuietPass string `yaml:"quiet_pass"`
}

// Route selects incidents. Empty members select all; the values of one member are alternatives.
type Route struct {
	MinSeverity string   `yaml:"min_severity"` // low, medium, high or critical; default medium
	MinScore    int      `yaml:"min_score"`
	Kinds       []string `yaml:"kinds"`
	Detectors   []string `yaml:"detectors"`
	Services    []string `yaml:"services"`
	Outcomes    []string `yaml:"outcomes"` // refused, failed, unclear, likely_succeeded
	Entities    []string `yaml:"entities"` // client_ip, user, session, endpoint, service
}

const (
	maxName         = 40
	passNone        = "none"
	defaultGiveUp   = 24 * time.Hour
	maxGiveUp       = 30 * 24 * time.Hour
	maxWait         = 24 * time.Hour
	defaultSeverity = detect.Medium
)

// pace is what a type of channel does by default.
type pace struct{ wait, interval time.Duration }

var paces = map[string]pace{
	"slack": {30 * time.Second, 5 * time.Minute}, "teams": {30 * time.Second, 5 * time.Minute}, "email": {30 * time.Second, 5 * time.Minute},
	"webhook": {10 * time.Second, time.Minute}, "pagerduty": {10 * time.Second, time.Minute}, "opsgenie": {10 * time.Second, time.Minute},
	"syslog": {time.Second, time.Second},
}

// forPeople are the types that are not told of acknowledgements by default: who reads there is among those who make them.
var forPeople = map[string]bool{"slack": true, "teams": true, "email": true}

// Validate returns every fault of c with the key, the value and what is accepted. Secrets are not quoted.
func (c Config) Validate() (faults []error) {
	if c.ConsoleURL != "" {
		if u, err := url.Parse(c.ConsoleURL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			faults = append(faults, fmt.Errorf("notifications.console_url: %q: want a URL such as https://gatewatch.example.com", c.ConsoleURL))
		}
	}
	names := map[string]bool{}
	for i, ch := range c.Channels {
		key := fmt.Sprintf("notifications.channels[%d]", i)
		if !plainWord(ch.Name) || names[ch.Name] {
			faults = append(faults, fmt.Errorf("%s.name: %q: want letters, digits, dots, dashes and underscores, and a name that no other channel has", key, ch.Name))
		}
		names[ch.Name] = true
		faults = append(faults, ch.validate(key)...)
	}
	return faults
}

func (c Channel) validate(key string) (faults []error) {
	fault := func(member, format string, args ...any) {
		faults = append(faults, fmt.Errorf(key+"."+member+": "+format, args...))
	}
	faults = append(faults, c.Target.Validate(key)...)
	for _, k := range c.Changes {
		if !slices.Contains(send.Kinds(), send.Kind(k)) {
			fault("changes", "%q: want some of %v", k, send.Kinds())
		}
	}
	if c.Wait < 0 || c.Wait > maxWait {
		fault("wait", "%s: want 0 (the type's default) to %s", c.Wait, maxWait)
	}
	if c.Interval < 0 || c.Interval > maxWait {
		fault("interval", "%s: want 0 (the type's default) to %s", c.Interval, maxWait)
	}
	if c.GiveUp < 0 || c.GiveUp > maxGiveUp {
		fault("give_up", "%s: want 0 (default %s) to %s", c.GiveUp, defaultGiveUp, maxGiveUp)
	}
	if _, err := parsePass(c.QuietPass); err != nil {
		fault("quiet_pass", "%q: want low, medium, high, critical or none", c.QuietPass)
	}
	for i, r := range c.Routes {
		faults = append(faults, r.validate(fmt.Sprintf("%s.routes[%d]", key, i))...)
	}
	for i, q := range c.Quiet {
		if _, err := q.parse(); err != nil {
			faults = append(faults, fmt.Errorf("%s.quiet[%d].%w", key, i, err))
		}
	}
	return faults
}

func (r Route) validate(key string) (faults []error) {
	fault := func(member, format string, args ...any) {
		faults = append(faults, fmt.Errorf(key+"."+member+": "+format, args...))
	}
	if r.MinSeverity != "" {
		if _, err := detect.ParseSeverity(r.MinSeverity); err != nil {
			fault("min_severity", "%w", err)
		}
	}
	if r.MinScore < 0 || r.MinScore > 100 {
		fault("min_score", "%d: want 0 to 100", r.MinScore)
	}
	for _, k := range r.Kinds {
		if !slices.Contains(detect.Kinds(), detect.Kind(k)) {
			fault("kinds", "%q: want some of %v", k, detect.Kinds())
		}
	}
	for _, o := range r.Outcomes {
		if _, err := detect.ParseVerdict(o); err != nil {
			fault("outcomes", "%w", err)
		}
	}
	for _, e := range r.Entities {
		if !slices.Contains(entityTypes, detect.EntityType(e)) {
			fault("entities", "%q: want some of %v", e, entityTypes)
		}
	}
	return faults
}

var entityTypes = []detect.EntityType{detect.EntityClient, detect.EntityUser, detect.EntitySession, detect.EntityEndpoint, detect.EntityService}

func (c Channel) withDefaults() Channel {
	p := paces[c.Type]
	if c.Wait == 0 {
		c.Wait = p.wait
	}
	if c.Interval == 0 {
		c.Interval = p.interval
	}
	if c.GiveUp == 0 {
		c.GiveUp = defaultGiveUp
	}
	if len(c.Routes) == 0 {
		c.Routes = []Route{{}}
	}
	if len(c.Changes) == 0 {
		for _, k := range send.Kinds() {
			if k != send.Assigned && (k != send.Acknowledged || !forPeople[c.Type]) {
				c.Changes = append(c.Changes, string(k))
			}
		}
	}
	return c
}

// parsePass reads the least severity that passes quiet times; 0 when none does.
func parsePass(word string) (detect.Severity, error) {
	switch word {
	case "":
		return detect.Critical, nil
	case passNone:
		return 0, nil
	}
	return detect.ParseSeverity(word)
}

// plainWord accepts letters, digits, dots, dashes and underscores.
func plainWord(s string) bool {
	return s != "" && len(s) <= maxName && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	})
}
