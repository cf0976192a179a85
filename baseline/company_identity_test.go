package baseline

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// session is a number of requests of a person, each changed by with.
func (d judged) session(p *person, n int, from, to time.Time, service, route string, with func(i int, e *event.Event)) {
	d.burst(n, from, to, func(i int, t time.Time) {
		e := d.as(p, t, service, "GET", route, 200)
		if with != nil {
			with(i, e)
		}
	})
}

// identityMisdeeds are those of stolen identities and of programs that use one.
var identityMisdeeds = []misdeed{
	{
		OffHours,
		func(d judged) blame {
			p, at := d.worker(7+d.r.IntN(3)), d.at(0, 4, 45)
			d.session(p, d.one(25, 120), at, at.Add(40*time.Minute), "office", "/tickets", nil)
			return blame{p.name, at, nil}
		},
		func(d judged) { // overtime, and a look at night
			p := d.worker(7)
			at := d.day.Add(19*time.Hour + 2*time.Minute)
			d.session(p, 40, at, at.Add(40*time.Minute), "office", "/tickets", nil)
			at = d.at(1, 4, 45)
			d.session(p, 12, at, at.Add(40*time.Minute), "office", "/tickets", nil)
		},
	},
	{
		DormantAccount,
		func(d judged) blame {
			at := d.at(8, 22, 45)
			p := *d.people[0]
			p.name = "gone"
			d.session(&p, d.one(25, 120), at, at.Add(40*time.Minute), "shop", "/account", nil)
			return blame{p.name, at, nil}
		},
		func(d judged) { // a new customer; who is gone looks in
			at := d.at(8, 22, 45)
			p := *d.people[0]
			p.name = "gone"
			d.session(&p, 8, at, at.Add(40*time.Minute), "shop", "/account", nil)
			p.name = fmt.Sprintf("new-%d", d.r.IntN(1000))
			d.session(&p, 60, at, at.Add(40*time.Minute), "shop", "/account", nil)
		},
	},
	{
		NewCountry,
		func(d judged) blame {
			p, at := d.victim(5), d.at(0, 23, 45)
			country := []string{"BR", "VN", "NG", "CA"}[d.r.IntN(4)]
			d.session(p, d.one(4, 20), at, at.Add(40*time.Minute), "shop", "/account", func(_ int, e *event.Event) { abroad(e, country, -10, -50) })
			return blame{p.name, at, nil}
		},
		func(d judged) { // one stray request, by way of a neighbour's network
			p, at := d.victim(5), d.at(9, 23, 45)
			d.session(p, 1, at, at.Add(40*time.Minute), "shop", "/account", func(_ int, e *event.Event) { abroad(e, "CZ", 50.1, 14.4) })
		},
	},
	{
		ImpossibleTravel,
		func(d judged) blame {
			p, at := d.victim(6), d.at(8, 20, 5)
			d.session(p, 2, at, at.Add(time.Minute), "shop", "/account", nil)
			far := at.Add(time.Duration(d.one(5, 240)) * time.Minute)
			d.session(p, 2, far, far.Add(time.Minute), "shop", "/account", func(_ int, e *event.Event) { abroad(e, "AU", -33.9, 151.2) })
			return blame{p.name, far, nil}
		},
		func(d judged) { // across the border by train
			p, at := d.victim(6), d.at(8, 14, 5)
			d.session(p, 2, at, at.Add(time.Minute), "shop", "/account", nil)
			far := at.Add(9 * time.Hour)
			d.session(p, 2, far, far.Add(time.Minute), "shop", "/account", func(_ int, e *event.Event) { abroad(e, "CZ", 50.1, 14.4) })
		},
	},
	{
		NewNetwork,
		func(d judged) blame {
			p, at, asn := d.victim(7), d.at(0, 23, 45), uint32(65000+d.r.IntN(400))
			d.session(p, d.one(3, 20), at, at.Add(40*time.Minute), "shop", "/account", func(_ int, e *event.Event) { e.ASN, e.ClientIP = asn, d.stranger() })
			return blame{p.name, at, nil}
		},
		func(d judged) { // at a friend's, whose provider many have
			p, at := d.victim(7), d.at(8, 22, 45)
			d.session(p, 20, at, at.Add(40*time.Minute), "shop", "/account", func(_ int, e *event.Event) { e.ASN = 64500 + (p.home-64500+1)%4 })
		},
	},
	{
		TwoPlaces,
		func(d judged) blame {
			p, at, n := d.worker(12+d.r.IntN(3)), d.at(9, 15, 55), d.one(10, 25)
			there := []uint32{64500, 64501, 65200}[d.r.IntN(3)]
			d.session(p, n, at, at.Add(50*time.Minute), "office", "/tickets", nil)
			d.session(p, n, at, at.Add(50*time.Minute), "office", "/tickets", func(_ int, e *event.Event) { e.ASN, e.ClientIP = there, d.stranger() })
			return blame{p.name, at, nil}
		},
		func(d judged) { // from home to work
			p := d.worker(12)
			at := d.day.Add(7*time.Hour + 20*time.Minute)
			d.session(p, 10, at, at.Add(10*time.Minute), "office", "/tickets", func(_ int, e *event.Event) { e.ASN = 64500 })
		},
	},
	{
		RouteBreadth,
		func(d judged) blame {
			p, at, n := d.victim(8), d.at(1, 8, 10), d.one(40, 80)
			// Known routes of an interface that most people use a little of.
			d.burst(n, at, at.Add(time.Duration(d.one(1, 10))*time.Hour), func(i int, t time.Time) {
				d.as(p, t, "shop", "GET", fmt.Sprintf("/catalogue/%d/{id}", i), 304)
			})
			return blame{p.name, at, nil}
		},
		func(d judged) { // all that there is, by ordinary links
			p, at := d.victim(8), d.at(8, 12, 10)
			d.burst(150, at, at.Add(8*time.Hour), func(i int, t time.Time) { d.as(p, t, "shop", "GET", companyRoutes[i%len(companyRoutes)], 200) })
		},
	},
	{
		RoboticTiming,
		func(d judged) blame {
			p, at, gap := d.victim(9), d.at(0, 22, 10).Truncate(time.Hour).Add(2*time.Minute), d.one(8, 70)
			jitter := 0.3 * d.r.Float64()
			for i := range 3300 / gap {
				t := at.Add(time.Duration((float64(i) + jitter*d.r.Float64()) * float64(gap) * 1e9))
				d.as(p, t, "shop", "GET", companyRoutes[i%4], 200)
			}
			return blame{p.name, at, nil}
		},
		func(d judged) { // reads for an hour
			p, at := d.victim(9), d.at(8, 22, 10).Truncate(time.Hour).Add(2*time.Minute)
			for end := at.Add(55 * time.Minute); at.Before(end); at = at.Add(time.Duration(d.r.ExpFloat64() * 30e9)) {
				d.as(p, at, "shop", "GET", companyRoutes[d.r.IntN(4)], 200)
			}
		},
	},
	{
		RotatingUserAgents,
		func(d judged) blame {
			client, at, n := d.stranger(), d.at(0, 23, 45), d.one(200, 400)
			d.burst(d.one(300, 700), at, at.Add(40*time.Minute), func(_ int, t time.Time) {
				d.nobody(t, "shop", "GET", companyRoutes[d.r.IntN(2)], 200, client).UserAgent = fmt.Sprintf("Mozilla/5.0 Browser/%d", d.r.IntN(n))
			})
			return blame{client.String(), at, nil}
		},
		func(d judged) { // another office, each colleague a page with its parts
			client, at := d.stranger(), d.at(9, 17, 45)
			d.burst(60, at, at.Add(40*time.Minute), func(i int, t time.Time) {
				for k := range 4 {
					e := d.nobody(t.Add(time.Duration(k)*100*time.Millisecond), "shop", "GET", companyRoutes[k%2], 200, client)
					e.UserAgent = fmt.Sprintf("Mozilla/5.0 Browser/%d", i%45)
				}
			})
		},
	},
	{
		CoordinatedClients,
		func(d judged) blame {
			at, n := d.at(0, 23, 55), d.one(150, 600)
			d.burst(n*d.one(1, 3), at, at.Add(50*time.Minute), func(i int, t time.Time) {
				d.nobody(t, "shop", "GET", "/stores", 200, pool(1000+i%n)).UserAgent = "Mozilla/5.0 (X11) Chrome/99.0"
			})
			return blame{"GET /stores", at, []string{"shop"}}
		},
		func(d judged) { // a broadcast sends people of all kinds
			at := d.at(18, 22, 55)
			d.burst(70, at, at.Add(50*time.Minute), func(_ int, t time.Time) { d.visitor(d.r.IntN(60000), t, "/stores") })
		},
	},
}

