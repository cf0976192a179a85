package baseline

import (
	"fmt"
	"time"

	"github.com/gatewatch/gatewatch/detect"
)

// Model is what was learned from one snapshot. It is immutable once Recompute or LoadModel returned it.
type Model struct {
	Version       string    `json:"version"`
	Snapshot      Snapshot  `json:"snapshot"`
	EffectiveFrom time.Time `json:"effective_from"`
	Events        uint64    `json:"events"` // that were learned from
	MinDays       int       `json:"min_days"`

	location *time.Location
	// endpoints holds endpoints and, under keys with only a service, services as a whole.
	endpoints map[EndpointKey]*Endpoint
	objects   map[EndpointKey]*Objects
	actors    map[ActorKey]Actor
	users     Crowd
	clients   Crowd
	// volume is the distribution of the KiB that users were sent in an hour.
	volume Crowd
	// breadth and ever are the distributions of the different routes that users use in a day and in the whole window;
	// userAgents and clientAgents those of the user agents that one actor has in a day.
	breadth, ever, userAgents, clientAgents Crowd
	networks                                networks
	evenness                                evenness
	// members holds the endpoints that few users use.
	members map[EndpointKey]*Members
	// steady says of which services new endpoints are news; see fitSurface.
	steady map[string]bool
	// routes lists the routes that answered successfully, whatever the method.
	routes map[EndpointKey]bool
	// changes are the lasting changes within the history, the newest first.
	changes []Change
	// busy lists the endpoints and services whose drop is judged, services first, ordered by key.
	busy []*Endpoint
}

// Endpoint is what was learned about an endpoint, or about a service as a whole.
type Endpoint struct {
	Key      EndpointKey `json:"endpoint"`
	Days     int         `json:"days"`    // from its first event to the snapshot's end
	Buckets  int         `json:"buckets"` // of Step, with requests or without; hours when Step is 0
	Requests uint64      `json:"requests"`
	// Step is the width in seconds of the buckets in which its traffic is judged: 300 or 3600; 0 when there is too
	// little of it to say what is unusual.
	Step   int     `json:"step"`
	Alpha  float64 `json:"alpha,omitempty"`   // over-dispersion: variance = level + alpha*level²
	SpikeZ float64 `json:"spike_z,omitempty"` // the deviation that makes a spike; see surprise
	DropZ  float64 `json:"drop_z,omitempty"`  // the deviation that makes a drop, positive
	// Empties counts the hours with an empty bucket among those that are expected to be busy.
	Empties int     `json:"empties,omitempty"`
	Season  *Season `json:"season,omitempty"` // nil when Step is 0
	// Trend is its growth in a week, as a share, where it clearly grows or shrinks; Season is its level at the end.
	Trend float64 `json:"trend,omitempty"`

	ClientErrors ErrorRate `json:"client_errors"`
	ServerErrors ErrorRate `json:"server_errors"`

	// Shape is what its successful answers look like; nil when none was seen.
	Shape *Shape `json:"shape,omitempty"`
	// Users is the number of users with successful requests, of a service as a whole only.
	Users int `json:"users,omitempty"`

	// Refusals is how often it refuses credentials; nil when it never did.
	Refusals *Refusals `json:"refusals,omitempty"`
	// Agents is how its clients are spread over user agents; nil when too little is known.
	Agents *Agents `json:"agents,omitempty"`
}

// ErrorRate is the learned share of requests that fail.
type ErrorRate struct {
	Share float64 `json:"share"` // of all requests, without the worst twentieth of the hours
	High  float64 `json:"high"`  // the 99th percentile of the hourly shares
	Z     float64 `json:"z"`     // the deviation that makes a burst
}

// level returns the expected requests of a bucket of e's Step in the given hour of the week.
func (e *Endpoint) level(slot int) float64 {
	return float64(e.Season.Level[slot]) * float64(e.Step) / 3600
}

// Objects is what was learned about distinct objects read through one endpoint, per reader and hour.
type Objects struct {
	Key     EndpointKey `json:"endpoint"`
	Days    int         `json:"days"`
	Users   Crowd       `json:"users"`
	Clients Crowd       `json:"clients"`
	// DayUsers and DayClients are the same by the day (UTC): their Hours are actor-days.
	DayUsers   Crowd               `json:"day_users"`
	DayClients Crowd               `json:"day_clients"`
	readers    map[ActorKey]Reader // those with three hours or more
}

