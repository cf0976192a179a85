package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/gatewatch/gatewatch/migrations"
)

// Migration is one numbered SQL file and what the store knows of it.
type Migration struct {
	Name      string    `json:"name"`     // NNNN_name.sql
	Checksum  string    `json:"checksum"` // SHA-256 of the file, hex
	AppliedAt time.Time `json:"applied_at,omitzero"`

	statement string
}

// Applied reports whether the migration has run.
func (m Migration) Applied() bool { return !m.AppliedAt.IsZero() }

// schema is what the migrations' templates see.
type schema struct{}

// OnCluster stands after an object's name: empty on a single server.
func (schema) OnCluster() string { return "" }

// Engine returns a table engine with its arguments.
func (schema) Engine(name string, args ...string) string {
	if len(args) == 0 {
		return name
	}
	return name + "(" + strings.Join(args, ", ") + ")"
}

var migrationName = regexp.MustCompile(`^[0-9]{4}_[a-z0-9_]+\.sql$`)

// loadMigrations reads and renders the files of dir in order of their numbers, each of which is unique.
func loadMigrations(dir fs.FS) ([]Migration, error) {
	names, err := fs.Glob(dir, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	slices.Sort(names)
	list := make([]Migration, 0, len(names))
	for i, name := range names {
		if !migrationName.MatchString(name) {
			return nil, fmt.Errorf("migration %s: want a name like 0001_events.sql", name)
		}
		if i > 0 && names[i-1][:4] == name[:4] {
			return nil, fmt.Errorf("migrations %s and %s have the same number", names[i-1], name)
		}
		raw, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, fmt.Errorf("read migration %s: %w", name, err)
		}
		t, err := template.New(path.Base(name)).Option("missingkey=error").Parse(string(raw))
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", name, err)
		}
		var sql strings.Builder
		if err := t.Execute(&sql, schema{}); err != nil {
			return nil, fmt.Errorf("migration %s: %w", name, err)
		}
		sum := sha256.Sum256(raw)
		list = append(list, Migration{
			Name: name, Checksum: hex.EncodeToString(sum[:]),
			statement: strings.TrimSuffix(strings.TrimSpace(sql.String()), ";"),
		})
	}
	return list, nil
}

// Migrate brings the schema up to date and returns the migrations that it ran. Each is safe to run twice, so a run that
// was interrupted is repeated, and two servers that start at once do each other no harm. It refuses, before it runs
// anything, a file that has changed since it ran, and a store that a newer version of the program has migrated. It is
// called whenever a server starts: it also completes the block that a kill may have left out of a materialised view, and
// sets the retention.
func (s *Store) Migrate(ctx context.Context) ([]Migration, error) {
	return s.migrate(ctx, migrations.FS)
}

// Migrations returns all known migrations in order, with the time at which they ran. Like Migrate it returns an error
// when files and store contradict each other; it changes nothing.
func (s *Store) Migrations(ctx context.Context) ([]Migration, error) {
	return s.status(ctx, migrations.FS)
}

const createMigrationsTable = `CREATE TABLE IF NOT EXISTS schema_migrations
(
    name       String,
    checksum   String,
    applied_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (name, applied_at)`

func (s *Store) migrate(ctx context.Context, dir fs.FS) ([]Migration, error) {
	if err := s.conn.Exec(ctx, createMigrationsTable); err != nil {
		return nil, wrap("migrate: create schema_migrations", err)
	}
	list, err := s.status(ctx, dir)
	if err != nil {
		return nil, err
	}
	there, err := s.hasTable(ctx, "events")
	if err != nil {
		return nil, err
	}
	var ran []Migration
	if there {
		// The newest block is read with all columns that an event has by now.
		if ran, err = s.run(ctx, list, Migration.addsToEvents); err != nil {
			return ran, err
		}
	}
	// Before any new view exists: a new one starts with the blocks that come.
	if err := s.completeNewestBlock(ctx); err != nil {
		return ran, fmt.Errorf("migrate: %w", err)
	}
	more, err := s.run(ctx, list, func(Migration) bool { return true })
	if ran = append(ran, more...); err != nil {
		return ran, err
	}
	if err := s.applyRetention(ctx); err != nil {
		return ran, err
	}
	return ran, nil
}

// addsToEvents reports whether the migration adds a column to the events.
func (m Migration) addsToEvents() bool {
	return addsColumn.MatchString(m.statement)
}

var addsColumn = regexp.MustCompile(`(?m)^ALTER TABLE events\b.* ADD COLUMN\b`)

// run runs those of the migrations that have not run yet, in order, and notes in the list and the store that they have.
func (s *Store) run(ctx context.Context, list []Migration, which func(Migration) bool) (ran []Migration, err error) {
	for i := range list {
		m := &list[i]
		if m.Applied() || !which(*m) {
			continue
		}
		if err := s.conn.Exec(ctx, m.statement); err != nil {
			return ran, wrap("migrate: run "+m.Name, err)
		}
		m.AppliedAt = time.Now().UTC().Truncate(time.Millisecond)
		err := s.conn.Exec(ctx, `INSERT INTO schema_migrations (name, checksum, applied_at)
SELECT {name:String}, {checksum:String}, fromUnixTimestamp64Milli({at:Int64}, 'UTC')`,
			clickhouse.Named("name", m.Name), clickhouse.Named("checksum", m.Checksum),
			clickhouse.Named("at", m.AppliedAt.UnixMilli()))
		if err != nil {
			return ran, wrap("migrate: record "+m.Name, err)
		}
		ran = append(ran, *m)
	}
	return ran, nil
}

// status joins the files of dir with the record of what ran.
func (s *Store) status(ctx context.Context, dir fs.FS) ([]Migration, error) {
	list, err := loadMigrations(dir)
	if err != nil {
		return nil, err
	}
	known := make(map[string]int, len(list))
	for i, m := range list {
		known[m.Name] = i
	}
	ran, err := s.recorded(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range ran {
		i, ok := known[r.Name]
		if !ok {
			return nil, rejected("migration %s has run on this store but is unknown to this program: "+
				"the store belongs to a newer version; run that one", r.Name)
		}
		if r.Checksum != list[i].Checksum {
			return nil, rejected("migration %s has run with checksum %s but now has %s: a migration that has run must "+
				"not be changed; restore the file and put the change into a new one", r.Name, r.Checksum, list[i].Checksum)
		}
		list[i].AppliedAt = r.AppliedAt
	}
	return list, nil
}

// recorded reads schema_migrations: per file and checksum the first time it ran; nothing when the table is missing.
func (s *Store) recorded(ctx context.Context) ([]Migration, error) {
	there, err := s.hasTable(ctx, "schema_migrations")
	if err != nil || !there {
		return nil, err
	}
	rows, err := s.conn.Query(ctx, `SELECT name, checksum, min(applied_at) FROM schema_migrations
GROUP BY name, checksum ORDER BY name, checksum`)
	if err != nil {
		return nil, wrap("read schema_migrations", err)
	}
	var ran []Migration
	err = scanAll(rows, func() error {
		var m Migration
		if err := rows.Scan(&m.Name, &m.Checksum, &m.AppliedAt); err != nil {
			return err
		}
		ran = append(ran, m)
		return nil
	})
	return ran, wrap("read schema_migrations", err)
}

func (s *Store) hasTable(ctx context.Context, name string) (bool, error) {
	var there uint8
	row := s.conn.QueryRow(ctx, `SELECT toUInt8(count() > 0) FROM system.tables
WHERE database = currentDatabase() AND name = {name:String}`, named("name", name))
	err := row.Scan(&there)
	return there == 1, wrap("look for table "+name, err)
}
