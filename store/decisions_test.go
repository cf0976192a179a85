package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewatch/gatewatch/incident/decision"
)

// A restart knows every decision as it stood, undone ones as undone, and gives no id twice.
func TestDecisionsSurviveARestart(t *testing.T) {
	s := openTestStore(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	open := func() *decision.Book {
		t.Helper()
		b, err := decision.NewBook(s, decision.Options{Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		return b
	}
	b := open()
	for _, n := range []decision.New{
		{Value: "203.0.113.9", Duration: "1h"},
		{Value: "203.0.113.0/24", Duration: "2h", Reason: "it's a scan"},
		{Value: "alice", Scope: "user"},
		{Value: "2001:db8::1"},
	} {
		if _, err := b.Add(t.Context(), n, "ann"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.End(t.Context(), 2, "bob", "our own office"); err != nil {
		t.Fatal(err)
	}
	before := b.List(decision.Filter{})
	again := open()
	if diff := cmp.Diff(before, again.List(decision.Filter{})); diff != "" || len(before) != 3 {
		t.Fatalf("%d decisions; after the restart (-before +after):\n%s", len(before), diff)
	}
	now = now.Add(100 * 24 * time.Hour)
	d, err := open().Add(t.Context(), decision.New{Value: "203.0.113.7"}, "ann")
	if err != nil || d.ID != 5 {
		t.Fatalf("id %d after all others ended, want 5: %v", d.ID, err)
	}
}
