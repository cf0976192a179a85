package store

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
)

// What is learned once a night about answers, members and user agents is read from the events themselves: they lie in order of
// routes, and a view that kept as much would cost every insert more.

// eventsIn is the WHERE of a snapshot's events.
func eventsIn(st *statement, s baseline.Snapshot) string {
	return "time >= " + st.time(s.From()) + " AND time < " + st.time(s.Until.Truncate(time.Hour)) +
		" AND ingested_at <= " + st.time(s.Cut)
}

// notExcluded leaves out what users did in their confirmed incidents.
func notExcluded(st *statement, s baseline.Snapshot) string {
	var b strings.Builder
	for _, x := range s.ExcludedUsers() {
		fmt.Fprintf(&b, " AND NOT (user = %s AND time >= %s AND time < %s)", st.param("String", x.Actor.Value), st.time(x.From), st.time(x.To))
	}
	return b.String()
}

// eventRoute says how much there is to learn of a route.
type eventRoute struct {
	service, route string
	first          uint32 // hour, since 1970
	hours          uint64 // of its methods, with events
	requests       uint64
}

func newEventRoute(r *baseline.EndpointHours) eventRoute {
	at := eventRoute{service: r.Key.Service, route: r.Key.Route, hours: uint64(len(r.Hours))}
	if len(r.Hours) > 0 {
		at.first = r.Hours[0]
	}
	for _, n := range r.Requests {
		at.requests += uint64(n)
	}
	return at
}

// mergeRoutes puts the routes of endpoints in order, their methods together.
func mergeRoutes(list []eventRoute) []eventRoute {
	slices.SortFunc(list, func(a, b eventRoute) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.route, b.route))
	})
	merged := list[:0]
	for _, r := range list {
		if n := len(merged); n > 0 && merged[n-1].service == r.service && merged[n-1].route == r.route {
			merged[n-1].first = min(merged[n-1].first, r.first)
			merged[n-1].hours += r.hours
			merged[n-1].requests += r.requests
			continue
		}
		merged = append(merged, r)
	}
	return merged
}

// The groups of one pass over the events have to fit into a query's memory, and routes lie next to one another, so that a
// pass over some of them reads little of what is not its own.
const (
	passEvents  = 500_000
	passAnswers = 4_000_000 // events of which as many values are kept
	hourAnswers = 20        // events that take as much as an endpoint's hour does by itself
)

// pass is a run of routes, in order of service and route, from one on and up to another. A nil bound is none.
type pass struct {
	from, until *eventRoute
	large       bool // one route that is larger than a pass should be
}

func (p pass) clause(st *statement) string {
	var b strings.Builder
	for _, bound := range []struct {
		at    *eventRoute
		op    string // of services
		route string // of routes
	}{{p.from, ">", ">="}, {p.until, "<", "<"}} {
		if bound.at == nil {
			continue
		}
		service := st.param("String", bound.at.service)
		fmt.Fprintf(&b, " AND (service %s %s OR service = %s AND route %s %s)",
			bound.op, service, service, bound.route, st.param("String", bound.at.route))
	}
	return b.String()
}

// passes cuts routes, which are in order, into runs of the given size at most where a route is not larger by itself.
func passes(routes []eventRoute, size func(*eventRoute) uint64, most uint64) []pass {
	list := []pass{{}}
	sum := uint64(0)
	for i := range routes {
		n := size(&routes[i])
		if sum > 0 && sum+n > most {
			list[len(list)-1].until = &routes[i]
			list = append(list, pass{from: &routes[i]})
			sum = 0
		}
		sum += n
		list[len(list)-1].large = sum > most
	}
	return list
}

// medianSQL is the median of the values that are there, cut to a 16-bit float, which makes it small, exact to a hundredth,
// and the same in any order; 0 of none. Of a large route the values are counted, of others they are kept: that takes a
// fifth of the time for the few of most hours.
func medianSQL(value string, large bool) string {
	if large {
		return "toFloat32(ifNotFinite(quantileBFloat16If(0.5)(toFloat64(" + value + "), " + value + " >= 0), 0))"
	}
	// The same value: both take the lower of two in the middle, and cutting keeps the order.
	return "reinterpretAsFloat32(bitAnd(reinterpretAsUInt32(ifNotFinite(quantileExactLowIf(0.5)(toFloat32(toFloat64(" + value + ")), " +
		value + " >= 0), toFloat32(0))), 4294901760))"
}

