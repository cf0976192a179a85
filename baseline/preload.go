package baseline

import (
	"context"
	"time"
)

// Recent is what the detectors that look back for a day need of the store after a restart.
type Recent interface {
	// DayObjects calls fn for every reader, endpoint and hour with the different objects that were read successfully at
	// times in [from, until), hours ascending. Rows belong to the callee until the next call.
	DayObjects(ctx context.Context, from, until time.Time, fn func(ObjectReads) error) error
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

// Preload brings the detectors that look back for a day to where they were at the event time until. Call it on fresh
// detectors, after Restore and before events from until on are replayed into them.
func (d *Detectors) Preload(ctx context.Context, r Recent, until time.Time) error {
	return d.slow.preload(ctx, r, until)
}
