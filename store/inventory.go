package store

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/inventory"
)

var _ inventory.Repository = (*Store)(nil)

// inventoryViews fill the inventory's rollups.
var inventoryViews = []string{"endpoint_days_fill", "endpoint_callers_fill"}

// WithoutInventory stops filling the inventory's rollups: for a private store that nobody will ask about its endpoints.
func (s *Store) WithoutInventory(ctx context.Context) error {
	for _, view := range inventoryViews {
		if err := s.conn.Exec(ctx, "DROP VIEW IF EXISTS "+view); err != nil {
			return wrap("drop view "+view, err)
		}
	}
	return nil
}

func (s *statement) day(t time.Time) string { return s.param("Date32", t.UTC().Format(time.DateOnly)) }

// within is the condition that a row's day lies in the period.
func (s *statement) within(p inventory.Period) string {
	var list []string
	if !p.From.IsZero() {
		list = append(list, "day >= "+s.day(p.From))
	}
	if !p.To.IsZero() {
		list = append(list, "day < "+s.day(p.To))
	}
	if len(list) == 0 {
		return "1"
	}
	return strings.Join(list, " AND ")
}

// EndpointUses implements inventory.Repository.
func (s *Store) EndpointUses(ctx context.Context, p inventory.Period) ([]inventory.Use, error) {
	st := newStatement()
	within := st.within(p)
	rows, err := s.conn.Query(ctx, `SELECT service, method, route, status, identity, tls_version, scheme,
    sumIf(requests, `+within+`), min(first_seen), max(last_seen)
FROM endpoint_days
GROUP BY service, method, route, status, identity, tls_version, scheme
ORDER BY service, route, method, status, identity, tls_version, scheme`, arguments(st.params)...)
	if err != nil {
		return nil, wrap("read the inventory", err)
	}
	var list []inventory.Use
	err = scanAll(rows, func() error {
		var u inventory.Use
		var status uint16
		err := rows.Scan(&u.Service, &u.Method, &u.Route, &status, &u.Identity, &u.TLSVersion, &u.Scheme, &u.Requests, &u.First, &u.Last)
		u.Status, u.First, u.Last = int(status), u.First.UTC(), u.Last.UTC()
		list = append(list, u)
		return err
	})
	return list, wrap("read the inventory", err)
}

// keyTable is a table of keys, each with the number of its group, and the conditions that let the order of the rollup's
// rows be used.
func (s *statement) keyTable(groups [][]inventory.Key) string {
	var services, methods, routes, numbers []string
	for n, group := range groups {
		for _, k := range group {
			services, methods, routes = append(services, k.Service), append(methods, k.Method), append(routes, k.Route)
			numbers = append(numbers, strconv.Itoa(n))
		}
	}
	sv, rt := s.param("Array(String)", arrayLiteral(services)), s.param("Array(String)", arrayLiteral(routes))
	s.add("service IN " + sv)
	s.add("route IN " + rt)
	return fmt.Sprintf(`(
    SELECT k.1 AS service, k.2 AS method, k.3 AS route, k.4 AS number
    FROM (SELECT arrayJoin(arrayZip(%s, %s, %s, %s)) AS k)
)`, sv, s.param("Array(String)", arrayLiteral(methods)), rt, s.param("Array(UInt32)", "["+strings.Join(numbers, ",")+"]"))
}

// EndpointCallers implements inventory.Repository. Up to 65,536 distinct callers are counted exactly, more are estimated.
func (s *Store) EndpointCallers(ctx context.Context, groups [][]inventory.Key, p inventory.Period) ([]inventory.Callers, error) {
	list := make([]inventory.Callers, len(groups))
	if len(groups) == 0 {
		return list, nil
	}
	st := newStatement()
	keys := st.keyTable(groups)
	st.add(st.within(p))
	rows, err := s.conn.Query(ctx, `SELECT number, uniqIf(user, user != ''), uniqIf(client_ip, user = '')
FROM endpoint_callers INNER JOIN `+keys+` AS wanted USING (service, method, route)`+st.clause()+`
GROUP BY number`, arguments(st.params)...)
	if err != nil {
		return nil, wrap("count callers", err)
	}
	err = scanAll(rows, func() error {
		var n uint32
		var c inventory.Callers
		if err := rows.Scan(&n, &c.Users, &c.Clients); err != nil {
			return err
		}
		list[n] = c
		return nil
	})
	return list, wrap("count callers", err)
}

