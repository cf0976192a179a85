package trafficgen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestSameConfigurationSameBytes(t *testing.T) {
	var a, b, c bytes.Buffer
	for _, run := range []struct {
		w    io.Writer
		seed uint64
	}{{&a, 7}, {&b, 7}, {&c, 8}} {
		if _, err := Write(run.w, New(Config{Seed: run.seed, Duration: 2 * time.Hour}), AppendCombined, 0); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two runs with one seed differ")
	}
	if bytes.Equal(a.Bytes(), c.Bytes()) {
		t.Error("two seeds give one log")
	}
}

func TestRunsAreOfOneShop(t *testing.T) {
	type habits struct {
		client netip.Addr
		agent  string
	}
	var people [2]map[string]habits
	var ids [2]map[string]bool
	var attackers [2]string
	for run := range people {
		people[run], ids[run] = map[string]habits{}, map[string]bool{}
		g := New(Config{Run: uint64(run), Duration: 12 * time.Hour, Attacks: []Attack{{Kind: BruteForce}}})
		for r, ok := g.Next(); ok; r, ok = g.Next() {
			ids[run][r.RequestID] = true
			switch {
			case r.Label == BruteForce:
				attackers[run] = r.Client.String()
			case r.User != "":
				people[run][r.User] = habits{r.Client, r.UserAgent}
			}
		}
	}
	for user, h := range people[0] {
		if other, ok := people[1][user]; ok && other != h {
			t.Errorf("%s is %+v in one run and %+v in another", user, h, other)
		}
	}
	for id := range ids[0] {
		if ids[1][id] {
			t.Fatalf("request %s is in both runs", id)
		}
	}
	if attackers[0] == attackers[1] {
		t.Errorf("both runs are attacked by %s", attackers[0])
	}
}

func TestAttackOfOnesOwnMeasure(t *testing.T) {
	g := New(Config{Duration: time.Hour, Attacks: []Attack{{Kind: CredentialStuffing, For: 10 * time.Minute, Every: 2 * time.Second, Clients: 2}}})
	clients, users, n := map[netip.Addr]bool{}, map[string]bool{}, 0
	for r, ok := g.Next(); ok; r, ok = g.Next() {
		if r.Label == CredentialStuffing {
			clients[r.Client], users[r.User] = true, true
			n++
		}
	}
	if len(clients) != 2 || n < 450 || n > 750 || len(users) < n/2 {
		t.Errorf("%d clients tried %d accounts with %d requests, want 2 clients, about 600 requests", len(clients), len(users), n)
	}
}

func TestRecordsAreInOrderAndAtTheRate(t *testing.T) {
	g := New(Config{Rate: 1, Users: 50, Duration: 7 * 24 * time.Hour, Attacks: []Attack{}})
	var last time.Time
	n, users, statuses := 0, map[string]bool{}, map[int]int{}
	for r, ok := g.Next(); ok; r, ok = g.Next() {
		if r.Time.Before(last) || r.Time.After(g.end) {
			t.Fatalf("record %d at %v after %v", n, r.Time, last)
		}
		if r.Label != "" {
			t.Fatalf("an attack without attacks: %+v", r)
		}
		last = r.Time
		users[r.User] = true
		statuses[r.Status]++
		n++
	}
	want := 7 * 24 * 3600
	if n < want*8/10 || n > want*12/10 {
		t.Errorf("%d records, want about %d", n, want)
	}
	if len(users) != 51 {
		t.Errorf("%d users, want all 50 and nobody", len(users))
	}
	if errs := statuses[500] * 1000; errs < n/3 || errs > n*3 {
		t.Errorf("%d of %d failed, want about one in a thousand", statuses[500], n)
	}
}

