package send

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files")

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// hostile is what an attacker may write into a log: breaks of every format that it goes through.
const hostile = "evil\r\nBcc: all@example.com\x00<!channel> </script> [x](https://evil.example.com) *b* {{.Title}} a|b=c\\ \u202e\u2028\"',"

// message tells of n incidents; the first is hostile when spiteful.
func message(n int, spiteful bool, kinds ...Kind) *Message {
	m := &Message{ID: "msg_0a1b2c", Channel: "soc", At: noon, ConsoleURL: "https://gatewatch.example.com"}
	for i := range n {
		one := Sample(noon).Notifications[0]
		inc := *one.Incident
		inc.ID = fmt.Sprintf("inc_%02d", i+1)
		inc.Entity.Value = fmt.Sprintf("203.0.113.%d", i+1)
		inc.Title = "Path scanning from " + inc.Entity.Value
		inc.Severity = detect.Severity(int(detect.Critical) - i%4)
		if spiteful && i == 0 {
			inc.Title, inc.Explanation, inc.Service, inc.Route, inc.Entity.Value = hostile, hostile, hostile, hostile, hostile
			inc.Entity.Type = detect.EntityUser
		}
		one.ID, one.Incident, one.URL = fmt.Sprintf("ntf_%02d", i+1), &inc, m.ConsoleURL+"/#/incidents/"+inc.ID
		if len(kinds) > 0 {
			one.Changes = nil
			for _, k := range kinds {
				one.Changes = append(one.Changes, Change{Kind: k, To: string(k), Actor: "ann", At: noon})
				if k == Acknowledged || k == Resolved || k == FalsePositive {
					inc.Status = incident.Status(k)
				}
			}
		}
		m.Notifications = append(m.Notifications, one)
	}
	return m
}

// request is one that a receiver got.
type request struct {
	path   string
	header http.Header
	body   []byte
}

// hook is a receiver over HTTP on the loopback.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	got    []request
	answer func(http.ResponseWriter, int) // by the number of the request, from 1; nil: 200
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		h.mu.Lock()
		h.got = append(h.got, request{r.URL.RequestURI(), r.Header, body})
		n := len(h.got)
		h.mu.Unlock()
		if h.answer != nil {
			h.answer(w, n)
		}
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) requests() []request {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.got
}

