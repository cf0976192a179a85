package store

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type stream struct {
	source     string
	generation uint64
}

func positions(t *testing.T, s *Store) (map[stream]uint64, time.Time) {
	t.Helper()
	got := map[stream]uint64{}
	newest, err := s.Positions(t.Context(), func(source string, generation, position uint64) {
		got[stream{source, generation}] = position
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, newest
}

func TestPositions(t *testing.T) {
	s := openTestStore(t)
	if got, newest := positions(t, s); len(got) != 0 || !newest.IsZero() {
		t.Errorf("empty store: %v, %v", got, newest)
	}
	a, b := someEvents("a.log", 100), someEvents("b.log", 10)
	for _, e := range b[5:] {
		e.Generation = 1 << 63
	}
	at := a[0].IngestedAt.Add(time.Nanosecond)
	stamp(b, at)
	for token, list := range map[string][]int{"first": {0, 60}, "second": {60, 100}} {
		if err := s.InsertEvents(t.Context(), token, a[list[0]:list[1]]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.InsertEvents(t.Context(), "b", b); err != nil {
		t.Fatal(err)
	}
	want := map[stream]uint64{{"a.log", 1}: 99 * 200, {"b.log", 1}: 4 * 200, {"b.log", 1 << 63}: 9 * 200}
	check := func(when string) {
		t.Helper()
		got, newest := positions(t, s)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(stream{})); diff != "" || !newest.Equal(at) {
			t.Errorf("%s: newest %v, positions (-want +got):\n%s", when, newest, diff)
		}
	}
	check("fresh")
	if err := s.conn.Exec(t.Context(), "OPTIMIZE TABLE events FINAL"); err != nil {
		t.Fatal(err)
	}
	check("merged")

	// Retention may take the events; what was sealed stays known.
	if err := s.SealPositions(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.conn.Exec(t.Context(), "TRUNCATE TABLE events"); err != nil {
		t.Fatal(err)
	}
	check("without events")
}

// The positions are read from the projection, not from the events one by one.
func TestPositionsAreCheap(t *testing.T) {
	s := openTestStore(t)
	if err := s.InsertEvents(t.Context(), "a", someEvents("a.log", 1000)); err != nil {
		t.Fatal(err)
	}
	rows, err := s.conn.Query(t.Context(), "EXPLAIN "+positionsSQL)
	if err != nil {
		t.Fatal(err)
	}
	plan := ""
	if err := scanAll(rows, func() error {
		var line string
		err := rows.Scan(&line)
		plan += line + "\n"
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(plan, "ReadFromMergeTree (positions)") {
		t.Errorf("the projection is not used:\n%s", plan)
	}
}

func TestPositionsAreSealedAsTimePasses(t *testing.T) {
	s := openTestStore(t)
	s.cfg.Retention.EventsDays = 30
	list := someEvents("a.log", 30)
	for i, at := range []time.Duration{0, time.Hour, 13 * time.Hour} {
		part := list[i*10 : (i+1)*10]
		stamp(part, list[0].IngestedAt.Add(at))
		if err := s.InsertEvents(t.Context(), at.String(), part); err != nil {
			t.Fatal(err)
		}
		var sealed uint64
		if err := s.conn.QueryRow(t.Context(), "SELECT max(position) FROM source_positions").Scan(&sealed); err != nil {
			t.Fatal(err)
		}
		if want := []uint64{9 * 200, 9 * 200, 29 * 200}[i]; sealed != want {
			t.Errorf("after %v: sealed up to %d, want %d", at, sealed, want)
		}
	}
}
