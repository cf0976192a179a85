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
	// Actors calls fn for every user, and for every client among the requests without a user. How users behaved leaves out
	// the hours that snapshot.ExcludedUsers lists.
	Actors(ctx context.Context, s Snapshot, fn func(ActorHours) error) error
	// Objects calls fn for every (service, method, route, actor) that read objects.
	Objects(ctx context.Context, s Snapshot, fn func(ObjectHours) error) error
	// Shapes calls fn for every (service, method, route) that answered successfully (status 200 to 299).
	Shapes(ctx context.Context, s Snapshot, fn func(ShapeHours) error) error
	// Members calls fn for every (service, method, route) that at most MostMembers users used successfully, without what
	// snapshot.ExcludedUsers lists, and for every service as a whole, with the number of its users only.
	Members(ctx context.Context, s Snapshot, fn func(MemberList) error) error
	// Refusals calls fn for every (service, method, route) that refused somebody (status 401 or 403).
	Refusals(ctx context.Context, s Snapshot, fn func(RefusalHours) error) error
	// Agents calls fn for every (service, method, route) that was asked by clients with a user agent.
	Agents(ctx context.Context, s Snapshot, fn func(AgentHours) error) error
}

// RefusalHours is how often one endpoint refused (status 401 or 403), by the hour and by the day (UTC). Hours and days
// without refusals are absent. The first four slices are as long as Hours, the last three as Days.
type RefusalHours struct {
	Key       EndpointKey
	Hours     []uint32
	Users     []uint32 // different users refused
	Clients   []uint32 // different clients refused
	ByClient  []uint32 // the most refusals of one client
	Days      []uint32 // their first hours
	DayUsers  []uint32 // different users refused
	DayGuests []uint32 // different clients refused
	DayNames  []uint32 // the most different users that one client was refused as
}

// AgentHours is how the clients of one endpoint were spread over user agents, by the hour.
type AgentHours struct {
	Key     EndpointKey
	Hours   []uint32
	Clients []uint32 // different clients
	Top     []uint32 // the most different clients that shared one user agent
}

// ShapeHours is what the successful answers of one endpoint looked like. All slices are as long as Hours.
type ShapeHours struct {
	Key       EndpointKey
	Hours     []uint32
	Successes []uint32
	Anonymous []uint32  // without a user, a session and an authentication scheme
	Timed     []uint32  // with a duration
	Duration  []float32 // median of these in milliseconds, to a hundredth of its value or so
	Sized     []uint32  // with a response size
	Size      []float32 // median of these in bytes, to a hundredth of its value or so
}

// MostMembers is how many users an endpoint may have at most for its users to be listed.
const MostMembers = 50

// LeastMemberDays is how many days an endpoint has to be known before who uses it means something.
const LeastMemberDays = 7

// MemberList is who uses one endpoint. All slices are as long as Users, but for a service as a whole, which has only Count.
type MemberList struct {
	Key      EndpointKey
	Count    uint64
	Users    []string
	First    []uint32 // hour of the first successful request
	Requests []uint64
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
	KiB      []uint32 // of response bodies, rounded down

	// How it behaved, by the day (UTC): Agents and Routes are as long as Days, which are the days' first hours. Of clients
	// declared crawlers are left out, and only Days and Agents are given.
	Days   []uint32
	Agents []uint32 // different user agents
	Routes []uint32 // different routes that answered with a status of 1 to 399
	// Ever is the number of different such routes over the whole window, Networks are the autonomous systems and Countries
	// the countries that such requests came from, ascending.
	Ever      uint32
	Networks  []uint32
	Countries []string
}

// ObjectHours is how many distinct objects one actor read successfully through one endpoint, by the hour and by the day
// (UTC). Distinct is as long as Hours, DayDistinct as Days, which are the days' first hours.
type ObjectHours struct {
	Key         EndpointKey
	Actor       ActorKey
	Hours       []uint32
	Distinct    []uint32
	Days        []uint32
	DayDistinct []uint32
}
