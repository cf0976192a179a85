package baseline

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// company makes the traffic of a company with four services, seeded: a shop on the web, accounts, an interface for partners'
// machines and the app, and a back office. People have habits and come in sessions; offices share an address; machines ask
// by the clock; the month ends with a batch; the app has a release; on a holiday the office is shut.
type company struct {
	rng    *rand.Rand
	at     uint64
	events []*event.Event
	people []*person
}

// person is a customer or a colleague.
type person struct {
	name    string
	staff   bool
	home    uint32 // network
	mobile  uint32 // another one, on the way
	country string
	address netip.Addr
	agents  []string
	wakes   int     // the hour at which the day begins
	eager   float64 // sessions a day
	orders  int     // the first of this person's orders
}

const (
	companyDays     = 35 // of history
	customers       = 90
	colleagues      = 30
	releaseDay      = 19
	customerOrders  = 12
	machineInterval = time.Minute
)

var companyStart = time.Date(2026, 2, 23, 0, 0, 0, 0, time.UTC) // a Monday

// holidays of the company's country.
var holidays = map[string]bool{"2026-03-19": true, "2026-04-03": true, "2026-04-06": true}

var companyRoutes = []string{"/products", "/products/{id}", "/cart", "/search", "/orders/{id}", "/account", "/reviews/{id}", "/help", "/stores", "/coupons"}

func newCompany(seed uint64) *company {
	c := &company{rng: rand.New(rand.NewPCG(seed, 41))}
	r := rand.New(rand.NewPCG(4711, 1)) // the people are the same in every part of the history
	for i := range customers + colleagues {
		p := &person{
			name: fmt.Sprintf("customer-%02d", i), staff: i >= customers, home: 64500 + uint32(r.IntN(4)), mobile: 64510 + uint32(r.IntN(2)),
			country: "DE", address: netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), wakes: 7 + r.IntN(6), eager: 0.5 + 2*r.Float64(), orders: 1000 + 50*r.IntN(20000),
		}
		p.agents = []string{labAgents[r.IntN(len(labAgents))], "App/5"}[:1+r.IntN(2)]
		if p.staff {
			p.name, p.wakes, p.agents = fmt.Sprintf("colleague-%02d", i-customers), 8, p.agents[:1]
			p.home, p.mobile, p.address = 64520, 64520, netip.AddrFrom4([4]byte{198, 51, 100, 10})
		} else if i%15 == 0 {
			p.country = "AT"
		}
		c.people = append(c.people, p)
	}
	return c
}

func (c *company) event(t time.Time, service, method, route string, status int) *event.Event {
	e := new(event.Event)
	e.Reset()
	c.at++
	e.Time, e.Source, e.Generation, e.Position = t, service+".log", 1, c.at
	e.Service, e.Method, e.Route, e.Path, e.Status = service, method, route, route, status
	h := fnv.New32a()
	_, _ = h.Write([]byte(service + method + route))
	kind := float64(h.Sum32() % 100)
	e.DurationMS = math.Exp(math.Log(15+kind)+0.5*c.rng.NormFloat64()) + 5
	e.BytesOut = int64(math.Exp(math.Log(500+kind*40) + 0.6*c.rng.NormFloat64()))
	if status >= 400 {
		e.BytesOut = 120
	}
	c.events = append(c.events, e)
	return e
}

// as makes a request of a person, where that person is.
func (c *company) as(p *person, t time.Time, service, method, route string, status int) *event.Event {
	e := c.event(t, service, method, route, status)
	e.User, e.ClientIP, e.UserAgent, e.ASN, e.Country = p.name, p.address, p.agents[0], p.home, p.country
	e.Lat, e.Lon = 52.5, 13.4
	if p.country == "AT" {
		e.Lat, e.Lon = 48.2, 16.4
	}
	e.AuthScheme = "cookie"
	return e
}

// visitor makes a request of somebody without an identity.
func (c *company) visitor(n int, t time.Time, route string) *event.Event {
	e := c.event(t, "shop", "GET", route, 200)
	e.ClientIP = netip.AddrFrom4([4]byte{203, 0, byte(n >> 8), byte(n)})
	e.UserAgent, e.Country, e.ASN = labAgents[n*n%101%len(labAgents)], "DE", 64500+uint32(n%40)
	if c.rng.IntN(150) == 0 {
		e.Status = []int{500, 502, 404}[c.rng.IntN(3)]
	}
	return e
}

