package decision

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
)

// Config is the `responses` section of the configuration. The zero value watches only: what the policies would do is shown
// and nobody is blocked.
type Config struct {
	// Mode is monitor (the default) or enforce. A person's own decisions count in either.
	Mode string `yaml:"mode"`
	// Policies say which incidents become decisions, the first that fits. Default: DefaultPolicies.
	Policies []Policy `yaml:"policies"`
	// MaxPerHour bounds the decisions that policies make within an hour. Default 60.
	MaxPerHour int `yaml:"max_per_hour"`
	// Allow lists addresses, ranges and users ("user:NAME") that nothing is ever done about.
	Allow []string `yaml:"allow"`
	// PrivateNetworks lets policies decide about loopback, link-local and private addresses too.
	PrivateNetworks bool `yaml:"private_networks"`
	// CheckFail says what /v1/check answers when a request names no client that it can read: open (the default) or closed.
	CheckFail string `yaml:"check_fail"`

	allowed []netip.Prefix
	users   map[string]bool
}

// Policy says what is done about incidents of a sort. Empty members select all.
type Policy struct {
	Name        string        `yaml:"name" json:"name"`
	Kinds       []string      `yaml:"kinds" json:"kinds,omitempty"`
	Detectors   []string      `yaml:"detectors" json:"detectors,omitempty"`
	Services    []string      `yaml:"services" json:"services,omitempty"`
	Entity      string        `yaml:"entity" json:"entity"`             // client_ip (the default) or user
	MinSeverity string        `yaml:"min_severity" json:"min_severity"` // default high
	MinScore    int           `yaml:"min_score" json:"min_score"`
	Type        Type          `yaml:"type" json:"type"`                 // default ban, of users freeze
	Duration    time.Duration `yaml:"duration" json:"duration"`         // of the first; default 4h
	MaxDuration time.Duration `yaml:"max_duration" json:"max_duration"` // each repetition doubles up to it; default 168h
}

// The modes and what a check does without a client.
const (
	ModeMonitor = "monitor"
	ModeEnforce = "enforce"
	FailOpen    = "open"
	FailClosed  = "closed"
)

const (
	defaultMaxPerHour  = 60
	defaultMaxDuration = 7 * 24 * time.Hour
	// recent is how far back an incident may have been seen to be decided about: imported history blocks nobody.
	recent = time.Hour
)

// DefaultPolicies ban clients of severe attacks and freeze users behind severe data access.
func DefaultPolicies() []Policy {
	return []Policy{
		{Name: "attacking clients", Kinds: []string{string(detect.KindCredential), string(detect.KindWebAttack), string(detect.KindDataAccess)}},
		{Name: "stolen identities", Kinds: []string{string(detect.KindDataAccess)}, Entity: string(detect.EntityUser), MinScore: 60, Duration: time.Hour},
	}
}

// Validate returns every fault of c with the key, the value and what is accepted.
func (c Config) Validate() (faults []error) {
	if c.Mode != "" && c.Mode != ModeMonitor && c.Mode != ModeEnforce {
		faults = append(faults, fmt.Errorf("responses.mode: %q: want monitor or enforce", c.Mode))
	}
	if c.MaxPerHour < 0 {
		faults = append(faults, fmt.Errorf("responses.max_per_hour: %d: want 0 (default %d) or more", c.MaxPerHour, defaultMaxPerHour))
	}
	if c.CheckFail != "" && c.CheckFail != FailOpen && c.CheckFail != FailClosed {
		faults = append(faults, fmt.Errorf("responses.check_fail: %q: want open or closed", c.CheckFail))
	}
	for i, a := range c.Allow {
		if _, _, err := parseAllowed(a); err != nil {
			faults = append(faults, fmt.Errorf("responses.allow[%d]: %q: want an address, a range or user:NAME", i, a))
		}
	}
	names := map[string]bool{}
	for i, p := range c.Policies {
		faults = append(faults, p.validate(fmt.Sprintf("responses.policies[%d]", i), names)...)
	}
	return faults
}

