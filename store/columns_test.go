package store

import (
	"errors"
	"strings"
	"testing"
)

// TestAStatementThatFailsMidway has its exception told, after the blocks that came before it.
func TestAStatementThatFailsMidway(t *testing.T) {
	s := openEmptyStore(t)
	numbers := newUint32s()
	seen := 0
	err := s.eachBlock(t.Context(), "read numbers", "SELECT toUInt32(number + throwIf(number = 3000000, 'enough')) FROM numbers(5000000)",
		nil, []resultColumn{numbers}, func(rows int) error {
			seen += rows
			return nil
		})
	if !errors.Is(err, ErrRejected) || !strings.Contains(err.Error(), "enough") || !strings.Contains(err.Error(), "code: 395") {
		t.Errorf("after %d rows: %v, want what the engine said, as a rejection", seen, err)
	}
	if seen == 0 || seen > 3_000_000 {
		t.Errorf("%d rows, want those before the failure", seen)
	}
}