// loginMisdeeds are those of guessed credentials.
var loginMisdeeds = []misdeed{
	{
		FailuresThenSuccess,
		func(d judged) blame {
			p, at, client := d.victim(10), d.at(0, 23, 50), d.stranger()
			n := d.one(15, 150)
			d.burst(n, at, at.Add(40*time.Minute), func(i int, t time.Time) { d.as(p, t, "accounts", "POST", "/login", 401).ClientIP = client })
			d.as(p, at.Add(42*time.Minute), "accounts", "POST", "/login", 200).ClientIP = client
			return blame{p.name, at, []string{client.String(), "POST /login"}}
		},
		func(d judged) { // forgotten
			p, at := d.victim(10), d.at(8, 22, 50)
			d.burst(d.one(3, 7), at, at.Add(5*time.Minute), func(_ int, t time.Time) { d.as(p, t, "accounts", "POST", "/login", 401) })
			d.as(p, at.Add(7*time.Minute), "accounts", "POST", "/login", 200)
		},
	},
	{
		CredentialStuffing,
		func(d judged) blame {
			at, client := d.at(0, 8, 5), d.stranger()
			d.burst(d.one(20, 300), at, at.Add(time.Duration(d.one(1, 12))*time.Hour), func(i int, t time.Time) {
				d.nobody(t, "accounts", "POST", "/login", 401, client).User = fmt.Sprintf("leaked-%d", i)
			})
			return blame{client.String(), at, []string{"POST /login", "accounts"}}
		},
		func(d judged) { // an office comes back from its holidays
			client, at := d.stranger(), d.day.Add(8*time.Hour+time.Minute)
			d.burst(40, at, at.Add(50*time.Minute), func(i int, t time.Time) {
				e := d.nobody(t, "accounts", "POST", "/login", 200, client)
				if e.User = fmt.Sprintf("guest-%d", i); i%8 == 0 {
					e.Status = 401
				}
			})
		},
	},
	{
		PasswordSpraying,
		func(d judged) blame {
			at, n := d.at(12, 17, 55), d.one(60, 300)
			d.burst(n, at, at.Add(50*time.Minute), func(i int, t time.Time) {
				d.nobody(t, "accounts", "POST", "/login", 401, pool(2000+i%(n/6))).User = fmt.Sprintf("name-%d", i)
			})
			return blame{"accounts", at, []string{"POST /login"}}
		},
		func(d judged) { // the directory is down: nobody is let in
			at := d.at(17, 21, 30)
			d.each("accounts", "POST", "/login", at, at.Add(25*time.Minute), func(e *event.Event) { e.Status = 401 })
		},
	},
	{
		CoordinatedLogins,
		func(d judged) blame {
			at, n := d.at(19, 23, 55), d.one(60, 300)
			d.burst(2*n, at, at.Add(50*time.Minute), func(i int, t time.Time) {
				d.nobody(t, "office", "POST", "/session", 401, pool(4000+i%n))
			})
			return blame{"office", at, []string{"POST /session"}}
		},
		func(d judged) { // a few people have forgotten
			at := d.at(9, 16, 55)
			d.burst(20, at, at.Add(50*time.Minute), func(i int, t time.Time) {
				d.nobody(t, "office", "POST", "/session", 401, netip.AddrFrom4([4]byte{203, 0, 200, byte(i)}))
				d.nobody(t.Add(9*time.Second), "office", "POST", "/session", 200, netip.AddrFrom4([4]byte{203, 0, 200, byte(i)}))
			})
		},
	},
}
