package baseline

import (
	"context"
	"slices"
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

// habitsBuilder gathers the breadth, user agents and networks of all actors.
type habitsBuilder struct {
	breadth, ever, byUser, byClient *crowdBuilder
	networks                        networks
	excluded                        exclusions
	scratch                         []float64
}

func newHabitsBuilder(x exclusions) *habitsBuilder {
	return &habitsBuilder{
		breadth: newCrowdBuilder(), ever: newCrowdBuilder(), byUser: newCrowdBuilder(), byClient: newCrowdBuilder(),
		networks: networks{By: map[uint32]int{}}, excluded: x,
	}
}

// add takes one actor's days. Of one that is known by a row of its own, a gets what they say.
func (b *habitsBuilder) add(row *ActorHours, a *Actor, known bool) {
	if !row.Key.User {
		a.Agents = b.most(b.byClient, row, row.Agents)
		return
	}
	a.Agents, a.Routes = b.most(b.byUser, row, row.Agents), b.most(b.breadth, row, row.Routes)
	a.Ever = float32(row.Ever)
	if known && row.Ever > 0 {
		b.ever.add(row.Days[:1], []uint32{row.Ever}, func(int64) bool { return false }, nil)
	}
	if len(row.Networks) > 0 {
		b.networks.Users++
		for _, n := range row.Networks {
			b.networks.By[n]++
		}
	}
	if known && len(row.Networks) <= mostNetworks {
		a.Networks = slices.Clone(row.Networks)
	}
	if known {
		a.Countries = slices.Clone(row.Countries)
	}
}

// most notes the days' counts and returns the highest.
func (b *habitsBuilder) most(crowd *crowdBuilder, row *ActorHours, counts []uint32) float32 {
	own, _ := crowd.add(row.Days, counts, func(h int64) bool { return b.excluded.actorDay(row.Key, h) }, b.scratch)
	if b.scratch = own; len(own) == 0 {
		return 0
	}
	return float32(slices.Max(own))
}

// into hands over what all actors do together.
func (b *habitsBuilder) into(m *Model) {
	m.networks, m.breadth, m.ever = b.networks, b.breadth.crowd(), b.ever.crowd()
	m.userAgents, m.clientAgents = b.byUser.crowd(), b.byClient.crowd()
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