// shapeHistorySQL reads what the successful answers of every endpoint looked like, hour by hour.
func shapeHistorySQL(s baseline.Snapshot, p pass) (string, map[string]string) {
	st := newStatement()
	sql := `SELECT endpoint, arrayMap(h -> h.1, series), arrayMap(h -> h.2, series), arrayMap(h -> h.3, series),
  arrayMap(h -> h.4, series), arrayMap(h -> h.5, series), arrayMap(h -> h.6, series), arrayMap(h -> h.7, series)
FROM
(
  SELECT endpoint, arraySort(groupArray((hour, n, anonymous, timed, duration, sized, size))) AS series
  FROM
  (
    SELECT ` + endpointHash + ` AS endpoint, toUInt32(intDiv(toUnixTimestamp(time), 3600)) AS hour,
      toUInt32(count()) AS n, toUInt32(countIf(user = '' AND session = '' AND auth_scheme = '')) AS anonymous,
      toUInt32(countIf(duration_ms >= 0)) AS timed, ` + medianSQL("duration_ms", p.large) + ` AS duration,
      toUInt32(countIf(bytes_out >= 0)) AS sized, ` + medianSQL("bytes_out", p.large) + ` AS size
    FROM events
    WHERE ` + eventsIn(st, s) + ` AND status >= 200 AND status < 300 AND route != ''` + p.clause(st) + `
    GROUP BY endpoint, hour
  )
  GROUP BY endpoint
)`
	return sql, st.params
}

// memberHistorySQL reads who used the endpoints that few users used. To find these, so many different hashes of users are kept
// of each endpoint and no more; then the few that are left are grouped by user.
func memberHistorySQL(s baseline.Snapshot) (string, map[string]string) {
	st := newStatement()
	where := eventsIn(st, s) + " AND status >= 200 AND status < 300 AND route != '' AND user != ''" + notExcluded(st, s)
	sql := fmt.Sprintf(`SELECT service, method, route, arrayMap(m -> m.1, members), arrayMap(m -> m.2, members), arrayMap(m -> m.3, members)
FROM
(
  SELECT service, route, method, arraySort(groupArray((user, first, n))) AS members
  FROM
  (
    SELECT service, route, method, user, toUInt32(intDiv(min(toUnixTimestamp(time)), 3600)) AS first, count() AS n
    FROM events
    WHERE %[2]s
      AND (service, route, method) IN
      (
        SELECT service, route, method
        FROM events
        WHERE %[2]s
        GROUP BY service, route, method
        HAVING uniqUpTo(%[1]d)(user) <= %[1]d
      )
    GROUP BY service, route, method, user
  )
  GROUP BY service, route, method
  HAVING count() <= %[1]d
)
ORDER BY service, route, method`, baseline.MostMembers, where)
	return sql, st.params
}

// serviceUsersSQL reads how many users each service has. Hashes of 64 bits take half of the time and of the memory of names.
func serviceUsersSQL(s baseline.Snapshot) (string, map[string]string) {
	st := newStatement()
	sql := "SELECT service, uniqExact(cityHash64(user))\nFROM events\nWHERE " + eventsIn(st, s) +
		" AND status >= 200 AND status < 300 AND route != '' AND user != ''\nGROUP BY service\nORDER BY service"
	return sql, st.params
}

// Shapes implements baseline.History.
func (h *history) Shapes(ctx context.Context, snap baseline.Snapshot, fn func(baseline.ShapeHours) error) error {
	if _, err := h.later(ctx, snap); err != nil {
		return err
	}
	endpoint := newUint64s()
	hours, successes, anonymous, timed, sized := newUint32Lists(), newUint32Lists(), newUint32Lists(), newUint32Lists(), newUint32Lists()
	duration, size := newFloat32Lists(), newFloat32Lists()
	columns := []resultColumn{endpoint, hours, successes, anonymous, timed, duration, sized, size}
	answers := func(r *eventRoute) uint64 { return max(r.hours*hourAnswers, r.requests) }
	for _, p := range passes(h.routes, answers, h.passAnswers) {
		sql, params := shapeHistorySQL(snap, p)
		err := h.s.eachBlock(ctx, "read answer history", sql, params, columns, func(rows int) error {
			for i := range rows {
				key, ok := h.endpoints[endpoint.numbers()[i]]
				if !ok {
					continue // nothing is learned of an endpoint without requests
				}
				err := fn(baseline.ShapeHours{
					Key: key, Hours: hours.row(i), Successes: successes.row(i), Anonymous: anonymous.row(i),
					Timed: timed.row(i), Duration: duration.row(i), Sized: sized.row(i), Size: size.row(i),
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
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
	if _, err := h.later(ctx, snap); err != nil {
		return err
	}
	// Days are rounded where they are learned.
	settled := snap.Until.Truncate(time.Hour).Add(12*time.Hour).AddDate(0, 0, -baseline.LeastMemberDays).Unix() / 3600
	if !slices.ContainsFunc(h.routes, func(r eventRoute) bool { return int64(r.first) <= settled }) {
		return nil
	}
	sql, params = memberHistorySQL(snap)
	var r baseline.MemberList
	k := &r.Key
	return h.s.each(ctx, "read members of endpoints", sql, params,
		[]any{&k.Service, &k.Method, &k.Route, &r.Users, &r.First, &r.Requests}, func() error {
			r.Count = uint64(len(r.Users))
			return fn(r)
		})
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
