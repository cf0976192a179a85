package decision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatewatch/gatewatch/incident"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// memory keeps rows as the store does.
type memory struct {
	rows map[uint64]Row
	down error
}

func (m *memory) AppendDecision(_ context.Context, r Row) error {
	if m.down == nil && m.rows[r.Decision.ID].Version < r.Version {
		m.rows[r.Decision.ID] = r
	}
	return m.down
}

func (m *memory) LoadDecisions(_ context.Context, _ time.Time, each func([]byte) error) error {
	for _, r := range m.rows {
		if err := each(r.Body); err != nil {
			return err
		}
	}
	return m.down
}

// bench is a Book with a clock that the test moves.
type bench struct {
	*Book
	repo *memory
	now  time.Time
}

func newBench(t testing.TB, cfg Config) *bench {
	t.Helper()
	b := &bench{repo: &memory{rows: map[uint64]Row{}}, now: noon}
	var err error
	b.Book, err = NewBook(b.repo, Options{Config: cfg, Now: func() time.Time { return b.now }})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) add(t testing.TB, n New) Decision {
	t.Helper()
	d, err := b.Add(context.Background(), n, "ann")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestParseValue(t *testing.T) {
	for _, c := range []struct {
		scope, value string
		want         Scope
		text         string
	}{
		{"", "203.0.113.9", ScopeIP, "203.0.113.9"},
		{"Ip", "::ffff:203.0.113.9", ScopeIP, "203.0.113.9"},
		{"", "203.0.113.9/24", ScopeRange, "203.0.113.0/24"},
		{"range", "203.0.113.9/32", ScopeIP, "203.0.113.9"},
		{"", "2001:DB8::/32", ScopeRange, "2001:db8::/32"},
		{"user", "alice@example.com", ScopeUser, "alice@example.com"},
	} {
		scope, text, err := ParseValue(c.scope, c.value)
		if err != nil || scope != c.want || text != c.text {
			t.Errorf("%s %s: %s %s %v", c.scope, c.value, scope, text, err)
		}
	}
	for _, c := range [][2]string{
		{"", ""},
		{"", "example.com"},
		{"", "0.0.0.0/0"},
		{"", "10.0.0.0/7"},
		{"ip", "203.0.113.0/24"},
		{"range", "203.0.113.9"},
		{"user", ""},
		{"user", "a\nb"},
		{"country", "DE"},
		{"", "fe80::1%eth0"},
		{"", "::ffff:1.2.3.0/120"},
	} {
		var invalid *incident.InvalidError
		if _, _, err := ParseValue(c[0], c[1]); !errors.As(err, &invalid) {
			t.Errorf("%q is accepted: %v", c, err)
		}
	}
}

func TestWire(t *testing.T) {
	b := newBench(t, Config{})
	d := b.add(t, New{Value: "203.0.113.9", Duration: "3h59m59s", Reason: "scan"})
	body, err := Wire([]Decision{d}, noon.Add(300*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"id": 1.0, "origin": "manual", "type": "ban", "scope": "Ip", "value": "203.0.113.9", "duration": "3h59m59s", "scenario": "scan",
	} {
		if got[0][name] != want {
			t.Errorf("%s is %v, want %v", name, got[0][name], want)
		}
	}
	if body, err := Wire(nil, noon); err != nil || string(body) != "[]" {
		t.Errorf("%s %v", body, err)
	}
	for left, want := range map[time.Duration]string{
		time.Millisecond: "1s", time.Second: "1s", 90*time.Second + 1: "1m31s", -1500 * time.Millisecond: "-1s", 0: "0s",
	} {
		if got := durationOf(left); got != want {
			t.Errorf("%s is told as %s, want %s", left, got, want)
		}
	}
}

func values(list []Decision) string {
	var v []string
	for _, d := range list {
		v = append(v, d.Value)
	}
	return strings.Join(v, " ")
}

func TestFilters(t *testing.T) {
	b := newBench(t, Config{})
	b.add(t, New{Value: "203.0.113.9", Reason: "path-scan"})
	b.add(t, New{Value: "203.0.113.0/24", Type: Captcha, Reason: "brute-force"})
	b.add(t, New{Value: "alice", Scope: "user", Reason: "idor"})
	for query, want := range map[string]string{
		"":                                     "203.0.113.9 203.0.113.0/24 alice",
		"no_such=1":                            "203.0.113.9 203.0.113.0/24 alice",
		"ip=203.0.113.9":                       "203.0.113.9 203.0.113.0/24",
		"ip=203.0.113.8":                       "203.0.113.0/24",
		"range=203.0.113.0/25":                 "203.0.113.0/24",
		"range=203.0.0.0/16&contains=false":    "203.0.113.9 203.0.113.0/24",
		"scopes=IP,user":                       "203.0.113.9 alice",
		"scope=Range":                          "203.0.113.0/24",
		"type=captcha":                         "203.0.113.0/24",
		"value=alice":                          "alice",
		"origins=crowdsec,manual":              "203.0.113.9 203.0.113.0/24 alice",
		"origins=gatewatch":                    "",
		"scenarios_containing=scan,idor":       "203.0.113.9 alice",
		"scenarios_not_containing=scan,brute-": "alice",
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		f, err := ParseFilter(q)
		if err != nil {
			t.Fatal(err)
		}
		if got := values(b.List(f)); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	if _, err := ParseFilter(url.Values{"ip": {"x"}}); err == nil {
		t.Error("ip=x is accepted")
	}
}

// A bouncer that keeps a set by what it is told has at every moment what counts: whatever is added, undone and over,
// however often it asks, when it starts over, and though answers are lost on the way.
func TestAFollowersSetIsWhatCounts(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b := &bench{repo: &memory{rows: map[uint64]Row{}}, now: noon}
		var err error
		if b.Book, err = NewBook(b.repo, Options{Now: func() time.Time { return b.now }}); err != nil {
			r.Fatal(err)
		}
		f, _ := ParseFilter(url.Values{})
		held := map[same]bool{}
		startup := true
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			switch rapid.IntRange(0, 5).Draw(r, "step") {
			case 0, 1:
				n := New{Value: fmt.Sprintf("203.0.113.%d", rapid.IntRange(1, 4).Draw(r, "host")), Duration: fmt.Sprintf("%ds", rapid.IntRange(1, 40).Draw(r, "length"))}
				if _, err := b.Add(context.Background(), n, "ann"); err != nil {
					r.Fatal(err)
				}
			case 2:
				if list := b.List(Filter{}); len(list) > 0 {
					if _, err := b.End(context.Background(), rapid.SampledFrom(list).Draw(r, "which").ID, "ann", ""); err != nil {
						r.Fatal(err)
					}
				}
			case 3:
				b.now = b.now.Add(time.Duration(rapid.IntRange(0, 15_000).Draw(r, "wait")) * time.Millisecond)
			case 4:
				b.Changes("k", startup, f) // the answer is lost
			case 5:
				if rapid.IntRange(0, 9).Draw(r, "restart") == 0 {
					if err := b.Load(context.Background()); err != nil {
						r.Fatal(err)
					}
				}
				d := b.Changes("k", startup, f)
				b.Acknowledge(d)
				startup = false
				for _, x := range d.Deleted {
					delete(held, same{x.Scope, x.Type, x.Value})
				}
				for _, x := range d.New {
					held[same{x.Scope, x.Type, x.Value}] = true
				}
				want := map[same]bool{}
				for _, x := range b.List(Filter{}) {
					want[same{x.Scope, x.Type, x.Value}] = true
				}
				if len(held) != len(want) {
					r.Fatalf("the bouncer holds %v, what counts is %v", held, want)
				}
				for k := range want {
					if !held[k] {
						r.Fatalf("the bouncer lacks %v", k)
					}
				}
			}
		}
	})
}

