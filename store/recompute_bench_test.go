package store

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
)

// BenchmarkRecompute learns from a month of events (flag -recompute-events), all of it: reading, fitting and saving. It
// reports the CPU time of the engine and of this process by event, the peak of what both hold in memory, and what the
// rollups and the model take on disk. With -v it tells what each part of the history costs.
func BenchmarkRecompute(b *testing.B) {
	s := openMonth(b, *recomputeEvents)
	ctx := context.Background()
	snap := baseline.Snapshot{Cut: monthCut(), Until: monthEnd(), WindowDays: monthDays, Generation: "bench"}
	var m *baseline.Model
	runtime.GC()
	stop := watchPeak()
	n, before, start := 0, cpuTime(b), time.Now()
	for b.Loop() {
		n++
		var err error
		if m, err = baseline.Recompute(ctx, baseline.Config{}, &meteredHistory{s.History(), b}, snap); err != nil {
			b.Fatal(err)
		}
		done := meter(b, "save")
		if err := s.SaveModel(ctx, m); err != nil {
			b.Fatal(err)
		}
		done()
	}
	used, took := cpuTime(b)-before, time.Since(start).Seconds()
	b.ReportMetric(float64(stop())/(1<<20), "peak-MiB")
	b.ReportMetric(used/float64(n), "cpu-s/op")
	b.ReportMetric(took/float64(n), "s/op")
	b.ReportMetric(used/float64(n)/float64(m.Events)*1e6, "cpu-s/million")
	b.ReportMetric(0, "ns/op")
	endpoints, actors := m.Counts()
	rows := 0
	if err := m.Rows(func(r baseline.Row) error { rows += len(r.JSON); return nil }); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(rows)/1e6, "model-MB")
	b.Logf("%d events, %d endpoints, %d users", m.Events, endpoints, actors)
	for table, entities := range map[string]int{"events": 0, "endpoint_minutes": endpoints, "actor_hours": actors, "object_hours": actors} {
		var size, count, parts uint64
		row := s.conn.QueryRow(ctx, "SELECT toUInt64(sum(bytes_on_disk)), toUInt64(sum(rows)), count() FROM system.parts "+
			"WHERE active AND database = currentDatabase() AND table = '"+table+"'")
		if err := row.Scan(&size, &count, &parts); err != nil {
			b.Fatal(err)
		}
		b.Logf("%s: %d rows, %.1f MB in %d parts", table, count, float64(size)/1e6, parts)
		if entities > 0 {
			b.ReportMetric(float64(size)/float64(entities)/monthDays, table+"-B/day")
		}
	}
}

// meteredHistory tells what each part of a history costs.
type meteredHistory struct {
	baseline.History
	b *testing.B
}

func meter(b *testing.B, part string) (done func()) {
	engine, own, start := engineCPU(b), cpu(b), time.Now()
	return func() {
		b.Logf("%-12s engine %6.2f s  own %6.2f s  wall %6.2f s", part, (engineCPU(b) - engine).Seconds(), (cpu(b) - own).Seconds(),
			time.Since(start).Seconds())
	}
}

func (h *meteredHistory) Endpoints(ctx context.Context, s baseline.Snapshot, fn func(baseline.EndpointHours) error) error {
	defer meter(h.b, "endpoints")()
	return h.History.Endpoints(ctx, s, fn)
}

func (h *meteredHistory) Actors(ctx context.Context, s baseline.Snapshot, fn func(baseline.ActorHours) error) error {
	defer meter(h.b, "actors")()
	return h.History.Actors(ctx, s, fn)
}

func (h *meteredHistory) Objects(ctx context.Context, s baseline.Snapshot, fn func(baseline.ObjectHours) error) error {
	defer meter(h.b, "objects")()
	return h.History.Objects(ctx, s, fn)
}

func (h *meteredHistory) Shapes(ctx context.Context, s baseline.Snapshot, fn func(baseline.ShapeHours) error) error {
	defer meter(h.b, "shapes")()
	return h.History.Shapes(ctx, s, fn)
}

func (h *meteredHistory) Members(ctx context.Context, s baseline.Snapshot, fn func(baseline.MemberList) error) error {
	defer meter(h.b, "members")()
	return h.History.Members(ctx, s, fn)
}

func (h *meteredHistory) Refusals(ctx context.Context, s baseline.Snapshot, fn func(baseline.RefusalHours) error) error {
	defer meter(h.b, "refusals")()
	return h.History.Refusals(ctx, s, fn)
}

func (h *meteredHistory) Agents(ctx context.Context, s baseline.Snapshot, fn func(baseline.AgentHours) error) error {
	defer meter(h.b, "agents")()
	return h.History.Agents(ctx, s, fn)
}

// watchPeak samples the resident memory of this process and the engine's until the returned function is called, which
// returns the peak of their sum in bytes.
func watchPeak() (peak func() int64) {
	quit, result := make(chan struct{}), make(chan int64)
	resident := func(pid int) int64 {
		var size, pages int64
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			return 0
		}
		if _, err := fmt.Fscan(bytes.NewReader(text), &size, &pages); err != nil {
			return 0
		}
		return pages * int64(os.Getpagesize())
	}
	go func() {
		var most int64
		for {
			select {
			case <-quit:
				result <- most
				return
			case <-time.After(20 * time.Millisecond):
				total := resident(os.Getpid())
				if shared.supervisor != nil {
					total += resident(shared.supervisor.PID())
				}
				most = max(most, total)
			}
		}
	}()
	return func() int64 { close(quit); return <-result }
}