func TestAttacksChangeNothingElse(t *testing.T) {
	plain := New(Config{Duration: 3 * time.Hour, Attacks: []Attack{}})
	attacked := New(Config{Duration: 3 * time.Hour, Attacks: []Attack{{Kind: PathScan, At: time.Hour}, {Kind: Scraping, At: 2 * time.Hour}}})
	for n := 0; ; n++ {
		want, more := plain.Next()
		got, ok := attacked.Next()
		for ok && got.Label != "" {
			got, ok = attacked.Next()
		}
		want.RequestID, got.RequestID = "", ""
		if more != ok || want != got {
			t.Fatalf("record %d: %+v without attacks, %+v with them", n, want, got)
		}
		if !more {
			return
		}
	}
}

func TestEveryAttackIsThereAndLabelled(t *testing.T) {
	g := New(Config{Duration: 24 * time.Hour})
	truths := map[Kind]Truth{}
	for _, tr := range g.Truths() {
		truths[tr.Kind] = tr
	}
	counts := map[Kind]int{}
	for r, ok := g.Next(); ok; r, ok = g.Next() {
		counts[r.Label]++
		if r.Label == "" {
			continue
		}
		tr := truths[r.Label]
		if r.Time.Before(tr.From) || r.Time.After(tr.To) {
			t.Fatalf("%s at %v, outside of %v to %v", r.Label, r.Time, tr.From, tr.To)
		}
		if tr.User != "" && r.User != tr.User && r.User != "" {
			t.Fatalf("%s by %s, want %s", r.Label, r.User, tr.User)
		}
		found := len(tr.Clients) == 0
		for _, c := range tr.Clients {
			found = found || c == r.Client
		}
		if !found {
			t.Fatalf("%s from %v, which is none of its clients", r.Label, r.Client)
		}
	}
	for _, k := range Kinds {
		if counts[k] < 50 {
			t.Errorf("%s: %d records, want 50 or more", k, counts[k])
		}
	}
	t.Logf("%v", counts)
}

func TestFormats(t *testing.T) {
	g := New(Config{Duration: 12 * time.Hour})
	for range 2000 {
		r, _ := g.Next()
		line := string(AppendCombined(nil, &r))
		if strings.Count(line, `"`) != 6 || strings.Contains(line, "\n") {
			t.Fatalf("combined: %s", line)
		}
		var fields map[string]any
		if err := json.Unmarshal(AppendJSON(nil, &r), &fields); err != nil {
			t.Fatal(err)
		}
		if fields["status"] != float64(r.Status) || fields["request_id"] != r.RequestID || fields["remote_user"] != r.User {
			t.Fatalf("JSON: %v of %+v", fields, r)
		}
	}
}

func TestUsersHaveCountries(t *testing.T) {
	g := New(Config{Duration: 24 * time.Hour, Attacks: []Attack{}})
	home := map[string]string{}
	for r, ok := g.Next(); ok; r, ok = g.Next() {
		if r.User == "" {
			continue
		}
		c := Country(r.Client)
		if c == "" || home[r.User] != "" && home[r.User] != c {
			t.Fatalf("%s is in %q and in %q", r.User, home[r.User], c)
		}
		home[r.User] = c
	}
	if Country(attacker(1, 0)) != "" {
		t.Error("an attacker lives where users do")
	}
}

func TestPace(t *testing.T) {
	g := New(Config{Duration: time.Hour, Rate: 1, Attacks: []Attack{}})
	n := 0
	if err := Pace(t.Context(), g, 1e9, func(*Record) error { n++; return nil }); err != nil || n == 0 {
		t.Errorf("%d records, %v", n, err)
	}
	stop := errors.New("stop")
	if err := Pace(t.Context(), New(Config{}), 1e9, func(*Record) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error %v, want the callback's", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Pace(ctx, New(Config{}), 1, func(*Record) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want cancelled", err)
	}
	if Pace(t.Context(), g, 0, nil) == nil {
		t.Error("a speed of 0 is no error")
	}
}

func BenchmarkCombined(b *testing.B) {
	g := New(Config{Duration: 1000 * time.Hour, Rate: 50})
	var line []byte
	b.ReportAllocs()
	for b.Loop() {
		r, ok := g.Next()
		if !ok {
			b.Fatal("no more records")
		}
		line = AppendCombined(line[:0], &r)
	}
	b.SetBytes(int64(len(line)))
}
