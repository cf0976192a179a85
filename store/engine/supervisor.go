package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
)

// SupervisorOptions say what to supervise.
type SupervisorOptions struct {
	// Path is the directory of the store; the child creates it.
	Path string
	// Library is libchdb's file; "" asks LibraryPath.
	Library string
	// Command starts the engine process; nil is this binary with "engine run". A test binary gives itself and calls
	// RunIfChild in its TestMain.
	Command []string
	// Config is the engine's configuration.
	Config Config
	// Logger takes the child's life and its standard error. nil discards.
	Logger *slog.Logger
	// Registerer takes gatewatch_engine_restarts_total and gatewatch_engine_up. nil registers nothing.
	Registerer prometheus.Registerer

	beat heartbeat // of a test; the zero value is the steady one
}

// Supervisor keeps one engine process running. Address and token stay the same across its restarts: the supervisor owns
// the listening socket and every child inherits it, so that a request that comes in between waits for the next child.
type Supervisor struct {
	opts     SupervisorOptions
	log      *slog.Logger
	token    string
	listener *net.TCPListener
	socket   *os.File
	beat     heartbeat

	cancel   context.CancelFunc
	done     chan struct{}
	up       atomic.Bool
	pid      atomic.Int64
	restarts atomic.Int64
	stopOnce sync.Once
}

// startTimeout bounds the wait for a child to answer its first request; loading a large store takes most of it.
const startTimeout = 2 * time.Minute

// Start starts the engine and waits until it answers, or until ctx ends. The caller calls Stop.
func Start(ctx context.Context, opts SupervisorOptions) (*Supervisor, error) {
	s, err := newSupervisor(opts)
	if err != nil {
		return nil, err
	}
	child, err := s.first(ctx)
	if err != nil {
		s.closeSocket()
		return nil, fmt.Errorf("start the embedded engine: %w", err)
	}
	run, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.arrived(child)
	go s.keep(run, child)
	return s, nil
}

// firstTries bounds how often Start tries a child that somebody kills while it starts.
const firstTries = 5

// first starts the first child. One that ends by itself says what is wrong, and there is no use in trying again; one that
// was killed says nothing.
func (s *Supervisor) first(ctx context.Context) (*child, error) {
	for try := 1; ; try++ {
		c, err := s.spawn(ctx)
		var exit *exec.ExitError
		if err == nil || try == firstTries || ctx.Err() != nil || !errors.As(err, &exit) || exit.Exited() {
			return c, err
		}
		s.log.Warn("engine: was killed while it started; trying again", "err", err)
	}
}

func newSupervisor(opts SupervisorOptions) (*Supervisor, error) {
	if errs := opts.Config.Validate(); len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	opts.Config = opts.Config.withDefaults()
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	var err error
	if opts.Path, err = filepath.Abs(opts.Path); err != nil {
		return nil, fmt.Errorf("store directory: %w", err)
	}
	if opts.Library == "" {
		if opts.Library, err = LibraryPath(); err != nil {
			return nil, err
		}
	}
	if opts.Command == nil {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find this program: %w", err)
		}
		opts.Command = []string{self, "engine", "run"}
	}
	s := &Supervisor{opts: opts, log: opts.Logger, token: rand.Text(), done: make(chan struct{}), beat: opts.beat}
	if s.beat == (heartbeat{}) {
		s.beat = steady
	}
	if s.listener, err = net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		return nil, fmt.Errorf("listen for the embedded engine: %w", err)
	}
	if s.socket, err = s.listener.File(); err != nil {
		_ = s.listener.Close()
		return nil, fmt.Errorf("listen for the embedded engine: %w", err)
	}
	if err := s.register(opts.Registerer); err != nil {
		s.closeSocket()
		return nil, err
	}
	return s, nil
}

func (s *Supervisor) register(reg prometheus.Registerer) error {
	if reg == nil {
		return nil
	}
	for _, c := range []prometheus.Collector{
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "gatewatch_engine_restarts_total", Help: "Times that the embedded engine died, or hung and was killed, and was started again.",
		}, func() float64 { return float64(s.restarts.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "gatewatch_engine_up", Help: "Whether the embedded engine answers (1), or hangs or is starting again (0).",
		}, func() float64 {
			if s.up.Load() {
				return 1
			}
			return 0
		}),
	} {
		if err := reg.Register(c); err != nil {
			return fmt.Errorf("register engine metrics: %w", err)
		}
	}
	return nil
}

// keep starts the next child when one ends or hangs, at once for the first time and then with growing pauses.
func (s *Supervisor) keep(ctx context.Context, child *child) {
	defer close(s.done)
	pause := &backoff.ExponentialBackOff{InitialInterval: 100 * time.Millisecond, Multiplier: 2, MaxInterval: 10 * time.Second}
	pause.Reset()
	for {
		started := time.Now()
		go s.watch(ctx, child)
		select {
		case <-ctx.Done():
			child.stop(s.opts.Config.StopTimeout)
			return
		case <-child.ended:
		}
		s.up.Store(false)
		s.restarts.Add(1)
		s.log.Error("engine: the process ended and is started again", "err", child.reason())
		if time.Since(started) > time.Minute {
			pause.Reset()
		}
		if child = s.respawn(ctx, pause); child == nil {
			return
		}
		s.arrived(child)
		s.log.Info("engine: is back", "pid", child.pid())
	}
}

func (s *Supervisor) arrived(child *child) {
	s.pid.Store(int64(child.pid()))
	s.up.Store(true)
}

// respawn tries until a child answers; nil when ctx ended first.
func (s *Supervisor) respawn(ctx context.Context, pause *backoff.ExponentialBackOff) *child {
	for {
		child, err := s.spawn(ctx)
		if err == nil {
			return child
		}
		if ctx.Err() != nil {
			return nil
		}
		wait := pause.NextBackOff()
		s.log.Error("engine: does not start", "err", err, "next_try_in", wait)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// Run blocks until ctx ends and then stops the engine.
func (s *Supervisor) Run(ctx context.Context) error {
	<-ctx.Done()
	return s.Stop()
}

// StopWithin is how long Stop may take: whoever goes away earlier leaves a child behind that has the directory.
func (s *Supervisor) StopWithin() time.Duration {
	return s.opts.Config.StopTimeout + killAfter + time.Second
}

// Stop lets running statements finish within Config.StopTimeout, ends the child, by force when it hangs, and frees the address.
func (s *Supervisor) Stop() error {
	s.stopOnce.Do(func() {
		s.cancel()
		<-s.done
		s.up.Store(false)
		s.closeSocket()
	})
	return nil
}

func (s *Supervisor) closeSocket() {
	_ = s.socket.Close()
	_ = s.listener.Close()
}

// Up says whether the engine process is there and has answered.
func (s *Supervisor) Up() bool { return s.up.Load() }

// PID is the process id of the present child.
func (s *Supervisor) PID() int { return int(s.pid.Load()) }

// Restarts counts how often the child died and was started again.
func (s *Supervisor) Restarts() int { return int(s.restarts.Load()) }

// Addr is the loopback address of the ClickHouse HTTP interface.
func (s *Supervisor) Addr() string { return s.listener.Addr().String() }
