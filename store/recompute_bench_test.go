package store

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
)

var recomputeEvents = flag.Int("recompute-events", 1_000_000, "events of the recomputation's benchmark")

// BenchmarkRecompute learns from 30 days of events of 5,000 routes and 200,000 users (flag -recompute-events says how
// many), made by the engine itself, rollups included. It reports the time and the CPU time of one recomputation, the heap that this
// process holds at its end, and what the rollups and the model's rows take on disk.
func BenchmarkRecompute(b *testing.B) {
	s := openTestStore(b)
	ctx := context.Background()
	const block = 500_000
	for from := 0; from < *recomputeEvents; from += block {
		// Routes and users are skewed: a few are busy, most are seldom seen.
		sql := fmt.Sprintf(`INSERT INTO events (time, source, generation, position, service, client_ip, user, method, route,
object_ids, status, bytes_out, duration_ms, country, ingested_at)
SELECT toDateTime64('2026-03-02 00:00:00', 9, 'UTC') + toIntervalSecond(number * 2592000 / %[3]d), 'bench', 1, number,
  concat('s', toString(r %% 20)), toIPv6('203.0.113.1'), concat('user-', toString(u)), 'GET', concat('/r', toString(r), '/{id}'),
  if(r %% 4 = 0, [toString((u * 7 + number %% 3) %% 100000)], []), if(number %% 50 = 0, 404, 200), 1000 + number %% 5000, 5 + number %% 200,
  if(u %% 2 = 0, 'DE', 'FR'), toDateTime64('2026-04-02 00:00:00', 9, 'UTC')
FROM (SELECT number, toUInt32(5000 * pow((sipHash64(number) %% 1000003) / 1000003, 3)) AS r,
  toUInt32(200000 * pow((sipHash64(number, 1) %% 1000003) / 1000003, 2)) AS u FROM numbers(%[1]d, %[2]d))`, from, block, *recomputeEvents)
		if err := s.conn.Exec(ctx, sql); err != nil {
			b.Fatal(err)
		}
	}
	until := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	snap := baseline.Snapshot{Cut: until.AddDate(0, 0, 2), Until: until, WindowDays: 30, Generation: "bench"}
	var m *baseline.Model
	n, before := 0, cpuTime(b)
	for b.Loop() {
		n++
		var err error
		if m, err = baseline.Recompute(ctx, baseline.Config{}, s.History(), snap); err != nil {
			b.Fatal(err)
		}
		if err := s.SaveModel(ctx, m); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((cpuTime(b)-before)/float64(n), "cpu-s/op")
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	endpoints, actors := m.Counts()
	rows := 0
	if err := m.Rows(func(r baseline.Row) error { rows += len(r.JSON); return nil }); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(mem.HeapAlloc)/1e6, "heap-MB")
	b.ReportMetric(float64(endpoints), "endpoints")
	b.ReportMetric(float64(actors), "actors")
	b.ReportMetric(float64(rows)/1e6, "model-MB")
	for table, per := range map[string]float64{"endpoint_minutes": float64(endpoints) * 30, "actor_hours": float64(actors) * 30} {
		var bytes uint64
		row := s.conn.QueryRow(ctx, "SELECT toUInt64(sum(bytes_on_disk)) FROM system.parts WHERE active AND database = currentDatabase() AND table = '"+table+"'")
		if err := row.Scan(&bytes); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(bytes)/per, table+"-B/entity-day")
	}
}
