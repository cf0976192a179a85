package baseline

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Measured names what of an endpoint, a service or an actor has changed for good.
type Measured string

// The measures that can change for good.
const (
	MeasuredRequests Measured = "requests"    // of an endpoint or a service a day; of an actor all that is learned of it
	MeasuredDuration Measured = "duration_ms" // the median of an endpoint's successful answers
	MeasuredSize     Measured = "bytes_out"   // the same of their size
)

// MeasuredOf reads a measure's name; false when there is none of that name.
func MeasuredOf(name string) (Measured, bool) {
	m := Measured(name)
	return m, slices.Contains([]Measured{MeasuredRequests, MeasuredDuration, MeasuredSize}, m)
}

// AcceptedByLearning is the author of what learning accepted by itself.
const AcceptedByLearning = "learning"

// Acceptance says that what an endpoint, a service (an endpoint with only a service) or an actor does since a moment is
// normal from now on. It is part of the snapshot of every version that was learned under it.
type Acceptance struct {
	Endpoint EndpointKey `json:"endpoint,omitzero"`
	Actor    ActorKey    `json:"actor,omitzero"`
	Measure  Measured    `json:"measure"`
	Since    time.Time   `json:"since"`       // the change
	At       time.Time   `json:"accepted_at"` // event time from which it is normal
	By       string      `json:"accepted_by"` // AcceptedByLearning, or who said so
	Reason   string      `json:"reason,omitempty"`
}

// same reports whether a and b are about the same change: of one thing, within a day.
func (a Acceptance) same(b Acceptance) bool {
	return a.Endpoint == b.Endpoint && a.Actor == b.Actor && a.Measure == b.Measure && a.Since.Sub(b.Since).Abs() < 24*time.Hour
}

// Change is a lasting change as a version learned it.
type Change struct {
	Acceptance
	// Before and After are what was and is normal: requests a day, milliseconds, bytes.
	Before float64 `json:"before"`
	After  float64 `json:"after"`
	Days   int     `json:"days"` // of history before it
	// Events is the number of requests (of successful answers for the other measures) since then.
	Events uint64 `json:"events"`
	// New says that this version found it and accepts it; Told that it is a finding, see tell.
	New  bool `json:"new,omitempty"`
	Told bool `json:"told,omitempty"`
}

// size is how large a change is, whatever its direction.
func (c Change) size() float64 { return max(c.Before, c.After) - min(c.Before, c.After) }

// Changes returns the lasting changes within m's history, those that m found itself included, the newest first. The slice
// is the model's.
func (m *Model) Changes() []Change { return m.changes }

// Accepted returns what the snapshot after last carries on: what last was learned under and what it found itself, with
// what people accepted and no roll back forgot; without what lies before from, where no history is left to change. The
// result is sorted.
func Accepted(last *Model, byPeople []Acceptance, from time.Time) []Acceptance {
	var all []Acceptance
	for _, a := range byPeople {
		if last == nil || a.At.After(last.Snapshot.Forgotten) {
			all = append(all, a)
		}
	}
	if last != nil {
		all = append(all, last.Snapshot.Accepted...)
		for _, c := range last.changes {
			if c.New {
				all = append(all, c.Acceptance)
			}
		}
	}
	slices.SortStableFunc(all, compareAcceptances)
	var out []Acceptance
	for _, a := range all {
		a.Since, a.At = a.Since.UTC(), a.At.UTC()
		known := func(b Acceptance) bool { return b.same(a) && b.By == a.By }
		if a.Since.After(from) && !slices.ContainsFunc(out, known) {
			out = append(out, a)
		}
	}
	return out
}

func compareAcceptances(a, b Acceptance) int {
	return cmp.Or(a.Since.Compare(b.Since), compareKeys(a.Endpoint, b.Endpoint), strings.Compare(a.Actor.rowKey(), b.Actor.rowKey()),
		cmp.Compare(a.Measure, b.Measure), a.At.Compare(b.At), cmp.Compare(a.By, b.By), cmp.Compare(a.Reason, b.Reason))
}

// mostChanges is how many changes of endpoints of one service and measure a version tells, the largest first.
const mostChanges = 3

// tell decides which of the new changes are told: of a service the change as a whole when no endpoint makes half of it,
// else its endpoints', the largest first. It sorts changes.
func tell(changes []Change) {
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(b.Since.Compare(a.Since), compareAcceptances(a.Acceptance, b.Acceptance))
	})
	bySize := make([]*Change, 0, len(changes))
	for i := range changes {
		if changes[i].New {
			bySize = append(bySize, &changes[i])
		}
	}
	slices.SortStableFunc(bySize, func(a, b *Change) int { return cmp.Compare(b.size(), a.size()) })
	type group struct {
		service string
		measure Measured
	}
	told := map[group]int{}
	for _, whole := range bySize {
		if !whole.Endpoint.Whole() {
			continue
		}
		g := group{whole.Endpoint.Service, whole.Measure}
		one := slices.ContainsFunc(bySize, func(c *Change) bool {
			return !c.Endpoint.Whole() && c.Endpoint.Service == g.service && c.Measure == g.measure && c.size() >= whole.size()/2
		})
		if !one {
			whole.Told = true
			told[g] = mostChanges
		}
	}
	for _, c := range bySize {
		g := group{c.Endpoint.Service, c.Measure}
		if !c.Endpoint.Whole() && told[g] < mostChanges {
			c.Told = true
			told[g]++
		}
	}
}
