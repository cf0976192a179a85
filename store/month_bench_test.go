package store

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

var (
	recomputeEvents = flag.Int("recompute-events", 1_000_000, "events of the recomputation's benchmark, in 30 days")
	recomputeDir    = flag.String("recompute-dir", "", "where the recomputation's benchmark keeps its events for the next run; it goes on with what is there")
)

// The month that a recomputation is promised for: 100 million events of 5,000 routes and 200,000 users. A smaller one has
// as many events a route and a user.
const (
	monthDays       = 30
	eventsPerUser   = 500
	eventsPerRoute  = 20_000
	stepsPerSession = 10
	monthBlock      = 500_000
)

var monthStart = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) // a Monday

// monthEnd is the end of the month, up to which its benchmark learns.
func monthEnd() time.Time { return monthStart.AddDate(0, 0, monthDays) }

// monthCut is after the last event's ingestion.
func monthCut() time.Time { return monthEnd().AddDate(0, 0, 7) }

// openMonth returns a store with a month of events: of its own, or the one that is kept in a directory.
func openMonth(b *testing.B, events int) *Store {
	b.Helper()
	if *recomputeDir == "" {
		s := openTestStore(b)
		insertMonth(b, s, events)
		return s
	}
	ctx := context.Background()
	shared.once.Do(func() { shared.supervisor, shared.err = startEngine(b, *recomputeDir) })
	if shared.err != nil {
		b.Fatal(shared.err)
	}
	cfg := Config{Database: "month", Retention: Retention{EventsDays: KeepForever}, Options: shared.supervisor.Options()}
	s, err := Open(ctx, cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	// A store that is there is left as it is: its blocks have no token by which Migrate would know the newest one again.
	there, err := s.hasTable(ctx, "events")
	if err == nil && !there {
		_, err = s.Migrate(ctx)
	}
	if err != nil {
		b.Fatal(err)
	}
	insertMonth(b, s, events)
	return s
}

// insertMonth has the engine make the events itself, two blocks at a time in order of time, so that the views fill the
// rollups. Blocks that are there are left as they are.
//
// Requests follow the day (four times as many at noon as at midnight) and the week (three fifths on Saturdays and Sundays).
// They come in sessions of ten within some minutes. Six of seven sessions are a user's: each user is there at eight hours of
// the day of its own and has a dozen routes of its own, of which every other reads one of some thirty objects; the busiest of
// 200,000 users makes one request in 450. The other sessions are clients without a user, one in ten of them a crawler.
// Routes follow Zipf's law: the busiest of 5,000 has a twelfth of the requests.
func insertMonth(b *testing.B, s *Store, events int) {
	b.Helper()
	ctx := context.Background()
	if err := s.WithoutInventory(ctx); err != nil { // nothing is learned from it
		b.Fatal(err)
	}
	var there []uint64
	if err := s.conn.QueryRow(ctx, fmt.Sprintf("SELECT groupUniqArray(intDiv(position, %d)) FROM events", monthBlock)).Scan(&there); err != nil {
		b.Fatal(err)
	}
	var inserts errgroup.Group
	inserts.SetLimit(2)
	for from := 0; from < events; from += monthBlock {
		if !slices.Contains(there, uint64(from/monthBlock)) { //nolint:gosec // not negative
			inserts.Go(func() error { return s.conn.Exec(ctx, monthBlockSQL(from, min(monthBlock, events-from), events)) })
		}
	}
	if err := inserts.Wait(); err != nil {
		b.Fatal(err)
	}
}

// monthBlockSQL makes so many of the month's events from the given one on.
func monthBlockSQL(from, n, events int) string {
	users, routes := max(events/eventsPerUser, 24), max(events/eventsPerRoute, 10)
	ingested := monthStart.Add(time.Duration(float64(from+n)/float64(events)*monthDays*24*float64(time.Hour))).AddDate(0, 0, 3)
	return fmt.Sprintf(`INSERT INTO events (time, source, generation, position, service, format, client_ip, user, session, auth_scheme,
  method, route, object_ids, status, bytes_in, bytes_out, duration_ms, user_agent, ua_family, is_bot, country, asn, ingested_at)
WITH
  intDiv(number, %[3]d) AS visit, number %% %[3]d AS step, sipHash64(visit, 1) AS h, sipHash64(number, 2) AS k,
  (visit + 0.5) * %[3]d / %[4]d * 26.8 AS load, floor(load / 6.2) AS week, load - 6.2 * week AS rest,
  if(rest < 5, rest, 5 + (rest - 5) / 0.6) AS days, floor(days) AS day, days - day AS share,
  86400 * (7 * week + day + share + 0.6 * sin(2 * pi() * share) / (2 * pi())) + step * (5 + h %% 60) + k %% 1000 / 1000 AS at,
  h %% 7 = 0 AS guest, intDiv(h, 1000) %% 1000003 / 1000003 AS x,
  toUInt32((intDiv(toUInt32(at), 3600) + intDiv(h, 7) %% 8) %% 24 + 24 * floor(%[5]d / 24 * x * x)) AS actor,
  sipHash64(actor, guest, k %% 12) AS habit,
  toUInt32(pow(%[6]d, habit %% 1000003 / 1000003)) - 1 AS any_route, if(guest, any_route - any_route %% 10, any_route) AS r,
  actor * 7 + (h %% 10 = 3) AS device
SELECT toDateTime64('2026-03-02 00:00:00', 9, 'UTC') + toIntervalMillisecond(toInt64(at * 1000)),
  'month', 1, number, concat('service-', toString(r %% 20)), 'json', IPv4ToIPv6(toUInt32(if(guest, 184549376, 167772160) + actor * 4 + h %% 3)),
  if(guest, '', concat('user-', toString(actor), '@example.com')), if(guest, '', lower(hex(h))), if(guest, '', 'jwt'),
  if(r %% 3 = 0, 'POST', 'GET'), concat('/v1/resource-', toString(r), if(r %% 2 = 0, '/{id}', '')),
  if(r %% 2 = 0, [toString((actor * 31 + k %% 30) %% 1000000)], []),
  multiIf(k %% 50 = 0, 404, k %% 333 = 1, 500, k %% 100 = 2, 401, k %% 200 = 3, 403, k %% 20 = 4, 304, 200),
  300 + k %% 700, 200 + intDiv(habit, 7) %% 5000 + k %% 500, round((5 + r %% 200) * exp(k %% 4096 / 2048 - 1)),
  concat('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/', toString(device %% 400), '.0.0.0 Safari/537.36'),
  'Chrome', guest AND actor %% 10 = 0, ['DE', 'FR', 'US', 'GB', 'NL', 'PL', 'ES'][device %% 7 + 1], 64512 + device %% 1500,
  toDateTime64('%[7]s', 9, 'UTC')
FROM numbers(%[1]d, %[2]d)`, from, n, stepsPerSession, events, users, routes, ingested.Format("2006-01-02 15:04:05"))
}

// BenchmarkBuildMonth only makes the events of BenchmarkRecompute, for a directory that is kept.
func BenchmarkBuildMonth(b *testing.B) {
	for b.Loop() {
		openMonth(b, *recomputeEvents)
	}
}
