package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// TestKilledUnderLoad kills the engine while several writers insert, each repeating a failed batch under its token until
// it is acknowledged. In the end every batch must be there once, in the table and in a view's target.
func TestKilledUnderLoad(t *testing.T) {
	s := startEngine(t, nil)
	conn := dial(t, s.Options())
	const dedup = " SETTINGS non_replicated_deduplication_window = 1000"
	mustExec(
		t, conn,
		"CREATE TABLE rows (writer UInt8, batch UInt32, i UInt32) ENGINE = MergeTree ORDER BY (writer, batch, i)"+dedup,
		"CREATE TABLE sums (writer UInt8, n UInt64) ENGINE = SummingMergeTree ORDER BY writer"+dedup,
		"CREATE MATERIALIZED VIEW to_sums TO sums AS SELECT writer, count() AS n FROM rows GROUP BY writer",
	)
	const writers, perBatch, kills = 4, 2000, 4
	var acked [writers]atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for b := 0; ctx.Err() == nil; b++ {
				for insertBatch(conn, w, b, perBatch) != nil { // a batch that was begun is finished
					time.Sleep(10 * time.Millisecond)
				}
				acked[w].Add(1)
			}
		})
	}
	for range kills {
		time.Sleep(400 * time.Millisecond)
		if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		killed := time.Now()
		var err error
		for {
			if err = conn.Ping(t.Context()); err == nil {
				break
			}
			if !errors.Is(err, ErrUnavailable) {
				t.Errorf("while the engine was down: %v, want ErrUnavailable", err)
			}
			if time.Since(killed) > 30*time.Second {
				t.Fatal("the engine did not come back: ", err)
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Logf("back after %v", time.Since(killed).Round(time.Millisecond))
	}
	cancel()
	wg.Wait()
	for w := range writers {
		batches := acked[w].Load()
		got := one[string](t, conn, fmt.Sprintf("SELECT toString((count(), uniqExact(batch, i), uniqExact(batch))) FROM rows WHERE writer = %d", w))
		if want := fmt.Sprintf("(%d,%d,%d)", batches*perBatch, batches*perBatch, batches); got != want {
			t.Errorf("writer %d: (rows, distinct rows, batches) = %s, want %s", w, got, want)
		}
		if n := one[uint64](t, conn, fmt.Sprintf("SELECT sum(n) FROM sums WHERE writer = %d", w)); n != uint64(batches*perBatch) {
			t.Errorf("writer %d: the view counted %d, want %d", w, n, batches*perBatch)
		}
	}
	if s.Restarts() != kills {
		t.Errorf("%d restarts, want %d", s.Restarts(), kills)
	}
}

func insertBatch(conn driver.Conn, writer, batch, rows int) error {
	ctx := clickhouse.Context(context.Background(), clickhouse.WithSettings(clickhouse.Settings{
		"insert_deduplication_token": fmt.Sprintf("%d-%d", writer, batch),
	}))
	b, err := conn.PrepareBatch(ctx, "INSERT INTO rows")
	if err != nil {
		return err
	}
	for i := range rows {
		if err := b.Append(uint8(writer), uint32(batch), uint32(i)); err != nil { //nolint:gosec // small numbers
			return err
		}
	}
	return b.Send()
}

// TestRestartUnderReader kills the engine under a running SELECT: the reader gets ErrUnavailable, not a short result.
func TestRestartUnderReader(t *testing.T) {
	s := startEngine(t, nil)
	conn := dial(t, s.Options())
	rows, err := conn.Query(t.Context(), "SELECT number, sleepEachRow(0.001) FROM numbers(100000) SETTINGS max_block_size = 100")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for rows.Next() {
		if n++; n == 200 {
			if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := rows.Err(); !errors.Is(err, ErrUnavailable) {
		t.Errorf("after %d rows: %v, want ErrUnavailable", n, err)
	}
	_ = rows.Close()
}

// TestStop lets a running statement finish.
func TestStop(t *testing.T) {
	s := startEngine(t, nil)
	conn := dial(t, s.Options())
	result := make(chan error, 1)
	go func() {
		var v uint8
		result <- conn.QueryRow(context.Background(), "SELECT sleep(1)").Scan(&v)
	}()
	for one[uint64](t, conn, "SELECT count() FROM system.processes WHERE query LIKE '%sleep%' AND query NOT LIKE '%processes%'") == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Errorf("the running statement: %v", err)
	}
	if err := conn.Ping(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("after Stop: %v, want ErrUnavailable", err)
	}
	if s.Up() {
		t.Error("still up")
	}
}

// TestStopOfAHangingEngine kills it: a child left behind would keep the directory from the next server.
func TestStopOfAHangingEngine(t *testing.T) {
	s := startEngine(t, func(o *SupervisorOptions) { o.Config.StopTimeout = time.Millisecond })
	pid := s.PID()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the process is still there: %v", err)
	}
}

// TestChildOutlivesNobody: a child whose supervisor is gone (its input ends) stops by itself.
func TestChildOutlivesNobody(t *testing.T) {
	s, err := newSupervisor(SupervisorOptions{Path: t.TempDir(), Command: testCommand()})
	skipOrFatal(t, err)
	defer s.closeSocket()
	c, err := s.spawn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.input.Close() // what the kernel does when the supervisor dies
	select {
	case <-c.ended:
	case <-time.After(time.Minute):
		_ = c.cmd.Process.Kill()
		t.Fatal("the child did not end")
	}
}

// TestSignalsAreTheSupervisors: a service manager signals every process of a service; the engine goes on until the server has
// stored what it gathered.
func TestSignalsAreTheSupervisors(t *testing.T) {
	s := startEngine(t, nil)
	conn := dial(t, s.Options())
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		if err := syscall.Kill(s.PID(), signal); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if err := conn.Ping(t.Context()); err != nil {
				t.Fatalf("after %v: %v", signal, err)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	if s.Restarts() != 0 {
		t.Errorf("%d restarts, want none", s.Restarts())
	}
}

// TestStartFails tells why: the child's own words.
func TestStartFails(t *testing.T) {
	_, err := Start(t.Context(), SupervisorOptions{Path: t.TempDir(), Library: "/nonexistent/libchdb.so", Command: testCommand()})
	if err == nil || !strings.Contains(err.Error(), "/nonexistent/libchdb.so") {
		t.Fatalf("got %v, want the loader's message", err)
	}
}
