package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/gatewatch/gatewatch/api"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/incident/decision"
	"github.com/gatewatch/gatewatch/incident/exception"
	"github.com/gatewatch/gatewatch/incident/notify"
	"github.com/gatewatch/gatewatch/ingest"
	"github.com/gatewatch/gatewatch/ingest/enrich"
	"github.com/gatewatch/gatewatch/ingest/pseudonym"
	"github.com/gatewatch/gatewatch/ingest/route"
	"github.com/gatewatch/gatewatch/ingest/syslog"
	"github.com/gatewatch/gatewatch/ingest/tail"
	"github.com/gatewatch/gatewatch/inventory"
	"github.com/gatewatch/gatewatch/inventory/policy"
	"github.com/gatewatch/gatewatch/store"
	"github.com/gatewatch/gatewatch/store/engine"
	"github.com/gatewatch/gatewatch/web"
)

// ServeOptions are what Serve is told beside the configuration.
type ServeOptions struct {
	Logger  *slog.Logger
	Out     io.Writer // announcements: address, a first key, incidents when Print is set; nil: nobody is told
	Print   bool      // print incidents as they appear
	Demo    bool      // write a sample log and follow it
	Version string
	Hangup  <-chan os.Signal // asks for the folders of rules to be read again; nil: never

	engineCommand []string         // starts the engine; nil: this binary
	started       func(*Server)    // told once everything runs; nil: nobody
	now           func() time.Time // nil: time.Now
	historyPause  time.Duration    // 0: the default
}

// Server is a running `gatewatch serve`.
type Server struct {
	Addr     string // HOST:PORT that REST listens on
	URL      string // of console and REST
	AdminKey string // the first admin key, when this start made it

	store      *store.Store
	engine     *engine.Supervisor // nil with a store.dsn
	incidents  *incident.Manager
	decisions  *decision.Book
	exceptions *exception.Registry
	inventory  *inventory.Catalogue
	notifier   *notify.Notifier
	policies   *policy.Registry
	committer  *ingest.Committer
	stream     *stream
	learner    *learner
	syslog     *syslog.Server // nil when nothing listens
}

// Serve runs everything in one process tree until ctx ends, then stops it in order: sources, requests, what was
// gathered, detection, store.
func Serve(ctx context.Context, cfg Config, o ServeOptions) (err error) {
	cfg = cfg.WithDefaults()
	if o.Logger == nil {
		o.Logger = discard()
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	if faults := cfg.Validate(); len(faults) > 0 {
		return errors.Join(faults...)
	}
	life := newLifecycle(o.Logger)
	b := &builder{cfg: cfg, opts: o, log: o.Logger, life: life, registry: prometheus.NewRegistry(), server: &Server{}}
	defer func() { err = errors.Join(err, life.stop()) }()
	if err := b.build(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop while starting
		}
		return err
	}
	if o.started != nil {
		o.started(b.server)
	}
	return life.wait(ctx)
}

// builder makes the parts of a Server, each from those before it.
type builder struct {
	cfg      Config
	opts     ServeOptions
	log      *slog.Logger
	life     *lifecycle
	registry *prometheus.Registry
	server   *Server

	secret     []byte
	pseudonyms *pseudonym.Maker // nil: none are wanted
	rulebook   *ruleBook
	routes     *route.Templates
	geo        geoFiles
	enricher   *enrich.Enricher
	norm       *enrich.Normalizer
	asker      *enrich.Normalizer
	sink       ingest.Sink // the committer, behind what keeps sealed identities
	watch      *enrich.LoadBalancerWatch
	follower   *tail.Follower
}

func (b *builder) build(ctx context.Context) error {
	b.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"data directory", b.dataDir},
		{"rules", b.rules},
		{"store", b.openStore},
		{"enrichment", b.enrichment},
		{"detection", b.detection},
		{"decisions", b.decisions},
		{"notifications", b.notifications},
		{"ingest", b.ingest},
		{"REST", b.rest},
		{"sources", b.sources},
		{"syslog", func(context.Context) error { return b.syslogInputs() }},
		{"pipeline watch", b.watchPipeline},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("start %s: %w", step.what, err)
		}
	}
	return nil
}

