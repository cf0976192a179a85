package store

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
)

// History returns the rollups as what baselines are learned from, for one recomputation after the other.
func (s *Store) History() baseline.History {
	return &history{s: s, passAnswers: passAnswers, passEvents: passEvents}
}

var (
	_ baseline.History = (*history)(nil)
	_ baseline.Books   = (*Store)(nil)
)

// history serves one recomputation at a time. Endpoints, which comes first, finds out whether the rollups hold more than
// the snapshot, and how much there is of each route; the others go by that.
type history struct {
	s                       *Store
	passAnswers, passEvents uint64
	snap                    baseline.Snapshot
	late                    bool                            // read the events instead of the rollups,
	untold                  bool                            // or instead of those that not all stored events have passed
	routes                  []eventRoute                    // in order
	endpoints               map[uint64]baseline.EndpointKey // by endpointHash
}

// later reports whether the snapshot leaves stored events out.
func (h *history) later(ctx context.Context, snap baseline.Snapshot) (bool, error) {
	if !h.snap.Cut.Equal(snap.Cut) || !h.snap.Until.Equal(snap.Until) || h.snap.WindowDays != snap.WindowDays {
		if err := h.Endpoints(ctx, snap, func(baseline.EndpointHours) error { return nil }); err != nil {
			return false, err
		}
	}
	return h.late, nil
}

// Endpoints implements baseline.History.
func (h *history) Endpoints(ctx context.Context, snap baseline.Snapshot, fn func(baseline.EndpointHours) error) error {
	late, err := h.s.laterEvents(ctx, snap)
	if err != nil {
		return err
	}
	untold, err := h.s.traitsMissing(ctx, snap)
	if err != nil {
		return err
	}
	if err := h.services(ctx, snap, late, fn); err != nil {
		return err
	}
	var series minuteSeries
	var routes []eventRoute
	endpoints := map[uint64]baseline.EndpointKey{}
	err = h.minutes(ctx, snap, late, func(hash uint64, k baseline.EndpointKey, rows *minuteRows) error {
		if k.Whole() {
			return nil // what has no method and no route counts for its service alone
		}
		r := series.fold(rows.minutes, rows.requests, rows.client, rows.server)
		r.Key = k
		routes = append(routes, newEventRoute(r))
		endpoints[hash] = k
		return fn(*r)
	})
	if err != nil {
		return err
	}
	h.snap, h.late, h.untold, h.routes = snap, late, late || untold, mergeRoutes(routes)
	h.endpoints = endpoints
	return nil
}

// minuteRows is one endpoint's rows of endpoint_minutes: lists that are equally long.
type minuteRows struct{ minutes, requests, client, server []uint32 }

// minutes calls fn for every endpoint.
func (h *history) minutes(ctx context.Context, snap baseline.Snapshot, late bool, fn func(uint64, baseline.EndpointKey, *minuteRows) error) error {
	hash, service, method, route := newUint64s(), newWords(), newWords(), newWords()
	minutes, requests, client, server := newUint32s(), newUint32s(), newUint32s(), newUint32s()
	var run minuteRows
	var of uint64
	var k baseline.EndpointKey
	flush := func() error {
		if len(run.minutes) == 0 {
			return nil
		}
		err := fn(of, k, &run)
		run = minuteRows{run.minutes[:0], run.requests[:0], run.client[:0], run.server[:0]}
		return err
	}
	sql, params := endpointHistorySQL(snap, late)
	err := h.s.eachBlock(ctx, "read endpoint history", sql, params,
		[]resultColumn{hash, service, method, route, minutes, requests, client, server}, func(rows int) error {
			for i, n := range hash.numbers()[:rows] {
				if n != of || len(run.minutes) == 0 {
					if err := flush(); err != nil {
						return err
					}
					of, k = n, baseline.EndpointKey{
						Service: strings.Clone(service.row(i)), Method: strings.Clone(method.row(i)), Route: strings.Clone(route.row(i)),
					}
				}
				run.minutes, run.requests = append(run.minutes, minutes.numbers()[i]), append(run.requests, requests.numbers()[i])
				run.client, run.server = append(run.client, client.numbers()[i]), append(run.server, server.numbers()[i])
			}
			return nil
		})
	if err != nil {
		return err
	}
	return flush()
}