func sender(t *testing.T, target Target) Sender {
	t.Helper()
	for _, fault := range target.Validate("channel") {
		t.Fatal(fault)
	}
	s, err := New(target, Options{Now: func() time.Time { return noon.Add(time.Second) }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const signingSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" //nolint:gosec // the example of Standard Webhooks

// The signature is what the specification's own example has.
func TestSignature(t *testing.T) {
	key, err := signingKey(signingSecret)
	if err != nil {
		t.Fatal(err)
	}
	got := sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A receiver can tell who sent the body, when, and that it is one that it has had.
func TestWebhook(t *testing.T) {
	h := newHook(t)
	s := sender(t, Target{
		Type: "webhook", URL: Secret(h.URL + "/in?x=1"), Secret: signingSecret, Headers: map[string]Secret{"Authorization": "Splunk abcd-1234"},
	})
	for range 2 {
		if err := s.Send(t.Context(), message(2, true)); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range h.requests() {
		key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(signingSecret, "whsec_"))
		mac := hmac.New(sha256.New, key)
		_, _ = fmt.Fprintf(mac, "%s.%s.%s", r.header.Get("webhook-id"), r.header.Get("webhook-timestamp"), r.body)
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.header.Get("webhook-signature") != want {
			t.Errorf("signed %s, want %s", r.header.Get("webhook-signature"), want)
		}
		if r.header.Get("webhook-id") != "msg_0a1b2c" || r.header.Get("idempotency-key") != "msg_0a1b2c" || r.header.Get("webhook-timestamp") != "1772452801" ||
			r.header.Get("authorization") != "Splunk abcd-1234" || r.path != "/in?x=1" || r.header.Get("content-type") != "application/json" {
			t.Errorf("%s %v", r.path, r.header)
		}
		var body struct {
			ID, Title, Text string
			Notifications   []struct {
				ID       string
				Incident struct{ ID, Title string }
				Changes  []Change
			}
		}
		if err := json.Unmarshal(r.body, &body); err != nil {
			t.Fatal(err)
		}
		if body.ID != "msg_0a1b2c" || len(body.Notifications) != 2 || body.Notifications[0].ID != "ntf_01" || body.Notifications[0].Changes[0].Kind != Opened ||
			body.Title != "2 incidents, 1 critical, 1 high" || strings.ContainsAny(body.Title, "\r\n") {
			t.Errorf("%s", r.body)
		}
	}
}

// What each type posts, as golden files: one incident, many, hostile words, and an end.
func TestBodies(t *testing.T) {
	for name, target := range map[string]Target{
		"webhook":      {Type: "webhook"},
		"webhook_ocsf": {Type: "webhook", Format: "ocsf"},
		"webhook_body": {Type: "webhook", Body: `{"content":{{json (printf "%d of incidents" .Count)}},"embeds":[{{range $i, $x := .Incidents}}{{if $i}},{{end}}{"title":{{json .Title}},"score":{{.Score}}}{{end}}]}`},
		"slack":        {Type: "slack"},
		"teams":        {Type: "teams"},
		"pagerduty":    {Type: "pagerduty", RoutingKey: "R0123456789"},
		"opsgenie":     {Type: "opsgenie", APIKey: "K0123456789"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHook(t)
			target.URL = Secret(h.URL)
			s := sender(t, target)
			for _, m := range []*Message{
				message(1, false), message(2, true, Opened, Escalated), message(12, false), message(1, false, Acknowledged), message(1, false, Resolved),
				{ID: "msg_test_1", Channel: "soc", At: noon, Test: true, Notifications: []Notification{}},
			} {
				if err := s.Send(t.Context(), m); err != nil {
					t.Fatal(err)
				}
			}
			var b strings.Builder
			for _, r := range h.requests() {
				var v any
				if err := json.Unmarshal(r.body, &v); err != nil {
					t.Fatalf("%v in %s", err, r.body)
				}
				pretty, _ := json.MarshalIndent(v, "", " ") // it was JSON
				_, _ = fmt.Fprintf(&b, "POST %s\n%s\n\n", r.path, pretty)
			}
			golden(t, name+".txt", b.String())
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("not what %s has (go test -update writes it):\n%s", path, got)
	}
}

// What an answer means: taken, refused for good, to be tried again, and when.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		status  int
		header  string // Retry-After
		refused bool
		after   time.Duration
	}{
		{400, "", true, 0},
		{401, "", false, 0},
		{404, "", false, 0},
		{410, "", true, 0},
		{413, "", true, 0},
		{422, "", true, 0},
		{429, "30", false, 30 * time.Second},
		{429, "soon", false, 0},
		{429, "-5", false, 0},
		{503, "Mon, 02 Mar 2026 12:02:00 GMT", false, 2 * time.Minute},
		{503, "Mon, 02 Mar 2026 11:00:00 GMT", false, 0},
		{500, "9", false, 0},
		{503, "999999", false, maxRetryWait},
	} {
		h := newHook(t)
		h.answer = func(w http.ResponseWriter, _ int) {
			w.Header().Set("Retry-After", c.header)
			w.Header().Set("Date", noon.Format(http.TimeFormat))
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, "no\nsuch\x1b[31m "+h.URL)
		}
		err := sender(t, Target{Type: "webhook", URL: Secret(h.URL + "/T0/secret-path")}).Send(t.Context(), message(1, false))
		var later *LaterError
		if err == nil || asRefused(err) != c.refused || errors.As(err, &later) != (c.after > 0) || later != nil && later.After != c.after {
			t.Errorf("%d: %#v", c.status, err)
			continue
		}
		if text := err.Error(); strings.Contains(text, "secret-path") || strings.ContainsAny(text, "\n\x1b") || !strings.Contains(text, fmt.Sprint(c.status)) {
			t.Errorf("%d: %q", c.status, text)
		}
	}
}

// A receiver cannot send the sender elsewhere.
func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := newHook(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		h := newHook(t)
		h.answer = func(w http.ResponseWriter, _ int) {
			w.Header().Set("Location", elsewhere.URL+"/latest/meta-data")
			w.WriteHeader(status)
		}
		for _, typ := range []string{"webhook", "slack", "teams"} {
			err := sender(t, Target{Type: typ, URL: Secret(h.URL)}).Send(t.Context(), message(1, false))
			if err == nil || asRefused(err) || !strings.Contains(err.Error(), "not followed") {
				t.Errorf("%s %d: %v", typ, status, err)
			}
		}
	}
	if got := elsewhere.requests(); len(got) != 0 {
		t.Errorf("%d requests went elsewhere", len(got))
	}
}

// An answer without end and one that never comes hold nobody up for good, and errors never tell a secret.
func TestBadReceivers(t *testing.T) {
	h := newHook(t)
	h.answer = func(w http.ResponseWriter, _ int) {
		w.WriteHeader(500)
		for range 1000 {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}
	if err := sender(t, Target{Type: "slack", URL: Secret(h.URL)}).Send(t.Context(), message(1, false)); err == nil || len(err.Error()) > 500 {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	slow := newHook(t)
	slow.answer = func(http.ResponseWriter, int) { cancel(); <-ctx.Done() }
	if err := sender(t, Target{Type: "slack", URL: Secret(slow.URL)}).Send(ctx, message(1, false)); err == nil {
		t.Error("a cancelled request was a delivery")
	}
	gone := newHook(t)
	address := gone.URL
	gone.Close()
	for _, target := range []Target{
		{Type: "slack", URL: Secret(address + "/services/T0/very-secret")},
		{Type: "pagerduty", URL: Secret(address), RoutingKey: "very-secret"},
		{Type: "webhook", URL: Secret(address), Headers: map[string]Secret{"Authorization": "very-secret"}},
	} {
		err := sender(t, target).Send(t.Context(), message(1, false))
		if err == nil || strings.Contains(err.Error(), "very-secret") {
			t.Errorf("%s: %v", target.Type, err)
		}
	}
	echo := newHook(t)
	echo.answer = func(w http.ResponseWriter, _ int) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"invalid routing_key":"very-secret"}`)
	}
	err := sender(t, Target{Type: "pagerduty", URL: Secret(echo.URL), RoutingKey: "very-secret"}).Send(t.Context(), message(1, false))
	if err == nil || !asRefused(err) || strings.Contains(err.Error(), "very-secret") {
		t.Error(err)
	}
}

// Of several alerts, one that is refused keeps no other from going out, and one that may pass keeps the message alive.
func TestAlertsOneByOne(t *testing.T) {
	h := newHook(t)
	h.answer = func(w http.ResponseWriter, n int) { w.WriteHeader([]int{400, 502, 202}[n-1]) }
	err := sender(t, Target{Type: "pagerduty", URL: Secret(h.URL), RoutingKey: "R0123456789"}).Send(t.Context(), message(3, false))
	if err == nil || asRefused(err) || len(h.requests()) != 3 {
		t.Errorf("%v after %d requests", err, len(h.requests()))
	}
}