// days makes the traffic of [from, to), whole days.
func (c *company) days(from, to time.Time) {
	for day := from; day.Before(to); day = day.AddDate(0, 0, 1) {
		quiet := 1.0
		weekend := day.Weekday() == time.Saturday || day.Weekday() == time.Sunday
		holiday := holidays[day.Format(time.DateOnly)]
		if weekend {
			quiet = 1.25
		}
		if holiday {
			quiet = 1.4 // people have time for the shop
		}
		quiet *= math.Exp(0.12 * c.rng.NormFloat64())
		c.visitors(day, quiet)
		for _, p := range c.people {
			switch {
			case !p.staff:
				c.customer(p, day, quiet)
			case !weekend && !holiday && c.rng.IntN(12) > 0:
				c.colleague(p, day)
			}
		}
		c.machines(day)
	}
}

// visitors come in short sessions, and some from one office's address.
func (c *company) visitors(day time.Time, quiet float64) {
	for m := range 24 * 60 {
		t := day.Add(time.Duration(m) * time.Minute)
		for range c.poisson(2.2 * dayShape(t) * quiet) {
			n := c.rng.IntN(60000)
			if c.rng.IntN(8) == 0 && t.Hour() >= 9 && t.Hour() < 18 {
				n = 0xc0de % 60000 // the office
			}
			at := t.Add(time.Duration(c.rng.IntN(60_000)) * time.Millisecond)
			for range 1 + c.rng.IntN(5) {
				e := c.visitor(n, at, []string{"/products", "/products/{id}", "/search", "/stores", "/help"}[c.rng.IntN(5)])
				if n == 0xc0de%60000 {
					e.UserAgent = fmt.Sprintf("%s build %d", labAgents[c.rng.IntN(len(labAgents))], m%9)
				}
				at = at.Add(time.Duration(c.rng.ExpFloat64() * 15e9))
			}
		}
		if m%11 == 0 {
			e := c.visitor(7, t.Add(time.Duration(c.rng.IntN(9000))*time.Millisecond), "/products/{id}")
			e.IsBot, e.UserAgent = true, "Googlebot/2.1"
		}
	}
}

// customer has a few sessions a day, each with a login now and then, and a wrong password or two.
func (c *company) customer(p *person, day time.Time, quiet float64) {
	for range c.poisson(p.eager * quiet) {
		hour := p.wakes + c.rng.IntN(23-p.wakes)
		at := day.Add(time.Duration(hour)*time.Hour + time.Duration(c.rng.IntN(3600))*time.Second)
		agent, network := p.agents[c.rng.IntN(len(p.agents))], p.home
		if agent == "App/5" {
			agent, network = c.app(day), p.mobile
		}
		start := len(c.events)
		if c.rng.IntN(2) == 0 {
			for range c.poisson(0.15) {
				c.as(p, at, "accounts", "POST", "/login", 401)
				at = at.Add(time.Duration(4+c.rng.IntN(20)) * time.Second)
			}
			c.as(p, at, "accounts", "POST", "/login", 200)
		}
		for range 3 + c.rng.IntN(14) {
			at = at.Add(time.Duration(1e9 + c.rng.ExpFloat64()*25e9))
			route := companyRoutes[min(c.rng.IntN(len(companyRoutes)), c.rng.IntN(len(companyRoutes))+2)]
			e := c.as(p, at, "shop", "GET", route, 200)
			if route == "/orders/{id}" {
				e.ObjectIDs = []string{fmt.Sprint(p.orders + c.rng.IntN(customerOrders))}
			} else if c.rng.IntN(200) == 0 {
				e.Status = 500
			}
		}
		for _, e := range c.events[start:] {
			e.UserAgent, e.ASN = agent, network
			if network == p.mobile && !p.staff { // the address of a mobile network changes
				e.ClientIP = netip.AddrFrom4([4]byte{100, 64, byte(hour), byte(c.rng.IntN(4))})
			}
		}
	}
}

