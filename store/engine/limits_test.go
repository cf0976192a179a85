package engine

import (
	"errors"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"golang.org/x/sys/unix"
)

// TestMemoryCap: what needs more than the cap fails with ClickHouse's code, and the engine lives on.
func TestMemoryCap(t *testing.T) {
	s := startEngine(t, func(o *SupervisorOptions) { o.Config.MemoryLimit = minMemoryLimit })
	conn := dial(t, s.Options())
	var e *clickhouse.Exception
	err := conn.Exec(t.Context(), "SELECT length(groupArray(number)) FROM numbers(1000000000)")
	if !errors.As(err, &e) || e.Code != 241 {
		t.Fatalf("got %v, want code 241", err)
	}
	// Grouping and sorting spill instead.
	if n := one[uint64](t, conn, "SELECT count() FROM (SELECT number % 2000000 AS k, count() FROM numbers(4000000) GROUP BY k)"); n != 2_000_000 {
		t.Errorf("grouped %d keys", n)
	}
	if n := one[uint64](t, conn, "SELECT max(number) FROM (SELECT number FROM numbers(20000000) ORDER BY cityHash64(number))"); n != 19_999_999 {
		t.Errorf("sorted up to %d", n)
	}
	if s.Restarts() != 0 {
		t.Error("the engine died")
	}
}

// TestDiskFull: inserts into a full disk fail with a clear text, and what was acknowledged is there.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Skip("needs to mount a small file system: ", err)
	}
	t.Cleanup(func() { // after the engine has stopped: clean-up runs last in, first out
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := startEngine(t, func(o *SupervisorOptions) { o.Path = dir })
	conn := dial(t, s.Options())
	mustExec(t, conn, "CREATE TABLE big (i UInt32, x String) ENGINE = MergeTree ORDER BY i")
	var stored uint64
	var err error
	for i := 0; err == nil && i < 100; i++ {
		if err = conn.Exec(t.Context(), "INSERT INTO big SELECT number, randomString(1000) FROM numbers(4000)"); err == nil {
			stored += 4000
		}
	}
	var e *clickhouse.Exception
	if !errors.As(err, &e) || !strings.Contains(strings.ToLower(e.Message), "space") {
		t.Errorf("got %v, want an exception about space", err)
	}
	t.Log(err)
	if n := one[uint64](t, conn, "SELECT count() FROM big"); n != stored || stored == 0 {
		t.Errorf("%d rows, %d were acknowledged", n, stored)
	}
	mustExec(t, conn, "TRUNCATE TABLE big")
}

// TestDirectoryInUse: a second engine on the same directory says so.
func TestDirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lockDir(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if _, err := lockDirWithin(t.Context(), dir, lockPatience/1000); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Fatalf("got %v", err)
	}
}
