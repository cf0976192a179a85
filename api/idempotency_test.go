package api

import (
	"strings"
	"testing"
)

func TestIdempotencyKeys(t *testing.T) {
	b := newBench(t)
	notes := "/v1/incidents/" + b.first + "/notes"
	first := b.ask(RoleAnalyst, "POST", notes, `{"text":"seen"}`, "Idempotency-Key", "k-1")
	again := b.ask(RoleAnalyst, "POST", notes, `{"text":"seen"}`, "Idempotency-Key", "k-1")
	if first.StatusCode != 201 || again.StatusCode != 201 || first.body != again.body || again.Header.Get("Idempotency-Replayed") != "true" ||
		again.Header.Get("ETag") != first.Header.Get("ETag") {
		t.Errorf("%d %s, then %d %s", first.StatusCode, first.body, again.StatusCode, again.body)
	}
	if res := b.ask(RoleViewer, "GET", "/v1/incidents/"+b.first, ""); strings.Count(res.body, `"text":"seen"`) != 1 {
		t.Errorf("the note was added more than once: %s", res.body)
	}
	if res := b.ask(RoleAnalyst, "POST", notes, `{"text":"other"}`, "Idempotency-Key", "k-1"); res.StatusCode != 422 || !res.problem(t).names(idempotencyKey) {
		t.Errorf("another body: %d %s", res.StatusCode, res.body)
	}
	if res := b.ask(RoleAdmin, "POST", notes, `{"text":"seen"}`, "Idempotency-Key", "k-1"); res.StatusCode != 201 || res.body == first.body {
		t.Errorf("another caller: %d %s", res.StatusCode, res.body)
	}
	if res := b.ask(RoleAnalyst, "POST", notes, `{"text":1}`, "Idempotency-Key", "k-2"); res.StatusCode != 400 {
		t.Errorf("a bad body: %d", res.StatusCode)
	}
	if res := b.ask(RoleAnalyst, "POST", notes, `{"text":"better"}`, "Idempotency-Key", "k-2"); res.StatusCode != 201 {
		t.Errorf("after what failed: %d %s", res.StatusCode, res.body)
	}
	for _, key := range []string{strings.Repeat("x", 201), "a b"} {
		if res := b.ask(RoleAnalyst, "POST", notes, `{"text":"seen"}`, "Idempotency-Key", key); res.StatusCode != 400 || !res.problem(t).names(idempotencyKey) {
			t.Errorf("%.20q: %d %s", key, res.StatusCode, res.body)
		}
	}
	made := b.ask(RoleAdmin, "POST", "/v1/keys", `{"name":"once","role":"viewer"}`, "Idempotency-Key", "k-3")
	repeated := b.ask(RoleAdmin, "POST", "/v1/keys", `{"name":"once","role":"viewer"}`, "Idempotency-Key", "k-3")
	if !strings.Contains(made.body, `"key":"gw_`) || strings.Contains(repeated.body, `"key":"gw_`) || repeated.StatusCode != 201 {
		t.Errorf("%s, then %d %s", made.body, repeated.StatusCode, repeated.body)
	}
	for id, row := range b.store.answers {
		if strings.Contains(string(row), b.secrets[RoleAdmin]) || len(id) != 64 {
			t.Errorf("%s: %s", id, row)
		}
	}
}