// services reads the history of the services as a whole.
func (h *history) services(ctx context.Context, snap baseline.Snapshot, late bool, fn func(baseline.EndpointHours) error) error {
	service := newWords()
	hours, requests, client, server := newUint32Lists(), newUint32Lists(), newUint32Lists(), newUint32Lists()
	peak, trough := newUint32Lists(), newUint32Lists()
	sql, params := serviceHistorySQL(snap, late)
	return h.s.eachBlock(ctx, "read service history", sql, params,
		[]resultColumn{service, hours, requests, client, server, peak, trough}, func(rows int) error {
			for i := range rows {
				err := fn(baseline.EndpointHours{
					Key: baseline.EndpointKey{Service: service.row(i)}, Hours: hours.row(i), Requests: requests.row(i),
					ClientErrors: client.row(i), ServerErrors: server.row(i), Peak: peak.row(i), Trough: trough.row(i),
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
}

// Actors implements baseline.History.
func (h *history) Actors(ctx context.Context, snap baseline.Snapshot, fn func(baseline.ActorHours) error) error {
	if _, err := h.later(ctx, snap); err != nil {
		return err
	}
	list := []actorPass{{}}
	if h.untold {
		list = actorPasses(h.routes)
	}
	for _, p := range list {
		if err := h.actors(ctx, snap, p, fn); err != nil {
			return err
		}
	}
	return nil
}

func (h *history) actors(ctx context.Context, snap baseline.Snapshot, p actorPass, fn func(baseline.ActorHours) error) error {
	var user textColumn
	var client addressColumn
	hours, requests, sent, traits := newUint32s(), newUint32s(), newInt64s(), newUint64Lists()
	series := newHourSeries(snap.ExcludedUsers())
	var run actorRows
	var name string
	var address netip.Addr
	flush := func() error {
		if len(run.hours) == 0 {
			return nil
		}
		err := fn(*series.fold(actorKey(name, address), run))
		run = actorRows{run.hours[:0], run.requests[:0], run.bytes[:0], run.counts[:0], run.traits[:0]}
		return err
	}
	sql, params := actorHistorySQL(snap, h.untold, p)
	err := h.s.eachBlock(ctx, "read actor history", sql, params,
		[]resultColumn{&user, &client, hours, requests, sent, traits}, func(rows int) error {
			for i := range rows {
				if len(run.hours) == 0 || string(user.col.RowBytes(i)) != name || client.row(i) != address {
					if err := flush(); err != nil {
						return err
					}
					name, address = user.row(i), client.row(i)
				}
				seen := traits.row(i)
				run.hours, run.requests = append(run.hours, hours.numbers()[i]), append(run.requests, requests.numbers()[i])
				run.bytes, run.counts = append(run.bytes, sent.numbers()[i]), append(run.counts, len(seen))
				run.traits = append(run.traits, seen...)
			}
			return nil
		})
	if err != nil {
		return err
	}
	return flush()
}

// Objects implements baseline.History.
func (h *history) Objects(ctx context.Context, snap baseline.Snapshot, fn func(baseline.ObjectHours) error) error {
	late, err := h.later(ctx, snap)
	if err != nil {
		return err
	}
	hash, service, method, route := newUint64s(), newWords(), newWords(), newWords()
	var user, states textColumn
	var client addressColumn
	hours := newUint32s()
	var series objectSeries
	var run stateRows
	var of uint64
	var name string
	var address netip.Addr
	var k baseline.EndpointKey
	flush := func() error {
		if len(run.hours) == 0 {
			return nil
		}
		r, err := series.fold(run.hours, run.states())
		if err != nil {
			return fmt.Errorf("read object history: %w", err)
		}
		r.Key, r.Actor = k, actorKey(name, address)
		run.reset()
		return fn(*r)
	}
	sql, params := objectHistorySQL(snap, late)
	err = h.s.eachBlock(ctx, "read object history", sql, params,
		[]resultColumn{hash, service, method, route, &user, &client, hours, &states}, func(rows int) error {
			for i, n := range hash.numbers()[:rows] {
				if len(run.hours) == 0 || n != of || string(user.col.RowBytes(i)) != name || client.row(i) != address {
					if err := flush(); err != nil {
						return err
					}
					if n != of || k.Whole() {
						k = baseline.EndpointKey{
							Service: strings.Clone(service.row(i)), Method: strings.Clone(method.row(i)), Route: strings.Clone(route.row(i)),
						}
					}
					of, name, address = n, user.row(i), client.row(i)
				}
				run.add(hours.numbers()[i], states.col.RowBytes(i))
			}
			return nil
		})
	if err != nil {
		return err
	}
	return flush()
}

func actorKey(user string, client netip.Addr) baseline.ActorKey {
	if user != "" {
		return baseline.ActorKey{User: true, Value: user}
	}
	return baseline.ActorKey{Value: client.Unmap().String()}
}

// each runs a statement and calls fn after every row was scanned into dest.
func (s *Store) each(ctx context.Context, action, sql string, params map[string]string, dest []any, fn func() error) error {
	// A consumer that gives up stops the statement instead of draining it.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rows, err := s.conn.Query(ctx, sql, arguments(params)...)
	if err != nil {
		return wrap(action, err)
	}
	var stop error
	err = scanAll(rows, func() error {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if stop = fn(); stop != nil {
			cancel()
		}
		return stop
	})
	if stop != nil {
		return stop
	}
	return wrap(action, err)
}

// LastStamp returns the ingested_at stamp and the time of the newest events, by either measure; zero without events.
func (s *Store) LastStamp(ctx context.Context) (ingested, newest time.Time, err error) {
	var n uint64
	row := s.conn.QueryRow(ctx, "SELECT count(), max(ingested_at), max(time) FROM events")
	if err := row.Scan(&n, &ingested, &newest); err != nil {
		return time.Time{}, time.Time{}, wrap("read the newest stamp", err)
	}
	if n == 0 {
		return time.Time{}, time.Time{}, nil
	}
	return ingested.UTC(), newest.UTC(), nil
}

// SaveModel implements baseline.Books: the rows first, the version last, so that a reader sees all of it or nothing.
func (s *Store) SaveModel(ctx context.Context, m *baseline.Model) error {
	batch, err := s.conn.PrepareBatch(ctx, "INSERT INTO baselines (version, kind, key, row)")
	if err != nil {
		return wrap("save baseline", err)
	}
	defer func() { _ = batch.Close() }() // after Send it does nothing
	err = m.Rows(func(r baseline.Row) error { return batch.Append(m.Version, r.Kind, r.Key, r.JSON) })
	if err != nil {
		return wrap("save baseline", err)
	}
	if err := batch.Send(); err != nil {
		return wrap("save baseline", err)
	}
	meta := m.Meta()
	snapshot, err := json.Marshal(meta.Snapshot)
	if err != nil {
		return fmt.Errorf("save baseline: encode snapshot: %w", err)
	}
	version, err := s.conn.PrepareBatch(ctx,
		"INSERT INTO baseline_versions (version, generation, effective_from, snapshot, events, endpoints, actors, min_days, time_zone)")
	if err != nil {
		return wrap("save baseline version", err)
	}
	defer func() { _ = version.Close() }() // after Send it does nothing
	if err := version.Append(meta.Version, meta.Generation, meta.EffectiveFrom, string(snapshot), meta.Events,
		meta.Endpoints, meta.Actors, uint16(meta.MinDays), meta.TimeZone); err != nil { //nolint:gosec // 1 to 90
		return wrap("save baseline version", err)
	}
	return wrap("save baseline version", version.Send())
}

const selectVersions = `SELECT version, generation, effective_from, snapshot, events, endpoints, actors, min_days, time_zone
FROM baseline_versions FINAL`

// ModelVersions lists the stored models of a generation (of all when it is empty), the newest effective first.
func (s *Store) ModelVersions(ctx context.Context, generation string, limit int) ([]baseline.Meta, error) {
	st := newStatement()
	if generation != "" {
		st.add("generation = " + st.param("String", generation))
	}
	return s.versions(ctx, st, limit)
}

func (s *Store) versions(ctx context.Context, st *statement, limit int) ([]baseline.Meta, error) {
	var list []baseline.Meta
	var m baseline.Meta
	var snapshot string
	var minDays uint16
	sql := selectVersions + st.clause() + fmt.Sprintf("\nORDER BY effective_from DESC, version DESC LIMIT %d", limit)
	err := s.each(ctx, "list baselines", sql, st.params, []any{
		&m.Version, &m.Generation, &m.EffectiveFrom, &snapshot, &m.Events, &m.Endpoints, &m.Actors, &minDays, &m.TimeZone,
	}, func() error {
		m.Snapshot = baseline.Snapshot{}
		if err := json.Unmarshal([]byte(snapshot), &m.Snapshot); err != nil {
			return fmt.Errorf("snapshot of baseline %s: %w", m.Version, err)
		}
		m.MinDays, m.EffectiveFrom = int(minDays), m.EffectiveFrom.UTC()
		list = append(list, m)
		return nil
	})
	return list, err
}

// LoadModel returns a stored model; ErrNotFound when there is no such version.
func (s *Store) LoadModel(ctx context.Context, version string) (*baseline.Model, error) {
	st := newStatement()
	st.add("version = " + st.param("String", version))
	return s.loadOne(ctx, st, "baseline "+version)
}

// ModelAt returns the generation's newest model in effect at t; ErrNotFound when there is none.
func (s *Store) ModelAt(ctx context.Context, generation string, t time.Time) (*baseline.Model, error) {
	st := newStatement()
	st.add("generation = " + st.param("String", generation))
	st.add("effective_from <= " + st.time(t))
	return s.loadOne(ctx, st, fmt.Sprintf("baseline of %s in effect at %s", generation, t.UTC().Format(time.RFC3339)))
}

func (s *Store) loadOne(ctx context.Context, st *statement, what string) (*baseline.Model, error) {
	list, err := s.versions(ctx, st, 1)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	b, err := baseline.NewModelBuilder(list[0])
	if err != nil {
		return nil, err
	}
	rows := newStatement()
	rows.add("version = " + rows.param("String", list[0].Version))
	var r baseline.Row
	err = s.each(ctx, "load baseline", "SELECT kind, key, row FROM baselines FINAL"+rows.clause(), rows.params,
		[]any{&r.Kind, &r.Key, &r.JSON}, func() error { return b.Add(r) })
	if err != nil {
		return nil, err
	}
	return b.Model(), nil
}