func TestCheck(t *testing.T) {
	b := newBench(t, Config{Allow: []string{"198.51.100.0/24", "user:root"}})
	b.add(t, New{Value: "203.0.113.0/24", Type: Throttle})
	b.add(t, New{Value: "203.0.113.9", Duration: "1h"})
	b.add(t, New{Value: "alice", Scope: "user"})
	b.add(t, New{Value: "2001:db8::/48"})
	for _, c := range []struct {
		client, user string
		want         Type
	}{
		{"203.0.113.9", "", Ban},
		{"::ffff:203.0.113.9", "", Ban},
		{"203.0.113.8", "bob", Throttle},
		{"203.0.114.8", "", ""},
		{"192.0.2.1", "alice", Freeze},
		{"203.0.113.9", "alice", Freeze},
		{"2001:db8::77", "", Ban},
		{"2001:db8:1::77", "", ""},
		{"", "alice", Freeze},
		{"", "", ""},
	} {
		client, _ := netip.ParseAddr(c.client) // the zero address is a case
		if u, ok := b.Check(client, c.user, nil); u.Type != c.want || ok != (c.want != "") {
			t.Errorf("%+v: %s %v", c, u.Type, ok)
		}
	}
	b.now = noon.Add(2 * time.Hour)
	if u, ok := b.Check(netip.MustParseAddr("203.0.113.9"), "", nil); !ok || u.Type != Throttle {
		t.Errorf("after its end the ban is %v", u)
	}
	for _, n := range []New{{Value: "198.51.100.7"}, {Value: "198.51.0.0/16"}, {Value: "root", Scope: "user"}} {
		var protected *ProtectedError
		if _, err := b.Add(context.Background(), n, "ann"); !errors.As(err, &protected) {
			t.Errorf("%v is decided about: %v", n, err)
		}
	}
}

