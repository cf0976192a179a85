package baseline

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// lab makes the traffic of a small shop, seeded: a product page that is busy by day and quiet at night, orders that
// users read, reports that only run in office hours, a login.
type lab struct {
	rng    *rand.Rand
	more   *rand.Rand // of what the first generation of scenarios does not know
	gaps   *rand.Rand // of bursts
	at     uint64
	events []*event.Event
}

var labStart = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) // a Monday

const historyDays = 14

func newLab(seed uint64) *lab {
	return &lab{rng: rand.New(rand.NewPCG(seed, 7)), more: rand.New(rand.NewPCG(seed, 8)), gaps: rand.New(rand.NewPCG(seed, 9))}
}

func (l *lab) event(t time.Time, method, route string, status int) *event.Event {
	e := new(event.Event)
	e.Reset()
	l.at++
	e.Time, e.Source, e.Generation, e.Position = t, "shop.log", 1, l.at
	e.Service, e.Method, e.Route, e.Path, e.Status = "shop", method, route, route, status
	e.ClientIP = netip.AddrFrom4([4]byte{203, 0, 113, byte(l.rng.IntN(250) + 1)})
	e.DurationMS, e.BytesOut = 20+l.more.ExpFloat64()*20, 2000+int64(l.more.IntN(2000))
	e.Country, e.Lat, e.Lon = "DE", 52.5, 13.4
	l.events = append(l.events, e)
	return e
}

// poisson draws a count with mean mu.
func (l *lab) poisson(mu float64) int {
	if mu > 30 {
		return max(int(math.Round(mu+math.Sqrt(mu)*l.rng.NormFloat64())), 0)
	}
	n := 0
	for p := l.rng.Float64(); p > math.Exp(-mu); n++ {
		p *= l.rng.Float64()
	}
	return n
}

// dayShape is how much of the peak an hour of the day has.
func dayShape(t time.Time) float64 {
	return 0.15 + 0.85*math.Pow(math.Sin(math.Pi*(float64(t.Hour())+float64(t.Minute())/60)/24), 2)
}

// minutes makes the ordinary traffic of [from, to).
func (l *lab) minutes(from, to time.Time, skip func(route string, t time.Time) bool) {
	for t := from; t.Before(to); t = t.Add(time.Minute) {
		at := func() time.Time { return t.Add(time.Duration(l.rng.IntN(60_000)) * time.Millisecond) }
		shape := dayShape(t)
		for range l.poisson(12 * shape) {
			e := l.event(at(), "GET", "/products", 200)
			if l.rng.IntN(200) == 0 {
				e.Status = 500
			}
			if skip != nil && skip(e.Route, t) {
				l.events = l.events[:len(l.events)-1]
			}
		}
		for range l.poisson(3 * shape) {
			e := l.event(at(), "GET", "/orders/{id}", 200)
			user := l.rng.IntN(40)
			e.User, e.ObjectIDs = fmt.Sprintf("u-%d", user), []string{fmt.Sprint(1000 + user*7 + l.rng.IntN(4))}
		}
		if h := t.Hour(); h >= 8 && h < 18 {
			for range l.poisson(6) {
				l.event(at(), "GET", "/reports", 200)
			}
		}
		l.staff(t)
	}
}

// staff makes a minute of those who work in the shop: two who audit, a clerk with regular hours, a traveller, somebody
// who works through a tunnel, and one who left on the first day.
func (l *lab) staff(t time.Time) {
	h, m := t.Hour(), t.Minute()
	as := func(user, method, route string) *event.Event {
		e := l.event(t.Add(time.Duration(l.more.IntN(60_000))*time.Millisecond), method, route, 200)
		e.User = user
		return e
	}
	if m%15 == 0 {
		customer := fmt.Sprintf("u-%d", (h*4+m/15)*7%40)
		as(customer, "GET", "/cart")
		as(customer, "GET", "/stock")
	}
	if h >= 9 && h < 17 {
		if m%20 == 0 {
			as(fmt.Sprintf("auditor-%d", m/20%2), "POST", "/audit")
		}
		if m%6 == 0 {
			as("clerk", "GET", "/stock")
		}
	}
	if m%3 == 0 { // one in ten mistypes
		e := as(fmt.Sprintf("u-%d", l.more.IntN(40)), "POST", "/login")
		if l.more.IntN(10) == 0 {
			e.Status = 401
		}
	}
	if h == 10 && m%5 == 0 {
		e := as("traveller", "GET", "/stock")
		place := [...]string{"FR", "IT", "ES", "PL", "SE"}[t.YearDay()%5]
		e.Country, e.Lat, e.Lon = place, 48, 2
		e = as("tunnel", "GET", "/stock")
		if m%10 == 0 {
			e.Country, e.Lat, e.Lon = "US", 40.7, -74
		}
	}
	if t.Before(labStart.AddDate(0, 0, 1)) && h >= 8 && h < 12 && m%10 == 0 {
		as("leaver", "GET", "/stock")
	}
}

