package engine

import (
	"net/http"
	"strconv"
	"testing"
)

// TestMoreSessionsThanAreKept asks with more sets of settings than idle sessions are kept, in rounds: the session that makes room
// is closed, and no other.
func TestMoreSessionsThanAreKept(t *testing.T) {
	s := startEngine(t, nil)
	for n := maxIdle + 1; n > 0; n-- { // a round one shorter each time asks for sessions old and new
		for i := range n {
			size := strconv.Itoa(1000 + i)
			status, body, _ := ask(t, http.MethodPost, s.Addr(), adminUser, s.token, "max_block_size="+size, "SELECT getSetting('max_block_size')")
			if status != http.StatusOK || body != size+"\n" {
				t.Fatalf("max_block_size=%s: %d %s", size, status, body)
			}
		}
	}
}
