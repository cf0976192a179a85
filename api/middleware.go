package api

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the server.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	refused  *prometheus.CounterVec
	dropped  *prometheus.CounterVec
	checks   *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, streams *atomic.Int64) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatewatch_http_requests_total", Help: "Requests by route and status.",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gatewatch_http_request_seconds", Help: "Time to answer, streams left out.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"method", "route"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatewatch_http_refused_total", Help: "Requests refused for their key, its role or its rate.",
		}, []string{"reason"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatewatch_bouncer_dropped_total", Help: "What bouncers reported to have dropped, by key name and unit.",
		}, []string{"bouncer", "unit"}),
		checks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatewatch_checks_total", Help: "Answers of /v1/check, with the decision's type when refused.",
		}, []string{"answer", "reason"}),
	}
	reg.MustRegister(m.requests, m.seconds, m.refused, m.dropped, m.checks, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gatewatch_http_streams", Help: "Open SSE streams.",
	}, func() float64 { return float64(streams.Load()) }))
	return m
}

const requestIDKey = "gatewatch.request_id"

func requestID(c echo.Context) string {
	id, _ := c.Get(requestIDKey).(string)
	return id
}

// trace gives every request an id (a caller's own X-Request-Id when it is a plain word), bounds the time to answer,
// turns errors into problems, and counts.
func (s *Server) trace(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Request().Header.Get(echo.HeaderXRequestID)
		if !plainWord(id) {
			var b [8]byte
			_, _ = rand.Read(b[:]) // it never fails
			id = hex.EncodeToString(b[:])
		}
		c.Set(requestIDKey, id)
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		// Not every writer has deadlines (a test's has none).
		_ = http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(answerTimeout))

		start := time.Now()
		if err := next(c); err != nil {
			c.Error(err)
		}
		method, path := c.Request().Method, c.Path()
		if path == "" {
			method, path = "", "(none)"
		}
		s.metrics.requests.WithLabelValues(method, path, strconv.Itoa(c.Response().Status)).Inc()
		if c.Response().Header().Get(echo.HeaderContentType) != eventStream {
			s.metrics.seconds.WithLabelValues(method, path).Observe(time.Since(start).Seconds())
		}
		return nil
	}
}

// plainWord accepts ids of up to 64 letters, digits, dots, dashes and underscores.
func plainWord(s string) bool {
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
		default:
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// recover turns a panic into a 500 without a word about it; the log has the stack.
func (s *Server) recover(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			r := recover()
			if r == nil {
				return
			}
			if e, ok := r.(error); ok && errors.Is(e, http.ErrAbortHandler) {
				panic(r)
			}
			s.log.Error("handler panicked", "path", c.Path(), "request_id", requestID(c), "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", r)
		}()
		return next(c)
	}
}

// contentPolicy lets the console load its own files and nothing else.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// secure sets the headers that browsers heed. There are no cookies, so there is nothing to forge a request with; no
// other origin may read answers.
func secure(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		if c.Request().TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		return next(c)
	}
}
