package rules

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// learnedHour supplies what a client or user asks for in its busiest hours.
type learnedHour float64

func (l learnedHour) Quantile(r *Rule, _ []string, _ time.Time) (float64, *detect.BaselineRef, bool) {
	return float64(l) * r.Correlation.Timespan.Hours(), &detect.BaselineRef{Version: "test"}, true
}

// everydayFindings plays requests through the built-in pack.
func everydayFindings(t *testing.T, learned Thresholds, events []event.Event) []string {
	t.Helper()
	set, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	m, w := set.NewMatcher(), set.NewWindows(WindowOptions{Thresholds: learned})
	var found []string
	sortEvents(events)
	for i := range events {
		ev := &events[i]
		ev.Position = uint64(i)
		m.Match(ev)
		w.Observe(ev, func(f detect.Finding) {
			if f.Revision == 1 {
				found = append(found, f.Detector+": "+f.Explanation)
			}
		})
	}
	return found
}

// everydayEvent is a browser's request.
func everydayEvent(at time.Duration, client int, method, target string, status int) event.Event {
	var ev event.Event
	ev.Reset()
	ev.Time, ev.Source, ev.Service = scenarioStart.Add(at), "s", "shop"
	ev.ClientIP = netip.AddrFrom4([4]byte{203, 0, 113, byte(client)})
	ev.Method, ev.Status, ev.Protocol, ev.BytesOut = method, status, "HTTP/1.1", 2000
	ev.Path, ev.Query, _ = strings.Cut(target, "?")
	ev.UserAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
	return ev
}

// TestEverydayIsNoAttack plays what is usual somewhere and has the shape of an attack.
func TestEverydayIsNoAttack(t *testing.T) {
	quiet := func(name string, learned Thresholds, events []event.Event) {
		t.Helper()
		if found := everydayFindings(t, learned, events); len(found) > 0 {
			t.Errorf("%s: %s", name, strings.Join(found, "\n\t"))
		}
	}
	uuid := func(n int) string { return fmt.Sprintf("%08x-6b1c-4c3e-9d2a-%012x", n*2654435761, n*40503) }

	var uploads []event.Event
	for n := range 300 * 20 {
		ev := everydayEvent(time.Duration(n)*200*time.Millisecond, 7, "GET", "/images/"+uuid(n)+".jpg", 200)
		ev.UserAgent, ev.User = "uploader/2.1", "svc-media"
		uploads = append(uploads, ev)
	}
	quiet("an upload client that asks for 300 images with UUIDs for names a minute, every day", learnedHour(300*60), uploads)
	for i := range uploads {
		uploads[i].Path = strings.TrimSuffix(uploads[i].Path, ".jpg")
	}
	quiet("the same without extensions", learnedHour(300*60), uploads)

	var office []event.Event
	for user := range 60 {
		for n := range 12 {
			at := time.Duration(user*7+n*9) * time.Second
			ev := everydayEvent(at, 9, "GET", fmt.Sprintf("/orders/%d?page=%d", user*31+n, n), 200)
			ev.User = fmt.Sprintf("user%02d", user)
			if n == 0 {
				ev.Method, ev.Path, ev.Query, ev.Status = "POST", "/api/login", "", 200
			}
			if n == 1 && user%6 == 0 { // one in six mistypes
				ev.Method, ev.Path, ev.Query, ev.Status = "POST", "/api/login", "", 401
			}
			if n == 5 && user%4 == 0 {
				ev.Path, ev.Status = "/orders/gone", 404
			}
			office = append(office, ev)
		}
	}
	quiet("sixty people of a company behind one address", nil, office)

	var static []event.Event
	for n := range 150 {
		static = append(static, everydayEvent(time.Duration(n)*400*time.Millisecond, 11, "GET", fmt.Sprintf("/assets/chunk-%d.%s", n, []string{"js", "css", "png", "woff2"}[n%4]), 404))
	}
	quiet("static files that a browser misses", nil, static)

	var release []event.Event
	for client := range 120 {
		for n := range 4 {
			release = append(release, everydayEvent(time.Duration(client*2+n)*time.Second, client+1, "GET", fmt.Sprintf("/api/v2/basket/%d", n), 404))
		}
	}
	quiet("a broken release: many clients miss a few pages each", nil, release)
}

// TestAttackersBehindTheSameShapesAreFound: the same shapes with what makes them attacks.
func TestAttackersBehindTheSameShapesAreFound(t *testing.T) {
	fires := func(name, rule string, learned Thresholds, events []event.Event) {
		t.Helper()
		found := everydayFindings(t, learned, events)
		if !strings.Contains("\n"+strings.Join(found, "\n"), "\n"+rule+":") {
			t.Errorf("%s: want %s, have %q", name, rule, found)
		}
	}
	var flood []event.Event
	for n := range 6000 {
		flood = append(flood, everydayEvent(time.Duration(n)*20*time.Millisecond, 7, "GET", fmt.Sprintf("/images/%d?size=%d", n, n), 200))
	}
	fires("a client ten times as busy as it ever was", "rate-abuse", learnedHour(300*60), flood)

	var office []event.Event
	for n := range 40 {
		ev := everydayEvent(time.Duration(n)*time.Second, 9, "POST", "/api/login", 401)
		office = append(office, ev)
		friendly := everydayEvent(time.Duration(n)*time.Second, 9, "GET", "/orders/7", 200)
		friendly.User = fmt.Sprintf("user%02d", n)
		office = append(office, friendly)
	}
	fires("one who guesses behind a company's address", "brute-force", nil, office)

	var scan []event.Event
	for n := range 60 {
		scan = append(scan, everydayEvent(time.Duration(n)*time.Second, 11, "GET", fmt.Sprintf("/old/page%d.php", n), 404))
	}
	fires("one client that misses many scripts", "path-scanning", nil, scan)
}
