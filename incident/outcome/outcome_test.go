package outcome

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// signs are what the rules of these tests mean.
var signs = SignsOf([]Rule{
	{ID: "secret-file", Kind: detect.KindWebAttack, Reads: []string{"path"}},
	{ID: "sqli", Kind: detect.KindWebAttack, Reads: []string{"payload"}},
	{ID: "tool", Kind: detect.KindWebAttack, Reads: []string{"user_agent"}},
	{ID: "missing", Kind: detect.KindWebAttack, Reads: []string{"path", "status"}},
	{ID: "attempt", Kind: detect.KindWebAttack, Signal: true},
	{ID: "accepted", Kind: detect.KindWebAttack, Signal: true},
	{ID: "guessing", Kind: detect.KindCredential, Counts: []string{"attempt"}, Excuses: "accepted"},
	{ID: "reads", Kind: detect.KindDataAccess, Counts: []string{"read"}},
})

// line makes an event of "CLIENT METHOD TARGET STATUS BYTES SIGNATURE…", where gateway=ACTION may stand for a signature; a client a.b stands for 203.0.113.b of user a.
func line(t *testing.T, n int, text string) *event.Event {
	t.Helper()
	var ev event.Event
	ev.Reset()
	words := strings.Fields(text)
	ev.Time, ev.Source, ev.Position = start.Add(time.Duration(n)*time.Second), "log", uint64(n)
	ev.Service = "shop"
	ev.ClientIP = netip.MustParseAddr("203.0.113." + words[0])
	ev.Method = words[1]
	ev.Path, ev.Query, _ = strings.Cut(words[2], "?")
	ev.Route = ev.Path
	if _, err := fmt.Sscan(words[3], &ev.Status); err != nil {
		t.Fatal(err)
	}
	if words[4] != "-" {
		if _, err := fmt.Sscan(words[4], &ev.BytesOut); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range words[5:] {
		if action, ok := strings.CutPrefix(w, "gateway="); ok {
			ev.GatewayAction = action
		} else {
			ev.Signatures = append(ev.Signatures, w)
		}
	}
	return &ev
}

// run judges a scenario: lines as above, "xN " in front repeats, "! KIND CLIENT" is a finding. It returns the outcomes of
// the client's findings, the latest last.
func run(t *testing.T, scenario string) []*detect.Outcome {
	t.Helper()
	var got []*detect.Outcome
	tr := New(Options{Signs: signs}, func(f detect.Finding) { got = append(got, f.Outcome) })
	n := 0
	var last *event.Event
	for _, text := range strings.Split(strings.TrimSpace(scenario), "\n") {
		text = strings.TrimSpace(text)
		if rest, ok := strings.CutPrefix(text, "! "); ok {
			kind, client, _ := strings.Cut(rest, " ")
			tr.Emit(detect.Finding{
				ID: "fnd_1", Revision: 1, Kind: detect.Kind(kind), FiredAt: last.Time,
				Entity: detect.Entity{Type: detect.EntityClient, Value: "203.0.113." + client}, Sample: []event.Event{*last},
			})
			continue
		}
		times := 1
		if strings.HasPrefix(text, "x") {
			if _, err := fmt.Sscanf(text, "x%d", &times); err != nil {
				t.Fatal(err)
			}
			_, text, _ = strings.Cut(text, " ")
		}
		for range times {
			n++
			last = line(t, n, strings.ReplaceAll(text, "#", fmt.Sprint(n)))
			tr.Observe(last, nil)
		}
	}
	return got
}

func TestOutcomes(t *testing.T) {
	for _, tc := range []struct {
		name, scenario string
		want           detect.Verdict
		says           string
	}{
		{"a secret that is there", `
			x6 1 GET / 200 5000
			9 GET /.env 200 812 secret-file
			x9 9 GET /a#.bak 404 150 secret-file
			! web_attack 9`, detect.LikelySucceeded, "GET /.env was answered with 200 and 812 bytes"},
		{"secrets of a site that answers everything with its entrance", `
			x6 1 GET / 200 5000
			9 GET /.env 200 5000 secret-file
			9 GET /.git/config 200 5000 secret-file
			! web_attack 9`, detect.Failed, "what anybody gets"},
		{"secrets of a site of which only these answers are known, all alike", `
			9 GET /.env 200 5000 secret-file
			9 GET /.git/config 200 5000 secret-file
			! web_attack 9`, detect.Failed, "alike"},
		{"the page that is not found repeats the path", `
			9 GET /.env 200 5004 secret-file
			9 GET /.git/config 200 5011 secret-file
			9 GET /backup/dump.sql 200 5015 secret-file
			! web_attack 9`, detect.Failed, "alike"},
		{"a find that turns out to be none", `
			9 GET /.env 200 5000 secret-file
			! web_attack 9
			9 GET /.git/config 200 5000 secret-file`, detect.Failed, "alike"},
		{"a firewall's word where the log has no status", `
			9 GET /.env 0 - secret-file gateway=waf_block
			! web_attack 9`, detect.Refused, "refused"},
		{"a firewall that only watches", `
			9 GET /.env 0 - secret-file gateway=waf_alert
			! web_attack 9`, detect.Unclear, "no status"},
		{"a find after the finding", `
			x9 9 GET /a#.bak 404 150 secret-file
			! web_attack 9
			9 GET /.env 200 812 secret-file`, detect.LikelySucceeded, "GET /.env"},
		{"an empty answer", `
			x6 1 GET / 200 5000
			9 GET /wp-config.php 200 0 secret-file
			! web_attack 9`, detect.Failed, "nothing"},
		{"a dash in a log that has sizes is an empty answer", `
			x6 1 GET / 200 5000
			9 GET /wp-config.php 200 - secret-file
			! web_attack 9`, detect.Failed, "nothing"},
		{"a log without sizes", `
			x6 1 GET / 200 -
			9 GET /.env 200 - secret-file
			! web_attack 9`, detect.Unclear, "no sizes"},
		{"a payload that changes nothing", `
			x6 1 GET /search?q=shoe 200 3000
			9 GET /search?q=%27OR 200 3050 sqli
			! web_attack 9`, detect.Failed, "what anybody gets"},
		{"a payload that brings far more", `
			x6 1 GET /search?q=shoe 200 3000
			9 GET /search?q=%27OR 200 480000 sqli
			! web_attack 9`, detect.LikelySucceeded, "480 kB, where the largest of 6 ordinary answers has 3000 bytes"},
		{"a payload to a route that nobody else asks", `
			9 GET /search?q=%27OR 200 3000 sqli
			! web_attack 9`, detect.Unclear, "too few ordinary answers"},
		{"a payload that breaks the server", `
			x9 9 GET /search?q=%27 404 0 sqli
			9 GET /search?q=%27 500 30 sqli
			! web_attack 9`, detect.Unclear, "an error of the server (500); 9 other attempts"},
		{"payloads that a firewall refuses", `
			x9 9 GET /search?q=%27 403 30 sqli
			! web_attack 9`, detect.Refused, "9 attempts refused"},
		{"a tool that only reads", `
			x6 1 GET / 200 5000
			x4 9 GET / 200 5000 tool
			x4 9 GET /a# 404 0 tool
			! web_attack 9`, detect.Failed, "8 attempts"},
		{"what others found says nothing about this client", `
			x6 1 GET / 200 5000
			8 GET /.env 200 812 secret-file
			9 GET /.env 404 0 secret-file
			! web_attack 9`, detect.Failed, "1 attempt answered with nothing"},

		{"a login after many refusals, and what came of it", `
			x12 9 POST /login 401 20 attempt
			! credential_attack 9
			9 POST /login 200 900 attempt accepted
			x12 9 GET /orders 200 4000`, detect.LikelySucceeded, "POST /login was answered with 200 after 12 logins that were not taken (12 x 401, 1 x 200), and 10 further requests of this actor were answered since"},
		{"a login that was taken before the finding", `
			x9 9 POST /login 401 20 attempt
			9 POST /login 200 900 attempt accepted
			x9 9 POST /login 401 20 attempt
			! credential_attack 9`, detect.LikelySucceeded, "after 9 logins"},
		{"a form that redirects when it lets in", `
			x40 9 POST /wp-login.php 200 3400 attempt
			! credential_attack 9
			9 POST /wp-login.php 302 0 attempt accepted`, detect.LikelySucceeded, "302 after 40 logins"},
		{"a form that shows itself again", `
			x40 9 POST /wp-login.php 200 3400 attempt
			! credential_attack 9`, detect.Failed, "No answer of 40 logins differs"},
		{"refused, all of them", `
			x40 9 POST /login 401 20 attempt
			! credential_attack 9`, detect.Refused, "40 of 40 logins were refused"},
		{"an office: most are taken", `
			x9 9 POST /login 401 20 attempt
			x9 9 POST /login 200 900 attempt accepted
			! credential_attack 9`, detect.Unclear, "people behind one address"},
		{"basic authentication, without a rule for what is taken", `
			x9 9 GET /admin 401 20 attempt
			! credential_attack 9
			9 GET /admin 200 7000`, detect.LikelySucceeded, "GET /admin was answered with 200 after 9"},
		{"answers of different sizes", `
			x9 9 POST /xmlrpc.php 200 400 attempt
			9 POST /xmlrpc.php 200 9000 attempt
			! credential_attack 9`, detect.Unclear, "do not tell"},

		{"objects that were read", `
			x3 9 GET /orders/1 200 300 read
			! data_access 9`, detect.LikelySucceeded, "was sent"},
		{"objects that were refused", `
			x3 9 GET /orders/1 403 30 read
			! data_access 9`, detect.Refused, "refused"},
		{"many requests, served", `
			x3 9 GET /orders 200 30
			! abuse 9`, detect.Unclear, "did harm"},
		{"many requests, throttled", `
			x3 9 GET /orders 429 30
			! abuse 9`, detect.Refused, "1 x 429"},
		{"no attack", `
			x3 9 GET /orders 500 30
			! availability 9`, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := run(t, tc.scenario)
			if len(got) == 0 {
				t.Fatal("no finding passed")
			}
			o := got[len(got)-1]
			if tc.want == "" {
				if o != nil {
					t.Errorf("%+v, want none", o)
				}
				return
			}
			if o == nil || o.Verdict != tc.want || !strings.Contains(o.Reason, tc.says) {
				t.Fatalf("got %+v, want %s and %q", o, tc.want, tc.says)
			}
			if !strings.HasSuffix(o.Reason, ".") || o.Since.IsZero() || len(o.Witnesses) > mostWitnesses {
				t.Errorf("%+v", o)
			}
		})
	}
}

