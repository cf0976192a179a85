// Package store owns everything that is kept: all SQL, and the only connection to ClickHouse (the embedded engine, a
// server or a cluster), spoken to with clickhouse-go alone.
//
// It must not judge events, group findings or decide when a job runs; it stores, reads back in the order in which events
// are judged, and answers measures. Values reach a statement as server-side parameters, never as text.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Store is an open connection pool to the store. It is safe for concurrent use.
type Store struct {
	conn     driver.Conn
	cfg      Config
	logger   *slog.Logger
	http     bool // the connection speaks HTTP, not the native protocol
	encoders sync.Pool
	sealing  sealing
}

// Open connects, creates the database where it is missing, and checks that the server answers. It does not migrate:
// see Migrate. The error is of kind ErrUnavailable when another try may succeed.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if faults := cfg.Validate(); len(faults) > 0 {
		return nil, fmt.Errorf("open store: %w", errors.Join(faults...))
	}
	opt, err := cfg.options()
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := ensureDatabase(ctx, opt); err != nil {
		return nil, wrap("open store", err)
	}
	conn, err := clickhouse.Open(opt)
	if err != nil {
		return nil, wrap("open store", err)
	}
	s := &Store{conn: conn, cfg: cfg, logger: cfg.Logger, http: opt.Protocol == clickhouse.HTTP}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	s.encoders.New = func() any { return newEncoder() }
	if err := s.Ping(ctx); err != nil {
		_ = conn.Close() // the error that matters is the ping's
		return nil, err
	}
	return s, nil
}

// Conn is the connection pool, for the statements of the package's other files.
func (s *Store) Conn() driver.Conn { return s.conn }

// Database is the name of the database that holds the tables.
func (s *Store) Database() string { return s.cfg.database() }

// Ping asks the server for a sign of life.
func (s *Store) Ping(ctx context.Context) error {
	return wrap("ping store", s.conn.Exec(ctx, "SELECT 1"))
}

// Close closes the connections; what runs on them ends with an error.
func (s *Store) Close() error {
	return wrap("close store", s.conn.Close())
}

// ensureDatabase creates the database, unless it is there: a user without the right to create one can use it.
func ensureDatabase(ctx context.Context, opt *clickhouse.Options) error {
	name := opt.Auth.Database
	first := *opt
	first.Auth.Database = "default"
	conn, err := clickhouse.Open(&first)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	var there uint8
	row := conn.QueryRow(ctx, "SELECT toUInt8(count() > 0) FROM system.databases WHERE name = {name:String}",
		clickhouse.Named("name", name))
	if err := row.Scan(&there); err != nil {
		return fmt.Errorf("look for database %s: %w", name, err)
	}
	if there == 1 {
		return nil
	}
	if err := conn.Exec(ctx, "CREATE DATABASE IF NOT EXISTS "+quoteName(name)); err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

// quoteName quotes an identifier; names come from configuration and are checked by Validate.
func quoteName(name string) string {
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}
