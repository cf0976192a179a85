package store

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
)

func TestLeases(t *testing.T) {
	s := openTestStore(t)
	now := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	end := now.Add(time.Minute)
	term, err := s.TakeLease(t.Context(), "learn", "a", now, end)
	if err != nil || term != 1 {
		t.Fatalf("term %d, %v", term, err)
	}
	if _, err := s.TakeLease(t.Context(), "learn", "b", now, end); !errors.Is(err, baseline.ErrBusy) {
		t.Errorf("taken by another: %v", err)
	}
	if term, err := s.TakeLease(t.Context(), "other", "b", now, end); err != nil || term != 1 {
		t.Errorf("another lease: %d, %v", term, err)
	}
	if term, err = s.TakeLease(t.Context(), "learn", "a", now, end); err != nil || term != 2 {
		t.Errorf("one's own again: %d, %v", term, err)
	}
	if err := s.KeepLease(t.Context(), "learn", "a", 1, now, end); !errors.Is(err, baseline.ErrLeaseLost) {
		t.Errorf("the old term was kept: %v", err)
	}
	later := end.Add(time.Minute)
	if err := s.KeepLease(t.Context(), "learn", "a", 2, now.Add(30*time.Second), later); err != nil {
		t.Error(err)
	}
	if _, err := s.TakeLease(t.Context(), "learn", "b", end.Add(time.Second), later); !errors.Is(err, baseline.ErrBusy) {
		t.Errorf("taken although it was prolonged: %v", err)
	}
	if err := s.KeepLease(t.Context(), "learn", "a", 2, now.Add(40*time.Second), now.Add(40*time.Second)); err != nil { // given back
		t.Error(err)
	}
	if term, err := s.TakeLease(t.Context(), "learn", "b", now.Add(41*time.Second), end); err != nil || term != 3 {
		t.Errorf("after it was given back: %d, %v", term, err)
	}
}

// Of many that take a lease at once one gets it.
func TestOneOfManyTakesTheLease(t *testing.T) {
	s := openTestStore(t)
	now := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for round := range 3 {
		var got sync.Map
		var all sync.WaitGroup
		for _, who := range []string{"a", "b", "c", "d"} {
			all.Go(func() {
				_, err := s.TakeLease(t.Context(), "learn", who, now, now.Add(time.Minute))
				if err == nil {
					got.Store(who, true)
				} else if !errors.Is(err, baseline.ErrBusy) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		n := 0
		got.Range(func(any, any) bool { n++; return true })
		if n != 1 {
			t.Errorf("round %d: %d have the lease", round, n)
		}
		now = now.Add(time.Hour)
	}
}

func TestAcceptancesAreKept(t *testing.T) {
	s := openTestStore(t)
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	a := baseline.Acceptance{Actor: baseline.ActorKey{User: true, Value: "u-1"}, Measure: baseline.MeasuredRequests, Since: at, At: at, By: "ann", Reason: "import"}
	for range 2 {
		if err := s.AppendAcceptance(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.Acceptances(t.Context())
	if err != nil || len(list) != 1 || list[0] != a {
		t.Errorf("%+v, %v", list, err)
	}
}
