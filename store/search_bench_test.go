package store

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
)

// searchEvents is how many events BenchmarkSearch looks through unless GATEWATCH_BENCH_EVENTS says otherwise; the promise
// is about 50 million.
const searchEvents = 1_000_000

// fillEvents makes n events inside the engine, in blocks of 250,000: ten a millisecond of event time, 100,000 users, as
// many clients, 40 routes. The rollups are not filled: views would cost more than what is measured.
func fillEvents(b *testing.B, st *Store, n int) {
	b.Helper()
	const block = 250_000
	for from := 0; from < n; from += block {
		err := st.conn.Exec(b.Context(), fmt.Sprintf(`INSERT INTO events (time, source, generation, position, service, format, client_ip,
  user, method, host, path, route, status, bytes_in, bytes_out, duration_ms, upstream_ms, user_agent, ingested_at)
SELECT toDateTime64('2026-03-01 00:00:00', 9, 'UTC') + toIntervalMillisecond(intDiv(number, 10) * 100), 'bench', 1, number, 'shop', 'json',
  toIPv6(concat('10.', toString(intHash32(number) %% 4), '.', toString(intHash32(number + 1) %% 100), '.', toString(intHash32(number + 2) %% 250))),
  concat('user', toString(intHash32(number) %% 100000)), 'GET', 'shop.example.com', concat('/r', toString(number %% 40), '/', toString(intHash32(number + 3) %% 1000000)),
  concat('/r', toString(number %% 40), '/{id}'), if(intHash32(number + 4) %% 50 = 0, 404, 200), -1, intHash32(number + 5) %% 20000, intHash32(number + 6) %% 500, -1, 'bench/1.0',
  toDateTime64('2026-03-01 00:00:00', 9, 'UTC') + toIntervalMillisecond(intDiv(number, 10) * 100)
FROM numbers(%d, %d)`, from, min(block, n-from)))
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSearch measures GET /v1/events' query: a page of 50, the newest first, by a range of time (a tenth of all) and an
// indexed field, each time another value. It reports the median and the 99th percentile.
func BenchmarkSearch(b *testing.B) {
	n := searchEvents
	if text := os.Getenv("GATEWATCH_BENCH_EVENTS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	st := openTestStore(b)
	for _, view := range []string{"endpoint_minutes_fill", "actor_hours_fill", "object_hours_fill", "refusals_fill", "endpoint_days_fill", "endpoint_callers_fill"} {
		if err := st.conn.Exec(b.Context(), "DROP VIEW IF EXISTS "+view); err != nil {
			b.Fatal(err)
		}
	}
	began := time.Now()
	fillEvents(b, st, n)
	b.Logf("%d events in %s", n, time.Since(began).Round(time.Second))
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	whole := time.Duration(n/10) * 100 * time.Millisecond
	for name, condition := range map[string]func(i int) detect.Condition{
		"user": func(i int) detect.Condition {
			return detect.Condition{Field: "user", Op: detect.OpEqual, Value: fmt.Sprintf("user%d", i*7919%100_000)}
		},
		"client_ip": func(i int) detect.Condition {
			addr := netip.AddrFrom4([4]byte{10, byte(i % 4), byte(i * 13 % 100), byte(i * 31 % 250)})
			return detect.Condition{Field: "client_ip", Op: detect.OpEqual, Value: addr.String()}
		},
	} {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				from := start.Add(whole / 10 * time.Duration(i%10))
				q := Search{Query: Query{From: from, To: from.Add(whole / 10), Where: []detect.Condition{condition(i)}}, Limit: 50}
				at := time.Now()
				if _, _, err := st.SearchEvents(b.Context(), q); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(at))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}
