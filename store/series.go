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
	if k.User {
		st.add("user = " + st.param("String", k.Value))
	} else {
		addr, err := netip.ParseAddr(k.Value)
		if err != nil {
			return nil, rejected("%q is not an IP address", k.Value)
		}
		as16 := addr.As16()
		st.add("user = ''")
		st.add("client_ip = " + st.param("IPv6", netip.AddrFrom16(as16).String()))
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
