package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident/decision"
)

// basicNames tells users by their Basic credentials, as ingest's normaliser does.
type basicNames struct{}

func (basicNames) Normalize(e *event.Event) {
	if raw, ok := strings.CutPrefix(e.Wire.Authorization, "Basic "); ok {
		b, _ := base64.StdEncoding.DecodeString(raw) // junk names nobody
		e.User, _, _ = strings.Cut(string(b), ":")
	}
}

// bouncerAsk asks as CrowdSec's bouncers do: with the key in X-Api-Key.
func (b *bench) bouncerAsk(method, target string, headers ...string) answerTo {
	return b.ask("", method, target, "", append([]string{"X-Api-Key", b.secrets[RoleBouncer], "Accept-Encoding", "gzip"}, headers...)...)
}

func TestDecisionsInTheBouncersContract(t *testing.T) {
	b := newBench(t)
	if res := b.bouncerAsk("GET", "/v1/decisions?ip=203.0.113.9"); res.StatusCode != 200 || res.body != "null" {
		t.Errorf("no match: %d %q, want null", res.StatusCode, res.body)
	}
	res := b.bouncerAsk("GET", "/v1/decisions?ip=192.0.2.1&no_such=1")
	var list []map[string]any
	res.into(t, &list)
	if len(list) != 1 || list[0]["value"] != "192.0.2.1" || list[0]["scope"] != "Ip" || list[0]["type"] != "ban" || list[0]["origin"] != "manual" {
		t.Errorf("%s", res.body)
	}
	for _, name := range []string{"id", "uuid", "duration", "scenario", "until"} {
		if list[0][name] == nil {
			t.Errorf("%s is missing in %s", name, res.body)
		}
	}
	if res.Header.Get("Content-Encoding") != "" || res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%v", res.Header)
	}
	head := b.bouncerAsk("HEAD", "/v1/decisions?ip=192.0.2.1")
	if head.StatusCode != 200 || head.body != "" || head.Header.Get("Content-Length") != res.Header.Get("Content-Length") {
		t.Errorf("HEAD: %d %q %v", head.StatusCode, head.body, head.Header)
	}
	for name, key := range map[string]string{"none": "", "wrong": "gw_00000000_x", "an agent's": b.secrets[RoleAgent]} {
		res := b.ask("", "GET", "/v1/decisions", "", "X-Api-Key", key)
		if res.StatusCode != 403 || strings.TrimSpace(res.body) != `{"message":"access forbidden"}` {
			t.Errorf("key %s: %d %s", name, res.StatusCode, res.body)
		}
	}
	if res := b.bouncerAsk("GET", "/v1/decisions?ip=junk"); res.StatusCode != 400 || !strings.Contains(res.body, `"message":"ip`) {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
}

type streamAnswer struct {
	New, Deleted []struct{ Value, Duration string }
}

func (a streamAnswer) String() string {
	var b strings.Builder
	for _, d := range a.New {
		b.WriteString("+" + d.Value + " ")
	}
	for _, d := range a.Deleted {
		b.WriteString("-" + d.Value + " ")
	}
	return strings.TrimSpace(b.String())
}

