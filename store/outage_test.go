package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/gatewatch/gatewatch/detect"
)

func TestUnreachableStoreIsUnavailable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil { // nobody listens there any more
		t.Fatal(err)
	}
	const password = "a-password-of-ours"
	for _, scheme := range []string{"http", "clickhouse"} {
		_, err := Open(t.Context(), Config{DSN: fmt.Sprintf("%s://someone:%s@%s/x", scheme, password, addr)})
		if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrRejected) {
			t.Errorf("%s: %v: want an unavailable store", scheme, err)
		}
		if err != nil && strings.Contains(err.Error(), password) {
			t.Errorf("%s: the error shows the password", scheme)
		}
	}
}

func TestConfigFaults(t *testing.T) {
	f := func(c Config, words ...string) {
		t.Helper()
		faults := errors.Join(c.Validate()...)
		if faults == nil {
			t.Errorf("%+v: no fault", c)
			return
		}
		for _, w := range words {
			if !strings.Contains(faults.Error(), w) {
				t.Errorf("%q does not say %q", faults, w)
			}
		}
		if strings.Contains(faults.Error(), "hunter2") {
			t.Errorf("%q shows the password", faults)
		}
	}
	some := &clickhouse.Options{}
	f(Config{}, "store.dsn")
	f(Config{DSN: "nonsense://u:hunter2@host"}, "store.dsn")
	f(Config{DSN: "clickhouse://u:hunter2@ho st:x%zz"}, "store.dsn")
	f(Config{Options: some, Database: "a b"}, "store.database", `"a b"`)
	f(Config{Options: some, Cluster: "big"}, "store.cluster", `"big"`)
	f(Config{Options: some, Retention: Retention{EventsDays: -7}}, "events_days", "-7")
	f(Config{Options: some, Retention: Retention{RollupsDays: 7}}, "rollups_days", "7", "30")
	f(Config{Options: some, Retention: Retention{AuditDays: -2}}, "audit_days", "-2")
	if faults := (&Config{Options: some}).Validate(); len(faults) > 0 {
		t.Errorf("the zero value: %v", faults)
	}
}

func TestErrorKinds(t *testing.T) {
	f := func(err error, unavailable, rejectedKind bool) {
		t.Helper()
		got := wrap("do it", err)
		if errors.Is(got, ErrUnavailable) != unavailable || errors.Is(got, ErrRejected) != rejectedKind {
			t.Errorf("%v became %v", err, got)
		}
		if err != nil && (!errors.Is(got, err) || !strings.HasPrefix(got.Error(), "do it: ")) {
			t.Errorf("%v became %v", err, got)
		}
	}
	f(nil, false, false)
	f(&clickhouse.Exception{Code: 241}, true, false) // memory
	f(&clickhouse.Exception{Code: 243}, true, false) // disk full
	f(&clickhouse.Exception{Code: 62}, false, true)  // syntax
	f(errors.New("connection reset"), true, false)
	f(context.Canceled, false, false)
	f(ErrNotFound, false, false)
	f(rejected("no"), false, true)
}

// Blocks that are sent while the engine is killed again and again, each repeated until it is acknowledged, end up in
// the store once: in events, in the positions, and in a materialised view.
func TestKilledEngineLosesAndDoublesNothing(t *testing.T) {
	if os.Getenv(dsnVariable) != "" {
		t.Skip("a server that was given to the tests is not killed")
	}
	supervisor, err := startEngine(t, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := supervisor.Stop(); err != nil {
			t.Error(err)
		}
	}()
	s, err := Open(t.Context(), Config{Options: supervisor.Options(), Retention: Retention{EventsDays: KeepForever}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }() // the engine goes with it
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`CREATE TABLE per_status (status UInt16, n UInt64) ENGINE = SummingMergeTree ORDER BY status
SETTINGS non_replicated_deduplication_window = 1000`,
		`CREATE MATERIALIZED VIEW per_status_view TO per_status AS SELECT status, count() AS n FROM events GROUP BY status`,
	} {
		if err := s.conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	const blocks, size, kills = 40, 500, 4
	failures := 0
	for i := range blocks {
		list := someEvents("a.log", size)
		for _, e := range list {
			e.Position += uint64(i * size * 200)
			e.Time = e.Time.AddDate(0, i%5, 0) // blocks that span months
		}
		stamp(list, list[0].IngestedAt.Add(time.Duration(i)*time.Second))
		if i%(blocks/kills) == blocks/kills-1 {
			delay := time.Duration(i%7) * time.Millisecond
			pid := supervisor.PID()
			time.AfterFunc(delay, func() { _ = unix.Kill(pid, unix.SIGKILL) }) // it may be gone already
		}
		for {
			err := s.InsertEvents(t.Context(), fmt.Sprint("block ", i), list)
			if err == nil {
				break
			}
			if !errors.Is(err, ErrUnavailable) {
				t.Fatalf("block %d: %v", i, err)
			}
			failures++
			time.Sleep(20 * time.Millisecond)
		}
	}
	for supervisor.Restarts() < kills {
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("%d kills, %d inserts repeated", supervisor.Restarts(), failures)
	n := measureUntilUp(t, s, detect.Measure{Aggregate: detect.AggregateCount})
	var view uint64
	if err := s.conn.QueryRow(t.Context(), "SELECT sum(n) FROM per_status").Scan(&view); err != nil {
		t.Fatal(err)
	}
	if n != blocks*size || view != blocks*size {
		t.Errorf("%v events, %d in the view; want %d of each", n, view, blocks*size)
	}
	got, _ := positions(t, s)
	if want := uint64((blocks*size - 1) * 200); got[stream{"a.log", 1}] != want {
		t.Errorf("positions %v, want %d", got, want)
	}
}

// measureUntilUp takes a measure, again while the engine is starting.
func measureUntilUp(t *testing.T, s *Store, m detect.Measure) float64 {
	t.Helper()
	for {
		n, err := s.Measure(t.Context(), m)
		if err == nil {
			return n
		}
		if !errors.Is(err, ErrUnavailable) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
