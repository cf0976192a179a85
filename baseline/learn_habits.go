package baseline

import (
	"context"
	"slices"
	"strings"
)

// evenness is how many of the users have busy hours that are as busy as the hour before: people's seldom are, machines' are.
type evenness struct {
	Users int `json:"users"` // with leastPairs pairs of hours in a row with leastPaced requests or more
	Even  int `json:"even"`  // of them, those of whom half of the pairs differ by a twentieth or less
}

const (
	leastPairs = 4
	evenShare  = 0.5
)

// add notes one user's hours and returns the share of the busy pairs that are even, 0 where there are few.
func (e *evenness) add(hours, requests []uint32, leftOut func(int64) bool) float32 {
	busy, even := 0, 0
	for i := 1; i < len(hours); i++ {
		a, b := requests[i-1], requests[i]
		if hours[i] != hours[i-1]+1 || min(a, b) < leastPaced || leftOut(int64(hours[i])) || leftOut(int64(hours[i-1])) {
			continue
		}
		busy++
		if 20*(max(a, b)-min(a, b)) <= max(a, b) {
			even++
		}
	}
	if busy < leastPairs {
		return 0
	}
	share := float32(even) / float32(busy)
	e.Users++
	if share >= evenShare {
		e.Even++
	}
	return float32(round4(float64(share)))
}

// polls reports whether so many users are even that their pages must be asking by the clock.
func (e evenness) polls() bool {
	return e.Even >= leastPollers && float64(e.Even) > pollers*float64(e.Users)
}

// networks is how many users come from which autonomous system.
type networks struct {
	Users int            `json:"users"` // whose networks are known
	By    map[uint32]int `json:"by"`    // users by autonomous system
}

// mostNetworks is how many networks of one user are kept: who has more comes from everywhere.
const mostNetworks = 8

// learnHabits learns breadth, user agents and networks of the actors that have a row, and of all together.
func (l *learner) learnHabits(ctx context.Context, h History, s Snapshot) error {
	breadth, ever, byUser, byClient := newCrowdBuilder(), newCrowdBuilder(), newCrowdBuilder(), newCrowdBuilder()
	l.model.networks = networks{By: map[uint32]int{}}
	var scratch []float64
	most := func(b *crowdBuilder, row *HabitDays, counts []uint32) float32 {
		own, _ := b.add(row.Days, counts, func(h int64) bool { return l.excluded.actorDay(row.Key, h) }, scratch)
		if scratch = own; len(own) == 0 {
			return 0
		}
		return float32(slices.Max(own))
	}
	err := h.Habits(ctx, s, func(row HabitDays) error {
		a, known := l.model.actors[row.Key]
		if !row.Key.User {
			a.Agents = most(byClient, &row, row.Agents)
		} else {
			a.Agents, a.Routes = most(byUser, &row, row.Agents), most(breadth, &row, row.Routes)
			a.Ever = float32(row.Ever)
			if known && row.Ever > 0 {
				ever.add(row.Days[:1], []uint32{row.Ever}, func(int64) bool { return false }, nil)
			}
			if len(row.Networks) > 0 {
				l.model.networks.Users++
				for _, n := range row.Networks {
					l.model.networks.By[n]++
				}
			}
			if len(row.Networks) <= mostNetworks {
				a.Networks = slices.Sorted(slices.Values(row.Networks))
			}
		}
		if known {
			l.model.actors[ActorKey{row.Key.User, strings.Clone(row.Key.Value)}] = a
		}
		return nil
	})
	l.model.breadth, l.model.ever, l.model.userAgents, l.model.clientAgents = breadth.crowd(), ever.crowd(), byUser.crowd(), byClient.crowd()
	return err
}

// actorDay reports whether an hour of k's day that begins with hour h is left out.
func (x exclusions) actorDay(k ActorKey, h int64) bool {
	set := x.actors[k]
	for i := int64(0); len(set) > 0 && i < 24; i++ {
		if set.has(h + i) {
			return true
		}
	}
	return false
}

// Refusals is what was learned about how an endpoint refuses credentials: what the hours, and the days, hardly ever exceed.
type Refusals struct {
	Hours     int     `json:"hours"`      // with refusals
	Users     float64 `json:"users"`      // different users refused in an hour
	Clients   float64 `json:"clients"`    // different clients refused in an hour
	ByClient  float64 `json:"by_client"`  // refusals of one client in an hour
	DayUsers  float64 `json:"day_users"`  // different users refused in a day
	DayGuests float64 `json:"day_guests"` // different clients refused in a day
	DayNames  float64 `json:"day_names"`  // different users that one client was refused as in a day
}

