package store

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewatch/gatewatch/incident/exception"
)

func TestExceptionsSurviveARestart(t *testing.T) {
	s := openTestStore(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	open := func() *exception.Registry {
		t.Helper()
		r := exception.NewRegistry(s, func() time.Time { return now })
		if err := r.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := open()
	for _, n := range []exception.New{
		{CIDR: "203.0.113.0/24", Reason: "our scanner"}, {User: "it's bob", Reason: "load test", Detector: "rate"},
	} {
		if _, err := r.Add(t.Context(), exception.Suppress, n, "ann"); err != nil {
			t.Fatal(err)
		}
	}
	first := r.List(exception.Suppress)[0]
	if _, err := r.End(t.Context(), exception.Suppress, first.ID, "bob"); err != nil {
		t.Fatal(err)
	}
	told := func(r *exception.Registry) string {
		b, err := json.Marshal(r.List(exception.Suppress))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if diff := cmp.Diff(told(r), told(open())); diff != "" {
		t.Fatal(diff)
	}
}
