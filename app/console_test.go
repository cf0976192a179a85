package app

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/gatewatch/gatewatch/incident"
)

// attacker is the client that the console's test looks at. It has a past.
const attacker = "203.0.113.9"

// shopPast are three days in which a few clients, the attacker among them, use the shop as they do.
func shopPast(end time.Time) string {
	var b strings.Builder
	for at := end.Add(-75 * time.Hour); at.Before(end.Add(-2 * time.Hour)); at = at.Add(10 * time.Minute) {
		for _, client := range []string{attacker, "203.0.113.20", "203.0.113.21", "203.0.113.22", "203.0.113.23"} {
			fmt.Fprintf(&b, "%s - - [%s] \"GET /products HTTP/1.1\" 200 512 \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"\n", client, at.UTC().Format("02/Jan/2006:15:04:05 -0700"))
		}
	}
	return b.String()
}

// hostile are requests of a client whose every word is HTML that would run where it is taken for HTML.
func hostile(end time.Time) string {
	var b strings.Builder
	for i := range 12 {
		at := end.Add(time.Duration(i-12) * time.Second)
		fmt.Fprintf(&b, "203.0.113.66 - <img/src=x/onerror=alert(1)> [%s] \"GET /etc/passwd?%d=<script>alert(2)</script><svg/onload=alert(3)> HTTP/1.1\" 404 12 "+
			"\"javascript:alert(4)\" \"<img src=x onerror=alert(5)>\"\n", at.UTC().Format("02/Jan/2006:15:04:05 -0700"), i)
	}
	return b.String()
}

// browser is a tab of a real browser, with what went wrong in it.
type browser struct {
	context.Context

	mu     sync.Mutex
	faults []string
	broken chan struct{} // closed by the first fault
}

func (b *browser) fault(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.faults) == 0 {
		close(b.broken)
	}
	b.faults = append(b.faults, fmt.Sprintf(format, args...))
}

// openBrowser starts a browser, or skips the test where there is none. What the console must never do is a fault: an error on
// the console (the content security policy's among them), an exception, a dialog, a request to anybody but the server.
func openBrowser(t *testing.T, home string) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("no chromium: the console was not opened")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.WSURLReadTimeout(2*time.Minute))
	allocated, release := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(release)
	tab, closeTab := chromedp.NewContext(allocated)
	t.Cleanup(closeTab)
	if err := chromedp.Run(tab); err != nil { // whose context the browser lives as long as
		t.Fatal(err)
	}
	b := &browser{Context: tab, broken: make(chan struct{})}
	chromedp.ListenTarget(tab, func(ev any) {
		switch e := ev.(type) {
		case *log.EventEntryAdded:
			if e.Entry.Level == log.LevelError || e.Entry.Source == log.SourceSecurity {
				b.fault("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL)
			}
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.APITypeError || e.Type == runtime.APITypeAssert {
				b.fault("console: %s", e.Args[0].Value)
			}
		case *runtime.EventExceptionThrown:
			b.fault("exception: %v", e.ExceptionDetails)
		case *page.EventJavascriptDialogOpening:
			b.fault("a dialog: what came out of a log was run: %s", e.Message)
			go func() { _ = chromedp.Run(tab, page.HandleJavaScriptDialog(true)) }()
		case *network.EventRequestWillBeSent:
			if !strings.HasPrefix(e.Request.URL, home) && !strings.HasPrefix(e.Request.URL, "data:") {
				b.fault("a request elsewhere: %s", e.Request.URL)
			}
		}
	})
	return b
}

// run does steps until a fault; a failure shows what the page said then.
func (b *browser) run(t *testing.T, what string, steps ...chromedp.Action) {
	t.Helper()
	within, cancel := context.WithTimeout(b, 10*time.Minute)
	defer cancel()
	go func() {
		select {
		case <-b.broken: // what is waited for may never come
			cancel()
		case <-within.Done():
		}
	}()
	if err := chromedp.Run(within, steps...); err != nil {
		var text string
		_ = chromedp.Run(b, chromedp.Evaluate("document.body.innerText", &text))
		b.mu.Lock()
		defer b.mu.Unlock()
		t.Fatalf("%s: %v\nfaults: %q\nthe page: %s", what, err, b.faults, text)
	}
}

