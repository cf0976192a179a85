package baseline

import (
	"fmt"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// each changes the ordinary requests of a route in an interval.
func (l *lab) each(route string, from, to time.Time, with func(e *event.Event)) {
	for _, e := range l.events {
		if e.Route == route && !e.Time.Before(from) && e.Time.Before(to) {
			with(e)
		}
	}
}

// abroad places a request.
func abroad(e *event.Event, country string, lat, lon float64) {
	e.Country, e.Lat, e.Lon = country, lat, lon
}

// laterScenarios are those of the detectors of days, answers, surface and habits.
func laterScenarios() []scenario {
	user := func(name string) func(int, *event.Event) {
		return func(_ int, e *event.Event) { e.User = name }
	}
	tokyo := func(name string) func(int, *event.Event) {
		return func(_ int, e *event.Event) {
			e.User = name
			abroad(e, "JP", 35.7, 139.7)
		}
	}
	slowly := func(name string, step int) func(int, *event.Event) {
		return func(i int, e *event.Event) { e.User, e.ObjectIDs = name, []string{fmt.Sprint(5000 + i*step)} }
	}
	return []scenario{
		{
			name: "an order every four minutes, all night",
			add:  func(l *lab) { l.burst(120, clock(0, 1), clock(8, 1), "GET", "/orders/{id}", slowly("u-6", 1)) },
			want: []string{"object-enumeration-slow u-6"},
		},
		{
			name: "the same forty orders, all night",
			add: func(l *lab) {
				l.burst(120, clock(0, 1), clock(8, 1), "GET", "/orders/{id}", func(i int, e *event.Event) { slowly("u-6", 7)(i%40, e) })
			},
		},
		{
			name: "products become slow",
			add: func(l *lab) {
				l.each("/products", clock(13, 0), clock(13, 30), func(e *event.Event) { e.DurationMS = e.DurationMS*3 + 100 })
			},
			want: []string{"endpoint-latency GET /products"},
		},
		{
			name: "a third of the products is slow",
			add: func(l *lab) {
				l.each("/products", clock(13, 0), clock(13, 30), func(e *event.Event) {
					if e.Position%3 == 0 {
						e.DurationMS = e.DurationMS*3 + 100
					}
				})
			},
		},
		{
			name: "answers about orders give out far more",
			add: func(l *lab) {
				l.each("/orders/{id}", clock(13, 0), clock(14, 0), func(e *event.Event) { e.BytesOut *= 8 })
			},
			want: []string{"response-size GET /orders/{id}"},
		},
		{
			name: "answers about orders give out somewhat more",
			add: func(l *lab) {
				l.each("/orders/{id}", clock(13, 0), clock(14, 0), func(e *event.Event) { e.BytesOut = e.BytesOut * 3 / 2 })
			},
		},
		{
			name: "a debug endpoint answers",
			add:  func(l *lab) { l.burst(8, clock(12, 1), clock(12, 20), "GET", "/debug/heap", nil) },
			want: []string{"new-endpoint GET /debug/heap"},
		},
		{
			name: "a scanner asks for a debug endpoint",
			add: func(l *lab) {
				l.burst(8, clock(12, 1), clock(12, 20), "GET", "/debug/heap", func(_ int, e *event.Event) { e.Status = 404 })
			},
		},
		{
			name: "orders can be deleted",
			add: func(l *lab) {
				l.burst(6, clock(12, 1), clock(12, 20), "DELETE", "/products", user("u-5"))
			},
			want: []string{"new-method DELETE /products"},
		},
		{
			name: "browsers ask what is allowed",
			add:  func(l *lab) { l.burst(6, clock(12, 1), clock(12, 20), "OPTIONS", "/products", user("u-5")) },
		},
		{
			name: "orders are given out to anybody",
			add: func(l *lab) {
				l.burst(5, clock(12, 1), clock(12, 5), "GET", "/orders/{id}", func(_ int, e *event.Event) { e.ObjectIDs = []string{"1007"} })
			},
			want: []string{"missing-authentication GET /orders/{id}"},
		},
		{
			name: "orders are refused to anybody",
			add: func(l *lab) {
				l.burst(5, clock(12, 1), clock(12, 5), "GET", "/orders/{id}", func(_ int, e *event.Event) {
					e.ObjectIDs, e.Status = []string{"1007"}, 401
				})
			},
		},
		{
			name: "a customer audits",
			add:  func(l *lab) { l.burst(1, clock(12, 1), clock(12, 5), "POST", "/audit", user("u-7")) },
			want: []string{"privileged-first-use u-7"},
		},
		{
			name: "a customer may not audit",
			add: func(l *lab) {
				l.burst(9, clock(12, 1), clock(12, 5), "POST", "/audit", func(_ int, e *event.Event) { e.User, e.Status = "u-7", 403 })
			},
		},
		{
			name: "a customer downloads everything",
			add: func(l *lab) {
				l.burst(50, clock(12, 1), clock(12, 40), "GET", "/stock", func(_ int, e *event.Event) { e.User, e.BytesOut = "u-8", 4<<20 })
			},
			want: []string{"data-volume u-8"},
		},
		{
			name: "a customer downloads much",
			add: func(l *lab) {
				l.burst(20, clock(12, 1), clock(12, 40), "GET", "/stock", func(_ int, e *event.Event) { e.User, e.BytesOut = "u-8", 4<<20 })
			},
		},
		{
			name: "the clerk at three in the morning",
			add:  func(l *lab) { l.burst(30, clock(3, 1), clock(3, 30), "GET", "/stock", user("clerk")) },
			want: []string{"off-hours clerk"},
		},
		{
			name: "the clerk stays two hours longer",
			add:  func(l *lab) { l.burst(30, clock(18, 1), clock(18, 30), "GET", "/stock", user("clerk")) },
		},
		{
			name: "who left comes back",
			add:  func(l *lab) { l.burst(25, clock(14, 1), clock(14, 30), "GET", "/stock", user("leaver")) },
			want: []string{"dormant-account leaver"},
		},
		{
			name: "who left looks in",
			add:  func(l *lab) { l.burst(5, clock(14, 1), clock(14, 30), "GET", "/stock", user("leaver")) },
		},
		{
			name: "a clerk's requests from Japan, in the evening",
			add: func(l *lab) {
				l.burst(4, clock(18, 1), clock(18, 20), "GET", "/stock", tokyo("auditor-1"))
				kept := l.events[:0]
				for _, e := range l.events {
					if e.User != "auditor-1" || e.Country == "JP" {
						kept = append(kept, e)
					}
				}
				l.events = kept
			},
			want: []string{"new-country auditor-1"},
		},
		{
			name: "a traveller's next country",
			add:  func(l *lab) { l.burst(4, clock(23, 1), clock(23, 20), "GET", "/stock", tokyo("traveller")) },
		},
		{
			name: "a customer here and in Japan",
			add: func(l *lab) {
				l.burst(1, clock(12, 0), clock(12, 1), "GET", "/stock", user("clerk"))
				l.burst(1, clock(12, 30), clock(12, 31), "GET", "/stock", tokyo("clerk"))
			},
			want: []string{"impossible-travel clerk"},
		},
		{
			name: "somebody works through a tunnel",
			add: func(l *lab) {
				l.burst(1, clock(15, 0), clock(15, 1), "GET", "/stock", user("tunnel"))
				l.burst(1, clock(15, 1), clock(15, 2), "GET", "/stock", func(_ int, e *event.Event) {
					e.User = "tunnel"
					abroad(e, "US", 40.7, -74)
				})
			},
		},
	}
}
