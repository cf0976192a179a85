package store

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Config says where the store is and how long it keeps what. The zero value, with Options given, is usable.
type Config struct {
	// DSN is a server or cluster: clickhouse://user:password@host:9000/database (native protocol; TLS with ?secure=true) or
	// https://user:password@host:8443/database. A port may be left out where it is the usual one.
	// Empty: the embedded engine, whose options the caller passes in Options.
	DSN string `yaml:"dsn"`
	// Database holds the tables; empty: the DSN's, else "gatewatch".
	Database string `yaml:"database"`
	// Cluster will name a ClickHouse cluster; it must be empty for now.
	Cluster string `yaml:"cluster"`
	// Retention says how long data is kept.
	Retention Retention `yaml:"retention"`

	// Options connect to the embedded engine; used when DSN is empty.
	Options *clickhouse.Options `yaml:"-"`
	// Logger takes what is worth telling but no error; nil: silent.
	Logger *slog.Logger `yaml:"-"`
}

// Retention is in days.
type Retention struct {
	// EventsDays is how long events are kept, from ingestion, so that imported history is not deleted on arrival; 0: 90
	// days, -1: for ever.
	EventsDays int `yaml:"events_days"`
	// RollupsDays is how long the rollups are kept, from which baselines are learned, counted from the time of the
	// requests; 0 and -1: for ever, else at least 30.
	RollupsDays int `yaml:"rollups_days"`
	// AuditDays is how long the audit is kept; 0 and -1: for ever.
	AuditDays int `yaml:"audit_days"`
}

// leastRollupsDays is what baselines need to know a month.
const leastRollupsDays = 30

const (
	defaultDatabase   = "gatewatch"
	defaultEventsDays = 90
	// KeepForever as a number of days means no deletion.
	KeepForever = -1
)

var dsnScheme = regexp.MustCompile(`^(clickhouse|https?)://`)

var dsnSecure = regexp.MustCompile(`[?&]secure(=|&|$)`)

var databaseName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// Validate returns every fault of the configuration: the key, the value, what is accepted. It never shows the DSN,
// which holds a password.
func (c *Config) Validate() []error {
	var faults []error
	if c.DSN != "" {
		if _, err := parseDSN(c.DSN); err != nil || !dsnScheme.MatchString(c.DSN) {
			faults = append(faults, fmt.Errorf("store.dsn (not shown, it may hold a password): "+
				"want clickhouse://user:password@host:port/database or https://user:password@host:port/database"))
		}
	} else if c.Options == nil {
		faults = append(faults, fmt.Errorf("store.dsn is empty and there is no embedded engine"))
	}
	if c.Database != "" && !databaseName.MatchString(c.Database) {
		faults = append(faults, fmt.Errorf("store.database %q: want letters, digits and underscores, at most 64", c.Database))
	}
	if c.Cluster != "" {
		faults = append(faults, fmt.Errorf("store.cluster %q: replicated tables are not supported yet; leave it empty", c.Cluster))
	}
	if d := c.Retention.EventsDays; d < KeepForever {
		faults = append(faults, fmt.Errorf("store.retention.events_days %d: want a number of days, 0 for %d, or -1 for ever",
			d, defaultEventsDays))
	}
	if d := c.Retention.RollupsDays; d < KeepForever || d > 0 && d < leastRollupsDays {
		faults = append(faults, fmt.Errorf("store.retention.rollups_days %d: want at least %d days, or -1 for ever", d, leastRollupsDays))
	}
	if d := c.Retention.AuditDays; d < KeepForever {
		faults = append(faults, fmt.Errorf("store.retention.audit_days %d: want a number of days, or -1 for ever", d))
	}
	return faults
}

// parseDSN reads a DSN. The scheme https stands for TLS by itself, while the driver wants secure=true besides; a host without
// a port has the usual one of its protocol.
func parseDSN(dsn string) (*clickhouse.Options, error) {
	if strings.HasPrefix(dsn, "https://") && !dsnSecure.MatchString(dsn) {
		separator := "?"
		if strings.Contains(dsn, "?") {
			separator = "&"
		}
		dsn += separator + "secure=true"
	}
	opt, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	for i, addr := range opt.Addr {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			opt.Addr[i] = addr + ":" + usualPort(opt)
		}
	}
	return opt, nil
}

func usualPort(opt *clickhouse.Options) string {
	switch {
	case opt.Protocol == clickhouse.HTTP && opt.TLS != nil:
		return "8443"
	case opt.Protocol == clickhouse.HTTP:
		return "8123"
	case opt.TLS != nil:
		return "9440"
	}
	return "9000"
}

// database is the database's effective name.
func (c *Config) database() string {
	if c.Database != "" {
		return c.Database
	}
	if c.DSN != "" {
		if opt, err := parseDSN(c.DSN); err == nil && opt.Auth.Database != "" {
			return opt.Auth.Database
		}
	}
	return defaultDatabase
}

// eventsDays is the effective retention of events, KeepForever for none.
func (r Retention) eventsDays() int {
	if r.EventsDays == 0 {
		return defaultEventsDays
	}
	return r.EventsDays
}

// rollupsDays is the effective retention of the rollups.
func (r Retention) rollupsDays() int { return orForever(r.RollupsDays) }

// auditDays is the effective retention of the audit.
func (r Retention) auditDays() int { return orForever(r.AuditDays) }

func orForever(days int) int {
	if days == 0 {
		return KeepForever
	}
	return days
}

// isLoopback reports whether an address of the form host:port is on this machine.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// options returns the connection's options. What goes over a network is compressed (that costs more than LZ4); what
// stays on the machine is not.
func (c *Config) options() (*clickhouse.Options, error) {
	var opt clickhouse.Options
	if c.DSN != "" {
		parsed, err := parseDSN(c.DSN)
		if err != nil {
			return nil, fmt.Errorf("store.dsn cannot be parsed (not shown, it may hold a password)")
		}
		opt = *parsed
		if opt.Compression == nil && !slices.ContainsFunc(opt.Addr, isLoopback) {
			opt.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
		}
	} else {
		opt = *c.Options
	}
	opt.Auth.Database = c.database()
	if opt.MaxOpenConns == 0 {
		opt.MaxOpenConns = 16
	}
	if opt.MaxIdleConns == 0 {
		opt.MaxIdleConns = 8
	}
	if opt.DialTimeout == 0 {
		opt.DialTimeout = 5 * time.Second
	}
	return &opt, nil
}