// labAgents are the user agents of the laboratory's browsers.
var labAgents = [...]string{
	"Mozilla/5.0 (Windows) Firefox/140.0", "Mozilla/5.0 (Windows) Chrome/138.0", "Mozilla/5.0 (Macintosh) Safari/18.5",
	"Mozilla/5.0 (iPhone) Safari/18.5", "Mozilla/5.0 (Android) Chrome/138.0", "Mozilla/5.0 (X11) Firefox/140.0", "Mozilla/5.0 (iPad) Safari/18.5",
}

// labNetwork is the network that a user comes from.
func labNetwork(user string) uint32 { return 64500 + uint32(len(user)+int(user[len(user)-1]))%3 }

// sorted returns the events in judging order. Who has no user agent or network yet gets the same one every time, and users
// have an address each.
func (l *lab) sorted() []*event.Event {
	for _, e := range l.events {
		if e.UserAgent == "" && e.User != "" {
			e.UserAgent = labAgents[(len(e.User)+int(e.User[len(e.User)-1]))%len(labAgents)]
		} else if e.UserAgent == "" {
			e.UserAgent = labAgents[int(e.ClientIP.As4()[3])%len(labAgents)]
		}
		if e.User != "" && e.ClientIP.As4()[0] == 203 {
			e.ClientIP = netip.AddrFrom4([4]byte{192, 0, 2, byte(len(e.User)*40 + int(e.User[len(e.User)-1]))})
		}
		if e.ASN == 0 && e.User != "" {
			e.ASN = labNetwork(e.User)
		}
	}
	slices.SortFunc(l.events, event.Compare)
	return l.events
}

// memory is a History over events in memory.
type memory []*event.Event

func (m memory) in(s Snapshot) []*event.Event {
	var out []*event.Event
	for _, e := range m {
		if !e.Time.Before(s.From()) && e.Time.Before(s.Until) {
			out = append(out, e)
		}
	}
	return out
}

