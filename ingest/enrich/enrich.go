// Package enrich owns what is added to a parsed event and what is taken out of it. The Normalizer runs where the log is
// read, before anything is shipped or stored: it finds the real client and the identity, and replaces secrets. The
// Enricher runs in the server: geography, user agent family, route template.
//
// It must never let a credential through: identities made of secrets leave it as keyed hashes only, and event.Wire
// leaves it empty. It never refuses an event.
package enrich

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Config says who the client is, how users are known and what is secret. The zero value is usable.
type Config struct {
	// TrustedProxies are the addresses and prefixes of proxies in front of the gateway (a CDN, a load balancer) whose
	// X-Forwarded-For is believed. Private, loopback and link-local addresses are trusted as well.
	TrustedProxies []string `yaml:"trusted_proxies"`
	// DistrustPrivate takes that trust away: only TrustedProxies are believed.
	DistrustPrivate bool `yaml:"distrust_private"`

	// UserSources is the order in which a user is looked for, of field, log, jwt, basic, key. Default: that order.
	UserSources []string `yaml:"user_sources"`
	// UserField is a logged variable that holds the user ("http_x_user"), when the gateway logs one of its own.
	UserField string `yaml:"user_field"`
	// JWTField is a logged variable that holds a JWT, besides the Authorization header.
	JWTField string `yaml:"jwt_field"`
	// JWTClaims are the claims that name the user, the first that is there wins. Default: sub, client_id.
	JWTClaims []string `yaml:"jwt_claims"`
	// APIKeyParameters are query parameters that hold an API key. Default: api_key, apikey, api-key, x-api-key.
	APIKeyParameters []string `yaml:"api_key_parameters"`
	// SessionCookies are the cookies that hold a session, besides the usual ones (see docs/identity.md).
	SessionCookies []string `yaml:"session_cookies"`

	// SecretParameters are further parameters whose values are replaced, in queries, referers and elsewhere.
	SecretParameters []string `yaml:"secret_parameters"`
	// Pseudonymise names what is replaced by a reversible pseudonym: user, client_ip.
	Pseudonymise []string `yaml:"pseudonymise"`
}

// Sources of a user, for Config.UserSources.
const (
	SourceField = "field"
	SourceLog   = "log"
	SourceJWT   = "jwt"
	SourceBasic = "basic"
	SourceKey   = "key"
)

var (
	defaultSources   = []string{SourceField, SourceLog, SourceJWT, SourceBasic, SourceKey}
	defaultClaims    = []string{"sub", "client_id"}
	defaultKeyParams = []string{"api_key", "apikey", "api-key", "x-api-key"}
)

// Validate returns every fault of the configuration.
func (c Config) Validate() []error {
	var errs []error
	for _, p := range c.TrustedProxies {
		if _, err := parsePrefix(p); err != nil {
			errs = append(errs, fmt.Errorf("identity.trusted_proxies: %q: want an address or a prefix such as 203.0.113.0/24", p))
		}
	}
	for i, s := range c.UserSources {
		switch {
		case !slices.Contains(defaultSources, s):
			errs = append(errs, fmt.Errorf("identity.user_sources: %q: want one of %s", s, strings.Join(defaultSources, ", ")))
		case slices.Contains(c.UserSources[:i], s):
			errs = append(errs, fmt.Errorf("identity.user_sources: %q stands there twice", s))
		}
	}
	for _, list := range []struct {
		key    string
		values []string
	}{
		{"jwt_claims", c.JWTClaims},
		{"api_key_parameters", c.APIKeyParameters},
		{"session_cookies", c.SessionCookies},
		{"secret_parameters", c.SecretParameters},
	} {
		for _, v := range list.values {
			if foldName(v) == "" || len(v) > maxName {
				errs = append(errs, fmt.Errorf("identity.%s: %q: want a name of 1 to %d bytes with a letter or digit", list.key, v, maxName))
			}
		}
	}
	for _, p := range c.Pseudonymise {
		if p != "user" && p != "client_ip" {
			errs = append(errs, fmt.Errorf("identity.pseudonymise: %q: want user or client_ip", p))
		}
	}
	return errs
}

// WireFields returns the logged variables that parsers must keep in event.Wire.Fields for this configuration.
func (c Config) WireFields() []string {
	var names []string
	for _, f := range []string{c.UserField, c.JWTField} {
		if f != "" {
			names = append(names, f)
		}
	}
	return names
}

func parsePrefix(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), nil
}
