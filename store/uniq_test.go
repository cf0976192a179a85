package store

import (
	"fmt"
	"testing"
)

// TestDistinctCountsAsTheEngineDoes holds counts of states, alone and together, against the engine's own.
func TestDistinctCountsAsTheEngineDoes(t *testing.T) {
	s := openEmptyStore(t)
	// Parts of a range overlap with one another by half; from 65,536 values on states are thinned out.
	for _, n := range []int{0, 1, 2, 30, 65_536, 65_600, 150_000, 400_000} {
		var states [][]byte
		var d distinct
		for part := range 4 {
			sql := fmt.Sprintf("SELECT CAST(uniqState([toString(number)]) AS String), toUInt32(uniq([toString(number)])) FROM numbers(%d, %d)",
				part*(n/2), n)
			var state string
			var want uint32
			if err := s.conn.QueryRow(t.Context(), sql).Scan(&state, &want); err != nil {
				t.Fatal(err)
			}
			got, err := d.one([]byte(state))
			if err != nil || got != want {
				t.Errorf("a state of %d values counts %d (%v), want %d", n, got, err, want)
			}
			states = append(states, []byte(state))
		}
		var want uint32
		sql := fmt.Sprintf("SELECT toUInt32(uniqMerge(u)) FROM (SELECT arrayJoin([0, 1, 2, 3]) AS part, uniqState([toString(number + part * %d)]) AS u FROM numbers(%d) GROUP BY part)",
			n/2, n)
		if err := s.conn.QueryRow(t.Context(), sql).Scan(&want); err != nil {
			t.Fatal(err)
		}
		got, err := d.all(states)
		if err != nil || got != want {
			t.Errorf("four states of %d values count %d together (%v), want %d", n, got, err, want)
		}
	}
	var d distinct
	for _, state := range []string{"", "\x00", "\x00\x02abcd", "\x00\xff\xff\xff\xff\x7f", "\x20\x00"} {
		if n, err := d.all([][]byte{[]byte(state), []byte("\x00\x00")}); err == nil {
			t.Errorf("%q counts %d, want an error", state, n)
		}
	}
}
