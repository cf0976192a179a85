package baseline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Snapshot records all that a model's content depends on: the same snapshot over the same store gives the same model.
type Snapshot struct {
	// Cut is the ingested_at stamp of the newest event that is learned from.
	Cut time.Time `json:"cut"`
	// Until bounds the event time that is learned from: [Until - WindowDays, Until), whole hours only.
	Until time.Time `json:"until"`
	// WindowDays is the length of the history in days.
	WindowDays int `json:"window_days"`
	// EffectiveFrom is the event time from which the model judges, at or after Until. Zero: Until.
	EffectiveFrom time.Time `json:"effective_from"`
	// Generation keeps apart models that must not judge each other's events: "live", "analyze", an import's name.
	Generation string `json:"generation"`
	// ConfigHash identifies the configuration (Config.Hash).
	ConfigHash string `json:"config_hash"`
	// Excluded are intervals that are not learned from, such as confirmed incidents.
	Excluded []Exclusion `json:"excluded,omitempty"`
	// Accepted are the lasting changes that the model takes for granted.
	Accepted []Acceptance `json:"accepted,omitempty"`
	// Forgotten is the time of the last roll back: what people accepted up to then counts only if Accepted has it.
	Forgotten time.Time `json:"forgotten,omitzero"`
	// RolledBack is set when the version is an older one that was put into effect again.
	RolledBack *RollBack `json:"rolled_back,omitempty"`
	// Aliases maps templates that a route had before to the one that it has now.
	Aliases []Alias `json:"aliases,omitempty"`
}

// Exclusion leaves the hours that it touches out of what is learned about one endpoint or one actor. An empty
// Endpoint.Service means an actor's exclusion; an empty Actor.Value an endpoint's.
type Exclusion struct {
	Endpoint EndpointKey `json:"endpoint"`
	Actor    ActorKey    `json:"actor"`
	From     time.Time   `json:"from"`
	To       time.Time   `json:"to"`
}

// Alias says that a service's template From is now To.
type Alias struct {
	Service string `json:"service"`
	From    string `json:"from"`
	To      string `json:"to"`
}

