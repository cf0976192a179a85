package store

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
)

// What is learned once a night about answers, members and countries is read from the events themselves: a view would cost
// every insert, and a scan of a few columns in the order in which they are stored costs a recomputation seconds.

// eventsIn is the WHERE of a snapshot's events.
func eventsIn(st *statement, s baseline.Snapshot) string {
	return "time >= " + st.time(s.From()) + " AND time < " + st.time(s.Until.Truncate(time.Hour)) +
		" AND ingested_at <= " + st.time(s.Cut)
}

// passEvents is how many events one pass over the routes takes. The groups of a pass have to fit into a query's memory;
// routes lie next to one another, so that a pass reads little of what is not its own.
const (
	passEvents = 500_000
	mostPasses = 64
)

// pass is one of so many parts of the routes.
type pass struct{ at, of int }

func (p pass) clause() string {
	if p.of <= 1 {
		return ""
	}
	return fmt.Sprintf(" AND cityHash64(route) %% %d = %d", p.of, p.at)
}

// passes cuts a snapshot's events by routes.
func (s *Store) passes(ctx context.Context, snap baseline.Snapshot) ([]pass, error) {
	st := newStatement()
	var n uint64
	sql := "SELECT count() FROM events WHERE " + eventsIn(st, snap)
	if err := s.conn.QueryRow(ctx, sql, arguments(st.params)...).Scan(&n); err != nil {
		return nil, wrap("count the events to learn from", err)
	}
	list := make([]pass, min(n/passEvents+1, mostPasses))
	for i := range list {
		list[i] = pass{i, len(list)}
	}
	return list, nil
}

// inOrder lets a GROUP BY that begins with the sorting key keep only one route's groups in memory.
const inOrder = "\nSETTINGS optimize_aggregation_in_order = 1"

// shapeHistorySQL reads what the successful answers of every endpoint looked like, hour by hour. The medians are of
// values cut to 16-bit floats, which makes them small, exact to a hundredth, and the same in any order.
func shapeHistorySQL(s baseline.Snapshot, p pass) (string, map[string]string) {
	st := newStatement()
	sql := `SELECT service, method, route,
  arrayMap(h -> h.1, series), arrayMap(h -> h.2, series), arrayMap(h -> h.3, series), arrayMap(h -> h.4, series),
  arrayMap(h -> h.5, series), arrayMap(h -> h.6, series), arrayMap(h -> h.7, series)
FROM
(
  SELECT service, method, route, arraySort(groupArray((hour, n, anonymous, timed, duration, sized, size))) AS series
  FROM
  (
    SELECT service, route, method, toUInt32(intDiv(toUnixTimestamp(time), 3600)) AS hour,
      toUInt32(count()) AS n, toUInt32(countIf(user = '' AND session = '' AND auth_scheme = '')) AS anonymous,
      toUInt32(countIf(duration_ms >= 0)) AS timed,
      toFloat32(ifNotFinite(quantileBFloat16If(0.5)(duration_ms, duration_ms >= 0), 0)) AS duration,
      toUInt32(countIf(bytes_out >= 0)) AS sized,
      toFloat32(ifNotFinite(quantileBFloat16If(0.5)(toFloat64(bytes_out), bytes_out >= 0), 0)) AS size
    FROM events
    WHERE ` + eventsIn(st, s) + ` AND status >= 200 AND status < 300 AND route != ''` + p.clause() + `
    GROUP BY service, route, method, hour
  )
  GROUP BY service, route, method
)
ORDER BY service, route, method` + inOrder
	return sql, st.params
}

// memberHistorySQL reads who used the endpoints that few users used.
func memberHistorySQL(s baseline.Snapshot, p pass) (string, map[string]string) {
	st := newStatement()
	sql := `SELECT service, method, route, arrayMap(m -> m.1, members), arrayMap(m -> m.2, members), arrayMap(m -> m.3, members)
FROM
(
  SELECT service, route, method, arraySort(groupArray((user, first, n))) AS members
  FROM
  (
    SELECT service, route, method, user, toUInt32(intDiv(min(toUnixTimestamp(time)), 3600)) AS first, count() AS n
    FROM events
    WHERE ` + eventsIn(st, s) + ` AND status >= 200 AND status < 300 AND route != '' AND user != ''` + p.clause() + `
    GROUP BY service, route, method, user
  )
  GROUP BY service, route, method
  HAVING count() <= ` + fmt.Sprint(baseline.MostMembers) + `
)
ORDER BY service, route, method` + inOrder
	return sql, st.params
}

