package store

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
)

// EndpointSeries returns the requests of each hour in [from, to), whole hours, of an endpoint under all its names, or of a
// service as a whole.
func (s *Store) EndpointSeries(ctx context.Context, names []baseline.EndpointKey, from, to time.Time) ([]float64, error) {
	st := newStatement()
	either := make([]string, len(names))
	for i, k := range names {
		either[i] = "service = " + st.param("String", k.Service)
		if !k.Whole() {
			either[i] += " AND route = " + st.param("String", k.Route) + " AND method = " + st.param("String", k.Method)
		}
	}
	st.add("(" + strings.Join(either, " OR ") + ")")
	return s.hours(ctx, st, "endpoint_minutes", "minute", from, to)
}

// ActorSeries is EndpointSeries of a user, or of a client among the requests without a user.
func (s *Store) ActorSeries(ctx context.Context, k baseline.ActorKey, from, to time.Time) ([]float64, error) {
	st := newStatement()
	if err := st.actor(k); err != nil {
		return nil, err
	}
	return s.hours(ctx, st, "actor_hours", "hour", from, to)
}

// hours sums requests by the hour of the column at.
func (s *Store) hours(ctx context.Context, st *statement, table, at string, from, to time.Time) ([]float64, error) {
	out := make([]float64, max(int(to.Sub(from)/time.Hour), 0))
	st.add(at + " >= " + st.param("DateTime('UTC')", seconds(from)))
	st.add(at + " < " + st.param("DateTime('UTC')", seconds(to)))
	var hour uint32
	var n uint64
	sql := fmt.Sprintf("SELECT toUInt32(intDiv(toUnixTimestamp(%s), 3600)) AS h, sum(requests) FROM %s%s\nGROUP BY h", at, table, st.clause())
	first := from.Unix() / 3600
	err := s.each(ctx, "read requests by the hour", sql, st.params, []any{&hour, &n}, func() error {
		if i := int64(hour) - first; i >= 0 && i < int64(len(out)) {
			out[i] = float64(n)
		}
		return nil
	})
	return out, err
}

// ActorSets returns what a user or client was seen with in [from, to), by the names of the sets, most requests first. Hours
// are those of the zone, an IANA name.
func (s *Store) ActorSets(ctx context.Context, k baseline.ActorKey, from, to time.Time, zone string) (map[string][]baseline.SetMember, error) {
	st := newStatement()
	hour := "toHour(time, " + st.param("String", zone) + ")"
	if err := st.actor(k); err != nil {
		return nil, err
	}
	st.add("time >= " + st.time(from))
	st.add("time < " + st.time(to))
	sql := `SELECT part.1, part.2, min(time), max(time), uniqExact(toDate(time)), count() AS n, sum(n) OVER (PARTITION BY part.1)
FROM
(
  SELECT time, arrayJoin([('` + baseline.SetCountries + `', toString(country)), ('` + baseline.SetNetworks + `', if(asn = 0, '', toString(asn))),
    ('` + baseline.SetAgents + `', toString(ua_family)), ('` + baseline.SetRoutes + `', if(route = '', '', concat(method, ' ', route))),
    ('` + baseline.SetHours + `', toString(` + hour + `))]) AS part
  FROM events` + st.clause() + `
)
WHERE part.2 != ''
GROUP BY part
ORDER BY part.1, n DESC, part.2
LIMIT ` + fmt.Sprint(baseline.MostSetMembers) + ` BY part.1`
	out := map[string][]baseline.SetMember{}
	var set string
	var m baseline.SetMember
	var all uint64
	err := s.each(ctx, "read what an actor is known by", sql, st.params,
		[]any{&set, &m.Value, &m.FirstSeen, &m.LastSeen, &m.Days, &m.Requests, &all}, func() error {
			m.FirstSeen, m.LastSeen = m.FirstSeen.UTC(), m.LastSeen.UTC()
			m.Share = float64(m.Requests) / float64(max(all, 1))
			out[set] = append(out[set], m)
			return nil
		})
	return out, err
}

// actor selects a user, or a client among the requests without a user.
func (s *statement) actor(k baseline.ActorKey) error {
	if k.User {
		s.add("user = " + s.param("String", k.Value))
		return nil
	}
	addr, err := netip.ParseAddr(k.Value)
	if err != nil {
		return rejected("%q is not an IP address", k.Value)
	}
	as16 := addr.As16()
	s.add("user = ''")
	s.add("client_ip = " + s.param("IPv6", netip.AddrFrom16(as16).String()))
	return nil
}
