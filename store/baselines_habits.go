package store

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
)

// refusedWhere is which events baseline calls refusals: 401, and 403 of routes without parameters.
const refusedWhere = "route != '' AND (status = 401 OR status = 403 AND position(route, '{') = 0)"

// actorPass is one of so many parts of the users, or of the clients: an actor's days have to be grouped in one pass.
type actorPass struct{ at, of uint64 }

// actorEvents is how many events one pass over the actors takes.
const actorEvents = 10_000_000

func (p actorPass) conditions() []string {
	if p.of <= 1 {
		return nil
	}
	return []string{fmt.Sprintf("cityHash64(user, if(user = '', events.client_ip, toIPv6('::'))) %% %d = %d", p.of, p.at)}
}

// actorPasses cuts the actors by how many events there are.
func actorPasses(routes []eventRoute) []actorPass {
	var n uint64
	for i := range routes {
		n += routes[i].requests
	}
	list := make([]actorPass, n/actorEvents+1)
	for i := range list {
		list[i] = actorPass{uint64(i), uint64(len(list))} //nolint:gosec // an index
	}
	return list
}

// refusalHistorySQL reads by the hour, or by the day, whom every endpoint refused.
func refusalHistorySQL(s baseline.Snapshot, fromEvents, daily bool) (string, map[string]string) {
	st := newStatement()
	width, most := 1, "max(tries)"
	if daily {
		width, most = 24, "max(finalizeAggregation(names))"
	}
	sql := `SELECT service, method, route, arrayMap(h -> h.1, series), arrayMap(h -> h.2, series), arrayMap(h -> h.3, series), arrayMap(h -> h.4, series)
FROM
(
  SELECT service, method, route, arraySort(groupArray((at, users, clients, most))) AS series
  FROM
  (
    SELECT service, method, route, at, toUInt32(uniqIfMerge(names)) AS users, toUInt32(count()) AS clients, toUInt32(` + most + `) AS most
    FROM
    (
      SELECT service, method, route, client_ip, toUInt32(intDiv(toUnixTimestamp(hour), ` + fmt.Sprint(width*3600) + `) * ` + fmt.Sprint(width) + `) AS at,
        uniqIfState(user, user != '') AS names, sum(requests) AS tries
      FROM ` + refusalRollup.source(st, s, fromEvents) + `
      GROUP BY service, method, route, client_ip, at
    )
    GROUP BY service, method, route, at
  )
  GROUP BY service, method, route
)
ORDER BY service, route, method`
	return sql, st.params
}

// agentHistorySQL reads how many clients without a user every endpoint had in every hour, and how many of them shared the
// most common user agent.
func agentHistorySQL(s baseline.Snapshot, p pass) (string, map[string]string) {
	st := newStatement()
	sql := `SELECT endpoint, arrayMap(h -> h.1, series), arrayMap(h -> h.2, series), arrayMap(h -> h.3, series)
FROM
(
  SELECT endpoint, arraySort(groupArray((hour, clients, top))) AS series
  FROM
  (
    SELECT endpoint, hour, toUInt32(uniqMerge(guests)) AS clients, toUInt32(max(finalizeAggregation(guests))) AS top
    FROM
    (
      SELECT ` + endpointHash + ` AS endpoint, toUInt32(intDiv(toUnixTimestamp(time), 3600)) AS hour, sipHash64(user_agent) AS agent,
        uniqState(client_ip) AS guests
      FROM events
      WHERE ` + eventsIn(st, s) + ` AND route != '' AND user = '' AND NOT is_bot AND user_agent != '' AND client_ip != toIPv6('::')` + p.clause(st) + `
      GROUP BY endpoint, hour, agent
    )
    GROUP BY endpoint, hour
  )
  GROUP BY endpoint
)`
	return sql, st.params
}

