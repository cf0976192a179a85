package enrich

import (
	"errors"
	"fmt"
	"hash/maphash"
	"net/netip"
	"strings"
	"sync"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/ingest/recent"
)

// Pseudonyms replaces identities by pseudonyms that the key's owner can reverse. It must be deterministic.
type Pseudonyms interface {
	User(user string) string
	ClientIP(addr netip.Addr) netip.Addr
}

// NormalizerOptions are what a Normalizer needs beside its configuration.
type NormalizerOptions struct {
	// Key is the installation's secret under which API keys and sessions are hashed: all agents and servers of an
	// installation share it, so that a session has one name. Empty: the hashes can be guessed by trying; that is for
	// one-shot reports that store nothing.
	Key []byte
	// Pseudonyms is needed when the configuration asks for pseudonyms.
	Pseudonyms Pseudonyms
	// Watch is told every client address. Nil: nobody watches.
	Watch *LoadBalancerWatch
}

// Normalizer makes a parsed event fit to leave the machine: the real client, the identity, no secrets. It is safe for
// concurrent use.
type Normalizer struct {
	cfg     Config
	opts    NormalizerOptions
	proxies proxies
	redact  redactor
	sources []string
	claims  []string
	keys    map[string]bool // folded names of query parameters with an API key
	cookies map[string]bool
	hash    *keyedHash
	tokens  tokenCache

	hideUser, hideClient bool
}

// NewNormalizer returns a Normalizer, or every fault of the configuration joined.
func NewNormalizer(cfg Config, opts NormalizerOptions) (*Normalizer, error) {
	if errs := cfg.Validate(); len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if len(cfg.Pseudonymise) > 0 && opts.Pseudonyms == nil {
		return nil, fmt.Errorf("identity.pseudonymise: %s: no pseudonym key is set", strings.Join(cfg.Pseudonymise, ", "))
	}
	n := &Normalizer{
		cfg: cfg, opts: opts, sources: orDefault(cfg.UserSources, defaultSources), claims: orDefault(cfg.JWTClaims, defaultClaims),
		proxies: proxies{private: !cfg.DistrustPrivate}, redact: redactor{names: newSecretNames(cfg.SecretParameters)},
		keys: make(map[string]bool), cookies: make(map[string]bool), hash: newKeyedHash(opts.Key),
	}
	for _, p := range cfg.TrustedProxies {
		prefix, err := parsePrefix(p)
		if err != nil {
			return nil, err
		}
		n.proxies.prefixes = append(n.proxies.prefixes, prefix)
	}
	for _, name := range orDefault(cfg.APIKeyParameters, defaultKeyParams) {
		n.keys[foldName(name)] = true
		n.redact.names.exact[foldName(name)] = secret
	}
	for _, name := range append(usualCookies[:len(usualCookies):len(usualCookies)], cfg.SessionCookies...) {
		n.cookies[strings.ToLower(name)] = true
	}
	for _, what := range cfg.Pseudonymise {
		n.hideUser = n.hideUser || what == "user"
		n.hideClient = n.hideClient || what == "client_ip"
	}
	n.tokens.init()
	return n, nil
}

func orDefault(list, def []string) []string {
	if len(list) == 0 {
		return def
	}
	return list
}

// Normalize completes and cleans ev in place. Strings that hold no secret keep aliasing what they aliased.
func (n *Normalizer) Normalize(ev *event.Event) {
	ev.ClientIP = n.proxies.client(ev)
	n.opts.Watch.observe(ev.Source, ev.ClientIP)

	query := ev.Query
	ev.Query = n.redact.all(ev.Query, inQuery)
	var found secrets
	if ev.Query != query {
		found = n.inQuery(query)
	}
	n.identify(ev, found)
	ev.Path = n.redact.all(ev.Path, inPath)
	ev.Referer = n.redact.all(ev.Referer, inQuery)
	ev.UserAgent = n.redact.all(ev.UserAgent, inText)
	ev.RequestLine = n.redact.all(ev.RequestLine, inLine)
	ev.Upstream = n.redact.all(ev.Upstream, inQuery)
	if i := strings.LastIndexByte(ev.Host, '@'); i >= 0 {
		ev.Host = ev.Host[i+1:]
	}
	ev.RequestID = redactJWT(ev.RequestID)
	if n.hideUser && ev.User != "" {
		ev.User = n.opts.Pseudonyms.User(ev.User)
	}
	if n.hideClient && ev.ClientIP.IsValid() {
		ev.ClientIP = n.opts.Pseudonyms.ClientIP(ev.ClientIP)
	}
	ev.Wire = event.Wire{}
}

// RedactLine replaces the secrets in a line that did not parse.
func (n *Normalizer) RedactLine(line string) string { return n.redact.all(line, inLine) }

// inQuery finds the API key and the JWT of a query that has secrets.
func (n *Normalizer) inQuery(query string) (found secrets) {
	for pair := range strings.SplitSeq(query, "&") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || value == "" || len(value) > maxToken {
			continue
		}
		switch {
		case found.key == "" && n.keys[foldName(name)]:
			found.key = value
		case found.token == "" && strings.HasPrefix(value, "ey") && jwtEnd(value, 0) > 0:
			found.token = value
		}
	}
	return found
}

// tokenCache remembers which user a token names, by a hash of the token under a key of this process, not by the token.
type tokenCache struct {
	mu   sync.Mutex
	seed maphash.Seed
	seen *recent.Map[tokenID, string]
}

type tokenID struct {
	sum    uint64
	length int
}

const cachedTokens = 8192

func (c *tokenCache) init() {
	c.seed = maphash.MakeSeed()
	c.seen = recent.New[tokenID, string](cachedTokens)
}

func (c *tokenCache) hash(token string) tokenID {
	return tokenID{maphash.String(c.seed, token), len(token)}
}

func (c *tokenCache) get(id tokenID) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen.Get(id)
}

func (c *tokenCache) put(id tokenID, user string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen.Put(id, user)
}