// Crowd is the distribution of an hourly count over all the actors of a kind, hours without any left out.
type Crowd struct {
	Actors int     `json:"actors"`
	Hours  uint64  `json:"hours"` // actor-hours
	Days   int     `json:"days"`
	Median float64 `json:"median"`
	P99    float64 `json:"p99"`
	P999   float64 `json:"p999"`
	Max    float64 `json:"max"`
}

// Actor is what was learned about the hourly requests of one user or client.
type Actor struct {
	Hours  uint16  `json:"hours"` // active hours seen
	Days   uint16  `json:"days"`  // active days seen
	Median float32 `json:"median"`
	P99    float32 `json:"p99"`
	Max    float32 `json:"max"`

	MaxKiB    float32  `json:"kib,omitempty"`       // of response bodies in its highest hour
	Clock     uint32   `json:"clock,omitempty"`     // the hours of the day seen, bit 0 is midnight in the model's zone; users only
	Last      uint32   `json:"last,omitempty"`      // the last active hour, since 1970
	Countries []string `json:"countries,omitempty"` // of successful requests, sorted; users only
	Accepted  bool     `json:"accepted,omitempty"`  // somebody said that what it does is normal

	Even     float32  `json:"even,omitempty"`     // share of the busy hours that were as busy as the hour before; users only
	Agents   float32  `json:"agents,omitempty"`   // the most user agents in a day
	Routes   float32  `json:"routes,omitempty"`   // the most routes in a day; users only
	Ever     float32  `json:"ever,omitempty"`     // routes in the whole window; users only
	Networks []uint32 `json:"networks,omitempty"` // autonomous systems of successful requests, sorted; users only
}

// acceptedHours is for how many hours of history an acceptance stands.
const acceptedHours = 28 * 24

// weight returns the hours that count for the actor against the crowd.
func (a Actor) weight() uint16 { return trusted(a.Hours, a.Accepted) }

func trusted(hours uint16, accepted bool) uint16 {
	if accepted {
		return max(hours, acceptedHours)
	}
	return hours
}

// Reader is what was learned about the distinct objects that one actor reads in an hour through one endpoint.
type Reader struct {
	Hours uint16  `json:"hours"`
	Days  uint16  `json:"days"`
	Max   float32 `json:"max"`
	// DayMax is the most in a day.
	DayMax   float32 `json:"day_max,omitempty"`
	Accepted bool    `json:"accepted,omitempty"` // as of its Actor
}

// weight returns the hours that count for the reader against the crowd.
func (r Reader) weight() uint16 { return trusted(r.Hours, r.Accepted) }

// Endpoint returns what was learned about k, nil when nothing was. A key with only a service asks for the service.
func (m *Model) Endpoint(k EndpointKey) *Endpoint { return m.endpoints[k] }

// Objects returns what was learned about object reads through k, nil when nothing was.
func (m *Model) Objects(k EndpointKey) *Objects { return m.objects[k] }

// Actor returns what was learned about the actor itself; false when it was hardly ever seen.
func (m *Model) Actor(k ActorKey) (Actor, bool) {
	a, ok := m.actors[k]
	return a, ok
}

// Crowd returns the distribution over all users, or over all clients that have no identity.
func (m *Model) Crowd(users bool) Crowd {
	if users {
		return m.users
	}
	return m.clients
}

// Counts says how many endpoints (services included) and actors the model knows.
func (m *Model) Counts() (endpoints, actors int) { return len(m.endpoints), len(m.actors) }

// slot returns the hour of the week at t in the model's zone.
func (m *Model) slot(t time.Time) int { return slotOf(t, m.location) }

// history says for people how much the model knows: "14 days, 3,210 buckets".
func history(days int, count uint64, unit string) string {
	plural := "s"
	if days == 1 {
		plural = ""
	}
	return fmt.Sprintf("%d day%s, %s %s", days, plural, detect.Thousands(count), unit)
}
