package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Every route with every role, and without a key: who may pass does, who may not is refused before anything happens.
func TestEveryRouteWithEveryRole(t *testing.T) {
	checked := 0
	for name, op := range operations(t) {
		b := newBench(t)
		method, _, _ := strings.Cut(name, " ")
		target, body, headers := b.example(name)
		for _, role := range append(Roles(), "") {
			checked++
			allowed := op.Security != nil || role != "" && access(op.Roles).allows(role)
			if op.OperationID == "streamIncidents" && allowed {
				headers = []string{"Last-Event-ID", "junk"} // past the guard it is refused for this
			}
			before := len(b.store.actions())
			res := b.ask(role, method, target, body, headers...)
			switch {
			case allowed && (res.StatusCode == 401 || res.StatusCode == 403 || res.StatusCode >= 500):
				t.Errorf("%s as %q: %d, want it to pass", name, role, res.StatusCode)
			case !allowed && op.Bouncer:
				if res.StatusCode != 403 || method != "HEAD" && strings.TrimSpace(res.body) != `{"message":"access forbidden"}` {
					t.Errorf("%s as %q: %d %s", name, role, res.StatusCode, res.body)
				}
			case !allowed && role == "" && (res.StatusCode != 401 || res.Header.Get("WWW-Authenticate") == ""):
				t.Errorf("%s without a key: %d", name, res.StatusCode)
			case !allowed && role != "" && res.StatusCode != 403:
				t.Errorf("%s as %q: %d, want 403", name, role, res.StatusCode)
			}
			if !allowed {
				if !op.Bouncer {
					res.problem(t)
				}
				if len(b.store.actions()) != before || len(b.sink.batches) > 0 && role != RoleAgent && role != RoleAdmin {
					t.Errorf("%s as %q was refused and did something", name, role)
				}
			}
			b.sink.batches = nil
		}
	}
	if checked < 39*6 {
		t.Errorf("only %d combinations were checked", checked)
	}
}

func TestKeysAreChecked(t *testing.T) {
	b := newBench(t)
	good := b.secrets[RoleViewer]
	for name, headers := range map[string][]string{
		"unknown":       {"Authorization", "Bearer gw_00000000_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
		"cut":           {"Authorization", "Bearer " + good[:len(good)-1]},
		"longer":        {"Authorization", "Bearer " + good + "x"},
		"only a prefix": {"Authorization", "Bearer " + good[:11]},
		"basic":         {"Authorization", "Basic " + good},
		"empty":         {"Authorization", "Bearer "},
		"junk":          {"X-Api-Key", "\x01"},
	} {
		if res := b.ask("", "GET", "/v1/incidents", "", headers...); res.StatusCode != 401 {
			t.Errorf("%s: %d", name, res.StatusCode)
		} else if p := res.problem(t); strings.Contains(res.body, good[:20]) {
			t.Errorf("%s: the answer quotes the key: %+v", name, p)
		}
	}
	for _, headers := range [][]string{{"X-Api-Key", good}, {"Authorization", "bearer " + good}} {
		if res := b.ask("", "GET", "/v1/incidents", "", headers...); res.StatusCode != 200 {
			t.Errorf("%v: %d", headers[0], res.StatusCode)
		}
	}
}

func TestRateLimit(t *testing.T) {
	b := newBench(t, func(d *Deps) { d.Config = Config{RatePerSecond: 0.5, Burst: 3} })
	for range 3 {
		if res := b.ask(RoleViewer, "GET", "/v1/incidents", ""); res.StatusCode != 200 {
			t.Fatalf("within the burst: %d", res.StatusCode)
		}
	}
	res := b.ask(RoleViewer, "GET", "/v1/incidents", "")
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") != "2" {
		t.Fatalf("beyond the burst: %d, Retry-After %q", res.StatusCode, res.Header.Get("Retry-After"))
	}
	if res := b.ask(RoleAnalyst, "GET", "/v1/incidents", ""); res.StatusCode != 200 {
		t.Fatalf("another key suffers: %d", res.StatusCode)
	}
}

func TestKeysLive(t *testing.T) {
	ctx := context.Background()
	st := &fakeStore{keys: map[string][]byte{}}
	now := noon
	clock := func() time.Time { return now }
	keys, err := NewKeys(ctx, st, clock)
	if err != nil {
		t.Fatal(err)
	}
	secret, created, err := keys.EnsureAdmin(ctx)
	if err != nil || !created || !strings.HasPrefix(secret, "gw_") || len(secret) < 50 {
		t.Fatalf("%q %v %v", secret, created, err)
	}
	if _, again, err := keys.EnsureAdmin(ctx); again || err != nil {
		t.Fatalf("a second admin key: %v", err)
	}
	short, shortSecret, err := keys.Create(ctx, NewKey{Name: "short", Role: RoleViewer, ExpiresAt: now.Add(time.Hour)}, "ann")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Authenticate(shortSecret); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Hour)
	if _, err := keys.Authenticate(shortSecret); err == nil {
		t.Fatal("an expired key is good")
	}
	if _, err := keys.Authenticate(secret); err != nil {
		t.Fatal(err)
	}
	if err := keys.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Revoke(ctx, short.ID); err != nil {
		t.Fatal(err)
	}

	loaded, err := NewKeys(ctx, st, clock) // a restart
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]Key{}
	for _, k := range loaded.List() {
		byName[k.Name] = k
	}
	admin := byName["first admin"]
	if len(byName) != 2 || byName["short"].RevokedAt.IsZero() || !admin.LastUsed.Equal(now) {
		t.Fatalf("%+v", byName)
	}
	if _, err := loaded.Authenticate(secret); err != nil {
		t.Fatal(err)
	}
	for _, body := range st.keys {
		if strings.Contains(string(body), secret[12:]) {
			t.Fatal("the store has the key itself")
		}
	}
	if _, err := loaded.Revoke(ctx, admin.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := loaded.Authenticate(secret); err == nil {
		t.Fatal("a revoked key is good")
	}
	if _, created, err := loaded.EnsureAdmin(ctx); err != nil || !created {
		t.Fatal("without a good admin key there is a way in again", err)
	}
}

func TestKeyChangesThatAreNotStoredDidNotHappen(t *testing.T) {
	ctx := context.Background()
	b := newBench(t)
	before := len(b.deps.Keys.List())
	b.store.down = errDown
	if res := b.ask(RoleAdmin, "POST", "/v1/keys", `{"name":"x","role":"admin"}`); res.StatusCode != 503 {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	id := b.deps.Keys.List()[0].ID
	if _, err := b.deps.Keys.Revoke(ctx, id); err == nil {
		t.Fatal("the failed revocation was not told")
	}
	if got := b.deps.Keys.List(); len(got) != before || !got[0].RevokedAt.IsZero() {
		t.Fatalf("%+v", got)
	}
}
