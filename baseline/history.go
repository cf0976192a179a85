package baseline

import "context"

// History is what learning needs of the store: sparse series of hours, one call per entity. Implementations stream, so
// that a month of many users does not have to fit into memory, and count exactly the events with a time in
// [snapshot.From(), snapshot.Until) and an ingested_at up to snapshot.Cut. Hours are counted since 1970, ascending within
// a row; hours without requests are absent. Rows and their slices belong to the callee until the next call.
type History interface {
	// Endpoints calls fn for every (service, method, route), routes as they were stamped, and for every service as a
	// whole under a key with only the service.
	Endpoints(ctx context.Context, s Snapshot, fn func(EndpointHours) error) error
	// Actors calls fn for every user, and for every client among the requests without a user.
	Actors(ctx context.Context, s Snapshot, fn func(ActorHours) error) error
	// Objects calls fn for every (service, method, route, actor) that read objects.
	Objects(ctx context.Context, s Snapshot, fn func(ObjectHours) error) error
}

// EndpointHours is the history of one endpoint. All slices are as long as Hours.
type EndpointHours struct {
	Key          EndpointKey
	Hours        []uint32
	Requests     []uint32 // in the hour
	ClientErrors []uint32 // status 400 to 499
	ServerErrors []uint32 // status 500 to 599
	Peak         []uint32 // the most requests in one of the hour's five-minute buckets
	Trough       []uint32 // the fewest, 0 when one of them was empty
}

// ActorHours is the history of one user or client.
type ActorHours struct {
	Key      ActorKey
	Hours    []uint32
	Requests []uint32
}

// ObjectHours is how many distinct objects one actor read successfully through one endpoint.
type ObjectHours struct {
	Key      EndpointKey
	Actor    ActorKey
	Hours    []uint32
	Distinct []uint32
}