func (p Policy) validate(key string, names map[string]bool) (faults []error) {
	fault := func(member, format string, args ...any) {
		faults = append(faults, fmt.Errorf(key+"."+member+": "+format, args...))
	}
	if p.Name == "" || names[p.Name] {
		fault("name", "%q: want a name that no other policy has", p.Name)
	}
	names[p.Name] = true
	for _, k := range p.Kinds {
		if !slices.Contains(detect.Kinds(), detect.Kind(k)) {
			fault("kinds", "%q: want some of %v", k, detect.Kinds())
		}
	}
	entity := detect.EntityType(p.Entity)
	if entity != "" && entity != detect.EntityClient && entity != detect.EntityUser {
		fault("entity", "%q: want client_ip or user", p.Entity)
	}
	if p.MinSeverity != "" {
		if _, err := detect.ParseSeverity(p.MinSeverity); err != nil {
			fault("min_severity", "%w", err)
		}
	}
	if p.MinScore < 0 || p.MinScore > 100 {
		fault("min_score", "%d: want 0 to 100", p.MinScore)
	}
	if p.Type != "" && (!slices.Contains(Types(), p.Type) || (p.Type == Freeze) != (entity == detect.EntityUser)) {
		fault("type", "%q: want ban, captcha or throttle for clients, freeze for users", p.Type)
	}
	if p.Duration < 0 || p.Duration > MaxDuration || p.Duration > 0 && p.Duration < time.Second {
		fault("duration", "%s: want 1s to %s", p.Duration, MaxDuration)
	}
	if p.MaxDuration < 0 || p.MaxDuration > MaxDuration || p.MaxDuration > 0 && p.MaxDuration < p.Duration {
		fault("max_duration", "%s: want duration or more, up to %s", p.MaxDuration, MaxDuration)
	}
	return faults
}

func (c Config) withDefaults() Config {
	if c.Mode == "" {
		c.Mode = ModeMonitor
	}
	if c.MaxPerHour == 0 {
		c.MaxPerHour = defaultMaxPerHour
	}
	if c.CheckFail == "" {
		c.CheckFail = FailOpen
	}
	if c.Policies == nil {
		c.Policies = DefaultPolicies()
	}
	c.Policies = slices.Clone(c.Policies)
	for i := range c.Policies {
		c.Policies[i] = c.Policies[i].withDefaults()
	}
	c.users = map[string]bool{}
	for _, a := range c.Allow {
		p, user, err := parseAllowed(a)
		switch {
		case err != nil: // Validate told of it
		case user != "":
			c.users[user] = true
		default:
			c.allowed = append(c.allowed, p)
		}
	}
	return c
}

func (p Policy) withDefaults() Policy {
	if p.Entity == "" {
		p.Entity = string(detect.EntityClient)
	}
	if p.MinSeverity == "" {
		p.MinSeverity = detect.High.String()
	}
	if p.Type == "" {
		p.Type = Ban
		if p.Entity == string(detect.EntityUser) {
			p.Type = Freeze
		}
	}
	if p.Duration == 0 {
		p.Duration = DefaultDuration
	}
	if p.MaxDuration == 0 {
		p.MaxDuration = max(defaultMaxDuration, p.Duration)
	}
	return p
}

func parseAllowed(text string) (p netip.Prefix, user string, err error) {
	if name, ok := strings.CutPrefix(text, "user:"); ok && name != "" {
		return p, name, nil
	}
	if p, err = netip.ParsePrefix(text); err == nil {
		return p.Masked(), "", nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return p, "", err
	}
	return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), "", nil
}

// protects returns which entry of the configuration covers any of p, or the user.
func (c *Config) protects(p netip.Prefix, user string) string {
	if user != "" && c.users[user] {
		return "responses.allow user:" + user
	}
	for _, a := range c.allowed {
		if p.IsValid() && a.Overlaps(p) {
			return "responses.allow " + a.String()
		}
	}
	return ""
}

// fits reports whether the policy is for the incident.
func (p *Policy) fits(inc *incident.Incident) bool {
	least, err := detect.ParseSeverity(p.MinSeverity)
	switch {
	case err != nil, inc.Severity < least, inc.Score < p.MinScore, string(inc.Entity.Type) != p.Entity,
		len(p.Kinds) > 0 && !slices.Contains(p.Kinds, string(inc.Kind)),
		len(p.Services) > 0 && !slices.ContainsFunc(inc.Services, func(s string) bool { return slices.Contains(p.Services, s) }),
		len(p.Detectors) > 0 && !slices.ContainsFunc(inc.Signals, func(s incident.Signal) bool { return slices.Contains(p.Detectors, s.Detector) }):
		return false
	}
	return true
}

