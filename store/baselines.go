package store

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
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
	service, method, route := newWords(), newWords(), newWords()
	minutes, requests, client, server := newUint32Lists(), newUint32Lists(), newUint32Lists(), newUint32Lists()
	var hash hashColumn
	var series minuteSeries
	var routes []eventRoute
	endpoints := map[uint64]baseline.EndpointKey{}
	sql, params := endpointHistorySQL(snap, late)
	err = h.s.eachBlock(ctx, "read endpoint history", sql, params,
		[]resultColumn{service, method, route, &hash, minutes, requests, client, server}, func(rows int) error {
			for i := range rows {
				k := baseline.EndpointKey{Service: service.row(i), Method: method.row(i), Route: route.row(i)}
				if k.Whole() {
					continue // what has no method and no route counts for its service alone
				}
				r := series.fold(minutes.row(i), requests.row(i), client.row(i), server.row(i))
				r.Key = k
				routes = append(routes, newEventRoute(r))
				endpoints[hash.row(i)] = k
				if err := fn(*r); err != nil {
					return err
				}
			}
			return nil
		})
	if err != nil {
		return err
	}
	h.snap, h.late, h.untold, h.routes = snap, late, late || untold, mergeRoutes(routes)
	h.endpoints = endpoints
	return nil
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
	hours, requests, sent := newUint32Lists(), newUint32Lists(), newInt64Lists()
	counts, traits := newUint32Lists(), newUint64Lists()
	series := newHourSeries(snap.ExcludedUsers())
	sql, params := actorHistorySQL(snap, h.untold, p)
	return h.s.eachBlock(ctx, "read actor history", sql, params,
		[]resultColumn{&user, &client, hours, requests, sent, counts, traits}, func(rows int) error {
			for i := range rows {
				r := series.fold(actorKey(user.row(i), client.row(i)), actorRows{
					hours: hours.row(i), requests: requests.row(i), bytes: sent.row(i), counts: counts.row(i), traits: traits.row(i),
				})
				if err := fn(*r); err != nil {
					return err
				}
			}
			return nil
		})
}

// Objects implements baseline.History.
func (h *history) Objects(ctx context.Context, snap baseline.Snapshot, fn func(baseline.ObjectHours) error) error {
	late, err := h.later(ctx, snap)
	if err != nil {
		return err
	}
	service, method, route := newWords(), newWords(), newWords()
	var user textColumn
	var client addressColumn
	hours, states := newUint32Lists(), newTextLists()
	var series objectSeries
	var list [][]byte
	sql, params := objectHistorySQL(snap, late)
	return h.s.eachBlock(ctx, "read object history", sql, params,
		[]resultColumn{service, method, route, &user, &client, hours, states}, func(rows int) error {
			for i := range rows {
				list = states.row(i, list[:0])
				r, err := series.fold(hours.row(i), list)
				if err != nil {
					return fmt.Errorf("read object history: %w", err)
				}
				r.Key = baseline.EndpointKey{Service: service.row(i), Method: method.row(i), Route: route.row(i)}
				r.Actor = actorKey(user.row(i), client.row(i))
				if err := fn(*r); err != nil {
					return err
				}
			}
			return nil
		})
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