func (b *builder) dataDir(context.Context) error {
	if err := os.MkdirAll(b.cfg.DataDir, 0o700); err != nil {
		return err
	}
	unlock, err := lockDir(b.cfg.DataDir)
	if err != nil {
		return err
	}
	b.life.onStop("data directory", unlock)
	b.secret, err = installationSecret(filepath.Join(b.cfg.DataDir, "secret"))
	return err
}

func (b *builder) rules(context.Context) (err error) {
	b.rulebook, err = newRuleBook(b.cfg.Rules, loadRules, b.log, b.opts.Hangup, b.registry)
	return err
}

func (b *builder) openStore(ctx context.Context) error {
	cfg := b.cfg.Store
	cfg.Logger = b.log
	if cfg.DSN == "" {
		eng, err := engine.Start(ctx, engine.SupervisorOptions{
			Path: filepath.Join(b.cfg.DataDir, "store"), Command: b.opts.engineCommand, Config: b.cfg.Engine,
			Logger: b.log, Registerer: b.registry,
		})
		if err != nil {
			return err
		}
		b.life.onStopWithin("engine", eng.StopWithin(), eng.Stop)
		b.server.engine = eng
		cfg.Options = eng.Options()
	}
	st, err := openStorePatiently(ctx, cfg, b.log)
	if err != nil {
		return err
	}
	b.life.onStop("store", st.Close)
	b.server.store = st
	return nil
}

func (b *builder) enrichment(ctx context.Context) (err error) {
	if b.routes, err = loadRoutes(ctx, b.cfg.Routes, b.server.store); err != nil {
		return err
	}
	b.life.run("routes", func(ctx context.Context) error { return saveRoutes(ctx, b.routes, b.server.store, b.log) })
	if b.geo, err = openGeo(b.cfg.GeoIP, b.log); err != nil {
		return err
	}
	if b.geo.files != nil {
		b.life.run("geography", b.geo.files.Run)
	}
	b.enricher = enrich.NewEnricher(enrich.Options{Geo: b.geo.lookup(), Routes: b.routes})
	b.server.inventory = inventory.NewCatalogue(b.server.store, inventory.Options{
		Resolve: b.routes.Resolve, Described: b.routes.Describe, Now: b.opts.now,
	})
	if err := b.server.inventory.Load(ctx); err != nil {
		return fmt.Errorf("load the inventory: %w", err)
	}
	b.life.run("inventory", func(ctx context.Context) error {
		return every(ctx, learnNamesEvery, func() {
			if err := b.server.inventory.LearnNames(ctx); err != nil && ctx.Err() == nil {
				b.log.Warn("the names of parameters were not looked at; trying again", "err", err)
			}
		})
	})
	b.watch = enrich.NewLoadBalancerWatch()
	return b.identities()
}

// identities makes the normalisers: one for what is stored, and one for who asks /v1/check, which leaves no trace.
func (b *builder) identities() error {
	pseudonyms, err := pseudonym.New(b.cfg.Privacy)
	if err != nil {
		return err
	}
	b.pseudonyms = pseudonyms
	stored, asked := enrich.NormalizerOptions{Key: b.secret, Watch: b.watch}, enrich.NormalizerOptions{Key: b.secret}
	if pseudonyms != nil {
		stored.Pseudonyms, asked.Pseudonyms = pseudonyms, pseudonyms.Asker()
	}
	if b.norm, err = enrich.NewNormalizer(b.cfg.Identity, stored); err != nil {
		return err
	}
	b.asker, err = enrich.NewNormalizer(b.cfg.Identity, asked)
	return err
}

const warnEvery = 5 * time.Second

// learnNamesEvery is how often the queries of new events are looked at for what they say about endpoints.
const learnNamesEvery = 5 * time.Minute

// warn tells of client addresses that are the load balancer's, and of lines that cannot be read.
func (b *builder) warn(ctx context.Context) error {
	failed := &unread{log: b.log, told: map[string]uint64{}}
	return every(ctx, warnEvery, func() {
		failed.look(b.server.committer.Sources().Report())
		for _, w := range b.watch.TakeWarnings() {
			b.log.Warn(w.Message, "source", w.Source, "address", w.Address, "share", w.Share)
		}
	})
}

