package store

import (
	"context"
	"errors"
	"io/fs"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/migrations"
)

func TestEveryMigrationMayRunTwice(t *testing.T) {
	list, err := loadMigrations(migrations.FS)
	if err != nil {
		t.Fatal(err)
	}
	safe := regexp.MustCompile(`(?i)IF NOT EXISTS|IF EXISTS|OR REPLACE|MODIFY QUERY`)
	for _, m := range list {
		if !safe.MatchString(m.statement) {
			t.Errorf("%s: neither IF [NOT] EXISTS nor OR REPLACE nor MODIFY QUERY", m.Name)
		}
		if strings.Contains(m.statement, ";") && !strings.Contains(m.statement, "--") {
			t.Errorf("%s: more than one statement", m.Name)
		}
	}
	if len(list) < 3 {
		t.Errorf("%d migrations", len(list))
	}
}

func file(sql string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(sql)} }

func TestMigrateUpAndStatus(t *testing.T) {
	s := openEmptyStore(t)
	before, err := s.Migrations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range before {
		if m.Applied() {
			t.Errorf("%s has run on an empty store", m.Name)
		}
	}
	ran, err := s.Migrate(t.Context())
	if err != nil || len(ran) != len(before) {
		t.Fatalf("ran %d of %d: %v", len(ran), len(before), err)
	}
	if again, err := s.Migrate(t.Context()); err != nil || len(again) != 0 {
		t.Errorf("second run: %v, %v", again, err)
	}
	after, err := s.Migrations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range after {
		if !m.Applied() {
			t.Errorf("%s has not run", m.Name)
		}
	}
}

func TestMigrateRefuses(t *testing.T) {
	s := openEmptyStore(t)
	one := file("CREATE TABLE IF NOT EXISTS one (x UInt8) ENGINE = {{.Engine \"MergeTree\"}} ORDER BY x;")
	two := file("CREATE TABLE IF NOT EXISTS two{{.OnCluster}} (x UInt8) ENGINE = MergeTree ORDER BY x")
	if _, err := s.migrate(t.Context(), fstest.MapFS{"0001_one.sql": one, "0002_two.sql": two}); err != nil {
		t.Fatal(err)
	}
	f := func(name string, dir fs.FS, words ...string) {
		t.Helper()
		_, err := s.migrate(t.Context(), dir)
		if err == nil {
			t.Errorf("%s: no error", name)
			return
		}
		for _, w := range words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not say %q", name, err, w)
			}
		}
	}
	changed := file("CREATE TABLE IF NOT EXISTS one (x UInt16) ENGINE = MergeTree ORDER BY x")
	f("changed", fstest.MapFS{"0001_one.sql": changed, "0002_two.sql": two}, "0001_one.sql",
		sumOf(t, one), sumOf(t, changed), "must not be changed")
	f("newer store", fstest.MapFS{"0001_one.sql": one}, "0002_two.sql", "newer version")
	f("bad name", fstest.MapFS{"1.sql": one}, "1.sql")
	f("same number", fstest.MapFS{"0001_one.sql": one, "0001_two.sql": two}, "same number")
	f("bad template", fstest.MapFS{"0001_one.sql": file("{{.Nonsense}}")}, "0001_one.sql")
	f("bad SQL", fstest.MapFS{"0001_one.sql": one, "0002_two.sql": two, "0003_x.sql": file("CREATE TABLE IF NOT EXISTS x (y Nonsense) ENGINE = MergeTree ORDER BY y")},
		"0003_x.sql", "Nonsense")
}

func sumOf(t *testing.T, f *fstest.MapFile) string {
	t.Helper()
	list, err := loadMigrations(fstest.MapFS{"0001_x.sql": f})
	if err != nil {
		t.Fatal(err)
	}
	return list[0].Checksum
}

// A run that broke off after the statement and before its record is completed by the next one.
func TestMigrateAfterInterruption(t *testing.T) {
	s := openTestStore(t)
	if err := s.conn.Exec(t.Context(), "TRUNCATE TABLE schema_migrations"); err != nil {
		t.Fatal(err)
	}
	list := someEvents("a.log", 10)
	if err := s.InsertEvents(t.Context(), "a", list); err != nil {
		t.Fatal(err)
	}
	if ran, err := s.Migrate(t.Context()); err != nil || len(ran) == 0 {
		t.Fatalf("%v, %v", ran, err)
	}
	var n uint64
	if err := s.conn.QueryRow(t.Context(), "SELECT count() FROM events").Scan(&n); err != nil || n != 10 {
		t.Errorf("%d events after the repeat, %v", n, err)
	}
}

// A store of before a column of events has it after the next start, with its newest block as it was.
func TestMigrateOfAnOlderStore(t *testing.T) {
	s := openTestStore(t)
	if err := s.InsertEvents(t.Context(), "a", someEvents("a.log", 10)); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"ALTER TABLE events DROP COLUMN gateway_action", "TRUNCATE TABLE schema_migrations"} {
		if err := s.conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := s.ReadEvents(t.Context(), Query{}, func(*event.Event) error { n++; return nil }); err != nil || n != 10 {
		t.Errorf("%d events, %v, want 10", n, err)
	}
}

func TestTwoServersMigrateAtOnce(t *testing.T) {
	s := openEmptyStore(t)
	var group sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		group.Go(func() { _, errs[i] = s.Migrate(t.Context()) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if ran, err := s.Migrate(t.Context()); err != nil || len(ran) != 0 {
		t.Errorf("%v, %v", ran, err)
	}
}

func TestRetentionFollowsConfiguration(t *testing.T) {
	s := openTestStore(t)
	f := func(days, want int) {
		t.Helper()
		s.cfg.Retention.EventsDays = days
		if err := s.applyRetention(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := s.ttlOf(context.Background(), "events"); err != nil || got != want {
			t.Errorf("retention %d: table has %d, %v; want %d", days, got, err, want)
		}
	}
	f(0, 90)
	f(7, 7)
	f(KeepForever, KeepForever)
	f(KeepForever, KeepForever)
	f(30, 30)

	s.cfg.Retention = Retention{EventsDays: 30, RollupsDays: 400, AuditDays: 365}
	for _, days := range []int{400, KeepForever} {
		if err := s.applyRetention(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"endpoint_minutes", "actor_hours", "object_hours", "endpoint_days", "endpoint_callers"} {
			if got, err := s.ttlOf(t.Context(), table); err != nil || got != days {
				t.Errorf("%s: %d, %v; want %d", table, got, err, days)
			}
		}
		s.cfg.Retention = Retention{EventsDays: 30}
	}
}