func (l *learner) learnRefusals(ctx context.Context, h History, s Snapshot) error {
	merged := map[EndpointKey]*RefusalHours{}
	err := h.Refusals(ctx, s, func(row RefusalHours) error {
		k := l.routes.resolve(row.Key)
		acc := merged[k]
		if acc == nil {
			acc = &RefusalHours{}
			merged[k.clone()] = acc
		}
		for i, hour := range row.Hours {
			if l.excluded.endpoint(k, int64(hour)) {
				continue
			}
			acc.Hours = append(acc.Hours, hour)
			acc.Users, acc.Clients = append(acc.Users, row.Users[i]), append(acc.Clients, row.Clients[i])
			acc.ByClient = append(acc.ByClient, row.ByClient[i])
		}
		for i, day := range row.Days {
			if l.excluded.endpointDay(k, int64(day)) {
				continue
			}
			acc.Days = append(acc.Days, day)
			acc.DayUsers, acc.DayGuests = append(acc.DayUsers, row.DayUsers[i]), append(acc.DayGuests, row.DayGuests[i])
			acc.DayNames = append(acc.DayNames, row.DayNames[i])
		}
		return nil
	})
	for k, acc := range merged {
		e := l.model.endpoints[k]
		if e == nil {
			continue
		}
		hours, p := e.Days*24, l.cfg.budget(CredentialStuffing)
		e.Refusals = &Refusals{
			Hours: len(acc.Hours), Users: mostOf(acc.Users, hours, p), Clients: mostOf(acc.Clients, hours, p), ByClient: mostOf(acc.ByClient, hours, p),
			DayUsers: mostOf(acc.DayUsers, e.Days, p*24), DayGuests: mostOf(acc.DayGuests, e.Days, p*24), DayNames: mostOf(acc.DayNames, e.Days, p*24),
		}
	}
	return err
}

// endpointDay reports whether an hour of k's day that begins with hour h is left out.
func (x exclusions) endpointDay(k EndpointKey, h int64) bool {
	if len(x.endpoints) == 0 {
		return false
	}
	for i := range int64(24) {
		if x.endpoint(k, h+i) {
			return true
		}
	}
	return false
}

// mostOf returns the count that blocks like those seen exceed with probability p. Blocks of which nothing is said had
// none. The tail is taken on the scale of square roots, on which counts have a steady spread.
func mostOf(counts []uint32, blocks int, p float64) float64 {
	roots := make([]float64, max(blocks, len(counts)))
	for i, n := range counts {
		roots[i] = surprise(float64(n), 0, 0)
	}
	return float64(round4(boundAt(tailThreshold(roots, p, 0), 0, 0)))
}

// Agents is what was learned about how the clients of an endpoint are spread over user agents.
type Agents struct {
	Hours int     `json:"hours"`
	Top   float64 `json:"top"`   // clients that share one user agent in an hour, hardly ever exceeded
	Share float64 `json:"share"` // the 95th percentile of the share that they are of all clients
}

// leastAgentHours is how many hours with leastTop clients make the share known.
const (
	leastAgentHours = 24
	leastTop        = 5
)

func (l *learner) learnAgents(ctx context.Context, h History, s Snapshot) error {
	merged := map[EndpointKey]*AgentHours{}
	err := h.Agents(ctx, s, func(row AgentHours) error {
		k := l.routes.resolve(row.Key)
		acc := merged[k]
		if acc == nil {
			acc = &AgentHours{}
			merged[k.clone()] = acc
		}
		for i, hour := range row.Hours {
			if l.excluded.endpoint(k, int64(hour)) {
				continue
			}
			acc.Clients, acc.Top = append(acc.Clients, row.Clients[i]), append(acc.Top, row.Top[i])
		}
		return nil
	})
	for k, acc := range merged {
		e := l.model.endpoints[k]
		if e == nil {
			continue
		}
		var shares []float64
		for i, n := range acc.Clients {
			if n >= leastTop {
				shares = append(shares, float64(acc.Top[i])/float64(n))
			}
		}
		a := &Agents{Hours: len(acc.Top), Top: mostOf(acc.Top, e.Days*24, l.cfg.budget(CoordinatedClients)), Share: 1}
		if len(shares) >= leastAgentHours {
			a.Share = float64(round4(quantile(shares, 0.95)))
		}
		e.Agents = a
	}
	return err
}
