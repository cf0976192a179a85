package enrich

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"hash"
	"strconv"
	"strings"
	"sync"

	"github.com/gatewatch/gatewatch/event"
)

const (
	maxToken  = 16 << 10 // bytes of a JWT or credential that is looked at
	maxUser   = 256      // bytes of a user's name
	hashBytes = 12       // bytes of a keyed hash that are kept: 96 bits
)

// keyedHash makes names of secrets: HMAC-SHA256 (RFC 2104) under the installation's key, cut to 96 bits, in hex.
type keyedHash struct {
	pool sync.Pool
}

func newKeyedHash(key []byte) *keyedHash {
	key = bytes.Clone(key)
	return &keyedHash{pool: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

func (k *keyedHash) sum(prefix, value string) string {
	h := k.pool.Get().(hash.Hash) // the pool holds nothing else
	h.Reset()
	_, _ = h.Write([]byte(value)) // hash.Hash never fails
	var sum [sha256.Size]byte
	out := make([]byte, len(prefix), len(prefix)+2*hashBytes)
	copy(out, prefix)
	out = hex.AppendEncode(out, h.Sum(sum[:0])[:hashBytes])
	k.pool.Put(h)
	return string(out)
}

// usualCookies are the session cookies of common frameworks, in lower case.
var usualCookies = []string{
	"jsessionid", "phpsessid", "connect.sid", "session", "sessionid", "session_id", "sid", "asp.net_sessionid",
	"_session_id", "laravel_session", "ci_session", "rack.session", "__host-session", "__secure-session", "express.sid",
	".aspnetcore.session", ".aspnetcore.cookies", "next-auth.session-token", "__secure-next-auth.session-token",
}

// secrets are what the raw query and cookies gave away before they were replaced.
type secrets struct {
	key, token string
}

// identify fills User, Session and AuthScheme from what the log says, in the configured order.
func (n *Normalizer) identify(ev *event.Event, found secrets) {
	if ev.Session != "" { // a session or token that the log names is a secret as long as it is valid
		ev.Session = n.hash.sum("", ev.Session)
	}
	if ev.Wire.Cookie != "" {
		if v := n.sessionCookie(ev.Wire.Cookie); v != "" && ev.Session == "" {
			ev.Session = n.hash.sum("", v)
		}
	}
	logged, scheme := ev.User, ev.AuthScheme
	ev.User, ev.AuthScheme = "", ""
	for _, source := range n.sources {
		switch source {
		case SourceField:
			ev.User, ev.AuthScheme = cleanUser(ev.Wire.Fields[n.cfg.UserField]), "log"
		case SourceLog:
			ev.User, ev.AuthScheme = cleanUser(logged), "log"
			if scheme != "" {
				ev.AuthScheme = scheme
			}
		case SourceJWT:
			ev.User, ev.AuthScheme = n.subject(ev, found.token), "jwt"
		case SourceBasic:
			ev.User, ev.AuthScheme = basicUser(ev.Wire.Authorization), "basic"
		case SourceKey:
			ev.User, ev.AuthScheme = n.apiKey(ev, found.key), "key"
		}
		if ev.User != "" {
			ev.User = redactJWT(ev.User)
			return
		}
	}
	ev.AuthScheme = ""
	if ev.Session != "" {
		ev.AuthScheme = "cookie"
	}
}

// cleanUser bounds a user's name and drops the ways of logs to say that there is none.
func cleanUser(s string) string {
	switch s = strings.TrimSpace(s); s {
	case "-", `""`, "null", "(null)", "undefined":
		return ""
	}
	if len(s) > maxUser {
		s = s[:maxUser]
	}
	return s
}

// apiKey is the keyed hash of the API key or of a bearer token that is no JWT.
func (n *Normalizer) apiKey(ev *event.Event, inQuery string) string {
	key := ev.Wire.APIKey
	if key == "" {
		key = inQuery
	}
	if key == "" {
		if scheme, rest, ok := strings.Cut(ev.Wire.Authorization, " "); ok && !strings.EqualFold(scheme, "basic") {
			key = strings.TrimSpace(rest)
		}
	}
	if key = strings.TrimSpace(key); key == "" || key == "-" {
		return ""
	}
	return n.hash.sum("key:", key)
}

// basicUser is the user of Basic credentials (RFC 7617); the password is not kept.
func basicUser(authorization string) string {
	scheme, rest, ok := strings.Cut(authorization, " ")
	if !ok || !strings.EqualFold(scheme, "basic") || len(rest) > maxToken {
		return ""
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
	if err != nil {
		return ""
	}
	user, _, ok := strings.Cut(string(raw), ":")
	if !ok {
		return ""
	}
	return cleanUser(user)
}

// subject is the user that a JWT names. Its signature is not checked: the gateway did, or answered with 401.
func (n *Normalizer) subject(ev *event.Event, inQuery string) string {
	for _, raw := range [...]string{ev.Wire.Authorization, ev.Wire.Fields[n.cfg.JWTField], inQuery} {
		if raw == "" || len(raw) > maxToken {
			continue
		}
		if from := strings.Index(raw, "ey"); from >= 0 {
			if user := n.claim(raw[from:]); user != "" {
				return user
			}
		}
	}
	return ""
}

// claim returns the first configured claim of a JWT, remembering the answers for tokens that repeat.
func (n *Normalizer) claim(token string) string {
	token = strings.TrimSpace(token)
	id := n.tokens.hash(token)
	if user, ok := n.tokens.get(id); ok {
		return user
	}
	user := parseClaim(token, n.claims)
	n.tokens.put(id, user)
	return user
}

func parseClaim(token string, names []string) string {
	_, rest, ok := strings.Cut(token, ".")
	payload, _, signed := strings.Cut(rest, ".")
	if !ok || !signed {
		return ""
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(payload, "="))
	if err != nil {
		return ""
	}
	var claims map[string]json.RawMessage
	if err := json.Unmarshal(raw, &claims); err != nil {
		return ""
	}
	for _, name := range names {
		var text string
		var number json.Number
		switch v := claims[name]; {
		case v == nil:
		case json.Unmarshal(v, &text) == nil && cleanUser(text) != "":
			return cleanUser(text)
		case json.Unmarshal(v, &number) == nil:
			if _, err := strconv.ParseFloat(number.String(), 64); err == nil {
				return number.String()
			}
		}
	}
	return ""
}

// sessionCookie returns the value of the first session cookie of a Cookie header.
func (n *Normalizer) sessionCookie(header string) string {
	for len(header) > 0 {
		var pair string
		pair, header, _ = strings.Cut(header, ";")
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok || len(name) > maxName || value == "" {
			continue
		}
		if n.cookies[strings.ToLower(name)] || strings.HasPrefix(name, "ASPSESSIONID") || strings.HasPrefix(name, "wordpress_logged_in_") {
			return value
		}
	}
	return ""
}