// Hash identifies the learned part of the configuration.
func (c Config) Hash() string {
	b, err := json.Marshal(c.withDefaults())
	if err != nil {
		panic(err) // a struct of strings and numbers always marshals
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// Snapshot returns the snapshot of everything up to the event time until and the stamp cut, for a model that judges from
// until on. The caller adds what it knows of exclusions and aliases.
func (c Config) Snapshot(until, cut time.Time, generation string) Snapshot {
	return Snapshot{Cut: cut, Until: until, WindowDays: c.withDefaults().WindowDays, Generation: generation, ConfigHash: c.Hash()}
}

// From returns the event time at which the snapshot's window begins, a whole hour.
func (s Snapshot) From() time.Time {
	return s.Until.Truncate(time.Hour).AddDate(0, 0, -s.WindowDays)
}

// Version derives the model's version id from the snapshot: the moment it was learned up to, and a hash of all of it.
func (s Snapshot) Version() string {
	s.Cut, s.Until, s.EffectiveFrom = s.Cut.UTC(), s.Until.UTC(), s.effectiveFrom()
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings, numbers and times of our own always marshal
	}
	sum := sha256.Sum256(b)
	return s.Until.Format("20060102T150405Z") + "-" + hex.EncodeToString(sum[:6])
}

func (s Snapshot) effectiveFrom() time.Time {
	if s.EffectiveFrom.IsZero() {
		return s.Until.UTC()
	}
	return s.EffectiveFrom.UTC()
}

func (s Snapshot) validate() error {
	switch {
	case s.Until.IsZero():
		return fmt.Errorf("snapshot: until is not set")
	case s.WindowDays < 1:
		return fmt.Errorf("snapshot: window_days %d, want 1 or more", s.WindowDays)
	case s.effectiveFrom().Before(s.Until):
		return fmt.Errorf("snapshot: effective_from %s lies before until %s: a model must not judge what it learned from",
			s.EffectiveFrom.Format(time.RFC3339), s.Until.Format(time.RFC3339))
	}
	return nil
}

// routes resolves aliases.
type routes map[[2]string]string

func newRoutes(aliases []Alias) routes {
	r := make(routes, len(aliases))
	for _, a := range aliases {
		r[[2]string{a.Service, a.From}] = a.To
	}
	return r
}

// resolve follows aliases from k's route to the one it has now; a ring of aliases ends after as many steps as there are.
func (r routes) resolve(k EndpointKey) EndpointKey {
	for range len(r) {
		to, ok := r[[2]string{k.Service, k.Route}]
		if !ok || to == "" || to == k.Route {
			break
		}
		k.Route = to
	}
	return k
}

// hourSet is a set of hours since 1970.
type hourSet map[int64]struct{}

func (s hourSet) has(h int64) bool { _, ok := s[h]; return ok }

func (s hourSet) add(from, to time.Time) {
	for h := hourOf(from); hourTime(h).Before(to); h++ {
		s[h] = struct{}{}
	}
}

// exclusions answers which hours of whom are not learned from.
type exclusions struct {
	endpoints map[EndpointKey]hourSet
	actors    map[ActorKey]hourSet
	// What people accepted since an hour is learned from all the same.
	acceptedEndpoints map[EndpointKey]int64
	acceptedActors    map[ActorKey]int64
}

func newExclusions(list []Exclusion, accepted []Acceptance, r routes) exclusions {
	x := exclusions{map[EndpointKey]hourSet{}, map[ActorKey]hourSet{}, map[EndpointKey]int64{}, map[ActorKey]int64{}}
	for _, a := range accepted { // ordered by Since: the latest word counts
		switch {
		case a.By == AcceptedByLearning:
		case a.Actor.Value != "":
			x.acceptedActors[a.Actor] = hourOf(a.Since)
		default:
			x.acceptedEndpoints[r.resolve(a.Endpoint)] = hourOf(a.Since)
		}
	}
	for _, e := range list {
		if e.Actor.Value != "" {
			if x.actors[e.Actor] == nil {
				x.actors[e.Actor] = hourSet{}
			}
			x.actors[e.Actor].add(e.From, e.To)
			continue
		}
		k := r.resolve(e.Endpoint)
		if x.endpoints[k] == nil {
			x.endpoints[k] = hourSet{}
		}
		x.endpoints[k].add(e.From, e.To)
	}
	return x
}

// endpoint reports whether hour h of k is left out, by itself or with its service.
func (x exclusions) endpoint(k EndpointKey, h int64) bool {
	if !x.endpoints[k].has(h) && !x.endpoints[k.service()].has(h) {
		return false
	}
	for _, of := range []EndpointKey{k, k.service()} {
		if since, ok := x.acceptedEndpoints[of]; ok && h >= since {
			return false
		}
	}
	return true
}

// accepted reports whether somebody accepted what k does.
func (x exclusions) accepted(k ActorKey) bool { _, ok := x.acceptedActors[k]; return ok }

// ExcludedUsers returns the times, in whole hours, of users' events that are not learned from.
func (s Snapshot) ExcludedUsers() []Exclusion {
	var out []Exclusion
	for _, e := range s.Excluded {
		if !e.Actor.User {
			continue
		}
		until := hourOf(e.To)
		if hourTime(until).Before(e.To) {
			until++
		}
		for _, a := range s.Accepted {
			if a.Actor == e.Actor && a.By != AcceptedByLearning {
				until = min(until, hourOf(a.Since))
			}
		}
		if e.From, e.To = hourTime(hourOf(e.From)), hourTime(until); e.From.Before(e.To) {
			out = append(out, e)
		}
	}
	return out
}

func (x exclusions) actor(k ActorKey, h int64) bool {
	since, ok := x.acceptedActors[k]
	return x.actors[k].has(h) && (!ok || h < since)
}
