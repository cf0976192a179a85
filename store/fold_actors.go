package store

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
)

// What a trait is, in its highest byte: see migration 0147.
const (
	traitBits = 56

	traitAgent   = 1
	traitRoute   = 2
	traitNetwork = 3
	traitCountry = 4
)

// actorRows is one actor's rows of actor_hours: lists that are equally long, and the traits of all rows, so many of each.
type actorRows struct {
	hours, requests []uint32
	bytes           []int64
	counts          []int
	traits          []uint64
}

// hourSeries makes of an actor's rows what it did by the hour and by the day.
type hourSeries struct {
	excluded map[string][]baseline.Exclusion // by user
	names    map[uint64]string               // of countries

	order          []int32
	ends           []int // where the traits of each row end
	out            baseline.ActorHours
	sent           int64
	agents, routes []uint32 // of the day
	ever           []uint32
	countries      []uint64
}

func newHourSeries(excluded []baseline.Exclusion) *hourSeries {
	a := &hourSeries{excluded: map[string][]baseline.Exclusion{}, names: map[uint64]string{}}
	for _, x := range excluded {
		a.excluded[x.Actor.Value] = append(a.excluded[x.Actor.Value], x)
	}
	return a
}

// fold returns what the rows tell of key; it is its own until the next call.
func (a *hourSeries) fold(key baseline.ActorKey, rows actorRows) *baseline.ActorHours {
	o := &a.out
	*o = baseline.ActorHours{
		Key: key, Hours: o.Hours[:0], Requests: o.Requests[:0], KiB: o.KiB[:0],
		Days: o.Days[:0], Agents: o.Agents[:0], Routes: o.Routes[:0], Networks: o.Networks[:0], Countries: o.Countries[:0],
	}
	a.agents, a.routes, a.ever, a.countries, a.ends = a.agents[:0], a.routes[:0], a.ever[:0], a.countries[:0], a.ends[:0]
	end := 0
	for _, n := range rows.counts {
		end += n
		a.ends = append(a.ends, end)
	}
	order := inOrder(rows.hours, a.order)
	if order != nil {
		a.order = order
	}
	var excluded []baseline.Exclusion
	if key.User && len(a.excluded) > 0 {
		excluded = a.excluded[key.Value]
	}
	day := uint32(0)
	for i := range rows.hours {
		at := i
		if order != nil {
			at = int(order[i])
		}
		h := rows.hours[at] / hourSeconds
		if d := h / 24 * 24; i == 0 || d != day {
			if i > 0 {
				a.closeDay(day)
			}
			day = d
		}
		a.hour(h, rows.requests[at], rows.bytes[at])
		if !leavesOut(excluded, h) {
			a.see(rows.traits[a.ends[at]-rows.counts[at] : a.ends[at]])
		}
	}
	if len(rows.hours) > 0 {
		a.closeDay(day)
	}
	a.close()
	return o
}

// hour adds up what belongs to one hour.
func (a *hourSeries) hour(h, requests uint32, bytes int64) {
	o := &a.out
	if n := len(o.Hours); n == 0 || o.Hours[n-1] != h {
		o.Hours, o.Requests, o.KiB = append(o.Hours, h), append(o.Requests, 0), append(o.KiB, 0)
		a.sent = 0
	}
	last := len(o.Hours) - 1
	o.Requests[last] += requests
	a.sent += bytes
	o.KiB[last] = uint32(min(a.sent/1024, math.MaxUint32)) //nolint:gosec // sums of sizes
}

// see sorts one row's traits.
func (a *hourSeries) see(traits []uint64) {
	for _, t := range traits {
		switch t >> traitBits {
		case traitAgent:
			a.agents = append(a.agents, uint32(t)) //nolint:gosec // the lower half
		case traitRoute:
			a.routes = append(a.routes, uint32(t)) //nolint:gosec // the lower half
		case traitNetwork:
			a.out.Networks = append(a.out.Networks, uint32(t)) //nolint:gosec // the lower half
		case traitCountry:
			a.countries = append(a.countries, t)
		}
	}
}

// closeDay ends a day. A client has one if it was seen as something else than a declared crawler.
func (a *hourSeries) closeDay(day uint32) {
	o := &a.out
	a.agents, a.routes = distinctOf(a.agents), distinctOf(a.routes)
	if o.Key.User || len(a.agents) > 0 {
		agents := len(a.agents)
		if agents > 0 && a.agents[0] == 0 { // none is no user agent
			agents--
		}
		o.Days = append(o.Days, day)
		o.Agents = append(o.Agents, uint32(agents)) //nolint:gosec // a length
	}
	if o.Key.User {
		o.Routes = append(o.Routes, uint32(len(a.routes))) //nolint:gosec // a length
	}
	a.ever = append(a.ever, a.routes...)
	a.agents, a.routes = a.agents[:0], a.routes[:0]
}

// close ends the actor.
func (a *hourSeries) close() {
	o := &a.out
	a.ever, a.countries, o.Networks = distinctOf(a.ever), distinctOf(a.countries), distinctOf(o.Networks)
	o.Ever = uint32(len(a.ever)) //nolint:gosec // a length
	for _, t := range a.countries {
		name, ok := a.names[t]
		if !ok {
			letters := binary.LittleEndian.AppendUint64(nil, t&(1<<traitBits-1))
			name = strings.TrimRight(string(letters), "\x00")
			a.names[t] = name
		}
		o.Countries = append(o.Countries, name)
	}
	slices.Sort(o.Countries)
}

// distinctOf sorts a list and drops what occurs again.
func distinctOf[T uint32 | uint64](list []T) []T {
	slices.Sort(list)
	return slices.Compact(list)
}

// leavesOut reports whether an hour is among those of the exclusions, which are whole hours.
func leavesOut(list []baseline.Exclusion, hour uint32) bool {
	if len(list) == 0 {
		return false
	}
	at := time.Unix(int64(hour)*hourSeconds, 0)
	return slices.ContainsFunc(list, func(x baseline.Exclusion) bool { return !at.Before(x.From) && at.Before(x.To) })
}
