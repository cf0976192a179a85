package baseline

import (
	"context"
	"math"
	"slices"
	"strings"
)

// Shape is what an endpoint's successful answers look like.
type Shape struct {
	Successes uint64 `json:"successes"`
	Anonymous uint64 `json:"anonymous"` // without a user, a session and an authentication scheme
	First     uint32 `json:"first"`     // hour of the first, since 1970
	// Latency is in milliseconds, Size in bytes; nil when there is too little of it.
	Latency *Level `json:"latency,omitempty"`
	Size    *Level `json:"size,omitempty"`
}

// Level is where a quantity's median lies: in the median hour, and the bounds between which the hours' medians stay.
type Level struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Hours  int     `json:"hours"`
}

const (
	leastInHour     = 10 // answers that a median is taken from
	leastLevelHours = 48 // hours that a level is learned from
	leastFactor     = 2  // a shift at least doubles or halves

	leastMilliseconds = 50 // of a shift
	leastBytes        = 256
)

// shapeHours gathers one endpoint's rows: a route that had several names has several.
type shapeHours struct {
	shape     Shape
	durations quantityHours
	sizes     quantityHours
	successes quantityHours
}

// learnShapes learns what the answers of every endpoint look like.
func (l *learner) learnShapes(ctx context.Context, h History, s Snapshot) error {
	merged := map[EndpointKey]*shapeHours{}
	err := h.Shapes(ctx, s, func(row ShapeHours) error {
		k := l.routes.resolve(row.Key)
		acc := merged[k]
		if acc == nil {
			acc = &shapeHours{}
			merged[k.clone()] = acc
		}
		for i, hour := range row.Hours {
			if l.excluded.endpoint(k, int64(hour)) {
				continue
			}
			if acc.shape.First == 0 || hour < acc.shape.First {
				acc.shape.First = hour
			}
			acc.shape.Successes += uint64(row.Successes[i])
			acc.shape.Anonymous += uint64(row.Anonymous[i])
			acc.successes.add(hour, float64(row.Successes[i]))
			if row.Timed[i] >= leastInHour {
				acc.durations.add(hour, float64(row.Duration[i]))
			}
			if row.Sized[i] >= leastInHour {
				acc.sizes.add(hour, float64(row.Size[i]))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for k, acc := range merged {
		e := l.model.endpoints[k]
		if e == nil || acc.shape.Successes == 0 {
			continue
		}
		shape := acc.shape
		if e.Days >= l.cfg.MinDays {
			shape.Latency = l.fitLevel(EndpointLatency, l.settle(k, MeasuredDuration, acc, &acc.durations, leastMilliseconds), leastMilliseconds)
			shape.Size = l.fitLevel(ResponseSize, l.settle(k, MeasuredSize, acc, &acc.sizes, leastBytes), leastBytes)
		}
		e.Shape = &shape
	}
	return nil
}

// fitLevel learns a level from hourly medians; least is the least change, in the quantity's unit, that matters.
func (l *learner) fitLevel(detector string, medians []float64, least float64) *Level {
	if len(medians) < leastLevelHours {
		return nil
	}
	v := &Level{Hours: len(medians), Median: float64(round4(median(slices.Clone(medians))))}
	ups, downs := make([]float64, len(medians)), make([]float64, len(medians))
	// One unit more keeps what is often 0 finite.
	for i, m := range medians {
		d := math.Log((m + 1) / (v.Median + 1))
		ups[i], downs[i] = max(d, 0), max(-d, 0)
	}
	p := l.cfg.budget(detector)
	floor := math.Log(leastFactor)
	v.High = max((v.Median+1)*math.Exp(tailThreshold(ups, p, floor))*1.1-1, v.Median+least)
	v.Low = min((v.Median+1)*math.Exp(-tailThreshold(downs, p, floor))/1.1-1, v.Median-least)
	v.High, v.Low = float64(round4(v.High)), float64(round4(v.Low))
	return v
}

// Members is who uses an endpoint that few users use.
type Members struct {
	Key      EndpointKey `json:"endpoint"`
	Users    []string    `json:"users"` // sorted
	Requests uint64      `json:"requests"`
	Of       int         `json:"of"`   // users of the service
	Days     int         `json:"days"` // since the first request
}

const (
	leastServiceUsers    = 20  // of which a few are few
	mostMemberShare      = 0.1 // of the service's users
	leastMemberRequests  = 20  // fewer say nothing about who may
	settledMemberPortion = 0.5 // nobody joined in this last part of what is known
)

// learnMembers learns who uses the endpoints that few use and that nobody began to use lately: privileged ones.
func (l *learner) learnMembers(ctx context.Context, h History, s Snapshot) error {
	users := map[string]int{}
	lists := map[EndpointKey]*MemberList{}
	several := map[EndpointKey]bool{}
	err := h.Members(ctx, s, func(row MemberList) error {
		k := l.routes.resolve(row.Key)
		if k.Whole() {
			users[strings.Clone(k.Service)] = int(row.Count) //nolint:gosec // a number of users
			return nil
		}
		if lists[k] != nil || several[k] { // a route with two names: who uses both is not known
			delete(lists, k)
			several[k.clone()] = true
			return nil
		}
		kept := &MemberList{First: slices.Clone(row.First), Requests: slices.Clone(row.Requests)}
		for _, u := range row.Users {
			kept.Users = append(kept.Users, strings.Clone(u))
		}
		lists[k.clone()] = kept
		return nil
	})
	if err != nil {
		return err
	}
	for k, list := range lists {
		m := &Members{Key: k, Users: list.Users, Of: users[k.Service]}
		first, newest := slices.Min(list.First), slices.Max(list.First)
		for _, n := range list.Requests {
			m.Requests += n
		}
		known := l.span.to - int64(first)
		m.Days = int((known + 12) / 24)
		settled := float64(l.span.to-int64(newest)) >= settledMemberPortion*float64(known)
		few := float64(len(m.Users)) <= mostMemberShare*float64(m.Of)
		if settled && few && m.Of >= leastServiceUsers && m.Requests >= leastMemberRequests && m.Days >= LeastMemberDays {
			slices.Sort(m.Users)
			l.model.members[k] = m
		}
	}
	for service, n := range users {
		if e := l.model.endpoints[EndpointKey{Service: service}]; e != nil {
			e.Users = n
		}
	}
	return nil
}

// indexSurface finds the services of which new endpoints are news: known for a week or more, and in the later half of
// the history not more than one endpoint a week answered for the first time.
func (m *Model) indexSurface() {
	m.steady, m.routes = map[string]bool{}, map[EndpointKey]bool{}
	until := hourOf(m.Snapshot.Until)
	type life struct{ first, young int64 }
	services := map[string]*life{}
	for k, e := range m.endpoints {
		if k.Whole() || e.Shape == nil {
			continue
		}
		m.routes[EndpointKey{Service: k.Service, Route: k.Route}] = true
		s := services[k.Service]
		if s == nil {
			s = &life{first: int64(e.Shape.First)}
			services[k.Service] = s
		}
		s.first = min(s.first, int64(e.Shape.First))
	}
	for k, e := range m.endpoints {
		if s := services[k.Service]; s != nil && e.Shape != nil && int64(e.Shape.First) > (s.first+until)/2 {
			s.young++
		}
	}
	for service, s := range services {
		half := float64(until-s.first) / 2 / hoursOfWeek // weeks
		m.steady[service] = half >= 0.5 && float64(s.young) <= half
	}
}
