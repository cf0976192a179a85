package detect

import "testing"

func TestPlural(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 events", 1: "1 event", 28: "28 events", 999: "999 events", 1028: "1,028 events", 1234567: "1,234,567 events"} {
		if got := Plural(n, "event"); got != want {
			t.Errorf("Plural(%d): %q, want %q", n, got, want)
		}
	}
}