// serviceUsersSQL reads how many users each service has.
func serviceUsersSQL(s baseline.Snapshot) (string, map[string]string) {
	st := newStatement()
	sql := "SELECT service, uniqExact(user)\nFROM events\nWHERE " + eventsIn(st, s) +
		" AND status >= 200 AND status < 300 AND route != '' AND user != ''\nGROUP BY service\nORDER BY service"
	return sql, st.params
}

// countryHistorySQL reads the countries of every user's successful requests.
func countryHistorySQL(s baseline.Snapshot) (string, map[string]string) {
	st := newStatement()
	sql := "SELECT user, arraySort(groupUniqArray(toString(country)))\nFROM events\nWHERE " + eventsIn(st, s) +
		" AND country != '' AND user != '' AND status > 0 AND status < 400\nGROUP BY user"
	return sql, st.params
}

// Shapes implements baseline.History.
func (h *history) Shapes(ctx context.Context, snap baseline.Snapshot, fn func(baseline.ShapeHours) error) error {
	passes, err := h.s.passes(ctx, snap)
	if err != nil {
		return err
	}
	var r baseline.ShapeHours
	k := &r.Key
	for _, p := range passes {
		sql, params := shapeHistorySQL(snap, p)
		err := h.s.each(ctx, "read answer history", sql, params, []any{
			&k.Service, &k.Method, &k.Route, &r.Hours, &r.Successes, &r.Anonymous, &r.Timed, &r.Duration, &r.Sized, &r.Size,
		}, func() error { return fn(r) })
		if err != nil {
			return err
		}
	}
	return nil
}

// Members implements baseline.History.
func (h *history) Members(ctx context.Context, snap baseline.Snapshot, fn func(baseline.MemberList) error) error {
	sql, params := serviceUsersSQL(snap)
	var whole baseline.MemberList
	err := h.s.each(ctx, "read users of services", sql, params, []any{&whole.Key.Service, &whole.Count},
		func() error { return fn(whole) })
	if err != nil {
		return err
	}
	passes, err := h.s.passes(ctx, snap)
	if err != nil {
		return err
	}
	var r baseline.MemberList
	k := &r.Key
	for _, p := range passes {
		sql, params := memberHistorySQL(snap, p)
		err := h.s.each(ctx, "read members of endpoints", sql, params,
			[]any{&k.Service, &k.Method, &k.Route, &r.Users, &r.First, &r.Requests}, func() error {
				r.Count = uint64(len(r.Users))
				return fn(r)
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// Countries implements baseline.History.
func (h *history) Countries(ctx context.Context, snap baseline.Snapshot, fn func(string, []string) error) error {
	sql, params := countryHistorySQL(snap)
	var user string
	var countries []string
	return h.s.each(ctx, "read countries of users", sql, params, []any{&user, &countries},
		func() error { return fn(user, countries) })
}

// dayObjectsSQL reads the distinct objects that each reader read through each endpoint, hour by hour.
func dayObjectsSQL(from, until time.Time) (string, map[string]string) {
	st := newStatement()
	sql := `SELECT service, method, route, user, if(user = '', events.client_ip, toIPv6('::')) AS client,
  toUInt32(intDiv(toUnixTimestamp(time), 3600)) AS hour, count(), min(time), groupUniqArray(object_ids)
FROM events
WHERE time >= ` + st.time(from) + ` AND time < ` + st.time(until) + ` AND ` + objectRollup.where + `
GROUP BY service, method, route, user, client, hour
ORDER BY hour, service, route, method, user, client`
	return sql, st.params
}

// DayObjects implements baseline.Recent.
func (s *Store) DayObjects(ctx context.Context, from, until time.Time, fn func(baseline.ObjectReads) error) error {
	sql, params := dayObjectsSQL(from, until)
	var r baseline.ObjectReads
	var user string
	var client netip.Addr
	k := &r.Key
	return s.each(ctx, "read objects of the day", sql, params,
		[]any{&k.Service, &k.Method, &k.Route, &user, &client, &r.Hour, &r.Requests, &r.First, &r.Objects}, func() error {
			r.Actor = actorKey(user, client)
			return fn(r)
		})
}

var _ baseline.Recent = (*Store)(nil)
