package api

import (
	"cmp"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident/decision"
)

// The headers of a check's answer: what is done, and which decision says so.
const (
	headerDecision   = "X-Gatewatch-Decision"
	headerDecisionID = "X-Gatewatch-Decision-Id"
	headerCheckKey   = "X-Gatewatch-Key"
)

// A throttled client is let through so often.
const (
	throttleRate  = rate.Limit(1) // a second
	throttleBurst = 5
)

// throttles hold one token bucket a throttled value.
type throttles struct {
	mu   sync.Mutex
	byID map[uint64]*rate.Limiter
}

func (t *throttles) take(id uint64, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, ok := t.byID[id]
	if !ok {
		if len(t.byID) > 10_000 { // decisions come and go
			clear(t.byID)
		}
		l = rate.NewLimiter(throttleRate, throttleBurst)
		t.byID[id] = l
	}
	return l.AllowN(now, 1)
}

// authorizeCheck is the guard of /v1/check. The key stands in X-Gatewatch-Key or X-Api-Key: Authorization is the asking
// client's own. There is no rate limit, since every request of the gateway's asks.
func (s *Server) authorizeCheck(a access, next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		secret := c.Request().Header.Get(headerCheckKey)
		if secret == "" {
			secret = c.Request().Header.Get("X-Api-Key")
		}
		key, err := s.keys.Authenticate(secret)
		if err != nil || !a.allows(key.Role) {
			s.metrics.refused.WithLabelValues("check key").Inc()
			return c.JSON(http.StatusForbidden, bouncerError{"access forbidden"})
		}
		c.Set(callerKey, key.caller())
		return next(c)
	}
}

// check answers /v1/check in any method, and every path below it: 200 when the request that the headers describe may pass,
// 403 when a decision is against its client or its user. It is what nginx's auth_request, Traefik's ForwardAuth, Caddy's
// forward_auth and Envoy's ext_authz over HTTP ask. It answers from memory.
//
// The client is the last address of X-Forwarded-For, which is the one that the asking gateway saw itself (behind proxies
// that the configuration trusts, the one before them). The user is told as for logs: by the configured sources of
// identity, out of Authorization or X-Forwarded-User.
func (s *Server) check(c echo.Context) error {
	if s.deps.Decisions == nil {
		return missing("decisions")
	}
	client, user := s.asker(c.Request().Header)
	h := c.Response().Header()
	h.Set("Cache-Control", "no-store")
	if !client.IsValid() && s.deps.Decisions.CheckFails() == decision.FailClosed {
		s.metrics.checks.WithLabelValues("refused", "no client").Inc()
		return c.JSON(http.StatusForbidden, bouncerError{"the request names no client: X-Forwarded-For is missing"})
	}
	under, ok := s.deps.Decisions.Check(client, user, servicesOf(c))
	if ok && under.Type == decision.Throttle && s.throttles.take(under.ID, s.now()) {
		ok = false
	}
	if !ok {
		reason := ""
		if !client.IsValid() {
			reason = "no client"
		}
		s.metrics.checks.WithLabelValues("passed", reason).Inc()
		return c.NoContent(http.StatusOK)
	}
	under.Count()
	s.metrics.checks.WithLabelValues("refused", string(under.Type)).Inc()
	h.Set(headerDecision, string(under.Type))
	h.Set(headerDecisionID, strconv.FormatUint(under.ID, 10))
	return c.JSON(http.StatusForbidden, bouncerError{"request refused (" + string(under.Type) + ", decision " + strconv.FormatUint(under.ID, 10) + ")"})
}

// asker returns the client and the user that the headers name; either may be empty.
func (s *Server) asker(h http.Header) (netip.Addr, string) {
	var ev event.Event
	ev.Reset()
	chain := strings.Join(h.Values("X-Forwarded-For"), ",")
	last := chain
	if i := strings.LastIndexByte(chain, ','); i >= 0 {
		last, ev.Wire.ForwardedFor = chain[i+1:], chain[:i]
	}
	ev.ClientIP = clientOf(strings.TrimSpace(last))
	ev.Source = "check"
	ev.User = h.Get("X-Forwarded-User")
	ev.Wire.Authorization = h.Get("Authorization")
	if n := cmp.Or(s.deps.Asker, s.deps.Normalizer); n != nil {
		n.Normalize(&ev)
	}
	return ev.ClientIP, ev.User
}

// clientOf reads an address as gateways write it: alone, in brackets, or with a port. What is none of these is invalid.
func clientOf(text string) netip.Addr {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return at.Addr().WithZone("").Unmap()
	}
	client, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		return netip.Addr{}
	}
	return client.WithZone("").Unmap()
}