// TestFollowUps: a finding comes again only when its verdict changes.
func TestFollowUps(t *testing.T) {
	got := run(t, `
		x12 9 POST /login 401 20 attempt
		! credential_attack 9
		x50 9 POST /login 401 20 attempt
		9 POST /login 200 900 attempt accepted
		x50 9 POST /login 401 20 attempt`)
	if len(got) != 2 || got[0].Verdict != detect.Refused || got[1].Verdict != detect.LikelySucceeded || got[1].Witnesses[0].Status != 200 {
		t.Errorf("%d outcomes: %+v", len(got), got)
	}
}

// TestBounds: neither actors nor routes grow without end, and what is dropped is the same in every run.
func TestBounds(t *testing.T) {
	build := func() *Tracker {
		tr := New(Options{Signs: signs}, func(detect.Finding) {})
		for i := range maxLedgers + 500 {
			ev := line(t, i, "1 GET /.env 404 0 secret-file")
			ev.ClientIP = netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
			ev.User = fmt.Sprint("user ", i)
			tr.Observe(ev, nil)
			ev = line(t, i, fmt.Sprintf("1 GET /r%d 200 %d", i, i))
			tr.Observe(ev, nil)
		}
		return tr
	}
	a, b := build(), build()
	if n := len(a.clients.by); n > maxLedgers || n < maxLedgers/2 {
		t.Errorf("%d ledgers", n)
	}
	if len(a.normal.routes) != maxRoutes {
		t.Errorf("%d routes", len(a.normal.routes))
	}
	for k := range a.clients.by {
		if b.clients.by[k] == nil {
			t.Fatalf("%s is followed in one run only", k)
		}
	}
	if len(a.clients.by) != len(b.clients.by) || len(a.users.by) != len(b.users.by) {
		t.Error("two runs follow different actors")
	}
}

