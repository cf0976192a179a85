package api

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/api/client"
	"github.com/gatewatch/gatewatch/event"
)

// guesses are n refused logins of one client, a second apart.
func guesses(n int) []event.Event {
	list := make([]event.Event, n)
	for i := range list {
		ev := &list[i]
		ev.Reset()
		ev.Time = time.Date(2026, 3, 1, 12, 0, i, 0, time.UTC)
		ev.Source, ev.Position, ev.ClientIP = "s", uint64(i), netip.MustParseAddr("203.0.113.9")
		ev.Method, ev.Path, ev.Status = "POST", "/api/v1/login", 401
	}
	return list
}

func TestBacktestOfALoadedRule(t *testing.T) {
	b := newBench(t)
	b.store.history = guesses(30)
	res := b.ask(RoleAnalyst, "POST", "/v1/rules/backtest", `{"rule":"brute-force","from":"2026-03-01T00:00:00Z","to":"2026-03-02T00:00:00Z"}`)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	var got client.BacktestAnswer
	res.into(t, &got)
	if got.Events != 30 || got.Matched != 30 || got.FindingsTotal != 1 || len(got.Days) != 1 || got.Days[0].Findings != 1 {
		t.Errorf("got %+v", got)
	}
	if got.Overlap == nil || got.Overlap.Compared != 1 {
		t.Errorf("overlap %+v", got.Overlap)
	}
	if last := b.store.audit[len(b.store.audit)-1]; !strings.Contains(fmt.Sprint(last), "rules.backtest") {
		t.Errorf("the audit ends with %v", last)
	}
}

func TestBacktestOfARuleThatIsNotLoaded(t *testing.T) {
	b := newBench(t)
	b.store.history = guesses(30)
	yaml := `title: Any login\nname: any-login\nlogsource: {category: webserver}\ndetection: {sel: {cs-uri-stem|contains: /login}, condition: sel}\n`
	res := b.ask(RoleAnalyst, "POST", "/v1/rules/backtest", `{"rule":"any-login","yaml":"`+yaml+`","from":"2026-03-01T00:00:00Z"}`)
	var got client.BacktestAnswer
	res.into(t, &got)
	if res.StatusCode != http.StatusOK || got.Matched != 30 || got.FindingsTotal != 1 {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
}

func TestBacktestRefuses(t *testing.T) {
	b := newBench(t)
	for body, field := range map[string]string{
		`{"rule":"nobody","from":"24h"}`: "rule",
		`{"rule":"brute-force"}`:         "from",
		`{"rule":"brute-force","from":"2026-03-02T00:00:00Z","to":"2026-03-01T00:00:00Z"}`: "from",
		`{"rule":"x","yaml":"title: [","from":"24h"}`:                                      "yaml",
	} {
		if res := b.ask(RoleAnalyst, "POST", "/v1/rules/backtest", body); res.StatusCode != http.StatusBadRequest && res.StatusCode != http.StatusUnprocessableEntity ||
			!strings.Contains(res.body, `"`+field+`"`) {
			t.Errorf("%s: %d %s", body, res.StatusCode, res.body)
		}
	}
}
