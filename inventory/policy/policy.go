// Package policy holds endpoints to what their owner demands of them: the least TLS version, credentials, a rate. What
// the logs show against a policy becomes a finding, once an episode.
//
// A policy judges events by their own time, from its From on, so that a replay judges the same. Assess holds policies
// against the inventory's counts and says where a log lacks the fields that a policy needs.
package policy

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/inventory"
)

// The detectors' ids: one for each thing that a policy can demand.
const (
	TLS   = "policy-tls"
	Auth  = "policy-auth"
	Rates = "policy-rate"
)

// Infos describes the detectors.
func Infos() []detect.Info {
	return []detect.Info{
		{
			ID: TLS, Title: "Endpoint answers over weak TLS", Kind: detect.KindExposure, Severity: detect.High,
			Description: "An endpoint answers with success over an older TLS version than its policy allows, or without encryption.",
			Needs:       []string{"time", "method", "route", "status", "tls_version"},
			OWASP:       []string{"API8:2023"}, MITRE: []string{"T1557", "T1040"},
		},
		{
			ID: Auth, Title: "Endpoint answers without the credentials that its policy demands", Kind: detect.KindExposure, Severity: detect.High,
			Description: "An endpoint answers with success to a request without a user, session or authentication, against its policy. Only of services whose log has shown credentials.",
			Needs:       []string{"time", "method", "route", "status", "user"},
			OWASP:       []string{"API2:2023"}, MITRE: []string{"T1190"},
		},
		{
			ID: Rates, Title: "More requests than the policy allows", Kind: detect.KindAbuse, Severity: detect.Medium,
			Description: "A client, a user or an endpoint as a whole has more requests in a minute, or whatever its policy counts by, than the policy allows.",
			Needs:       []string{"time", "method", "route"},
			OWASP:       []string{"API4:2023"}, MITRE: []string{"T1499.002"},
		},
	}
}

func infoOf(id string) detect.Info {
	for _, i := range Infos() {
		if i.ID == id {
			return i
		}
	}
	panic("policy: no detector " + id) // the ids are constants of this package
}

// Rate bounds the requests in every interval of Per: intervals that begin at its whole multiples, 12:00:00, 12:01:00.
type Rate struct {
	Requests uint64 `json:"requests"`
	Per      string `json:"per"` // "1s" to "1h", a divisor of an hour
	By       By     `json:"by"`
}

// By says whose requests a rate counts.
type By string

// Each client's, each user's, or all of an endpoint.
const (
	ByClient   By = "client_ip"
	ByUser     By = "user"
	ByEndpoint By = "endpoint"
)

// New is what a person demands, and of which endpoints. All members of the selection that are given must hold.
type New struct {
	Service string `json:"service,omitempty"`
	Method  string `json:"method,omitempty"`
	Route   string `json:"route,omitempty"` // the template, or its beginning and a star

	MinTLS string `json:"min_tls,omitempty"` // "1.2"
	Auth   bool   `json:"auth,omitempty"`    // credentials are required
	Rate   *Rate  `json:"rate,omitempty"`

	Severity detect.Severity `json:"severity,omitempty"` // of its findings; absent: the detector's
	From     time.Time       `json:"from,omitzero"`      // of event time; absent: now
	Reason   string          `json:"reason,omitempty"`
}

// Policy is one with who made it.
type Policy struct {
	ID string `json:"id"`
	New
	Author    string    `json:"author"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	EndedAt   time.Time `json:"ended_at,omitzero"` // it judges nothing from then on
	EndedBy   string    `json:"ended_by,omitempty"`
	Version   uint64    `json:"version"`
}

// ErrNotFound says that there is no policy of that id.
var ErrNotFound = errors.New("no such policy")

func invalid(field, format string, args ...any) error {
	return &incident.InvalidError{Field: field, Detail: fmt.Sprintf(format, args...)}
}

const (
	maxText = 500
	maxRate = 1_000_000_000
)

// check reads n. Errors are *incident.InvalidError.
func (n *New) check() error {
	for _, f := range []struct{ field, text string }{{"service", n.Service}, {"method", n.Method}, {"route", n.Route}, {"reason", n.Reason}} {
		if len(f.text) > maxText || !utf8.ValidString(f.text) || strings.ContainsFunc(f.text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return invalid(f.field, "want at most %d bytes of text without control characters", maxText)
		}
	}
	switch {
	case n.MinTLS == "" && !n.Auth && n.Rate == nil:
		return invalid("min_tls", "want at least one of min_tls, auth, rate")
	case n.Route != "" && !strings.HasPrefix(n.Route, "/"):
		return invalid("route", "want a template that begins with /, or its beginning and a star")
	case n.Method != strings.ToUpper(n.Method):
		return invalid("method", "want a method in capitals, such as GET")
	}
	if n.MinTLS != "" && (version(n.MinTLS) < tls10 || version(n.MinTLS) > tls13 || n.MinTLS[0] != '1' || len(n.MinTLS) != 3) {
		return invalid("min_tls", "%.20q: want 1.0, 1.1, 1.2 or 1.3", n.MinTLS)
	}
	if n.Rate == nil {
		return nil
	}
	per, err := time.ParseDuration(n.Rate.Per)
	switch {
	case n.Rate.Requests < 1 || n.Rate.Requests > maxRate:
		return invalid("rate.requests", "%d: want 1 to %d", n.Rate.Requests, maxRate)
	case err != nil || per < time.Second || per > time.Hour || time.Hour%per != 0:
		return invalid("rate.per", "%.20q: want a duration of 1s to 1h that divides an hour, such as 1m", n.Rate.Per)
	case n.Rate.By != ByClient && n.Rate.By != ByUser && n.Rate.By != ByEndpoint:
		return invalid("rate.by", "%.20q: want client_ip, user or endpoint", n.Rate.By)
	}
	return nil
}

// selects reports whether the policy is about an endpoint.
func (n *New) selects(k inventory.Key) bool {
	return (n.Service == "" || n.Service == k.Service) && (n.Method == "" || n.Method == k.Method) &&
		(n.Route == "" || inventory.MatchRoute(n.Route, k.Route))
}

// judges reports whether the policy counts at t, in event time.
func (p *Policy) judges(t time.Time) bool {
	return !t.Before(p.From) && (p.EndedAt.IsZero() || t.Before(p.EndedAt))
}

// The TLS versions in order.
const (
	noTLS = iota // unencrypted
	sslOld
	tls10
	tls11
	tls12
	tls13
)

// unknownTLS is a version that nobody can rank; it violates nothing.
const unknownTLS = 99

// version ranks the name of a TLS version as logs write it: TLSv1.2, 1.2, TLS1.2, TLSv1, SSLv3.
func version(name string) int {
	s := strings.ToLower(strings.TrimSpace(name))
	if s == "http" {
		return noTLS
	}
	if strings.HasPrefix(s, "ssl") {
		return sslOld
	}
	s = strings.TrimLeft(strings.TrimPrefix(s, "tls"), " v_-")
	switch strings.ReplaceAll(s, "_", ".") {
	case "1", "1.0":
		return tls10
	case "1.1":
		return tls11
	case "1.2":
		return tls12
	case "1.3":
		return tls13
	}
	return unknownTLS
}
