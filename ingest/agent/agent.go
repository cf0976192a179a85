// Package agent is the part of Gatewatch that runs beside a gateway: it follows logs, parses and normalises their lines,
// and ships them. It only joins ingest/tail, ingest/enrich and ingest/ship.
package agent

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewatch/gatewatch/ingest/enrich"
	"github.com/gatewatch/gatewatch/ingest/pseudonym"
	"github.com/gatewatch/gatewatch/ingest/ship"
	"github.com/gatewatch/gatewatch/ingest/tail"
	"github.com/gatewatch/gatewatch/parsers"
)

// Source is a set of log files that one gateway writes.
type Source struct {
	Name    string   // the host's name when empty
	Files   []string // globs
	Format  parsers.Spec
	Parse   parsers.Options
	Service string // of events that name none
}

// Options configure an Agent. Server, Key, Sources and StateDir are required.
type Options struct {
	Server   string
	Key      string
	Sources  []Source
	StateDir string // checkpoints and, unless SecretFile is given, the secret
	FromEnd  bool   // logs that are there at the first start are read from their end

	Identity enrich.Config
	// SecretFile holds the installation's secret, under which sessions and API keys are hashed. Agents that share it give
	// a session one name. Empty: one is made in StateDir, and sessions are told apart per agent.
	SecretFile string
	// Privacy names the keys of the pseudonyms that Identity asks for.
	Privacy pseudonym.Config

	Logger     *slog.Logger          // nil: silent
	Registerer prometheus.Registerer // nil: no metrics
}

// Agent follows and ships.
type Agent struct {
	follower *tail.Follower
	sink     *ship.Sink
}

// New checks everything that can be checked before the first line is read.
func New(o Options) (*Agent, error) {
	if o.StateDir == "" {
		return nil, errors.New("agent: a state folder is required")
	}
	if err := os.MkdirAll(o.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("create the state folder: %w", err)
	}
	secret, err := readSecret(o.SecretFile, filepath.Join(o.StateDir, "secret"))
	if err != nil {
		return nil, err
	}
	maker, err := pseudonym.New(o.Privacy)
	if err != nil {
		return nil, err
	}
	known := enrich.NormalizerOptions{Key: secret}
	if maker != nil {
		known.Pseudonyms = maker
	}
	norm, err := enrich.NewNormalizer(o.Identity, known)
	if err != nil {
		return nil, err
	}
	sink, err := ship.New(ship.Options{Server: o.Server, Key: o.Key, Logger: o.Logger, Registerer: o.Registerer})
	if err != nil {
		return nil, err
	}
	sources, err := tailSources(o.Sources)
	if err != nil {
		return nil, err
	}
	follower, err := tail.New(tail.Options{
		Sources: sources, StateDir: filepath.Join(o.StateDir, "checkpoints"), Sink: pseudonym.NewSink(maker, sink, sink), Normalizer: norm,
		FromEnd: o.FromEnd, Logger: o.Logger, Registerer: o.Registerer,
	})
	if err != nil {
		return nil, err
	}
	return &Agent{follower: follower, sink: sink}, nil
}

func tailSources(list []Source) ([]tail.Source, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("name the sources: %w", err)
	}
	sources := make([]tail.Source, 0, len(list))
	for _, s := range list {
		if len(s.Files) == 0 {
			return nil, fmt.Errorf("source %q: no files", s.Name)
		}
		if err := s.Format.Validate(); err != nil {
			return nil, fmt.Errorf("source %q: %w", s.Name, err)
		}
		if s.Name == "" {
			s.Name = host
		}
		sources = append(sources, tail.Source{
			Name: s.Name, Files: s.Files, Service: s.Service,
			NewParser: func() (parsers.Parser, error) { return parsers.New(s.Format, s.Parse) },
		})
	}
	return sources, nil
}

// Run follows and ships until ctx ends.
func (a *Agent) Run(ctx context.Context) error {
	defer a.sink.Close()
	return a.follower.Run(ctx)
}

// Report says how every followed log stands.
func (a *Agent) Report() []tail.Status { return a.follower.Report() }

// ReportTo logs every log's counters at an interval until ctx ends.
func (a *Agent) ReportTo(ctx context.Context, logger *slog.Logger, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for _, s := range a.Report() {
				logger.Info("log", "source", s.Source, "format", s.Format, "parsed", s.Parsed, "failed", s.Failed,
					"skipped", s.Skipped, "rejected", s.Rejected, "lag_bytes", s.LagBytes, "problem", s.Problem)
			}
		}
	}
}

// minSecret is how many bytes a secret needs for its hashes not to be guessed.
const minSecret = 16

// readSecret reads the secret at path, hex digits as in the server's data directory; without a path it reads or makes the
// one at own.
func readSecret(path, own string) ([]byte, error) {
	named := path != ""
	if !named {
		path = own
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !named {
		data = []byte(hex.EncodeToString(randomBytes()))
		if err = os.WriteFile(path, data, 0o600); err != nil {
			return nil, fmt.Errorf("keep the agent's secret: %w", err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the secret: %w", err)
	}
	secret, err := hex.DecodeString(strings.TrimSpace(string(data)))
	if err != nil || len(secret) < minSecret {
		return nil, fmt.Errorf("secret %s: want at least %d hex digits, as in the file secret of the server's data directory", path, 2*minSecret)
	}
	return secret, nil
}

func randomBytes() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return b
}
