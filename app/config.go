package app

import (
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/gatewatch/gatewatch/api"
	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/incident/decision"
	"github.com/gatewatch/gatewatch/incident/notify"
	"github.com/gatewatch/gatewatch/ingest/enrich"
	"github.com/gatewatch/gatewatch/ingest/pseudonym"
	"github.com/gatewatch/gatewatch/ingest/route"
	"github.com/gatewatch/gatewatch/ingest/watch"
	"github.com/gatewatch/gatewatch/parsers"
	"github.com/gatewatch/gatewatch/store"
	"github.com/gatewatch/gatewatch/store/engine"
)

// Config is the configuration of `gatewatch serve`. The zero value stands for the documented defaults;
// deploy/gatewatch.yaml shows every key.
type Config struct {
	// DataDir holds the embedded store, checkpoints, the admin socket and the installation's secret. Default
	// "gatewatch-data".
	DataDir string `yaml:"data_dir"`
	// Listen is HOST:PORT of REST, console and ingest. Default 127.0.0.1:8642: loopback until told otherwise.
	Listen string `yaml:"listen"`
	// TLS serves HTTPS with this certificate, which is read again when the files change.
	TLS TLS `yaml:"tls"`

	Store         store.Config     `yaml:"store"`
	Engine        engine.Config    `yaml:"engine"` // the embedded engine; it means nothing when store.dsn is set
	Sources       []Source         `yaml:"sources"`
	Syslog        []SyslogInput    `yaml:"syslog"`
	Identity      enrich.Config    `yaml:"identity"`
	Privacy       pseudonym.Config `yaml:"privacy"` // keys of the pseudonyms that identity.pseudonymise asks for
	GeoIP         []string         `yaml:"geoip"`   // databases in MaxMind's format; several are combined
	Routes        route.Config     `yaml:"routes"`
	Rules         RulesConfig      `yaml:"rules"`
	Baseline      baseline.Config  `yaml:"baseline"`
	Incidents     incident.Config  `yaml:"incidents"`
	Responses     decision.Config  `yaml:"responses"`
	Pipeline      watch.Config     `yaml:"pipeline"`      // when the pipeline's own state is an incident
	Notifications notify.Config    `yaml:"notifications"` // who is told of incidents
	API           api.Config       `yaml:"api"`
	Ingest        IngestConfig     `yaml:"ingest"`
}

// TLS names a certificate and its key, both PEM files.
type TLS struct {
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
}

// Source is a set of log files that one gateway writes.
type Source struct {
	Name     string       `yaml:"name"`      // default: the file's path
	Files    []string     `yaml:"files"`     // globs
	Format   parsers.Spec `yaml:"format"`    // default auto
	Service  string       `yaml:"service"`   // for logs that name none; default "default"
	TimeZone string       `yaml:"time_zone"` // IANA name, for times without a zone; default UTC
	Year     int          `yaml:"year"`      // of the first time without a year; -1: the current; 0: such a time is an error
}

// IngestConfig bounds what the server takes.
type IngestConfig struct {
	// FromEnd reads logs that are there at the first start from their end, not from their beginning.
	FromEnd bool `yaml:"from_end"`
	// MaxBodyMB bounds the decompressed body of a push, in MiB. Default 64.
	MaxBodyMB int `yaml:"max_body_mb"`
	// RoomMB bounds the memory of all pushes together that the store does not have yet, in MiB; a push that finds no room is
	// answered 503 and comes again. Default 512.
	RoomMB int `yaml:"room_mb"`
}

// RulesConfig says which rules run besides the built-in ones.
type RulesConfig struct {
	Dirs     []string `yaml:"dirs"`      // folders of Sigma rules (*.yml); a rule with a built-in one's id takes its place
	MemoryMB int      `yaml:"memory_mb"` // what the windows of all rules remember at most, in MiB; default 416
}

// memory is the bound in bytes.
func (c RulesConfig) memory() int64 { return int64(c.MemoryMB) << 20 }

// What rules.memory_mb may say, in MiB.
const (
	minRulesMemory     = 16
	defaultRulesMemory = 416
	maxRulesMemory     = 1 << 20
)

func (c RulesConfig) validate() (faults []error) {
	if c.MemoryMB != 0 && (c.MemoryMB < minRulesMemory || c.MemoryMB > maxRulesMemory) {
		faults = append(faults, fmt.Errorf("rules.memory_mb: %d: want %d to %d, or 0 for the default", c.MemoryMB, minRulesMemory, maxRulesMemory))
	}
	return faults
}

// DefaultService is the service of logs that name none.
const DefaultService = "default"

const (
	defaultDataDir = "gatewatch-data"
	defaultListen  = "127.0.0.1:8642"
)

