package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/gatewatch/gatewatch/incident/ocsf"
	"github.com/gatewatch/gatewatch/ingest"
)

// Server answers REST. Build it with New; Run serves a listener, RunAdmin the admin socket.
type Server struct {
	deps      Deps
	keys      *Keys
	log       *slog.Logger
	now       func() time.Time
	metrics   *metrics
	limits    *limiters
	throttles throttles
	ocsf      *ocsf.Mapper
	reference func() ([]byte, error) // the page, rendered when it is first asked for
	public    *echo.Echo
	admin     *echo.Echo

	repeating   sync.Map   // ids of requests under an Idempotency-Key that are being answered
	backtesting sync.Mutex // held while one runs

	streams  atomic.Int64
	stopping chan struct{} // closed when the server stops: streams end
	stopOnce sync.Once
}

// New builds the server. Errors name what is missing.
func New(d Deps) (*Server, error) {
	if d.Incidents == nil || d.Store == nil || d.Keys == nil {
		return nil, errors.New("api: incidents, store and keys are required")
	}
	d.Config = d.Config.withDefaults()
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Room == nil {
		d.Room = ingest.NewRoom(0)
	}
	if d.Registry == nil {
		d.Registry = prometheus.NewRegistry()
	}
	s := &Server{
		deps: d, keys: d.Keys, log: d.Logger, now: d.Now, stopping: make(chan struct{}),
		throttles: throttles{byID: map[uint64]*rate.Limiter{}},
		limits:    &limiters{perSecond: rate.Limit(d.Config.RatePerSecond), burst: d.Config.Burst, byKey: map[string]*rate.Limiter{}},
	}
	s.ocsf = ocsf.NewMapper(d.Version, s.detectors())
	s.reference = sync.OnceValues(func() ([]byte, error) { return renderReference(openAPI) })
	s.metrics = newMetrics(d.Registry, &s.streams)
	s.public = s.echo(s.routes(), s.authorize)
	s.admin = s.echo(s.adminRoutes(), s.asOwner)
	if d.Console != nil {
		s.public.GET("/*", console(d.Console))
	}
	return s, nil
}

// console answers what the server does not know itself, but for what lies where its own routes do.
func console(h http.Handler) echo.HandlerFunc {
	return func(c echo.Context) error {
		if path := c.Request().URL.Path; path == "/v1" || strings.HasPrefix(path, "/v1/") {
			return problem(http.StatusNotFound, "there is nothing at this path; /openapi.yaml and /reference list what there is")
		}
		h.ServeHTTP(c.Response(), c.Request())
		return nil
	}
}

// echo builds a router over the table of routes.
func (s *Server) echo(table []route, guard func(access, echo.HandlerFunc) echo.HandlerFunc) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = s.answerError
	e.Use(s.trace, s.recover, secure)
	for _, r := range table {
		switch kinds[r.method+" "+r.path] {
		case forBouncer:
			e.Add(r.method, r.path, s.forBouncers(guard(r.access, r.handler)))
		case forGateway:
			e.Any(r.path, s.authorizeCheck(r.access, r.handler))
		default:
			e.Add(r.method, r.path, guard(r.access, s.once(r)))
		}
	}
	return e
}

// Handler is the public surface, for tests and other servers.
func (s *Server) Handler() http.Handler { return s.public }

// The time limits of connections. A handler may take as long as its own deadline says; see trace.
const (
	headerTimeout   = 10 * time.Second
	readTimeout     = 2 * time.Minute
	answerTimeout   = 2 * time.Minute
	idleTimeout     = 2 * time.Minute
	shutdownTimeout = 10 * time.Second
	flushEvery      = time.Minute
)

// Run serves the listener until ctx ends, then lets requests finish for a bounded time. It owns l. A listener with TLS is
// the caller's to make.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.flushKeys(ctx)
	}()
	err := s.serve(ctx, l, s.public)
	<-done
	return err
}

// AdminSocket is the name of the admin socket within the data directory.
const AdminSocket = "admin.sock"

// maxSocketPath is the longest path that a Unix socket may have on Linux and the BSDs.
const maxSocketPath = 103

// RunAdmin serves the keys over a Unix socket at path, which only its owner can open, until ctx ends.
func (s *Server) RunAdmin(ctx context.Context, path string) error {
	l, err := listenPrivate(ctx, path)
	if err != nil {
		return err
	}
	return s.serve(ctx, l, s.admin)
}

// listenPrivate makes a Unix socket with mode 0600. A socket that nobody listens on any more is replaced.
func listenPrivate(ctx context.Context, path string) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("admin socket %s: the path has %d bytes, a Unix socket's may have %d: choose a shorter data directory", path, len(path), maxSocketPath)
	}
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = c.Close()
		return nil, fmt.Errorf("admin socket %s: another server listens on it", path)
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode()&os.ModeSocket == 0 {
			return nil, fmt.Errorf("admin socket %s: there is something else of that name", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("admin socket: %w", err)
		}
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("admin socket: %w", err), l.Close())
	}
	return l, nil
}

func (s *Server) serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	server.RegisterOnShutdown(s.stopStreams)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := server.Shutdown(stop)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	if stopped := <-failed; err == nil && !errors.Is(stopped, http.ErrServerClosed) {
		err = stopped
	}
	if err != nil {
		return fmt.Errorf("stop serving %s: %w", l.Addr(), err)
	}
	return nil
}

func (s *Server) stopStreams() { s.stopOnce.Do(func() { close(s.stopping) }) }

// flushKeys stores the keys' last uses now and then, and at the end.
func (s *Server) flushKeys(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
			defer cancel()
			if err := s.keys.Flush(last); err != nil {
				s.log.Warn("the keys' last uses were not stored", "error", err)
			}
			return
		}
		if err := s.keys.Flush(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("the keys' last uses were not stored", "error", err)
		}
	}
}
