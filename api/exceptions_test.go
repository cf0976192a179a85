package api

import (
	"strings"
	"testing"

	"github.com/gatewatch/gatewatch/incident/decision"
)

func TestSuppressionsAreTriedFirst(t *testing.T) {
	b := newBench(t)
	for body, want := range map[string]int{
		`{"cidr":"203.0.113.0/24","reason":"ours"}`:                                   3,
		`{"cidr":"203.0.113.2","reason":"ours"}`:                                      1,
		`{"cidr":"203.0.113.0/24","detector":"another","reason":"ours"}`:              0,
		`{"detector":"path_scan","service":"shop","reason":"ours"}`:                   3,
		`{"detector":"path_scan","service":"pay","reason":"ours"}`:                    0,
		`{"user":"alice","reason":"ours"}`:                                            0,
		`{"detector":"path_scan","to":"2026-03-01T12:02:30Z","reason":"maintenance"}`: 2,
	} {
		var out tried
		res := b.ask(RoleAnalyst, "POST", "/v1/suppressions?dry_run=true", body)
		res.into(t, &out)
		if res.StatusCode != 200 || out.Total != want || len(out.Incidents) != want {
			t.Errorf("%s: %d, %d incidents, want %d", body, res.StatusCode, out.Total, want)
		}
	}
	if n := len(b.exceptions.List("suppress")); n != 1 {
		t.Errorf("trying made %d suppressions", n)
	}
	for body, field := range map[string]string{
		`{"cidr":"203.0.113.0/24"}`: "reason", `{"reason":"x"}`: "cidr", `{"cidr":"x","reason":"x"}`: "cidr", `{"cidr":"203.0.113.9","user":"a","reason":"x"}`: "user",
		`{"user":"a","reason":"x","expires_at":"2020-01-01T00:00:00Z"}`: "expires_at", `{"who":"x"}`: "who",
	} {
		if res := b.ask(RoleAnalyst, "POST", "/v1/suppressions", body); res.StatusCode != 400 || !res.problem(t).names(field) {
			t.Errorf("%s: %d %s", body, res.StatusCode, res.body)
		}
	}
	if res := b.ask(RoleAnalyst, "POST", "/v1/allowlists", `{"detector":"x","reason":"x"}`); res.StatusCode != 400 {
		t.Errorf("an allowlist of detectors: %d", res.StatusCode)
	}
}

// An allowlist entry ends what was decided about it and forbids more, until it is ended itself.
func TestAllowlistsWin(t *testing.T) {
	b := newBench(t)
	if _, err := b.book.Add(t.Context(), decision.New{Value: "198.51.100.0/25"}, "ann"); err != nil {
		t.Fatal(err)
	}
	res := b.ask(RoleAnalyst, "POST", "/v1/allowlists", `{"cidr":"198.51.100.7","reason":"a partner"}`)
	if res.StatusCode != 201 {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	if list := b.book.List(decision.Filter{Value: "198.51.100.0/25"}); len(list) != 0 {
		t.Errorf("%+v still counts", list)
	}
	if res := b.ask(RoleAnalyst, "POST", "/v1/decisions", `{"value":"198.51.100.0/24"}`); res.StatusCode != 409 || !strings.Contains(res.body, "allowlist exc_") {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	var made struct{ ID string }
	res.into(t, &made)
	if res := b.ask(RoleAnalyst, "DELETE", "/v1/allowlists/"+made.ID, ""); res.StatusCode != 200 {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	if res := b.ask(RoleAnalyst, "POST", "/v1/decisions", `{"value":"198.51.100.0/24"}`); res.StatusCode != 201 {
		t.Errorf("after its end: %d %s", res.StatusCode, res.body)
	}
	if res := b.ask(RoleAnalyst, "DELETE", "/v1/allowlists/exc_0", ""); res.StatusCode != 404 {
		t.Errorf("%d", res.StatusCode)
	}
}