// EndpointAccesses implements inventory.Repository.
func (s *Store) EndpointAccesses(
	ctx context.Context, groups [][]inventory.Key, p inventory.Period, limit int, each func(group int, a inventory.Access) error,
) error {
	if len(groups) == 0 {
		return nil
	}
	st := newStatement()
	keys := st.keyTable(groups)
	st.add(st.within(p))
	last := ""
	if limit > 0 {
		last = "\nLIMIT " + strconv.Itoa(limit)
	}
	rows, err := s.conn.Query(ctx, `SELECT number, user, client_ip, sum(requests) AS n, sum(successes), sum(refused),
    sum(failures), sum(bytes_out), min(first_seen), max(last_seen)
FROM endpoint_callers INNER JOIN `+keys+` AS wanted USING (service, method, route)`+st.clause()+`
GROUP BY number, user, client_ip
ORDER BY n DESC, number, user, client_ip`+last, arguments(st.params)...)
	if err != nil {
		return wrap("read accesses", err)
	}
	return wrap("read accesses", scanAll(rows, func() error {
		var a inventory.Access
		var ip netip.Addr
		var group uint32
		err := rows.Scan(&group, &a.User, &ip, &a.Requests, &a.Successes, &a.Refused, &a.Failures, &a.BytesOut, &a.First, &a.Last)
		if err != nil {
			return err
		}
		if ip = ip.Unmap(); !ip.IsUnspecified() {
			a.Client = ip
		}
		a.First, a.Last = a.First.UTC(), a.Last.UTC()
		return each(int(group), a)
	}))
}

// QueryNames implements inventory.Repository.
func (s *Store) QueryNames(ctx context.Context, since, until time.Time) ([]inventory.Name, error) {
	st := newStatement()
	st.add("ingested_at > " + st.time(since))
	st.add("ingested_at <= " + st.time(until))
	st.add("query != ''")
	st.add("status >= 200 AND status < 300")
	st.add("route NOT IN ('', '*', '{other}')")
	rows, err := s.conn.Query(ctx, `SELECT service, method, route, name
FROM events ARRAY JOIN arrayDistinct(extractURLParameterNames(concat('/?', query))) AS name`+st.clause()+`
  AND length(name) <= 40
GROUP BY service, method, route, name
HAVING uniq(user, client_ip) >= 3
ORDER BY service, route, method, uniq(user, client_ip) DESC, name
LIMIT 100 BY service, route, method`, arguments(st.params)...)
	if err != nil {
		return nil, wrap("read names of parameters", err)
	}
	var list []inventory.Name
	err = scanAll(rows, func() error {
		var n inventory.Name
		err := rows.Scan(&n.Service, &n.Method, &n.Route, &n.Name)
		list = append(list, n)
		return err
	})
	return list, wrap("read names of parameters", err)
}

// CountedSince implements inventory.Repository.
func (s *Store) CountedSince(ctx context.Context) (time.Time, error) {
	var first time.Time
	var n uint64
	if err := s.conn.QueryRow(ctx, "SELECT min(day), count() FROM endpoint_days").Scan(&first, &n); err != nil || n == 0 {
		return time.Time{}, wrap("read the inventory's beginning", err)
	}
	return first.UTC(), nil
}

// AppendInventory implements inventory.Repository.
func (s *Store) AppendInventory(ctx context.Context, kind, key string, version uint64, body []byte) error {
	columns := []string{"kind LowCardinality(String)", "key String", "version UInt64", "body String"}
	return s.insertRows(ctx, "inventory", columns, func(add func(...any) error) error {
		return add(kind, key, version, string(body))
	})
}

// LoadInventory implements inventory.Repository.
func (s *Store) LoadInventory(ctx context.Context, kind string, each func(body []byte) error) error {
	rows, err := s.conn.Query(ctx, "SELECT body FROM inventory FINAL WHERE kind = {kind:String} ORDER BY key", named("kind", kind))
	if err != nil {
		return wrap("load the inventory", err)
	}
	return wrap("load the inventory", scanAll(rows, func() error {
		var body string
		if err := rows.Scan(&body); err != nil {
			return err
		}
		return each([]byte(body))
	}))
}