// WithDefaults returns c with this room's own defaults filled in; the other rooms fill theirs.
func (c Config) WithDefaults() Config {
	if c.Rules.MemoryMB == 0 {
		c.Rules.MemoryMB = defaultRulesMemory
	}
	if c.DataDir == "" {
		c.DataDir = defaultDataDir
	}
	if c.Listen == "" {
		c.Listen = defaultListen
	}
	for i := range c.Sources {
		if c.Sources[i].Format.Name == "" && c.Sources[i].Format.String() == "auto" {
			c.Sources[i].Format.Name = "auto"
		}
	}
	return c
}

// Validate returns every fault: the key, the value, what is accepted.
func (c Config) Validate() (faults []error) {
	if c.Listen != "" {
		if _, _, err := net.SplitHostPort(c.Listen); err != nil {
			faults = append(faults, fmt.Errorf("listen: %q: want HOST:PORT (%w)", c.Listen, err))
		}
	}
	if (c.TLS.Certificate == "") != (c.TLS.Key == "") {
		faults = append(faults, fmt.Errorf("tls: certificate and key go together"))
	}
	names := map[string]bool{}
	for i, s := range c.Sources {
		faults = append(faults, s.validate(fmt.Sprintf("sources[%d]", i), names)...)
	}
	for i, s := range c.Syslog {
		faults = append(faults, s.validate(fmt.Sprintf("syslog[%d]", i), names, c.TLS)...)
	}
	st := c.Store
	if st.DSN == "" {
		st.Options = &clickhouse.Options{} // the embedded engine gives the real ones at start
	}
	faults = append(faults, st.Validate()...)
	faults = append(faults, c.Engine.Validate()...)
	faults = append(faults, c.Identity.Validate()...)
	faults = append(faults, c.Privacy.Validate()...)
	if len(c.Identity.Pseudonymise) > 0 && len(c.Privacy.KeyFiles) == 0 {
		faults = append(faults, fmt.Errorf("identity.pseudonymise: %s: needs privacy.key_files", strings.Join(c.Identity.Pseudonymise, ", ")))
	}
	faults = append(faults, c.Routes.Validate()...)
	faults = append(faults, c.Rules.validate()...)
	faults = append(faults, c.Baseline.Validate()...)
	faults = append(faults, c.Incidents.Validate()...)
	faults = append(faults, c.Responses.Validate()...)
	faults = append(faults, c.Pipeline.Validate()...)
	faults = append(faults, c.Notifications.Validate()...)
	faults = append(faults, c.API.Validate()...)
	if c.Ingest.MaxBodyMB < 0 {
		faults = append(faults, fmt.Errorf("ingest.max_body_mb: %d: want 0 (default 64) or more", c.Ingest.MaxBodyMB))
	}
	if c.Ingest.RoomMB < 0 {
		faults = append(faults, fmt.Errorf("ingest.room_mb: %d: want 0 (default 512) or more", c.Ingest.RoomMB))
	}
	return faults
}

func (s Source) validate(key string, names map[string]bool) (faults []error) {
	if len(s.Files) == 0 {
		faults = append(faults, fmt.Errorf("%s.files: empty: want at least one file or glob", key))
	}
	for i, glob := range s.Files {
		if _, err := filepath.Match(glob, ""); err != nil || glob == "" {
			faults = append(faults, fmt.Errorf("%s.files[%d]: %q: want a path or a glob such as /var/log/nginx/*.log", key, i, glob))
		}
	}
	if s.Name != "" && names[s.Name] {
		faults = append(faults, fmt.Errorf("%s.name: %q: another source has this name", key, s.Name))
	}
	names[s.Name] = true
	if err := s.Format.Validate(); err != nil {
		faults = append(faults, fmt.Errorf("%s.format: %s", key, strings.TrimPrefix(err.Error(), "format: ")))
	}
	if _, err := time.LoadLocation(s.TimeZone); err != nil {
		faults = append(faults, fmt.Errorf("%s.time_zone: %q: want an IANA name such as Europe/Berlin", key, s.TimeZone))
	}
	return append(faults, validYear(key, s.Year)...)
}

func validYear(key string, year int) []error {
	if year == 0 || year == -1 || year >= 1970 && year <= 2261 {
		return nil
	}
	return []error{fmt.Errorf("%s.year: %d: want 0 (a time without a year is an error), -1 (the current year) or 1970 to 2261", key, year)}
}

// YearOf resolves a configured year when reading begins.
func YearOf(year int, now time.Time) int {
	if year == -1 {
		return now.Year()
	}
	return year
}

// discard is the logger of those who were given none.
func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
