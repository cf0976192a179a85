package parsers

import (
	"fmt"
	"testing"

	"github.com/gatewatch/gatewatch/event"
)

// TestAutoReadsTheFirstLineBehindJunk holds that the lines of a known format are not lost to the junk before them.
func TestAutoReadsTheFirstLineBehindJunk(t *testing.T) {
	for _, junk := range []int{0, 1, 2, 5, 31, 63, 64, 65, 200, 1000, 3000} {
		a := NewAuto(Options{})
		var ev event.Event
		for i := range junk {
			ev.Reset()
			if err := a.Parse(fmt.Sprintf("# header %d of a tool", i), &ev); err == nil {
				t.Fatalf("junk line %d was read", i)
			}
		}
		const lines = 2 * lookAgain
		lost := 0
		for range lines {
			ev.Reset()
			if a.Parse(`203.0.113.5 - - [04/Mar/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 10 "-" "curl/8.5.0"`, &ev) != nil {
				lost++
			}
		}
		if junk < settleLines && lost > 0 {
			t.Errorf("%d lines lost behind %d lines of junk", lost, junk)
		}
		if lost > lookAgain {
			t.Errorf("%d lines lost behind %d lines of junk, want %d at the most", lost, junk, lookAgain)
		}
	}
}
