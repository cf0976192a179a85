package baseline

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/gatewatch/gatewatch/detect"
)

// Difference is one number that two versions know differently.
type Difference struct {
	Entity  detect.Entity `json:"entity"`
	Service string        `json:"service,omitempty"`
	Measure string        `json:"measure"`
	Before  float64       `json:"before"`
	After   float64       `json:"after"`
	// Size is how large the difference is, comparable between measures: the logarithm of the ratio, after a little of the
	// measure's unit is added to both, so that 1 instead of 0 is no infinite change.
	Size float64 `json:"size"`
}

// Diff is what changed between two versions.
type Diff struct {
	From Meta `json:"from"`
	To   Meta `json:"to"`
	// Differences are the largest, the largest first; Total counts all that matter.
	Differences []Difference `json:"differences"`
	Total       int          `json:"total"`
	// Added and Removed count what only one of the two knows; endpoints of these are among the differences, with 0.
	Added   Counts `json:"added"`
	Removed Counts `json:"removed"`
	// Changes are the lasting changes that only the newer one takes for granted.
	Changes []Change `json:"changes"`
}

// Counts are numbers of endpoints (services included), users and clients.
type Counts struct {
	Endpoints int `json:"endpoints"`
	Users     int `json:"users"`
	Clients   int `json:"clients"`
}

// leastDifference is the size below which two numbers are the same for people: a twentieth.
const leastDifference = 0.05

// Compare says what changed from a to b, at most limit differences.
func Compare(a, b *Model, limit int) Diff {
	d := Diff{From: a.Meta(), To: b.Meta(), Differences: []Difference{}, Changes: []Change{}}
	c := comparison{diff: &d}
	for _, k := range union(a.endpoints, b.endpoints) {
		c.endpoint(k, a.endpoints[k], b.endpoints[k])
	}
	for _, k := range union(a.objects, b.objects) {
		c.objects(k, a.objects[k], b.objects[k])
	}
	c.actors(a.actors, b.actors)
	for i, what := range []string{"user", "client"} {
		before, after := a.Crowd(i == 0), b.Crowd(i == 0)
		c.note(detect.Entity{Type: detect.EntityService, Value: "all " + what + "s"}, "", "requests_per_hour_p999", before.P999, after.P999, 10)
	}
	slices.SortStableFunc(d.Differences, func(x, y Difference) int {
		return cmp.Or(cmp.Compare(y.Size, x.Size), strings.Compare(x.Service, y.Service),
			strings.Compare(x.Entity.Value, y.Entity.Value), strings.Compare(x.Measure, y.Measure))
	})
	d.Total = len(d.Differences)
	d.Differences = d.Differences[:min(limit, d.Total)]
	for _, change := range b.changes {
		if !slices.ContainsFunc(a.changes, func(old Change) bool { return old.same(change.Acceptance) }) {
			d.Changes = append(d.Changes, change)
		}
	}
	return d
}

func union[V any](a, b map[EndpointKey]V) []EndpointKey {
	keys := sortedKeys(a)
	for _, k := range sortedKeys(b) {
		if _, both := a[k]; !both {
			keys = append(keys, k)
		}
	}
	return keys
}

type comparison struct{ diff *Diff }

// note keeps a difference that matters; little is what is added to both numbers before they are compared.
func (c comparison) note(e detect.Entity, service, measure string, before, after, little float64) {
	size := math.Abs(math.Log((after + little) / (before + little)))
	if size < leastDifference {
		return
	}
	c.diff.Differences = append(c.diff.Differences, Difference{e, service, measure, before, after, math.Round(size*1000) / 1000})
}

func (c comparison) endpoint(k EndpointKey, a, b *Endpoint) {
	if a == nil {
		c.diff.Added.Endpoints++
		a = &Endpoint{}
	}
	if b == nil {
		c.diff.Removed.Endpoints++
		b = &Endpoint{}
	}
	service := k.Service
	if k.Whole() {
		service = ""
	}
	note := func(measure string, of func(*Endpoint) float64, little float64) {
		c.note(k.entity(), service, measure, of(a), of(b), little)
	}
	note("requests_per_day", (*Endpoint).daily, 24)
	note("client_error_share", func(e *Endpoint) float64 { return e.ClientErrors.Share }, 0.01)
	note("server_error_share", func(e *Endpoint) float64 { return e.ServerErrors.Share }, 0.01)
	note("duration_ms", func(e *Endpoint) float64 { return e.Shape.level(func(s *Shape) *Level { return s.Latency }) }, leastMilliseconds)
	note("bytes_out", func(e *Endpoint) float64 { return e.Shape.level(func(s *Shape) *Level { return s.Size }) }, leastBytes)
}

// daily returns the expected requests of a day: of the season, or of the mean day where there is too little for a season.
func (e *Endpoint) daily() float64 {
	if e.Season == nil {
		return float64(round4(float64(e.Requests) / float64(max(e.Days, 1))))
	}
	sum := 0.0
	for _, v := range e.Season.Level {
		sum += float64(v)
	}
	return float64(round4(sum / 7))
}

// level returns the median of a quantity, 0 when it was not learned.
func (s *Shape) level(of func(*Shape) *Level) float64 {
	if s == nil || of(s) == nil {
		return 0
	}
	return of(s).Median
}

func (c comparison) objects(k EndpointKey, a, b *Objects) {
	if a == nil {
		a = &Objects{}
	}
	if b == nil {
		b = &Objects{}
	}
	c.note(k.entity(), k.Service, "objects_per_hour_p999", a.Users.P999, b.Users.P999, 5)
	c.note(k.entity(), k.Service, "objects_per_day_p999", a.DayUsers.P999, b.DayUsers.P999, 10)
}

func (c comparison) actors(a, b map[ActorKey]Actor) {
	count := func(n *Counts, k ActorKey) {
		if k.User {
			n.Users++
		} else {
			n.Clients++
		}
	}
	for _, k := range sortedActors(a) {
		after, both := b[k]
		if !both {
			count(&c.diff.Removed, k)
			continue
		}
		c.note(k.entity(), "", "requests_in_highest_hour", float64(a[k].Max), float64(after.Max), 20)
	}
	for k := range b {
		if _, both := a[k]; !both {
			count(&c.diff.Added, k)
		}
	}
}