// TestConsole opens the console in a browser as somebody who is woken: signs in, opens an incident, reads what to do, goes to
// the client's page with its hours and the band, looks at what a hostile client sent, and acknowledges.
func TestConsole(t *testing.T) {
	s, _ := startServer(t, Config{DataDir: t.TempDir()}, ServeOptions{})
	b := openBrowser(t, strings.TrimSuffix(s.URL, "/"))
	now := time.Now()
	post(t, s, s.AdminKey, "POST", "/v1/ingest/raw?format=combined&source=shop", shopPast(now), http.StatusOK)
	if _, err := (learning{s.learner}).Recompute(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	s.learner.runner.Wait()
	post(t, s, s.AdminKey, "POST", "/v1/ingest/raw?format=combined&source=shop", bruteForce(attacker, 40, now.Add(-time.Minute)), http.StatusOK)
	post(t, s, s.AdminKey, "POST", "/v1/ingest/raw?format=combined&source=shop", hostile(now), http.StatusOK)
	found := map[string]*incident.Incident{}
	waitFor(t, "both incidents", func() bool {
		var list incidentList
		get(t, s, s.AdminKey, "/v1/incidents", &list)
		for _, inc := range list.Incidents {
			found[inc.Entity.Value] = inc
		}
		return found[attacker] != nil && found["203.0.113.66"] != nil
	})

	var steps, band, entity, bad string
	b.run(t, "sign in", chromedp.Navigate(s.URL), chromedp.SendKeys("#key", s.AdminKey), chromedp.Click("#key-form button"), chromedp.WaitVisible("#incidents .incident"))
	b.run(t, "open the incident",
		chromedp.Click(fmt.Sprintf(`//ol[@id="incidents"]//button[contains(., %q)]`, attacker), chromedp.BySearch),
		chromedp.WaitVisible("#detail .steps"), chromedp.Text("#detail .steps", &steps), chromedp.WaitVisible("#detail .chart polyline.observed"))
	b.run(t, "open the client's page",
		chromedp.Click("#detail .figure a"), chromedp.WaitVisible(`#detail button[aria-pressed="true"]`), chromedp.Text("#detail h2", &entity),
		chromedp.WaitVisible("#detail .chart polyline.observed"), chromedp.WaitVisible("#detail .chart polygon.band"),
		chromedp.Text("#detail .chart figcaption", &band))
	if !strings.Contains(steps, "To hold this client off") || entity != "Client "+attacker || !strings.Contains(band, "The band is what is expected") {
		t.Errorf("what to do: %q; the entity: %q; the chart: %q", steps, entity, band)
	}
	b.run(t, "look at the hostile client",
		chromedp.Evaluate(fmt.Sprintf("location.hash = '#/incidents/%s'", found["203.0.113.66"].ID), nil),
		chromedp.WaitVisible(`//section[@id="detail"]//td[contains(., "onerror=alert(1)")]`, chromedp.BySearch),
		chromedp.Evaluate(`String(document.querySelectorAll("#detail td img, #detail td script, #detail td svg, #incidents img").length)`, &bad))
	if bad != "0" {
		t.Errorf("%s elements were made out of what a client sent", bad)
	}
	var tried string
	b.run(t, "try a suppression",
		chromedp.Evaluate(fmt.Sprintf("location.hash = '#/incidents/%s'", found[attacker].ID), nil),
		chromedp.WaitVisible(fmt.Sprintf(`//section[@id="detail"]//h2[contains(., %q)]`, attacker), chromedp.BySearch),
		chromedp.Click(`//section[@id="detail"]//summary[contains(., "Suppress")]`, chromedp.BySearch),
		chromedp.SendKeys(`#detail input[name="reason"]`, "a load test"),
		chromedp.Click(`//section[@id="detail"]//button[contains(., "Try it")]`, chromedp.BySearch),
		chromedp.WaitEnabled(`#detail details button.main`), chromedp.Text("#detail details .verdict", &tried))
	if !strings.Contains(tried, "past incident") {
		t.Errorf("the try says %q", tried)
	}
	for _, place := range []string{"endpoints", "sources", "notifications"} {
		b.run(t, "open the "+place, chromedp.Click(fmt.Sprintf(`#nav a[href="#/%s"]`, place)), chromedp.WaitVisible(map[string]string{
			"endpoints": "#endpoints tr", "sources": "#source-cards .figure", "notifications": "#detail .sentence",
		}[place]))
	}
	b.run(t, "acknowledge",
		chromedp.Evaluate(fmt.Sprintf("location.hash = '#/incidents/%s'", found[attacker].ID), nil),
		chromedp.WaitVisible(fmt.Sprintf(`//section[@id="detail"]//h2[contains(., %q)]`, attacker), chromedp.BySearch),
		chromedp.Click(`//section[@id="detail"]//button[text()="Acknowledge"]`, chromedp.BySearch),
		chromedp.WaitVisible(`//section[@id="detail"]//button[text()="Back to open"]`, chromedp.BySearch))
	var after incident.Incident
	get(t, s, s.AdminKey, "/v1/incidents/"+found[attacker].ID, &after)
	if after.Status != incident.StatusAcknowledged {
		t.Errorf("the incident is %s after it was acknowledged in the browser", after.Status)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.faults {
		t.Error(f)
	}
}