func TestDecisionStream(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	stream := func(query string, method string) string {
		t.Helper()
		res := b.bouncerAsk(method, "/v1/decisions/stream"+query)
		if res.StatusCode != 200 {
			t.Fatalf("%d %s", res.StatusCode, res.body)
		}
		if method == http.MethodHead {
			return ""
		}
		if !strings.Contains(res.body, `"new":[`) || !strings.Contains(res.body, `"deleted":[`) {
			t.Fatalf("%s", res.body)
		}
		var a streamAnswer
		res.into(t, &a)
		return a.String()
	}
	want := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	add := func(n decision.New) decision.Decision {
		t.Helper()
		d, err := b.book.Add(ctx, n, "ann")
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	want(stream("?startup=true", "GET"), "+192.0.2.1")
	want(stream("", "GET"), "")
	short := add(decision.New{Value: "203.0.113.9", Duration: "1h"})
	add(decision.New{Value: "203.0.113.9", Duration: "2h"})
	add(decision.New{Value: "alice", Scope: "user"})
	stream("", "HEAD")
	want(stream("", "GET"), "+203.0.113.9") // deduplicated; HEAD moved nothing; users are asked for by name
	if _, err := b.book.End(ctx, short.ID, "ann", ""); err != nil {
		t.Fatal(err)
	}
	want(stream("", "GET"), "") // the longer one stands
	add(decision.New{Value: "203.0.113.9", Duration: "30m"})
	want(stream("", "GET"), "") // a shorter one changes nothing
	want(stream("?startup=true&scopes=user", "GET"), "+alice")
	want(stream("?startup=true&scenarios_containing=none", "GET"), "")

	other := httptest.NewRequest("GET", "/v1/decisions/stream", nil) // the same key from another address
	other.RemoteAddr = "198.51.100.99:1"
	other.Header.Set("X-Api-Key", b.secrets[RoleBouncer])
	w := httptest.NewRecorder()
	b.Handler().ServeHTTP(w, other)
	var a streamAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || a.String() != "+192.0.2.1 +203.0.113.9 -203.0.113.9" && a.String() != "+192.0.2.1 +203.0.113.9" {
		t.Errorf("another address: %s %v", a, err)
	}
}

func TestUsageMetrics(t *testing.T) {
	b := newBench(t)
	res := b.ask("", "POST", "/v1/usage-metrics", `{"log_processors":null,"remediation_components":[{"type":"x","metrics":[{"items":[{"name":"dropped","value":3,"unit":"request"}]}]}]}`,
		"X-Api-Key", b.secrets[RoleBouncer])
	if res.StatusCode != 201 || res.body != "" {
		t.Errorf("%d %q", res.StatusCode, res.body)
	}
	if res := b.ask(RoleAdmin, "GET", "/metrics", ""); !strings.Contains(res.body, `gatewatch_bouncer_dropped_total{bouncer="the bouncer",unit="request"} 3`) {
		t.Error("what the bouncer dropped is not counted")
	}
	if res := b.ask("", "POST", "/v1/usage-metrics", `[]`, "X-Api-Key", b.secrets[RoleBouncer]); res.StatusCode != 400 || !strings.Contains(res.body, `"message"`) {
		t.Errorf("junk: %d %s", res.StatusCode, res.body)
	}
}

func TestDecisionsByHand(t *testing.T) {
	b := newBench(t)
	for body, field := range map[string]string{
		`{}`: "value", `{"value":"x"}`: "value", `{"value":"203.0.113.9","type":"jail"}`: "type", `{"value":"203.0.113.9","duration":"-1h"}`: "duration",
		`{"value":"203.0.113.9","type":"freeze"}`: "type", `{"value":"203.0.113.9","scope":"as"}`: "scope", `{"value":"203.0.113.9","until":1}`: "until",
		`{"value":"203.0.113.9","incident":"x"}`: "incident",
	} {
		if res := b.ask(RoleAnalyst, "POST", "/v1/decisions", body); res.StatusCode != 400 || !res.problem(t).names(field) {
			t.Errorf("%s: %d %s", body, res.StatusCode, res.body)
		}
	}
	res := b.ask(RoleAnalyst, "POST", "/v1/decisions", `{"value":"203.0.113.9","duration":"30m","incident":"`+b.first+`"}`)
	var d decision.Decision
	res.into(t, &d)
	if res.StatusCode != 201 || d.Author != "the analyst" || d.Until.Sub(d.CreatedAt) != 30*time.Minute {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	if res := b.ask(RoleViewer, "GET", "/v1/incidents/"+b.first+"/decisions", ""); !strings.Contains(res.body, `"value":"203.0.113.9"`) {
		t.Errorf("%s", res.body)
	}
	if res := b.ask(RoleAnalyst, "DELETE", fmt.Sprintf("/v1/decisions/%d?reason=ours", d.ID), ""); res.StatusCode != 200 || !strings.Contains(res.body, `"ended_why":"ours"`) {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	if res := b.bouncerAsk("GET", "/v1/decisions?ip=203.0.113.9"); res.body != "null" {
		t.Errorf("after the undo: %s", res.body)
	}
	for target, status := range map[string]int{"/v1/decisions/99": 404, "/v1/decisions/x": 400} {
		if res := b.ask(RoleAnalyst, "DELETE", target, ""); res.StatusCode != status {
			t.Errorf("%s: %d", target, res.StatusCode)
		}
	}
	if got := strings.Join(b.store.actions(), "\n"); !strings.Contains(got, "the analyst decision.add") || !strings.Contains(got, "the analyst decision.end") {
		t.Errorf("the audit has %s", got)
	}
	b.store.down = errDown
	if res := b.ask(RoleAnalyst, "POST", "/v1/decisions", `{"value":"203.0.113.10"}`); res.StatusCode != 503 {
		t.Errorf("without a store: %d", res.StatusCode)
	}
}

func TestCheckFailsAsConfigured(t *testing.T) {
	for mode, want := range map[string]int{"open": 200, "closed": 403} {
		b := newBench(t)
		book, err := decision.NewBook(b.store, decision.Options{Config: decision.Config{CheckFail: mode}})
		if err != nil {
			t.Fatal(err)
		}
		b.deps.Decisions = book
		for _, chain := range []string{"", "unknown", "203.0.113.9, unknown"} {
			if res := b.ask(RoleBouncer, "GET", "/v1/check", "", "X-Forwarded-For", chain); res.StatusCode != want {
				t.Errorf("%s, %q: %d", mode, chain, res.StatusCode)
			}
		}
		for _, method := range []string{"GET", "POST", "DELETE", "OPTIONS", "HEAD", "PROPFIND"} {
			if res := b.ask(RoleBouncer, method, "/v1/check/orders/1", "", "X-Forwarded-For", "203.0.113.9"); res.StatusCode != 200 {
				t.Errorf("%s %s: %d", mode, method, res.StatusCode)
			}
		}
	}
}

func TestThrottleLetsSomeThrough(t *testing.T) {
	b := newBench(t)
	if _, err := b.book.Add(context.Background(), decision.New{Value: "203.0.113.9", Type: decision.Throttle, Duration: "1h"}, "ann"); err != nil {
		t.Fatal(err)
	}
	passed := 0
	for range 50 {
		res := b.ask(RoleBouncer, "GET", "/v1/check", "", "X-Forwarded-For", "203.0.113.9")
		if res.StatusCode == 200 {
			passed++
		} else if res.Header.Get("X-Gatewatch-Decision") != "throttle" {
			t.Fatalf("%d %v", res.StatusCode, res.Header)
		}
	}
	if passed != throttleBurst {
		t.Errorf("%d of 50 passed at once, want %d", passed, throttleBurst)
	}
}

// BenchmarkCheckRequest is the handler of /v1/check with 10,000 decisions, without the network.
func BenchmarkCheckRequest(b *testing.B) {
	x := newBench(b)
	for i := range 10_000 {
		if _, err := x.book.Add(context.Background(), decision.New{Value: fmt.Sprintf("198.18.%d.%d", i/250, i%250)}, "ann"); err != nil {
			b.Fatal(err)
		}
	}
	r := httptest.NewRequest("GET", "/v1/check", nil)
	r.Header.Set("X-Gatewatch-Key", x.secrets[RoleBouncer])
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	h := x.Handler()
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}

// A banned address is refused however the gateway writes it.
func TestCheckReadsAddressesAsGatewaysWriteThem(t *testing.T) {
	b := newBench(t)
	for _, value := range []string{"203.0.113.9", "2001:db8::1"} {
		if _, err := b.book.Add(context.Background(), decision.New{Value: value}, "ann"); err != nil {
			t.Fatal(err)
		}
	}
	for chain, want := range map[string]int{
		"203.0.113.9": 403, " 203.0.113.9 ": 403, "203.0.113.9:443": 403, "::ffff:203.0.113.9": 403, "[::ffff:203.0.113.9]:443": 403,
		"198.51.100.1,203.0.113.9": 403, "203.0.113.9,198.51.100.1": 200, "203.0.113.90": 200,
		"2001:db8::1": 403, "[2001:db8::1]": 403, "[2001:db8::1]:443": 403, "2001:DB8:0::1": 403, "2001:db8::2": 200,
	} {
		if res := b.ask(RoleBouncer, "GET", "/v1/check", "", "X-Forwarded-For", chain); res.StatusCode != want {
			t.Errorf("%q: %d, want %d", chain, res.StatusCode, want)
		}
	}
}
