package baseline

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// guest is the address of the i-th client of those that are not in the laboratory's history.
func guest(i int) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}) }

// conductScenarios are those of the detectors of how actors behave and of what many of them do together.
func conductScenarios() []scenario {
	routes := func(user string) func(int, *event.Event) {
		return func(i int, e *event.Event) { e.User, e.Route = user, fmt.Sprintf("/catalogue/%d/{id}", i) }
	}
	agents := func(user string, from, n int) func(int, *event.Event) {
		return func(i int, e *event.Event) {
			e.User, e.ClientIP, e.UserAgent = user, guest(7), fmt.Sprintf("Mozilla/5.0 (Linux) Browser/%d.0", from+i%n)
		}
	}
	network := func(user string, asn uint32) func(int, *event.Event) {
		return func(_ int, e *event.Event) { e.User, e.ASN = user, asn }
	}
	login := func(l *lab, n int, from, to time.Time, status int, with func(i int, e *event.Event)) {
		l.burst(n, from, to, "POST", "/login", func(i int, e *event.Event) {
			e.Status = status
			with(i, e)
		})
	}
	alice := func(_ int, e *event.Event) { e.User, e.ClientIP = "u-9", guest(9) }
	return []scenario{
		{
			name: "one product in twelve fails, all afternoon",
			add: func(l *lab) {
				n := 0
				l.each("/products", clock(13, 0), clock(16, 0), func(e *event.Event) {
					if n++; n%12 == 0 {
						e.Status = 503
					}
				})
			},
			want: []string{"endpoint-error-burst GET /products"},
		},
		{
			name: "a user looks at everything",
			add: func(l *lab) {
				l.burst(40, clock(12, 1), clock(16, 0), "GET", "", func(i int, e *event.Event) { routes("u-1")(i, e); e.Status = 302 })
			},
			want: []string{"route-breadth u-1"},
		},
		{
			name: "a user looks at some things",
			add: func(l *lab) {
				l.burst(15, clock(12, 1), clock(16, 0), "GET", "", func(i int, e *event.Event) { routes("u-1")(i, e); e.Status = 302 })
			},
		},
		{
			name: "a user asks for everything and gets nothing",
			add: func(l *lab) {
				l.burst(40, clock(12, 1), clock(16, 0), "GET", "", func(i int, e *event.Event) { routes("u-1")(i, e); e.Status = 404 })
			},
		},
		{
			name: "a customer works like a clockwork",
			add: func(l *lab) {
				for i := range 60 {
					at := clock(12, 0).Add(time.Duration(i)*50*time.Second + time.Duration(l.more.IntN(8000))*time.Millisecond)
					l.event(at, "GET", "/stock", 200).User = "u-2"
				}
			},
			want: []string{"robotic-timing u-2"},
		},
		{
			name: "a customer works like a person",
			add: func(l *lab) {
				for at := clock(12, 0); at.Before(clock(12, 50)); at = at.Add(time.Duration(l.more.ExpFloat64() * 50e9)) {
					l.event(at, "GET", "/stock", 200).User = "u-2"
				}
			},
		},
		{
			name: "a client under many names",
			add:  func(l *lab) { l.burst(160, clock(12, 1), clock(12, 40), "GET", "/products", agents("", 0, 150)) },
			want: []string{"rotating-user-agents 198.51.100.7"},
		},
		{
			name: "a user under many names",
			add:  func(l *lab) { l.burst(60, clock(12, 1), clock(12, 40), "GET", "/cart", agents("u-3", 0, 12)) },
			want: []string{"rotating-user-agents u-3"},
		},
		{
			name: "an office behind one address",
			add: func(l *lab) {
				l.burst(300, clock(12, 1), clock(12, 40), "GET", "/products", func(i int, e *event.Event) { agents("", 0, 30)(i/10, e) })
			},
		},
		{
			name: "a user from a hosting provider",
			add:  func(l *lab) { l.burst(4, clock(12, 1), clock(12, 20), "GET", "/cart", network("u-4", 64666)) },
			want: []string{"new-network u-4"},
		},
		{
			name: "a user from the network of many others",
			add: func(l *lab) {
				l.burst(4, clock(12, 1), clock(12, 20), "GET", "/cart", network("u-4", 64500+(labNetwork("u-4")-64500+1)%3))
			},
		},
		{
			name: "a token is used beside its owner",
			add: func(l *lab) {
				l.burst(7, clock(17, 1), clock(17, 25), "GET", "/stock", network("clerk", labNetwork("clerk")))
				l.burst(7, clock(17, 1), clock(17, 25), "GET", "/stock", network("clerk", 64501+(labNetwork("clerk")-64500)%3))
			},
			want: []string{"two-places-at-once clerk"},
		},
		{
			name: "a clerk goes home",
			add: func(l *lab) {
				l.burst(5, clock(17, 1), clock(17, 25), "GET", "/stock", network("clerk", labNetwork("clerk")))
				l.burst(9, clock(17, 30), clock(17, 55), "GET", "/stock", network("clerk", 64501+(labNetwork("clerk")-64500)%3))
			},
		},
		{
			name: "a password is guessed",
			add: func(l *lab) {
				login(l, 30, clock(12, 1), clock(12, 20), 401, alice)
				login(l, 1, clock(12, 20), clock(12, 21), 200, alice)
			},
			want: []string{"failures-then-success u-9"},
		},
		{
			name: "a password is remembered at the fifth time",
			add: func(l *lab) {
				login(l, 5, clock(12, 1), clock(12, 20), 401, alice)
				login(l, 1, clock(12, 20), clock(12, 21), 200, alice)
			},
		},
		{
			name: "a password is not guessed",
			add:  func(l *lab) { login(l, 30, clock(12, 1), clock(12, 20), 401, alice) },
		},
		{
			name: "a list of passwords is tried, slowly",
			add: func(l *lab) {
				login(l, 30, clock(1, 1), clock(11, 1), 401, func(i int, e *event.Event) { e.User, e.ClientIP = fmt.Sprintf("leaked-%d", i), guest(1) })
			},
			want: []string{"credential-stuffing-learned 198.51.100.1"},
		},
		{
			name: "an office logs in",
			add: func(l *lab) {
				login(l, 40, clock(9, 1), clock(9, 30), 200, func(i int, e *event.Event) { e.User, e.ClientIP = fmt.Sprintf("colleague-%d", i), guest(1) })
				login(l, 8, clock(9, 1), clock(9, 30), 401, func(i int, e *event.Event) { e.User, e.ClientIP = fmt.Sprintf("colleague-%d", i), guest(1) })
			},
		},
		{
			name: "one password for everybody, from many addresses",
			add: func(l *lab) {
				login(l, 60, clock(12, 1), clock(12, 50), 401, func(i int, e *event.Event) { e.User, e.ClientIP = fmt.Sprintf("name-%d", i), guest(i%20) })
			},
			want: []string{"password-spraying-learned shop"},
		},
		{
			name: "the login is down",
			add: func(l *lab) {
				l.each("/login", clock(12, 0), clock(13, 0), func(e *event.Event) { e.Status = 401 })
			},
		},
		{
			name: "a list is tried from many addresses",
			add: func(l *lab) {
				login(l, 90, clock(12, 1), clock(12, 50), 401, func(i int, e *event.Event) { e.ClientIP = guest(i) })
			},
			want: []string{"coordinated-logins shop"},
		},
		{
			name: "many clients with one tool",
			add: func(l *lab) {
				l.burst(1600, clock(3, 1), clock(3, 50), "GET", "/products", func(i int, e *event.Event) {
					e.ClientIP, e.UserAgent = netip.AddrFrom4([4]byte{198, 18, byte(i % 800 / 256), byte(i % 800)}), "collector/1.0"
				})
			},
			want: []string{"coordinated-clients GET /products", "endpoint-traffic GET /products"},
		},
	}
}