// app is the app's user agent: on one day of the history everybody gets a new one.
func (c *company) app(day time.Time) string {
	if day.Before(companyStart.AddDate(0, 0, releaseDay)) {
		return "App/5.1"
	}
	return "App/5.2"
}

// colleague works in the back office in office hours; some may refund.
func (c *company) colleague(p *person, day time.Time) {
	at := day.Add(8*time.Hour + time.Duration(c.rng.IntN(3600))*time.Second)
	end := day.Add(16*time.Hour + time.Duration(c.rng.IntN(7200))*time.Second)
	c.as(p, at, "accounts", "POST", "/login", 200)
	for at = at.Add(20 * time.Second); at.Before(end); at = at.Add(time.Duration(3e9 + c.rng.ExpFloat64()*300e9)) {
		switch n := c.rng.IntN(100); {
		case n < 40:
			c.as(p, at, "office", "GET", "/tickets", 200)
		case n < 70:
			c.as(p, at, "office", "GET", "/tickets/{id}", 200).ObjectIDs = []string{fmt.Sprint(70000 + c.rng.IntN(900))}
		case n < 90:
			c.as(p, at, "office", "POST", "/tickets/{id}", 200)
		case n < 97:
			c.as(p, at, "office", "GET", "/customers", 200)
		case p.name == "colleague-00" || p.name == "colleague-01":
			c.as(p, at, "office", "POST", "/refunds", 201)
		}
	}
}

// machines are partners: one asks every minute, one reads a batch every night, one much at the month's end.
func (c *company) machines(day time.Time) {
	machine := func(name string, t time.Time, route string, object int) {
		e := c.event(t, "partners", "GET", route, 200)
		e.User, e.ClientIP, e.UserAgent, e.ASN, e.AuthScheme = name, netip.AddrFrom4([4]byte{198, 51, 100, byte(len(name))}), "partner-client/2", 64530, "key"
		e.Country, e.Lat, e.Lon = "DE", 52.5, 13.4
		if object > 0 {
			e.ObjectIDs = []string{fmt.Sprint(object)}
		}
	}
	for t := day; t.Before(day.AddDate(0, 0, 1)); t = t.Add(machineInterval) {
		machine("partner-poll", t.Add(time.Duration(200+c.rng.IntN(300))*time.Millisecond), "/stock", 0)
	}
	for i := range 300 {
		machine("partner-nightly", day.Add(2*time.Hour+time.Duration(i)*4*time.Second), "/invoices/{id}", int(day.Unix()/864)+i)
	}
	if day.AddDate(0, 0, 1).Day() == 1 {
		for i := range 900 {
			machine("partner-nightly", day.Add(3*time.Hour+time.Duration(i)*3*time.Second), "/invoices/{id}", int(day.Unix()/864)+1000+i)
		}
	}
}

func (c *company) poisson(mu float64) int {
	n := 0
	for p := c.rng.Float64(); p > math.Exp(-mu); n++ {
		p *= c.rng.Float64()
	}
	return n
}

// burst spreads n requests over [from, to) as people or programs without a clock do; make makes one.
func (c *company) burst(n int, from, to time.Time, one func(i int, t time.Time)) {
	part := to.Sub(from) / time.Duration(n)
	for i := range n {
		one(i, from.Add(part*time.Duration(i)+time.Duration(c.rng.Float64()*float64(part))))
	}
}

// each changes what happens anyway.
func (c *company) each(service, method, route string, from, to time.Time, change func(e *event.Event)) {
	for _, e := range c.events {
		if e.Service == service && e.Method == method && e.Route == route && !e.Time.Before(from) && e.Time.Before(to) {
			change(e)
		}
	}
}

// lose takes away all but a share of the requests of an endpoint.
func (c *company) lose(service, method, route string, from, to time.Time, left float64) {
	c.events = slices.DeleteFunc(c.events, func(e *event.Event) bool {
		return e.Service == service && e.Method == method && e.Route == route &&
			!e.Time.Before(from) && e.Time.Before(to) && c.rng.Float64() >= left
	})
}

func (c *company) sorted() []*event.Event {
	slices.SortFunc(c.events, event.Compare)
	return c.events
}