func (b *builder) ingest(context.Context) (err error) {
	s := b.server
	stopped := make(chan struct{})
	blocked, unblock := context.WithCancel(context.Background())
	s.committer, err = ingest.New(ingest.Options{
		Store: s.store, Enricher: b.enricher, Matcher: b.rulebook, Logger: b.log, Registerer: b.registry,
		OnStored: func(block []*event.Event) {
			var newest time.Time
			for _, ev := range block {
				if ev.Time.After(newest) && !isAhead(ev) {
					newest = ev.Time
				}
			}
			s.learner.noteStored(block[0].IngestedAt, newest)
			s.stream.offer(blocked, block)
		},
	})
	if err != nil {
		unblock()
		return err
	}
	b.sink = pseudonym.NewSink(b.pseudonyms, identities{s.store}, s.committer)
	b.life.run("committer", func(ctx context.Context) error {
		defer close(stopped)
		defer context.AfterFunc(ctx, func() { // the stop of detection must not wait for a block that nobody takes
			time.AfterFunc(stopPatience/2, unblock)
		})()
		return s.committer.Run(ctx)
	})
	return nil
}

func (b *builder) rest(ctx context.Context) error {
	s := b.server
	keys, err := api.NewKeys(ctx, s.store, time.Now)
	if err != nil {
		return err
	}
	var created bool
	if s.AdminKey, created, err = keys.EnsureAdmin(ctx); err != nil {
		return err
	}
	rest, err := api.New(api.Deps{
		Config: b.cfg.API, Incidents: s.incidents, Store: s.store, Keys: keys,
		Sink: b.sink, Positions: s.committer, Sources: s.committer.Sources(), Normalizer: b.norm, Asker: b.asker, Identities: identities{s.store},
		Erasures: erasures{s.store, s.incidents, s.notifier, s.decisions, s.exceptions, b.pseudonyms, b.secret},
		Limits:   ingest.Limits{MaxBytes: int64(b.cfg.Ingest.MaxBodyMB) << 20}, Room: ingest.NewRoom(int64(b.cfg.Ingest.RoomMB) << 20), WireFields: b.cfg.Identity.WireFields(),
		Decisions: s.decisions, Notifications: s.notifier, Exceptions: s.exceptions, Inventory: s.inventory, Policies: s.policies,
		Baselines: learning{s.learner}, Behaviour: behaviour{s.learner}, Rules: b.rulebook,
		Detectors: func() []detect.Info { return append(detectorInfos(b.rulebook.Set()), policy.Infos()...) },
		Console:   web.Handler(), Version: b.opts.Version, Logger: b.log, Registry: b.registry,
	})
	if err != nil {
		return err
	}
	listener, scheme, err := listen(b.cfg)
	if err != nil {
		return err
	}
	s.Addr = listener.Addr().String()
	s.URL = scheme + "://" + s.Addr + "/"
	b.life.run("REST", func(ctx context.Context) error { return rest.Run(ctx, listener) })
	b.life.run("admin socket", func(ctx context.Context) error {
		return rest.RunAdmin(ctx, filepath.Join(b.cfg.DataDir, "admin.sock"))
	})
	announce(b.opts.Out, s, b.cfg.DataDir, created)
	return nil
}

func announce(w io.Writer, s *Server, dataDir string, created bool) {
	_, _ = fmt.Fprintf(w, "Gatewatch is at %s (console and REST)\n", s.URL)
	if created {
		_, _ = fmt.Fprintf(w, "Admin key, shown this once: %s\n", s.AdminKey)
		return
	}
	_, _ = fmt.Fprintf(w, "The admin key was shown at the first start; another: gatewatch keys create --role admin --name NAME --data-dir %s\n", dataDir)
}

// listen opens the configured address, with TLS when there is a certificate.
func listen(cfg Config) (l net.Listener, scheme string, err error) {
	l, err = net.Listen("tcp", cfg.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w: stop what listens there, or give --listen another address", err)
	}
	if err != nil || cfg.TLS.Certificate == "" {
		return l, "http", err
	}
	secured, err := withTLS(l, cfg.TLS)
	if err != nil {
		return nil, "", errors.Join(err, l.Close())
	}
	return secured, "https", nil
}
