package engine

import (
	"syscall"
	"testing"
	"time"
)

// TestHangingEngineIsStartedAgain stops the process, which then neither ends nor answers.
func TestHangingEngineIsStartedAgain(t *testing.T) {
	s := startEngine(t, func(o *SupervisorOptions) {
		o.beat = heartbeat{every: 50 * time.Millisecond, patience: 3 * time.Second, misses: 2}
	})
	conn := dial(t, s.Options())
	mustExec(t, conn, "CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a", "INSERT INTO t VALUES (1)")
	if err := syscall.Kill(s.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for s.Restarts() == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	for conn.Ping(t.Context()) != nil {
		time.Sleep(10 * time.Millisecond)
	}
	if n := one[uint64](t, conn, "SELECT count() FROM t"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
	for !s.Up() { // it is up again once the supervisor has its answer
		time.Sleep(10 * time.Millisecond)
	}
}

// TestEngineThatGoesOnIsLeftAlone stops the process for less than it takes to give it up.
func TestEngineThatGoesOnIsLeftAlone(t *testing.T) {
	s := startEngine(t, func(o *SupervisorOptions) {
		o.beat = heartbeat{every: 10 * time.Millisecond, patience: 200 * time.Millisecond, misses: 1 << 20}
	})
	pid := s.PID()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for s.Up() {
		time.Sleep(5 * time.Millisecond)
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for !s.Up() {
		time.Sleep(5 * time.Millisecond)
	}
	if s.PID() != pid || s.Restarts() != 0 {
		t.Errorf("pid %d after %d restarts, want %d after none", s.PID(), s.Restarts(), pid)
	}
}