func TestWhatIsNotStoredDoesNotCount(t *testing.T) {
	b := newBench(t, Config{})
	d := b.add(t, New{Value: "203.0.113.9"})
	b.repo.down = errors.New("store unavailable")
	if _, err := b.Add(context.Background(), New{Value: "203.0.113.10"}, "ann"); err == nil {
		t.Error("the failed addition was not told")
	}
	if _, err := b.End(context.Background(), d.ID, "ann", ""); err == nil {
		t.Error("the failed undo was not told")
	}
	if got := values(b.List(Filter{})); got != "203.0.113.9" {
		t.Errorf("what counts is %q", got)
	}
}

func TestConfigNamesEveryFault(t *testing.T) {
	faults := Config{
		Mode: "on", MaxPerHour: -1, CheckFail: "ajar", Allow: []string{"x", "user:"},
		Policies: []Policy{{}, {Name: "a", Kinds: []string{"x"}, Entity: "session", MinSeverity: "loud", MinScore: 101, Type: Freeze, Duration: -1, MaxDuration: time.Second}, {Name: "a"}},
	}.Validate()
	var text []string
	for _, f := range faults {
		text = append(text, f.Error())
	}
	for _, key := range []string{
		"responses.mode", "responses.max_per_hour", "responses.check_fail", "responses.allow[0]", "responses.allow[1]", "responses.policies[0].name",
		"responses.policies[1].kinds", "responses.policies[1].entity", "responses.policies[1].min_severity", "responses.policies[1].min_score",
		"responses.policies[1].type", "responses.policies[1].duration", "responses.policies[2].name",
	} {
		if !slices.ContainsFunc(text, func(s string) bool { return strings.HasPrefix(s, key+":") }) {
			t.Errorf("no fault of %s in %q", key, text)
		}
	}
	if faults := (Config{}).Validate(); len(faults) > 0 {
		t.Error(faults)
	}
	if faults := (Config{Policies: DefaultPolicies()}).Validate(); len(faults) > 0 {
		t.Error(faults)
	}
}

// FuzzFilter: whatever a bouncer asks, there is an answer or an error that names the field.
func FuzzFilter(f *testing.F) {
	for _, q := range []string{"scopes=ip,range", "ip=203.0.113.9&contains=false", "range=::/0", "scenarios_containing=,,", "ip=%00"} {
		f.Add(q)
	}
	b := newBench(f, Config{})
	b.add(f, New{Value: "203.0.113.0/24"})
	b.add(f, New{Value: "2001:db8::1"})
	f.Fuzz(func(t *testing.T, q string) {
		values, err := url.ParseQuery(q)
		if err != nil {
			return
		}
		filter, err := ParseFilter(values)
		var invalid *incident.InvalidError
		if err != nil && !errors.As(err, &invalid) {
			t.Fatal(err)
		}
		if err == nil && len(b.List(filter)) > 2 {
			t.Fatal("more than there is")
		}
	})
}

// BenchmarkCheck asks about clients of whom few are banned, with 10,000 decisions.
func BenchmarkCheck(b *testing.B) {
	x := newBench(b, Config{})
	for i := range 10_000 {
		x.add(b, New{Value: netip.AddrFrom4([4]byte{203, byte(i >> 16), byte(i >> 8), byte(i)}).String()})
	}
	for i := range 100 {
		x.add(b, New{Value: fmt.Sprintf("198.18.%d.0/24", i)})
	}
	clean := netip.MustParseAddr("192.0.2.9")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := x.Check(clean, "alice", nil); ok {
			b.Fatal("banned")
		}
	}
}
