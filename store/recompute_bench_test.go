package store

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
)

var recomputeEvents = flag.Int("recompute-events", 1_000_000, "events of the recomputation's benchmark, in 30 days")

// The month that a recomputation is promised for: 100 million events of 5,000 routes and 200,000 users. A smaller one has
// as many events a route and a user, so that what an event costs is the same.
const (
	monthDays       = 30
	eventsPerUser   = 500
	eventsPerRoute  = 20_000
	stepsPerSession = 10
)

// insertMonth has the engine make the events itself, a block at a time in order of time, rollups included. Users come in
// sessions of ten requests within a quarter of an hour, each at eight hours of the day of its own, and have a dozen routes
// of their own, of which every other reads one of some thirty objects. Routes are skewed: a few are busy, most are not.
func insertMonth(tb testing.TB, s *Store, events int) {
	tb.Helper()
	slots := monthDays * 96
	sessions := max(events/slots/stepsPerSession, 1)
	perSlot := sessions * stepsPerSession
	users, routes := max(events/eventsPerUser, 24), max(events/eventsPerRoute, 10)
	const block = 500_000
	for from := 0; from < slots*perSlot; from += block {
		sql := fmt.Sprintf(`INSERT INTO events (time, source, generation, position, service, client_ip, user, auth_scheme, method, route,
  object_ids, status, bytes_out, duration_ms, country, ingested_at)
WITH
  intDiv(number, %[3]d) AS slot, number %% %[4]d AS session, intDiv(number %% %[3]d, %[4]d) AS step,
  sipHash64(slot, session) AS h,
  toUInt32((intDiv(slot, 4) + h %% 8) %% 24 + 24 * toUInt32(%[5]d / 24 * pow((intDiv(h, 8) %% 1000003) / 1000003, 1.5))) AS u,
  sipHash64(u, sipHash64(number) %% 12) AS habit,
  toUInt32(%[6]d * pow((habit %% 1000003) / 1000003, 2)) AS r
SELECT toDateTime64('2026-03-02 00:00:00', 9, 'UTC') + toIntervalSecond(slot * 900 + step * 80 + session %% 80),
  'month', 1, number, concat('service-', toString(r %% 20)), toIPv6('203.0.113.1'), concat('user-', toString(u), '@example.com'), 'jwt',
  if(r %% 3 = 0, 'POST', 'GET'), concat('/v1/resource-', toString(r), '/{id}'),
  if(r %% 2 = 0, [toString((u * 31 + sipHash64(number, 1) %% 30) %% 1000000)], []),
  multiIf(number %% 50 = 0, 404, number %% 333 = 0, 500, 200), 200 + intDiv(habit, 7) %% 5000 + number %% 500, 5 + number %% 200,
  if(u %% 2 = 0, 'DE', 'FR'), toDateTime64('2026-04-02 00:00:00', 9, 'UTC')
FROM numbers(%[1]d, %[2]d)`, from, min(block, slots*perSlot-from), perSlot, sessions, users, routes)
		if err := s.conn.Exec(context.Background(), sql); err != nil {
			tb.Fatal(err)
		}
	}
}

// BenchmarkRecompute learns from a month of events (flag -recompute-events), all of it: reading, fitting and saving. It
// reports the CPU time of the engine and of this process by event, the peak of what both hold in memory, and what the
// rollups and the model take on disk. With -v it tells what each part of the history costs.
func BenchmarkRecompute(b *testing.B) {
	s := openTestStore(b)
	ctx := context.Background()
	insertMonth(b, s, *recomputeEvents)
	until := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	snap := baseline.Snapshot{Cut: until.AddDate(0, 0, 2), Until: until, WindowDays: monthDays, Generation: "bench"}
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

func (h *meteredHistory) Countries(ctx context.Context, s baseline.Snapshot, fn func(string, []string) error) error {
	defer meter(h.b, "countries")()
	return h.History.Countries(ctx, s, fn)
}

func (h *meteredHistory) Habits(ctx context.Context, s baseline.Snapshot, fn func(baseline.HabitDays) error) error {
	defer meter(h.b, "habits")()
	return h.History.Habits(ctx, s, fn)
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
