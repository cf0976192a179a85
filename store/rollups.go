package store

import (
	"context"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
)

// rollup is where a history is read from: a table that a materialised view fills, or, for a snapshot that leaves stored
// events out, the events themselves grouped in the same way.
type rollup struct {
	table string // the rollup's name
	same  string // the same rows from events, before conditions
	group string
	time  string // the column that holds the bucket
	where string // which events the view takes
}

var (
	endpointRollup = rollup{
		table: "endpoint_minutes", time: "minute",
		same: `SELECT service, method, route, toStartOfMinute(time) AS minute, count() AS requests,
  countIf(status >= 400 AND status < 500) AS client_errors, countIf(status >= 500 AND status < 600) AS server_errors
FROM events`,
		group: "service, method, route, minute",
	}
	actorRollup = rollup{
		table: "actor_hours", time: "hour",
		same: `SELECT user, if(user = '', events.client_ip, toIPv6('::')) AS client_ip, toStartOfHour(time) AS hour,
  count() AS requests, sumIf(bytes_out, bytes_out > 0) AS bytes_out, groupUniqArrayArray(` + traitsSQL + `) AS traits
FROM events`,
		group: "user, client_ip, hour",
		where: "(user != '' OR events.client_ip != toIPv6('::'))",
	}
	refusalRollup = rollup{
		table: "refusals", time: "hour",
		same: `SELECT service, method, route, toStartOfHour(time) AS hour, client_ip, user, count() AS requests
FROM events`,
		group: "service, method, route, hour, client_ip, user",
		where: refusedWhere,
	}
	objectRollup = rollup{
		table: "object_hours", time: "hour",
		same: `SELECT service, method, route, user, if(user = '', events.client_ip, toIPv6('::')) AS client_ip,
  toStartOfHour(time) AS hour, uniqState(object_ids) AS objects
FROM events`,
		group: "service, method, route, user, client_ip, hour",
		where: "notEmpty(object_ids) AND status >= 200 AND status < 300 AND (user != '' OR events.client_ip != toIPv6('::') AND NOT is_bot)",
	}
)

// traitsSQL is the traits of one event, as migration 0147 has them.
const traitsSQL = `[if(user != '' OR NOT is_bot, bitShiftLeft(toUInt64(1), 56) + if(user_agent = '', 0, toUInt32(cityHash64(user_agent))), 0),
    if(user != '' AND status > 0 AND status < 400 AND route != '', bitShiftLeft(toUInt64(2), 56) + toUInt32(cityHash64(route)), 0),
    if(user != '' AND status > 0 AND status < 400 AND asn != 0, bitShiftLeft(toUInt64(3), 56) + asn, 0),
    if(user != '' AND status > 0 AND status < 400 AND country != '',
      bitShiftLeft(toUInt64(4), 56) + reinterpretAsUInt64(substring(country, 1, 7)), 0)]`

// source is the FROM of a history: the rollup over the snapshot's window. more are conditions on top.
func (r rollup) source(st *statement, s baseline.Snapshot, fromEvents bool, more ...string) string {
	from, until := s.From(), s.Until.Truncate(time.Hour)
	if !fromEvents {
		where := []string{r.time + " >= " + st.param("DateTime('UTC')", seconds(from)), r.time + " < " + st.param("DateTime('UTC')", seconds(until))}
		return r.table + " WHERE " + strings.Join(append(where, more...), " AND ")
	}
	where := []string{"time >= " + st.time(from), "time < " + st.time(until), "ingested_at <= " + st.time(s.Cut)}
	if r.where != "" {
		where = append(where, r.where)
	}
	return "(" + r.same + "\nWHERE " + strings.Join(append(where, more...), " AND ") + "\nGROUP BY " + r.group + ")"
}

