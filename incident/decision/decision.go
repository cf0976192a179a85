// Package decision turns incidents into decisions (ban, captcha, throttle, freeze) as the owner's policies say, keeps
// them, and answers who is under one: to bouncers that pull lists and to gateways that ask for every request.
//
// It owns the decisions' state in memory, with every change in the store before it counts. It knows neither HTTP nor SQL.
package decision

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident"
)

// Type is what is to be done.
type Type string

// The types. Bouncers know ban and captcha and treat others as their configuration says.
const (
	Ban      Type = "ban"
	Captcha  Type = "captcha"
	Throttle Type = "throttle"
	Freeze   Type = "freeze" // of a user: the identity is refused wherever it comes from
)

// Types lists all types.
func Types() []Type { return []Type{Ban, Captcha, Throttle, Freeze} }

// Scope is what a decision's value is, as CrowdSec writes it.
type Scope string

// The scopes.
const (
	ScopeIP    Scope = "Ip"
	ScopeRange Scope = "Range"
	ScopeUser  Scope = "User"
)

// The origins.
const (
	OriginPolicy = "gatewatch" // a policy made it out of an incident
	OriginManual = "manual"    // a person made it
)

// Decision says that something is done about a value until a moment. The first eight members are those of CrowdSec's
// contract (models.Decision of its local API); bouncers pass over the others.
//
// A decision that the Book hands out is a copy.
type Decision struct {
	ID        uint64 `json:"id"`
	UUID      string `json:"uuid"`
	Origin    string `json:"origin"`
	Type      Type   `json:"type"`
	Scope     Scope  `json:"scope"`
	Value     string `json:"value"`
	Scenario  string `json:"scenario"` // the incident's leading detector, or a person's reason
	Simulated bool   `json:"simulated,omitempty"`

	Until     time.Time `json:"until"`
	CreatedAt time.Time `json:"created_at"`
	Author    string    `json:"author"`
	Policy    string    `json:"policy,omitempty"`
	Incident  string    `json:"incident,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	// Services are those that the incident was about; none for what a person decided.
	Services []string `json:"services,omitempty"`

	// Refused counts the requests that /v1/check refused for it since the server started.
	Refused uint64 `json:"refused,omitempty"`

	EndedAt  time.Time `json:"ended_at,omitzero"` // undone before Until
	EndedBy  string    `json:"ended_by,omitempty"`
	EndedWhy string    `json:"ended_why,omitempty"`
}

// Within returns what somebody who sees some services alone may see of the decision, and whether that is anything. One out of
// an incident over further services says no more than whom it stops and until when; one out of no incident counts
// everywhere and is seen by all.
func (d Decision) Within(services event.Services) (Decision, bool) {
	if d.Incident == "" || services.CoversAll(d.Services) {
		return d, true
	}
	covered := services.Of(d.Services)
	if len(covered) == 0 {
		return Decision{}, false
	}
	d.Services, d.Scenario, d.Reason, d.EndedWhy = covered, "incident", "", ""
	return d, true
}

// end is when it stops to count: Until, or earlier when it was undone.
func (d *Decision) end() time.Time {
	if !d.EndedAt.IsZero() && d.EndedAt.Before(d.Until) {
		return d.EndedAt
	}
	return d.Until
}

// Active reports whether it counts at now.
func (d *Decision) Active(now time.Time) bool { return now.Before(d.end()) }

// wire is a decision on its way to clients: with the time that is left.
type wire struct {
	Duration string `json:"duration"` // a Go duration in whole seconds; negative once it is over
	Decision
}

// Wire returns the JSON form of decisions at now. An empty list is [].
func Wire(list []Decision, now time.Time) ([]byte, error) {
	out := make([]wire, len(list))
	for i, d := range list {
		out[i] = wire{Duration: durationOf(d.end().Sub(now)), Decision: d}
	}
	return json.Marshal(out)
}

// durationOf words what is left in whole seconds: what still counts has at least one.
func durationOf(left time.Duration) string {
	whole := left.Truncate(time.Second)
	if left > 0 && whole < left {
		whole += time.Second
	}
	return whole.String()
}

// New is what a person makes a decision of. Scope may be left out for addresses and ranges.
type New struct {
	Type     Type   `json:"type,omitempty"` // default ban, of users freeze
	Scope    string `json:"scope,omitempty"`
	Value    string `json:"value"`
	Duration string `json:"duration,omitempty"` // a Go duration, default 4h
	Reason   string `json:"reason,omitempty"`
	Incident string `json:"incident,omitempty"`

	Services []string `json:"-"` // of the incident
}

// The bounds of a decision's time.
const (
	DefaultDuration = 4 * time.Hour
	MaxDuration     = 10 * 365 * 24 * time.Hour
)

const (
	maxReason = 1000
	maxUser   = 500
)

// Errors.
var (
	// ErrNotFound says that there is no decision of that id.
	ErrNotFound = errors.New("no such decision")
)

// ProtectedError says that an allowlist covers the value.
type ProtectedError struct {
	Value string
	By    string // what covers it
}

// Error names the entry.
func (e *ProtectedError) Error() string {
	return fmt.Sprintf("%s is protected by %s; allowlists win", e.Value, e.By)
}

func invalid(field, format string, args ...any) error {
	return &incident.InvalidError{Field: field, Detail: fmt.Sprintf(format, args...)}
}

// decision checks n and fills in what it leaves open. Errors are *incident.InvalidError.
func (n New) decision(now time.Time) (Decision, error) {
	d := Decision{Type: n.Type, CreatedAt: now, Incident: n.Incident, Reason: n.Reason, Services: n.Services}
	var err error
	if d.Scope, d.Value, err = ParseValue(n.Scope, n.Value); err != nil {
		return d, err
	}
	switch {
	case d.Type == "" && d.Scope == ScopeUser:
		d.Type = Freeze
	case d.Type == "":
		d.Type = Ban
	case !slices.Contains(Types(), d.Type):
		return d, invalid("type", "%q: want ban, captcha, throttle or freeze", d.Type)
	case (d.Type == Freeze) != (d.Scope == ScopeUser):
		return d, invalid("type", "freeze is for users, the others are for addresses and ranges")
	}
	length := DefaultDuration
	if n.Duration != "" {
		if length, err = time.ParseDuration(n.Duration); err != nil || length < time.Second || length > MaxDuration {
			return d, invalid("duration", "%.40q: want a duration of 1s to %s like 4h or 30m", n.Duration, MaxDuration)
		}
	}
	d.Until = now.Add(length)
	if len(n.Reason) > maxReason || !plain(n.Reason) {
		return d, invalid("reason", "want at most %d bytes of text without control characters", maxReason)
	}
	if n.Incident != "" && (len(n.Incident) > 64 || !strings.HasPrefix(n.Incident, "inc_") || !plain(n.Incident)) {
		return d, invalid("incident", "want an incident's id like inc_0a1b2c3d4e5f60718293")
	}
	return d, nil
}

func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// ParseValue reads a scope (empty: what the value looks like) with its value, in the one form that the Book knows: an
// address without its IPv4-in-IPv6 form, a masked range. A range of one address is an address.
func ParseValue(scope, value string) (Scope, string, error) {
	switch strings.ToLower(scope) {
	case "user", "username":
		if value == "" || len(value) > maxUser || !plain(value) {
			return "", "", invalid("value", "want a user's name of 1 to %d bytes", maxUser)
		}
		return ScopeUser, value, nil
	case "", "ip", "range":
	default:
		return "", "", invalid("scope", "%.40q: want ip, range or user", scope)
	}
	if p, err := netip.ParsePrefix(value); err == nil && !strings.EqualFold(scope, "ip") {
		if p.Addr().Is4In6() {
			return "", "", invalid("value", "%q: write the range as IPv4", value)
		}
		if p.IsSingleIP() {
			return ScopeIP, p.Addr().String(), nil
		}
		if p.Bits() < 8 {
			return "", "", invalid("value", "%q: want a range of /8 or smaller", value)
		}
		return ScopeRange, p.Masked().String(), nil
	}
	a, err := netip.ParseAddr(value)
	if err != nil || a.Zone() != "" || strings.EqualFold(scope, "range") {
		return "", "", invalid("value", "%.60q: want an address like 203.0.113.9 or a range like 203.0.113.0/24", value)
	}
	return ScopeIP, a.Unmap().String(), nil
}

// Prefix returns the addresses that a decision of scope Ip or Range covers.
func (d *Decision) Prefix() (netip.Prefix, bool) {
	switch d.Scope {
	case ScopeIP:
		if a, err := netip.ParseAddr(d.Value); err == nil {
			return netip.PrefixFrom(a, a.BitLen()), true
		}
	case ScopeRange:
		if p, err := netip.ParsePrefix(d.Value); err == nil {
			return p, true
		}
	}
	return netip.Prefix{}, false
}

// scopeOf returns the scope that an entity's decisions have; "" for entities that nothing can be done about.
func scopeOf(e detect.Entity) Scope {
	switch e.Type {
	case detect.EntityClient:
		return ScopeIP
	case detect.EntityUser:
		return ScopeUser
	}
	return ""
}