// TestLearned: what baselines know stands in for answers that were not seen.
func TestLearned(t *testing.T) {
	var got *detect.Outcome
	tr := New(Options{Signs: signs, Learned: func(_, _, route string, _ time.Time) (uint64, float64, float64) {
		if route == "/search" {
			return 900, 2000, 4000
		}
		return 0, 0, 0
	}}, func(f detect.Finding) { got = f.Outcome })
	for i, text := range []string{"9 GET /search?q=1 200 3100 sqli", "9 GET /search?q=2 200 99000 sqli"} {
		tr.Observe(line(t, i, text), nil)
		tr.Emit(detect.Finding{Kind: detect.KindWebAttack, Entity: detect.Entity{Type: detect.EntityClient, Value: "203.0.113.9"}, FiredAt: start})
		if want := []detect.Verdict{detect.Failed, detect.LikelySucceeded}[i]; got.Verdict != want {
			t.Errorf("%s: %+v, want %s", text, got, want)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	var plain, attack event.Event
	plain.Reset()
	plain.Time, plain.Service, plain.Method, plain.Route, plain.Path = start, "shop", "GET", "/orders/{id}", "/orders/7"
	plain.Status, plain.BytesOut, plain.ClientIP, plain.Signatures = 200, 900, netip.MustParseAddr("203.0.113.7"), []string{"content-got", "object-read"}
	attack = plain
	attack.ClientIP, attack.Signatures, attack.Status = netip.MustParseAddr("203.0.113.9"), []string{"secret-file"}, 404
	tr := New(Options{Signs: signs}, func(detect.Finding) {})
	tr.Observe(&attack, nil)
	b.ReportAllocs()
	for b.Loop() {
		tr.Observe(&plain, nil)
	}
}

// A learned finding carries no events: what its measure counts says how they were answered.
func TestOutcomeByMeasure(t *testing.T) {
	sent := []detect.Condition{{Field: "user", Op: detect.OpEqual, Value: "200"}, {Field: "status", Op: detect.OpGTE, Value: "200"}, {Field: "status", Op: detect.OpLT, Value: "300"}}
	refused := []detect.Condition{{Field: "status", Op: detect.OpGTE, Value: "401"}, {Field: "status", Op: detect.OpLT, Value: "404"}}
	share := []detect.Condition{{Field: "status", Op: detect.OpGTE, Value: "200", Of: true}, {Field: "status", Op: detect.OpLT, Value: "300", Of: true}}
	for _, c := range []struct {
		name   string
		kind   detect.Kind
		entity detect.EntityType
		where  []detect.Condition
		want   detect.Verdict
	}{
		{"objects that were read", detect.KindDataAccess, detect.EntityUser, sent, detect.LikelySucceeded},
		{"an endpoint's answers", detect.KindDataAccess, detect.EntityEndpoint, sent, detect.Unclear},
		{"objects that were refused", detect.KindDataAccess, detect.EntityClient, refused, detect.Refused},
		{"logins that were refused", detect.KindCredential, detect.EntityService, refused, detect.Unclear},
		{"a share of successes", detect.KindDataAccess, detect.EntityUser, share, detect.Unclear},
		{"requests", detect.KindAbuse, detect.EntityUser, nil, detect.Unclear},
	} {
		var got *detect.Outcome
		New(Options{}, func(f detect.Finding) { got = f.Outcome }).Emit(detect.Finding{
			Kind: c.kind, Entity: detect.Entity{Type: c.entity, Value: "ann"}, FiredAt: start, Measure: detect.Measure{Where: c.where},
		})
		if got == nil || got.Verdict != c.want || !strings.HasSuffix(got.Reason, ".") {
			t.Errorf("%s: %+v, want %s", c.name, got, c.want)
		}
	}
}