func seconds(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// Rows of entities are read in the order of the rollup's key and put together by this program: see minuteSeries and its
// neighbours. The engine then keeps nothing, whatever the size of the rollup; lists of each entity would have to fit into its
// memory all together.

// serviceHistorySQL reads the hours of every service as a whole.
func serviceHistorySQL(s baseline.Snapshot, fromEvents bool) (string, map[string]string) {
	st := newStatement()
	sql := `SELECT service,
  arrayMap(h -> h.1, series), arrayMap(h -> h.2, series), arrayMap(h -> h.3, series), arrayMap(h -> h.4, series),
  arrayMap(h -> h.5, series), arrayMap(h -> h.6, series)
FROM
(
  SELECT service, arraySort(groupArray((hour, requests, client, server, peak, trough))) AS series
  FROM
  (
    SELECT service, toUInt32(intDiv(slot, 12)) AS hour,
      toUInt32(sum(n)) AS requests, toUInt32(sum(c)) AS client, toUInt32(sum(e)) AS server,
      toUInt32(max(n)) AS peak, toUInt32(if(count() = 12, min(n), 0)) AS trough
    FROM
    (
      SELECT service, intDiv(toUnixTimestamp(minute), 300) AS slot,
        sum(requests) AS n, sum(client_errors) AS c, sum(server_errors) AS e
      FROM ` + endpointRollup.source(st, s, fromEvents) + `
      GROUP BY service, slot
    )
    GROUP BY service, hour
  )
  GROUP BY service
)`
	return sql, st.params
}

// endpointHash numbers endpoints, so that events are grouped by a number instead of by three names. Of names with a dictionary
// only the dictionary is hashed.
const endpointHash = "sipHash64(route) + 3 * sipHash64(method) + 5 * sipHash64(service)"

// endpointHistorySQL reads the minutes of every endpoint.
func endpointHistorySQL(s baseline.Snapshot, fromEvents bool) (string, map[string]string) {
	st := newStatement()
	sql := `SELECT ` + endpointHash + `, service, method, route, toUnixTimestamp(minute), toUInt32(requests), toUInt32(client_errors),
  toUInt32(server_errors)
FROM ` + endpointRollup.source(st, s, fromEvents) + `
ORDER BY service, route, method, minute`
	return sql, st.params
}

// actorHistorySQL reads the hours of every user and client: requests, bytes, and as many traits as they have.
func actorHistorySQL(s baseline.Snapshot, fromEvents bool, p actorPass) (string, map[string]string) {
	st := newStatement()
	sql := `SELECT user, client_ip, toUnixTimestamp(hour), toUInt32(requests), toInt64(bytes_out), CAST(traits AS Array(UInt64))
FROM ` + actorRollup.source(st, s, fromEvents, p.conditions()...) + `
ORDER BY user, client_ip`
	return sql, st.params
}

// objectHistorySQL reads the states of distinct objects of every reader of every endpoint.
func objectHistorySQL(s baseline.Snapshot, fromEvents bool) (string, map[string]string) {
	st := newStatement()
	sql := `SELECT ` + endpointHash + `, service, method, route, user, client_ip, toUnixTimestamp(hour), CAST(objects AS String)
FROM ` + objectRollup.source(st, s, fromEvents) + `
ORDER BY service, route, method, user, client_ip`
	return sql, st.params
}

// laterEvents reports whether events are stored that the snapshot must leave out although they lie in its window.
// The rollups hold them already, so that the history is then read from the events.
func (s *Store) laterEvents(ctx context.Context, snap baseline.Snapshot) (bool, error) {
	st := newStatement()
	sql := "SELECT toUInt8(count() > 0) FROM (SELECT 1 FROM events WHERE ingested_at > " + st.time(snap.Cut) +
		" AND time >= " + st.time(snap.From()) + " AND time < " + st.time(snap.Until.Truncate(time.Hour)) + " LIMIT 1)"
	var some uint8
	if err := s.conn.QueryRow(ctx, sql, arguments(st.params)...).Scan(&some); err != nil {
		return false, wrap("look for events after the snapshot's cut", err)
	}
	return some == 1, nil
}

// traitsMissing reports whether the window holds requests whose traits nobody has taken: those that were stored before the
// rollups of traits and refusals were there.
func (s *Store) traitsMissing(ctx context.Context, snap baseline.Snapshot) (bool, error) {
	st := newStatement()
	sql := "SELECT toUInt8(count() > 0) FROM (SELECT 1 FROM " + actorRollup.source(st, snap, false, "known < requests") + " LIMIT 1)"
	var some uint8
	if err := s.conn.QueryRow(ctx, sql, arguments(st.params)...).Scan(&some); err != nil {
		return false, wrap("look for hours without traits", err)
	}
	return some == 1, nil
}