func (m memory) Endpoints(_ context.Context, s Snapshot, fn func(EndpointHours) error) error {
	type counts struct{ n, client, server uint32 }
	hours := map[EndpointKey]map[uint32]*[12]counts{}
	for _, e := range m.in(s) {
		for _, k := range []EndpointKey{endpointOf(e), {Service: e.Service}} {
			if hours[k] == nil {
				hours[k] = map[uint32]*[12]counts{}
			}
			h := uint32(e.Time.Unix() / 3600)
			if hours[k][h] == nil {
				hours[k][h] = &[12]counts{}
			}
			c := &hours[k][h][e.Time.Unix()/300%12]
			c.n++
			if e.Status >= 500 {
				c.server++
			} else if e.Status >= 400 {
				c.client++
			}
		}
	}
	for k, byHour := range hours {
		r := EndpointHours{Key: k}
		for _, h := range sortedHours(byHour) {
			var sum counts
			low, high := uint32(math.MaxUint32), uint32(0)
			for _, c := range byHour[h] {
				sum.n, sum.client, sum.server = sum.n+c.n, sum.client+c.client, sum.server+c.server
				low, high = min(low, c.n), max(high, c.n)
			}
			r.Hours, r.Requests = append(r.Hours, h), append(r.Requests, sum.n)
			r.ClientErrors, r.ServerErrors = append(r.ClientErrors, sum.client), append(r.ServerErrors, sum.server)
			r.Peak, r.Trough = append(r.Peak, high), append(r.Trough, low)
		}
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

func (m memory) Actors(_ context.Context, s Snapshot, fn func(ActorHours) error) error {
	hours := map[ActorKey]map[uint32]uint32{}
	sent := map[ActorKey]map[uint32]int64{}
	for _, e := range m.in(s) {
		k := whoOf(e).key()
		if hours[k] == nil {
			hours[k] = map[uint32]uint32{}
		}
		hours[k][uint32(e.Time.Unix()/3600)]++
		if sent[k] == nil {
			sent[k] = map[uint32]int64{}
		}
		sent[k][uint32(e.Time.Unix()/3600)] += max(e.BytesOut, 0)
	}
	habits, countries := m.habits(s), m.countries(s)
	for k, byHour := range hours {
		r := habits[k]
		r.Key, r.Hours, r.Countries = k, sortedHours(byHour), sortedStrings(countries[k])
		for _, h := range r.Hours {
			r.Requests = append(r.Requests, byHour[h])
			r.KiB = append(r.KiB, uint32(sent[k][h]/1024))
		}
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

func (m memory) Objects(_ context.Context, s Snapshot, fn func(ObjectHours) error) error {
	type buckets map[uint32]map[string]bool
	note := func(in buckets, at uint32, object string) {
		if in[at] == nil {
			in[at] = map[string]bool{}
		}
		in[at][object] = true
	}
	hours, days := map[reading]buckets{}, map[reading]buckets{}
	for _, e := range m.in(s) {
		if len(e.ObjectIDs) == 0 || e.Status/100 != 2 {
			continue
		}
		k, h := reading{endpointOf(e), whoOf(e)}, uint32(e.Time.Unix()/3600)
		if hours[k] == nil {
			hours[k], days[k] = buckets{}, buckets{}
		}
		note(hours[k], h, fmt.Sprint(e.ObjectIDs))
		note(days[k], h/24*24, fmt.Sprint(e.ObjectIDs))
	}
	for k := range hours {
		r := ObjectHours{Key: k.endpoint, Actor: k.actor.key(), Hours: sortedHours(hours[k]), Days: sortedHours(days[k])}
		for _, h := range r.Hours {
			r.Distinct = append(r.Distinct, uint32(len(hours[k][h])))
		}
		for _, h := range r.Days {
			r.DayDistinct = append(r.DayDistinct, uint32(len(days[k][h])))
		}
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

func (m memory) Shapes(_ context.Context, s Snapshot, fn func(ShapeHours) error) error {
	hours := map[EndpointKey]map[uint32][]*event.Event{}
	for _, e := range m.in(s) {
		if e.Status/100 != 2 || e.Route == "" {
			continue
		}
		k := endpointOf(e)
		if hours[k] == nil {
			hours[k] = map[uint32][]*event.Event{}
		}
		h := uint32(e.Time.Unix() / 3600)
		hours[k][h] = append(hours[k][h], e)
	}
	for k, byHour := range hours {
		r := ShapeHours{Key: k, Hours: sortedHours(byHour)}
		for _, h := range r.Hours {
			var anonymous uint32
			var durations, sizes []float64
			for _, e := range byHour[h] {
				if e.User == "" && e.Session == "" && e.AuthScheme == "" {
					anonymous++
				}
				if e.DurationMS >= 0 {
					durations = append(durations, e.DurationMS)
				}
				if e.BytesOut >= 0 {
					sizes = append(sizes, float64(e.BytesOut))
				}
			}
			r.Successes, r.Anonymous = append(r.Successes, uint32(len(byHour[h]))), append(r.Anonymous, anonymous)
			r.Timed, r.Duration = append(r.Timed, uint32(len(durations))), append(r.Duration, float32(median(durations)))
			r.Sized, r.Size = append(r.Sized, uint32(len(sizes))), append(r.Size, float32(median(sizes)))
		}
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

func (m memory) Members(_ context.Context, s Snapshot, fn func(MemberList) error) error {
	type use struct {
		first uint32
		n     uint64
	}
	uses := map[EndpointKey]map[string]use{}
	all := map[string]map[string]bool{}
	for _, e := range m.in(s) {
		if e.User == "" || e.Status/100 != 2 || e.Route == "" || isExcluded(s, e) {
			continue
		}
		k := endpointOf(e)
		if uses[k] == nil {
			uses[k] = map[string]use{}
		}
		if all[k.Service] == nil {
			all[k.Service] = map[string]bool{}
		}
		all[k.Service][e.User] = true
		u, seen := uses[k][e.User]
		if h := uint32(e.Time.Unix() / 3600); !seen {
			u.first = h
		}
		u.n++
		uses[k][e.User] = u
	}
	for service, users := range all {
		if err := fn(MemberList{Key: EndpointKey{Service: service}, Count: uint64(len(users))}); err != nil {
			return err
		}
	}
	for k, users := range uses {
		if len(users) > MostMembers {
			continue
		}
		r := MemberList{Key: k, Count: uint64(len(users))}
		for _, u := range sortedStrings(users) {
			r.Users, r.First, r.Requests = append(r.Users, u), append(r.First, users[u].first), append(r.Requests, users[u].n)
		}
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

func (m memory) countries(s Snapshot) map[ActorKey]map[string]bool {
	found := map[ActorKey]map[string]bool{}
	for _, e := range m.in(s) {
		if e.User == "" || e.Country == "" || e.Status == 0 || e.Status >= 400 || isExcluded(s, e) {
			continue
		}
		k := whoOf(e).key()
		if found[k] == nil {
			found[k] = map[string]bool{}
		}
		found[k][e.Country] = true
	}
	return found
}

func isExcluded(s Snapshot, e *event.Event) bool {
	return slices.ContainsFunc(s.ExcludedUsers(), func(x Exclusion) bool {
		return x.Actor.Value == e.User && !e.Time.Before(x.From) && e.Time.Before(x.To)
	})
}

// DayObjects implements Recent.
func (m memory) DayObjects(_ context.Context, from, until time.Time, fn func(ObjectReads) error) error {
	type at struct {
		hour uint32
		r    reading
	}
	rows := map[at]*ObjectReads{}
	for _, e := range m {
		if e.Time.Before(from) || !e.Time.Before(until) || len(e.ObjectIDs) == 0 || e.Status/100 != 2 {
			continue
		}
		k := at{uint32(e.Time.Unix() / 3600), reading{endpointOf(e), whoOf(e)}}
		if rows[k] == nil {
			rows[k] = &ObjectReads{Key: k.r.endpoint, Actor: k.r.actor.key(), Hour: k.hour, First: e.Time}
		}
		rows[k].Requests++
		rows[k].Objects = append(rows[k].Objects, e.ObjectIDs)
	}
	keys := slices.Collect(maps.Keys(rows))
	slices.SortFunc(keys, func(a, b at) int { return int(a.hour) - int(b.hour) })
	for _, k := range keys {
		if err := fn(*rows[k]); err != nil {
			return err
		}
	}
	return nil
}

func sortedHours[V any](m map[uint32]V) []uint32 {
	var hours []uint32
	for h := range m {
		hours = append(hours, h)
	}
	slices.Sort(hours)
	return hours
}

var labHistory = sync.OnceValue(func() memory {
	l := newLab(1)
	l.minutes(labStart, labStart.AddDate(0, 0, historyDays), nil)
	return l.sorted()
})

func labSnapshot() Snapshot {
	until := labStart.AddDate(0, 0, historyDays)
	return Snapshot{Until: until, Cut: until, WindowDays: 28, Generation: "test"}
}

var labModel = sync.OnceValue(func() *Model {
	m, err := Recompute(context.Background(), Config{}, labHistory(), labSnapshot())
	if err != nil {
		panic(err)
	}
	return m
})

// judgeAll runs the learned detectors over events and returns every emission, then closes what ends by 'until'.
func judgeAll(t *testing.T, events []*event.Event, until time.Time, m ...*Model) []detect.Finding {
	t.Helper()
	d := NewDetectors(Config{})
	for _, m := range m {
		d.UseModel(m)
	}
	var found []detect.Finding
	j := detect.NewJudge(func(f detect.Finding) { found = append(found, f) }, d.List()...)
	for _, e := range events {
		j.Observe(e)
	}
	j.Advance(until)
	if n := d.Overflow(); n != 0 {
		t.Errorf("%d events were not counted", n)
	}
	return found
}

// firsts keeps the first revision of each finding.
func firsts(found []detect.Finding) (out []detect.Finding) {
	for _, f := range found {
		if f.Revision == 1 {
			out = append(out, f)
		}
	}
	return out
}

// by makes requests of a user.
func by(user string, more func(i int, e *event.Event)) func(int, *event.Event) {
	return func(i int, e *event.Event) {
		e.User = user
		if more != nil {
			more(i, e)
		}
	}
}
