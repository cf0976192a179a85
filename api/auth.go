package api

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/gatewatch/gatewatch/event"
)

// caller is who makes a request: a key, or the owner of the machine over the admin socket.
type caller struct {
	id       string // key id
	name     string
	role     Role
	services event.Services // that it may see and change; nil: all
}

const callerKey = "gatewatch.caller"

// callerOf returns who makes the request; the zero caller on public routes.
func callerOf(c echo.Context) caller {
	who, _ := c.Get(callerKey).(caller)
	return who
}

// secretOf returns the key that the request carries: Authorization: Bearer, X-Api-Key, or where AWS Firehose puts it.
func secretOf(r *http.Request) string {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "bearer") {
		return strings.TrimSpace(token)
	}
	if key := r.Header.Get("X-Api-Key"); key != "" {
		return key
	}
	return r.Header.Get(firehoseKey)
}

// authorize lets a request pass when its key may use the route. A nil access passes everything.
func (s *Server) authorize(a access, next echo.HandlerFunc) echo.HandlerFunc {
	if a == nil {
		return next
	}
	return func(c echo.Context) error {
		secret := secretOf(c.Request())
		if secret == "" {
			p := problem(http.StatusUnauthorized, "a key is needed: Authorization: Bearer KEY, or X-Api-Key: KEY")
			p.challenge = true
			return p
		}
		key, err := s.keys.Authenticate(secret)
		if err != nil {
			s.metrics.refused.WithLabelValues("key").Inc()
			p := problem(http.StatusUnauthorized, "the key is not known, has expired or was revoked")
			p.challenge, p.cause = true, err
			return p
		}
		if wait, ok := s.limits.take(key, s.now()); !ok {
			s.metrics.refused.WithLabelValues("rate").Inc()
			p := problem(http.StatusTooManyRequests, "this key makes more requests than its limit allows")
			p.retryAfter = max(1, int(wait.Seconds()+0.999))
			return p
		}
		if !a.allows(key.Role) {
			s.metrics.refused.WithLabelValues("role").Inc()
			return problem(http.StatusForbidden, "a key with the role "+string(key.Role)+" may not do this")
		}
		who := key.caller()
		if who.services.Limited() && !forServices[c.Request().Method+" "+c.Path()] {
			s.metrics.refused.WithLabelValues("services").Inc()
			return problem(http.StatusForbidden, "this is about the whole installation; a key for some services may not do it")
		}
		c.Set(callerKey, who)
		return next(c)
	}
}

// limiters hold one token bucket a key. Keys are made by admins, so their number is bounded by these.
type limiters struct {
	perSecond rate.Limit
	burst     int

	mu    sync.Mutex
	byKey map[string]*rate.Limiter
}

// take takes one token; when there is none it returns how long to wait for one. A key with a limit of its own may save up two
// seconds of it.
func (l *limiters) take(key Key, now time.Time) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.byKey[key.ID]
	if !ok {
		perSecond, burst := l.perSecond, l.burst
		if key.RatePerSecond > 0 {
			perSecond, burst = rate.Limit(key.RatePerSecond), max(1, int(2*key.RatePerSecond))
		}
		b = rate.NewLimiter(perSecond, burst)
		l.byKey[key.ID] = b
	}
	r := b.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return wait, false
	}
	return 0, true
}
