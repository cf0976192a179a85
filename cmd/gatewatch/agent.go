package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gatewatch/gatewatch/app"
	"github.com/gatewatch/gatewatch/ingest/agent"
	"github.com/gatewatch/gatewatch/parsers"
)

type agentCmd struct {
	formatFlags
	Server  string `help:"The server's address, such as https://gatewatch.example.com." required:"" placeholder:"URL"`
	Key     string `help:"API key with the role agent; better given as GATEWATCH_KEY." xor:"key" required:"" placeholder:"KEY"`
	KeyFile string `help:"File that holds the key." xor:"key" required:"" placeholder:"FILE"`

	File    []string `help:"Log or glob to follow, rotations included; may be given several times." placeholder:"GLOB" sep:"none"`
	Source  []string `help:"Name of the source: one for all files, or one for each --file (default: the host's name)." placeholder:"NAME"`
	Service string   `help:"Service of logs that name none." placeholder:"NAME"`
	FromEnd bool     `help:"Read logs that are there at the first start from their end."`

	Config     string        `help:"File whose sources and identity sections are used." placeholder:"FILE"`
	StateDir   string        `help:"Where checkpoints are kept." default:"gatewatch-agent" placeholder:"DIR"`
	SecretFile string        `help:"The installation's secret, so that a session has one name on all agents (default: one of this agent)." placeholder:"FILE"`
	Metrics    string        `help:"Serve /metrics and /healthz on HOST:PORT." placeholder:"HOST:PORT"`
	ReportEach time.Duration `help:"Log every log's counters this often; 0: never." default:"0" placeholder:"DURATION"`
}

// Run follows and ships until the process is told to stop.
func (c *agentCmd) Run(ctx context.Context, log *slog.Logger) error {
	opts, err := c.options()
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	opts.Logger, opts.Registerer = log, registry
	a, err := agent.New(opts)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if c.Metrics != "" {
		stop, err := serveMetrics(c.Metrics, registry, log)
		if err != nil {
			return err
		}
		defer stop()
	}
	if c.ReportEach > 0 {
		go a.ReportTo(ctx, log, c.ReportEach)
	}
	return a.Run(ctx)
}

func (c *agentCmd) options() (agent.Options, error) {
	o := agent.Options{
		Server: c.Server, Key: c.Key, StateDir: c.StateDir, FromEnd: c.FromEnd, SecretFile: c.SecretFile,
	}
	if c.KeyFile != "" {
		data, err := os.ReadFile(c.KeyFile)
		if err != nil {
			return o, fmt.Errorf("--key-file: %w", err)
		}
		o.Key = strings.TrimSpace(string(data))
	}
	spec, parse, err := c.spec()
	if err != nil {
		return o, err
	}
	if n := len(c.Source); n > 1 && n != len(c.File) {
		return o, fmt.Errorf("--source: %d names for %d --file: want none, one, or one for each", n, len(c.File))
	}
	for i, glob := range c.File {
		s := agent.Source{Files: []string{glob}, Format: spec, Parse: parse, Service: c.Service}
		if n := len(c.Source); n > 0 {
			s.Name = c.Source[min(i, n-1)]
		}
		o.Sources = append(o.Sources, s)
	}
	if c.Config != "" {
		if err := c.fromConfig(&o); err != nil {
			return o, err
		}
	}
	if len(o.Sources) == 0 {
		return o, errors.New("nothing to follow: give --file, or --config with sources")
	}
	return o, nil
}

// fromConfig adds what the configuration file says about sources and identities.
func (c *agentCmd) fromConfig(o *agent.Options) error {
	cfg, err := app.LoadConfig(c.Config, nil)
	if err != nil {
		return err
	}
	o.Identity, o.Privacy = cfg.Identity, cfg.Privacy
	for _, s := range cfg.Sources {
		location, err := time.LoadLocation(s.TimeZone)
		if err != nil {
			return fmt.Errorf("sources: %s: time_zone: %w", s.Name, err)
		}
		o.Sources = append(o.Sources, agent.Source{
			Name: s.Name, Files: s.Files, Format: s.Format, Service: s.Service, Parse: parsers.Options{Location: location, Year: app.YearOf(s.Year, time.Now())},
		})
	}
	return nil
}

// serveMetrics serves the agent's own health until stop is called.
func serveMetrics(addr string, registry *prometheus.Registry, log *slog.Logger) (stop func(), err error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("--metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics are not served any more", "err", err)
		}
	}()
	return func() {
		_ = server.Close() // only reads are cut off
		<-done
	}, nil
}