// Policies returns the policies in force, the mode, and how many decisions they may make now before the brake holds.
func (b *Book) Policies() (list []Policy, mode string, left int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return slices.Clone(b.opts.Policies), b.opts.Mode, max(0, b.opts.MaxPerHour-b.madeWithin(b.now().Add(-time.Hour)))
}

// CheckFails returns FailOpen or FailClosed.
func (b *Book) CheckFails() string { return b.opts.CheckFail }

// madeWithin counts the policies' decisions since a moment. The caller holds mu or write.
func (b *Book) madeWithin(since time.Time) int {
	n := 0
	for _, e := range b.byID {
		if e.Origin == OriginPolicy && e.CreatedAt.After(since) {
			n++
		}
	}
	return n
}

// Consider makes the decision that the policies call for about an incident, if they call for one. It makes none when the
// incident is closed, suppressed or not recent, its actor is protected or under one already, somebody undid one of this
// incident before, or the brake holds. In monitor mode the decision is simulated: shown, never served.
func (b *Book) Consider(ctx context.Context, inc *incident.Incident) (Decision, bool, error) {
	now := b.now().UTC()
	if inc.Status.Terminal() || inc.SuppressedBy != "" || inc.LastSeen.Before(now.Add(-recent)) {
		return Decision{}, false, nil
	}
	i := slices.IndexFunc(b.opts.Policies, func(p Policy) bool { return p.fits(inc) })
	if i < 0 {
		return Decision{}, false, nil
	}
	p := b.opts.Policies[i]
	scope, value, err := ParseValue(string(scopeOf(inc.Entity)), inc.Entity.Value)
	if err != nil || scope == "" {
		return Decision{}, false, nil //nolint:nilerr // an entity that is no address or user is nothing to decide about
	}
	d := Decision{
		Origin: OriginPolicy, Type: p.Type, Scope: scope, Value: value, Scenario: inc.Detector,
		Simulated: b.opts.Mode != ModeEnforce, CreatedAt: now, Author: "policy " + p.Name, Policy: p.Name, Incident: inc.ID, Reason: inc.Title,
		Services: inc.Services,
	}
	b.write.Lock()
	defer b.write.Unlock()
	why := b.holds(&d, inc, now)
	if why != "" {
		b.metrics.held.WithLabelValues(why).Inc()
		return Decision{}, false, nil
	}
	d.Until = now.Add(p.lasting(b.repeats(&d)))
	d, err = b.add(ctx, d)
	return d, err == nil, err
}

// holds returns the word for what speaks against a decision, "" when nothing does. The caller holds write.
func (b *Book) holds(d *Decision, inc *incident.Incident, now time.Time) string {
	if prefix, ok := d.Prefix(); ok && !b.opts.PrivateNetworks {
		if a := prefix.Addr(); a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast() {
			return "private"
		}
	}
	if b.protector(d, now) != "" {
		return "allowlist"
	}
	for _, e := range b.byID {
		if e.Active(now) && e.Scope == d.Scope && e.Value == d.Value && (!e.Simulated || d.Simulated) {
			return "decided"
		}
		if e.Incident != inc.ID || e.Simulated && !d.Simulated {
			continue
		}
		if !e.EndedAt.IsZero() {
			return "undone"
		}
		if !inc.LastSeen.After(e.Until) {
			return "decided"
		}
	}
	if b.madeWithin(now.Add(-time.Hour)) >= b.opts.MaxPerHour {
		b.log.Warn("the brake holds: policies made as many decisions within the hour as they may", "max_per_hour", b.opts.MaxPerHour, "incident", inc.ID)
		return "brake"
	}
	return ""
}

// repeats counts the earlier decisions about the same value that nobody undid. The caller holds write.
func (b *Book) repeats(d *Decision) int {
	n := 0
	for _, e := range b.byID {
		if e.Origin == OriginPolicy && e.Scope == d.Scope && e.Value == d.Value && e.EndedAt.IsZero() && e.Simulated == d.Simulated {
			n++
		}
	}
	return n
}

// lasting doubles the policy's duration with every repetition, up to its longest.
func (p *Policy) lasting(repeats int) time.Duration {
	length := p.Duration
	for range repeats {
		if length >= p.MaxDuration/2 {
			return p.MaxDuration
		}
		length *= 2
	}
	return length
}
