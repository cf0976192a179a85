package store

import (
	"context"
	"time"
)

// Route is a path template that a service serves.
type Route struct {
	Service   string
	Route     string
	AliasOf   string // the template that has taken its place; empty while it stands for itself
	FirstSeen time.Time
	Source    string // how it is known: "inferred", "openapi" or "log"
	// Established says that it was asked for often enough that the names in it stand for themselves.
	Established bool
}

// SaveRoutes appends the routes as versions newer than all that are stored; the latest version of (service, route)
// wins. The caller is the only writer.
func (s *Store) SaveRoutes(ctx context.Context, routes []Route) error {
	if len(routes) == 0 {
		return nil
	}
	var version uint64
	if err := s.conn.QueryRow(ctx, "SELECT max(version) FROM routes").Scan(&version); err != nil {
		return wrap("save routes", err)
	}
	batch, err := s.conn.PrepareBatch(ctx, "INSERT INTO routes (service, route, alias_of, first_seen, source, established, version)")
	if err != nil {
		return wrap("save routes", err)
	}
	defer func() { _ = batch.Close() }() // after Send it does nothing
	for _, r := range routes {
		switch r.Source {
		case "inferred", "openapi", "log":
		default:
			return rejected("route %s of %s: source %q: want inferred, openapi or log", r.Route, r.Service, r.Source)
		}
		version++
		if err := batch.Append(r.Service, r.Route, r.AliasOf, r.FirstSeen.UTC(), r.Source, r.Established, version); err != nil {
			return wrap("save routes", err)
		}
	}
	return wrap("save routes", batch.Send())
}

// LoadRoutes returns the latest version of every route, in the order in which these were saved.
func (s *Store) LoadRoutes(ctx context.Context) ([]Route, error) {
	rows, err := s.conn.Query(ctx, `SELECT service, route, alias_of, first_seen, source, established
FROM routes FINAL ORDER BY version`)
	if err != nil {
		return nil, wrap("load routes", err)
	}
	var list []Route
	err = scanAll(rows, func() error {
		var r Route
		if err := rows.Scan(&r.Service, &r.Route, &r.AliasOf, &r.FirstSeen, &r.Source, &r.Established); err != nil {
			return err
		}
		r.FirstSeen = r.FirstSeen.UTC()
		list = append(list, r)
		return nil
	})
	return list, wrap("load routes", err)
}
