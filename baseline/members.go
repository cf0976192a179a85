package baseline

import "time"

// The sets that a user or client is known by.
const (
	SetCountries = "countries"
	SetNetworks  = "networks" // autonomous systems' numbers
	SetAgents    = "ua_families"
	SetRoutes    = "routes" // METHOD ROUTE
	SetHours     = "hours"  // of the day, in the zone of the baselines
)

// SetMember is one member of a set: what an actor was seen with, since when, and how often.
type SetMember struct {
	Value     string    `json:"value"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
	Days      uint64    `json:"days"` // with requests, UTC
	Requests  uint64    `json:"requests"`
	Share     float64   `json:"share"` // of the requests that have a value
}

// MostSetMembers is how many members of a set are listed, those with most requests.
const MostSetMembers = 50
