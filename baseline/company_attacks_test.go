package baseline

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// judged is a day of the company on which attacks, or what looks like them, are put.
type judged struct {
	*company
	r   *rand.Rand
	day time.Time
}

// blame is whom an attack is about, when it began, and what else suffers from it: a finding about that is right as well.
// A service may be told in the place of the endpoint.
type blame struct {
	entity string
	from   time.Time
	also   []string
}

// misdeed is one kind of attack and what looks like it.
type misdeed struct {
	detector string // or trafficDrop
	attack   func(d judged) blame
	benign   func(d judged)
}

// at draws a time between two hours of the day, with so many minutes left in its hour.
func (d judged) at(from, to, left int) time.Time {
	hour := from + d.r.IntN(to-from)
	return d.day.Add(time.Duration(hour)*time.Hour + time.Duration(1+d.r.IntN(59-left))*time.Minute)
}

// one draws a number of [least, most].
func (d judged) one(least, most int) int { return least + d.r.IntN(most-least+1) }

// victim is a customer of the misdeed's own; the day's attacks do not share people.
func (d judged) victim(kind int) *person { return d.people[kind*4+d.r.IntN(4)] }

func (d judged) worker(i int) *person { return d.people[customers+i] }

func (d judged) stranger() netip.Addr {
	return netip.AddrFrom4([4]byte{45, 76, 1, byte(d.one(1, 250))})
}

// pool is the i-th address of a rented pool.
func pool(i int) netip.Addr { return netip.AddrFrom4([4]byte{45, 77, byte(i >> 8), byte(i)}) }

// nobody makes a request without an identity.
func (d judged) nobody(t time.Time, service, method, route string, status int, client netip.Addr) *event.Event {
	e := d.event(t, service, method, route, status)
	e.ClientIP, e.UserAgent, e.ASN, e.Country = client, labAgents[d.r.IntN(len(labAgents))], 64700, "NL"
	return e
}