// Refusals implements baseline.History.
func (h *history) Refusals(ctx context.Context, snap baseline.Snapshot, fn func(baseline.RefusalHours) error) error {
	if _, err := h.later(ctx, snap); err != nil {
		return err
	}
	var r baseline.RefusalHours
	k := &r.Key
	sql, params := refusalHistorySQL(snap, h.untold, false)
	err := h.s.each(ctx, "read refusals by the hour", sql, params,
		[]any{&k.Service, &k.Method, &k.Route, &r.Hours, &r.Users, &r.Clients, &r.ByClient}, func() error { return fn(r) })
	if err != nil {
		return err
	}
	var d baseline.RefusalHours
	k = &d.Key
	sql, params = refusalHistorySQL(snap, h.untold, true)
	return h.s.each(ctx, "read refusals by the day", sql, params,
		[]any{&k.Service, &k.Method, &k.Route, &d.Days, &d.DayUsers, &d.DayGuests, &d.DayNames}, func() error { return fn(d) })
}

// Agents implements baseline.History.
func (h *history) Agents(ctx context.Context, snap baseline.Snapshot, fn func(baseline.AgentHours) error) error {
	if _, err := h.later(ctx, snap); err != nil {
		return err
	}
	var r baseline.AgentHours
	var endpoint uint64
	for _, p := range passes(h.routes, func(r *eventRoute) uint64 { return r.requests }, 4*h.passEvents) {
		sql, params := agentHistorySQL(snap, p)
		err := h.s.each(ctx, "read user agents of endpoints", sql, params, []any{&endpoint, &r.Hours, &r.Clients, &r.Top}, func() error {
			var ok bool
			if r.Key, ok = h.endpoints[endpoint]; !ok {
				return nil // nothing is learned of an endpoint without requests
			}
			return fn(r)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// weekRoutesSQL reads which routes every user used, from when and until when.
func weekRoutesSQL(from, until time.Time) (string, map[string]string) {
	st := newStatement()
	sql := `SELECT user, route, min(time), toUInt32(intDiv(max(toUnixTimestamp(time)), 3600))
FROM events
WHERE time >= ` + st.time(from) + ` AND time < ` + st.time(until) + ` AND user != '' AND route != '' AND status > 0 AND status < 400
GROUP BY user, route
ORDER BY user, route`
	return sql, st.params
}

// WeekRoutes implements baseline.Recent.
func (s *Store) WeekRoutes(ctx context.Context, from, until time.Time, fn func(baseline.RouteReads) error) error {
	sql, params := weekRoutesSQL(from, until)
	var r baseline.RouteReads
	return s.each(ctx, "read routes of the week", sql, params, []any{&r.User, &r.Route, &r.First, &r.Hour}, func() error { return fn(r) })
}

// dayRefusalsSQL reads whom every endpoint refused, hour by hour.
func dayRefusalsSQL(from, until time.Time) (string, map[string]string) {
	st := newStatement()
	sql := `SELECT service, method, route, client_ip, user, toUInt32(intDiv(toUnixTimestamp(time), 3600)) AS hour, count(), min(time)
FROM events
WHERE time >= ` + st.time(from) + ` AND time < ` + st.time(until) + ` AND ` + refusedWhere + `
GROUP BY service, method, route, client_ip, user, hour
ORDER BY hour, service, route, method, client_ip, user`
	return sql, st.params
}

// DayRefusals implements baseline.Recent.
func (s *Store) DayRefusals(ctx context.Context, from, until time.Time, fn func(baseline.RefusalReads) error) error {
	sql, params := dayRefusalsSQL(from, until)
	var r baseline.RefusalReads
	var client netip.Addr
	k := &r.Key
	return s.each(ctx, "read refusals of the day", sql, params,
		[]any{&k.Service, &k.Method, &k.Route, &client, &r.User, &r.Hour, &r.Refused, &r.First}, func() error {
			if r.Client = client.Unmap(); r.Client == netip.IPv6Unspecified() {
				r.Client = netip.Addr{}
			}
			return fn(r)
		})
}
