package engine

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	RunIfChild()
	goleak.VerifyTestMain(m)
}

// startEngine starts a supervised engine on a directory of its own, or skips the test when the library is not there.
func startEngine(t *testing.T, change func(*SupervisorOptions)) *Supervisor {
	t.Helper()
	opts := SupervisorOptions{
		Path: t.TempDir(), Command: testCommand(), Logger: slog.New(slog.NewTextHandler(watchful{t}, nil)),
		Config: Config{MemoryLimit: 1 << 30, StopTimeout: 5 * time.Second},
	}
	if change != nil {
		change(&opts)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := Start(ctx, opts)
	skipOrFatal(t, err)
	t.Cleanup(func() { _ = s.Stop() })
	return s
}

// dial opens a clickhouse-go connection.
func dial(t *testing.T, opts *clickhouse.Options) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// mustExec runs statements that must succeed.
func mustExec(t *testing.T, conn driver.Conn, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		if err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// one is the single value of a query.
func one[T any](t *testing.T, conn driver.Conn, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// testCommand starts this test binary as the engine.
func testCommand() []string { return []string{os.Args[0]} }

func skipOrFatal(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, ErrNotInstalled) {
		t.Skip("needs the engine: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// watchful writes the engine's log to the test's, and fails the test when the race detector speaks up in the child.
type watchful struct{ t *testing.T }

func (w watchful) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("DATA RACE")) {
		w.t.Error("a data race in the engine process")
	}
	return w.t.Output().Write(p)
}