// misdeeds of availability and of single users' reading.
var misdeeds = append([]misdeed{
	{
		EndpointTraffic,
		func(d judged) blame {
			at := d.at(0, 22, 25)
			d.burst(d.one(900, 4000), at, at.Add(15*time.Minute), func(_ int, t time.Time) {
				d.nobody(t, "shop", "GET", "/search", 200, pool(d.r.IntN(2000)))
			})
			return blame{"GET /search", at, []string{"shop"}}
		},
		func(d judged) { // an advertisement
			at := d.at(9, 20, 40)
			d.burst(d.one(60, 110), at, at.Add(30*time.Minute), func(_ int, t time.Time) {
				d.visitor(d.r.IntN(60000), t, []string{"/search", "/products", "/products/{id}"}[d.r.IntN(3)])
			})
		},
	},
	{
		trafficDrop,
		func(d judged) blame { // hardly anything gets through
			at, left := d.at(9, 20, 5), 0.1*d.r.Float64()
			d.lose("shop", "GET", "/products", at, at.Add(time.Duration(d.one(120, 300))*time.Minute), left)
			return blame{"GET /products", at, []string{"shop"}}
		},
		func(d judged) { // a quiet afternoon; nobody looks a customer up for two hours; the office sleeps at night anyway
			at := d.at(9, 18, 5)
			d.lose("shop", "GET", "/products", at, at.Add(3*time.Hour), 0.4+0.2*d.r.Float64())
			d.lose("office", "GET", "/customers", at, at.Add(2*time.Hour), 0)
		},
	},
	{
		EndpointErrorBurst,
		func(d judged) blame {
			at, share := d.at(10, 18, 40), 0.6+0.4*d.r.Float64()
			d.each("shop", "GET", "/products/{id}", at, at.Add(40*time.Minute), func(e *event.Event) {
				if d.r.Float64() < share {
					e.Status = 503
				}
			})
			return blame{"GET /products/{id}", at, []string{"shop"}}
		},
		func(d judged) { // a hiccup
			at, n := d.at(9, 21, 10), 0
			d.each("shop", "GET", "/products/{id}", at, at.Add(10*time.Minute), func(e *event.Event) {
				if n++; n%9 == 0 {
					e.Status = 502
				}
			})
		},
	},
	{
		EndpointLatency,
		func(d judged) blame {
			at, times := d.at(11, 17, 1).Truncate(time.Hour), 3+4*d.r.Float64()
			d.each("office", "GET", "/tickets", at, at.Add(2*time.Hour), func(e *event.Event) { e.DurationMS = e.DurationMS*times + 60 })
			return blame{"GET /tickets", at, nil}
		},
		func(d judged) { // some are slow
			at := d.at(10, 15, 1)
			d.each("office", "GET", "/tickets", at, at.Add(time.Hour), func(e *event.Event) {
				if d.r.IntN(3) == 0 {
					e.DurationMS += 3000
				}
			})
		},
	},
	{
		ResponseSize,
		func(d judged) blame {
			at, times := d.at(11, 17, 1).Truncate(time.Hour), int64(d.one(5, 20))
			d.each("office", "GET", "/tickets/{id}", at, at.Add(2*time.Hour), func(e *event.Event) { e.BytesOut *= times })
			return blame{"GET /tickets/{id}", at, nil}
		},
		func(d judged) { // a little more
			d.each("office", "GET", "/tickets/{id}", d.day, d.day.AddDate(0, 0, 1), func(e *event.Event) { e.BytesOut = e.BytesOut * 4 / 3 })
		},
	},
	{
		UserRequestSpike,
		func(d judged) blame {
			p, at := d.victim(0), d.at(0, 23, 45)
			d.burst(d.one(450, 2500), at, at.Add(40*time.Minute), func(_ int, t time.Time) { d.as(p, t, "shop", "GET", "/cart", 200) })
			return blame{p.name, at, nil}
		},
		func(d judged) { // Christmas shopping
			p, at := d.victim(0), d.at(8, 20, 45)
			d.burst(d.one(100, 240), at, at.Add(40*time.Minute), func(i int, t time.Time) {
				d.as(p, t, "shop", "GET", companyRoutes[i%4], 200)
			})
		},
	},
	{
		ObjectEnumeration,
		func(d judged) blame {
			p, at, n := d.victim(1), d.at(0, 23, 35), d.one(1000, 900000)
			step := d.one(1, 60)
			d.burst(d.one(40, 400), at, at.Add(30*time.Minute), func(i int, t time.Time) {
				d.as(p, t, "shop", "GET", "/orders/{id}", 200).ObjectIDs = []string{fmt.Sprint(n + i*step)}
			})
			return blame{p.name, at, nil}
		},
		func(d judged) { // looks at the own orders again and again
			p, at := d.victim(1), d.at(8, 22, 35)
			d.burst(120, at, at.Add(30*time.Minute), func(i int, t time.Time) {
				d.as(p, t, "shop", "GET", "/orders/{id}", 200).ObjectIDs = []string{fmt.Sprint(p.orders + i%customerOrders)}
			})
		},
	},
	{
		ObjectEnumerationSlow,
		func(d judged) blame {
			p, at, n, every := d.victim(2), d.at(0, 2, 5), d.one(1000, 900000), d.one(2, 7)
			d.burst(13*60/every, at, at.Add(13*time.Hour), func(i int, t time.Time) {
				d.as(p, t, "shop", "GET", "/orders/{id}", 200).ObjectIDs = []string{fmt.Sprint(n + i*3)}
			})
			return blame{p.name, at, nil}
		},
		func(d judged) { // all of one's orders, all day
			p, at := d.victim(2), d.at(6, 8, 5)
			d.burst(150, at, at.Add(13*time.Hour), func(i int, t time.Time) {
				d.as(p, t, "shop", "GET", "/orders/{id}", 200).ObjectIDs = []string{fmt.Sprint(p.orders + i%customerOrders)}
			})
		},
	},
	{
		NewEndpoint,
		func(d judged) blame {
			at, route := d.at(0, 23, 45), fmt.Sprintf("/internal/%s", []string{"dump", "heap", "env", "metrics"}[d.r.IntN(4)])
			d.burst(d.one(6, 30), at, at.Add(40*time.Minute), func(_ int, t time.Time) { d.nobody(t, "shop", "GET", route, 200, pool(1)) })
			return blame{"GET " + route, at, nil}
		},
		func(d judged) { // a scanner finds nothing
			at := d.at(0, 23, 20)
			d.burst(60, at, at.Add(15*time.Minute), func(i int, t time.Time) {
				d.nobody(t, "shop", "GET", fmt.Sprintf("/admin/%d", i%20), 404, pool(2))
			})
		},
	},
	{
		NewMethod,
		func(d judged) blame {
			p, at, method := d.victim(3), d.at(0, 23, 45), []string{"PUT", "DELETE", "PATCH"}[d.r.IntN(3)]
			d.burst(d.one(6, 30), at, at.Add(40*time.Minute), func(_ int, t time.Time) { d.as(p, t, "shop", method, "/reviews/{id}", 200) })
			return blame{method + " /reviews/{id}", at, []string{p.name}}
		},
		func(d judged) { // not allowed, and asked what is
			p, at := d.victim(3), d.at(14, 22, 45)
			d.burst(20, at, at.Add(40*time.Minute), func(i int, t time.Time) {
				d.as(p, t, "shop", []string{"DELETE", "OPTIONS"}[i%2], "/reviews/{id}", []int{405, 204}[i%2])
			})
		},
	},
	{
		MissingAuthentication,
		func(d judged) blame {
			at := d.at(0, 23, 45)
			d.burst(d.one(4, 30), at, at.Add(40*time.Minute), func(_ int, t time.Time) {
				d.nobody(t, "shop", "GET", "/account", 200, pool(3))
			})
			return blame{"GET /account", at, nil}
		},
		func(d judged) { // refused
			at := d.at(0, 23, 45)
			d.burst(12, at, at.Add(40*time.Minute), func(_ int, t time.Time) { d.nobody(t, "shop", "GET", "/account", 401, pool(3)) })
		},
	},
	{
		PrivilegedFirstUse,
		func(d judged) blame {
			p, at := d.worker(3+d.r.IntN(3)), d.at(10, 15, 15)
			d.burst(d.one(1, 5), at, at.Add(10*time.Minute), func(_ int, t time.Time) { d.as(p, t, "office", "POST", "/refunds", 201) })
			return blame{p.name, at, nil}
		},
		func(d judged) { // refused; and who may
			at := d.at(10, 15, 15)
			d.burst(8, at, at.Add(10*time.Minute), func(i int, t time.Time) {
				d.as(d.worker(3), t, "office", "POST", "/refunds", 403)
				d.as(d.worker(i%2), t, "office", "POST", "/refunds", 201)
			})
		},
	},
	{
		DataVolume,
		func(d judged) blame {
			p, at := d.victim(4), d.at(0, 23, 45)
			d.burst(d.one(40, 90), at, at.Add(40*time.Minute), func(_ int, t time.Time) { d.as(p, t, "shop", "GET", "/account", 200).BytesOut = 4 << 20 })
			return blame{p.name, at, nil}
		},
		func(d judged) { // the pictures of a holiday
			p, at := d.victim(4), d.at(8, 22, 45)
			d.burst(d.one(10, 20), at, at.Add(40*time.Minute), func(_ int, t time.Time) { d.as(p, t, "shop", "GET", "/account", 200).BytesOut = 4 << 20 })
		},
	},
}, append(identityMisdeeds, loginMisdeeds...)...)
