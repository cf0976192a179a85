package baseline

import (
	"context"
	"net/netip"
	"time"
)

// Recent is what the detectors that look back for days need of the store after a restart.
type Recent interface {
	// DayObjects calls fn for every reader, endpoint and hour with the different objects that were read successfully at
	// times in [from, until), hours ascending. Rows belong to the callee until the next call.
	DayObjects(ctx context.Context, from, until time.Time, fn func(ObjectReads) error) error
	// WeekRoutes calls fn for every user and route that answered with a status of 1 to 399 at times in [from, until). Rows
	// belong to the callee until the next call.
	WeekRoutes(ctx context.Context, from, until time.Time, fn func(RouteReads) error) error
	// DayRefusals calls fn for every endpoint, client, user and hour with refusals (status 401 or 403) at times in [from,
	// until), hours ascending. Rows belong to the callee until the next call.
	DayRefusals(ctx context.Context, from, until time.Time, fn func(RefusalReads) error) error
}

// RouteReads is a user's use of one route.
type RouteReads struct {
	User, Route string
	First       time.Time
	Hour        uint32 // of the last use, since 1970
}

// RefusalReads is how often one endpoint refused one client under one user's name in one hour.
type RefusalReads struct {
	Key     EndpointKey
	Client  netip.Addr // not valid: unknown
	User    string     // empty: unknown
	Hour    uint32     // since 1970
	Refused uint64
	First   time.Time
}

// ObjectReads is what one actor read through one endpoint in one hour.
type ObjectReads struct {
	Key      EndpointKey
	Actor    ActorKey
	Hour     uint32 // since 1970
	Requests uint64
	First    time.Time
	Objects  [][]string // event.Event's ObjectIDs
}

// Preload brings the detectors that look back for days to where they were at the event time until. Call it on fresh
// detectors, after Restore and before events from until on are replayed into them.
func (d *Detectors) Preload(ctx context.Context, r Recent, until time.Time) error {
	if err := d.slow.preload(ctx, r, until); err != nil {
		return err
	}
	if err := d.conduct.preload(ctx, r, until); err != nil {
		return err
	}
	return d.refused.preload(ctx, r, until)
}
