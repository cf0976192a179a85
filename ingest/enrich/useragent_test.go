package enrich

import (
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/ingest/route"
)

func TestUserAgents(t *testing.T) {
	for _, c := range []struct {
		header, family string
		bot            bool
	}{
		{"", "", false},
		{"-", "", false},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36", "Chrome", false},
		{"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox", false},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15", "Safari", false},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1", "Safari", false},
		{"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36 Edg/120.0", "Edge", false},
		{"Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko", "Internet Explorer", false},
		{"curl/8.5.0", "curl", false},
		{"python-requests/2.31.0", "python-requests", false},
		{"Go-http-client/1.1", "Go-http-client", false},
		{"okhttp/4.12.0", "okhttp", false},
		{"sqlmap/1.7.2#stable (https://sqlmap.org)", "sqlmap", true},
		{"Mozilla/5.00 (Nikto/2.1.6) (Evasions:None) (Test:Port Check)", "Nikto", true},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot", true},
		{"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "Bingbot", true},
		{"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0 Safari/537.36", "Headless Chrome", true},
		{"ExampleCrawler/1.0 (+http://example.com/crawler)", "", true},
		{"kube-probe/1.29", "kube-probe", true},
		{"aB3xZ9", "", false},
		{strings.Repeat("x", 5000), "", false},
	} {
		if got := newAgents().of(c.header); got != (agent{c.family, c.bot}) {
			t.Errorf("%.60q: %+v, want %q %v", c.header, got, c.family, c.bot)
		}
	}
}

func TestEnrichKeepsWhatTheLogSays(t *testing.T) {
	routes, err := route.New(route.Config{})
	if err != nil {
		t.Fatal(err)
	}
	e := NewEnricher(Options{Routes: routes})
	given := event.Event{Route: "/orders/{orderId}", Path: "/orders/17", Country: "CH", UAFamily: "App"}
	e.Enrich(&given)
	if given.Route != "/orders/{orderId}" || len(given.ObjectIDs) != 1 || given.ObjectIDs[0] != "17" || given.UAFamily != "App" {
		t.Errorf("event %s", given.AppendJSON(nil))
	}
	inferred := event.Event{Method: "GET", Path: "/orders/17", Status: 200, Time: time.Unix(1, 0), Service: "shop"}
	e.Enrich(&inferred)
	if inferred.Route != "/orders/{id}" || len(inferred.ObjectIDs) != 1 {
		t.Errorf("event %s", inferred.AppendJSON(nil))
	}
	junk := event.Event{RequestLine: "\\x16\\x03", Status: 400}
	e.Enrich(&junk)
	if junk.Route != route.Other {
		t.Errorf("junk has the route %q", junk.Route)
	}
}
