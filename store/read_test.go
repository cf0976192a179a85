package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// store three sources whose times interleave, in three blocks.
func insertInterleaved(t *testing.T, s *Store, n int) (all []*event.Event, stamps []time.Time) {
	t.Helper()
	for i, source := range []string{"b.log", "a.log", "c.log"} {
		list := someEvents(source, n)
		at := list[0].IngestedAt.Add(time.Duration(i) * time.Second)
		stamp(list, at)
		if err := s.InsertEvents(t.Context(), source, list); err != nil {
			t.Fatal(err)
		}
		all, stamps = append(all, list...), append(stamps, at)
	}
	slices.SortFunc(all, event.Compare)
	return all, stamps
}

func read(t *testing.T, s *Store, q Query) (list []*event.Event) {
	t.Helper()
	if err := s.ReadEvents(t.Context(), q, func(e *event.Event) error { list = append(list, e); return nil }); err != nil {
		t.Fatal(err)
	}
	return list
}

func places(list []*event.Event) []event.Place {
	p := make([]event.Place, len(list))
	for i, e := range list {
		p[i] = e.Place()
	}
	return p
}

func TestReadEventsInJudgingOrder(t *testing.T) {
	s := openTestStore(t)
	all, stamps := insertInterleaved(t, s, 100)
	f := func(name string, q Query, keep func(*event.Event) bool) {
		t.Helper()
		var want []*event.Event
		for _, e := range all {
			if keep(e) {
				want = append(want, e)
			}
		}
		if len(want) == 0 {
			t.Fatalf("%s: the case selects nothing", name)
		}
		if diff := cmp.Diff(places(want), places(read(t, s, q))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	middle := all[150]
	after := middle.Place()
	f("all", Query{}, func(*event.Event) bool { return true })
	f("from", Query{From: middle.Time}, func(e *event.Event) bool { return !e.Time.Before(middle.Time) })
	f("to", Query{To: middle.Time}, func(e *event.Event) bool { return e.Time.Before(middle.Time) })
	f("after", Query{After: &after}, func(e *event.Event) bool { return e.Place().Compare(after) > 0 })
	f("cut", Query{Cut: stamps[1]}, func(e *event.Event) bool { return !e.IngestedAt.After(stamps[1]) })
	f("since", Query{Since: stamps[1]}, func(e *event.Event) bool { return e.IngestedAt.After(stamps[1]) })
	f("where", Query{Where: []detect.Condition{{Field: "status", Op: detect.OpEqual, Value: "404"}}},
		func(e *event.Event) bool { return e.Status == 404 })
}

// A range of several slices comes back whole and in order.
func TestReadEventsInSlices(t *testing.T) {
	s := openTestStore(t)
	const n = sliceEvents/2 + 1000
	for i, source := range []string{"a.log", "b.log"} {
		list := someEvents(source, n)
		for j, e := range list {
			e.Time = e.Time.Truncate(time.Second).Add(time.Duration(j%7) * time.Millisecond) // many of one second
		}
		if err := s.InsertEvents(t.Context(), fmt.Sprint(i), list); err != nil {
			t.Fatal(err)
		}
	}
	slices, err := s.slices(t.Context(), Query{})
	if err != nil || len(slices) != 2 {
		t.Fatalf("%d slices, %v; want 2", len(slices), err)
	}
	count := 0
	var last event.Place
	err = s.ReadEvents(t.Context(), Query{}, func(e *event.Event) error {
		if p := e.Place(); count > 0 && last.Compare(p) >= 0 {
			return fmt.Errorf("%v after %v", p, last)
		}
		count, last = count+1, e.Place()
		return nil
	})
	if err != nil || count != 2*n {
		t.Errorf("%d events, %v; want %d", count, err, 2*n)
	}
}

func TestReadEventsStops(t *testing.T) {
	s := openTestStore(t)
	insertInterleaved(t, s, 20_000)
	enough := errors.New("enough")
	n := 0
	err := s.ReadEvents(t.Context(), Query{}, func(*event.Event) error {
		if n++; n == 10 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || n != 10 {
		t.Errorf("%v after %d events", err, n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = s.ReadEvents(ctx, Query{}, func(*event.Event) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled read: %v", err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("after two broken reads: %v", err)
	}
}

func TestSearchEventsPages(t *testing.T) {
	s := openTestStore(t)
	all, _ := insertInterleaved(t, s, 40)
	var want []event.Place
	for _, e := range slices.Backward(all) {
		if e.User == "user3" {
			want = append(want, e.Place())
		}
	}
	q := Search{Limit: 5}
	q.Where = []detect.Condition{{Field: "user", Op: detect.OpEqual, Value: "user3"}}
	var got []event.Place
	for pages := 0; ; pages++ {
		page, next, err := s.SearchEvents(t.Context(), q)
		if err != nil || len(page) > 5 || pages > len(want) {
			t.Fatalf("page %d: %d events, %v", pages, len(page), err)
		}
		got = append(got, places(page)...)
		if next == nil {
			break
		}
		q.Before = next
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	if _, _, err := s.SearchEvents(t.Context(), Search{}); !errors.Is(err, ErrRejected) {
		t.Errorf("no limit: %v", err)
	}
}

func TestEventByID(t *testing.T) {
	s := openTestStore(t)
	all, _ := insertInterleaved(t, s, 30) // the sources share generation and positions
	for _, want := range []*event.Event{all[0], all[1], all[2], all[89]} {
		got, err := s.EventByID(t.Context(), want.ID())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, compareEvents); diff != "" {
			t.Errorf("event %s (-want +got):\n%s", want.ID(), diff)
		}
	}
	none := event.Event{Source: "other.log", Generation: 1, Position: 0}
	if _, err := s.EventByID(t.Context(), none.ID()); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown id: %v", err)
	}
	if _, err := s.EventByID(t.Context(), "nonsense"); !errors.Is(err, ErrRejected) {
		t.Errorf("bad id: %v", err)
	}
}
