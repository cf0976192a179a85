package store

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/store/engine"
)

// dsnVariable names a running ClickHouse for the tests to use instead of an embedded engine of their own.
const dsnVariable = "GATEWATCH_TEST_STORE_DSN"

// nativeVariable, when it is set, has all tests speak the native protocol to the embedded engine; see nativeFront.
const nativeVariable = "GATEWATCH_TEST_NATIVE"

// databases counts the tests' databases: each test has its own, all on one engine.
var databases atomic.Int64

// shared is the engine of all tests; it starts with the first that needs it.
var shared struct {
	once       sync.Once
	supervisor *engine.Supervisor
	dir        string
	err        error
}

func TestMain(m *testing.M) {
	engine.RunIfChild()
	code := m.Run()
	if shared.supervisor != nil {
		if err := shared.supervisor.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop engine:", err)
			code = max(code, 1)
		}
		_ = os.RemoveAll(shared.dir) // a temporary directory
	}
	os.Exit(code)
}

// startEngine starts an engine over dir; the test is skipped where the engine's library is not installed.
func startEngine(t testing.TB, dir string) (*engine.Supervisor, error) {
	t.Helper()
	if _, err := engine.LibraryPath(); err != nil {
		t.Skipf("no embedded engine: %v", err)
	}
	return engine.Start(t.Context(), engine.SupervisorOptions{
		Path: dir, Command: []string{os.Args[0]}, Config: engine.Config{MemoryLimit: 1 << 30},
	})
}

// openTestStore returns a store in a database of its own, migrated.
func openTestStore(t testing.TB) *Store {
	t.Helper()
	s := openEmptyStore(t)
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// openEmptyStore returns a store in a new, empty database.
func openEmptyStore(t testing.TB) *Store {
	t.Helper()
	cfg := testConfig(t)
	cfg.Database = fmt.Sprintf("t%d_%d", os.Getpid(), databases.Add(1))
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := s.conn.Exec(ctx, "DROP DATABASE "+quoteName(cfg.Database)+" SYNC"); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func testConfig(t testing.TB) Config {
	t.Helper()
	// The tests' stamps are fixed moments, which retention would find expired.
	cfg := Config{DSN: os.Getenv(dsnVariable), Retention: Retention{EventsDays: KeepForever}}
	if cfg.DSN != "" {
		return cfg
	}
	if _, err := engine.LibraryPath(); err != nil {
		t.Skipf("no embedded engine: %v", err)
	}
	shared.once.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "gatewatch-store-test"); shared.err == nil {
			shared.supervisor, shared.err = startEngine(t, shared.dir)
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	if os.Getenv(nativeVariable) != "" {
		cfg.DSN = startNativeFront(t, shared.supervisor.Options(), "default")
		return cfg
	}
	cfg.Options = shared.supervisor.Options()
	return cfg
}

// someEvents returns n plausible events of one source, stamped alike, in order of position.
func someEvents(source string, n int) []*event.Event {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	list := make([]*event.Event, n)
	for i := range list {
		e := new(event.Event)
		e.Reset()
		e.Time = start.Add(time.Duration(i) * 37 * time.Millisecond)
		e.Source, e.Generation, e.Position = source, 1, uint64(i*200)
		e.Service, e.Format = "shop", "combined"
		e.ClientIP = netip.AddrFrom4([4]byte{203, 0, 113, byte(i % 50)})
		e.Method, e.Path, e.Protocol = "GET", fmt.Sprintf("/orders/%d", i%97), "HTTP/1.1"
		e.Route, e.ObjectIDs = "/orders/{id}", []string{fmt.Sprint(i % 97)}
		e.Status = []int{200, 200, 200, 404, 500}[i%5]
		e.BytesOut = int64(i % 1000)
		e.DurationMS = float64(i%300) / 8
		e.UserAgent, e.UAFamily = "curl/8.5.0", "curl"
		e.User = fmt.Sprintf("user%d", i%11)
		list[i] = e
	}
	stamp(list, start.Add(time.Hour))
	return list
}

func stamp(list []*event.Event, at time.Time) {
	for _, e := range list {
		e.IngestedAt = at
	}
}
