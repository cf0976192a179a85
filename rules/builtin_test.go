package rules

import (
	"testing"
)

// TestBuiltinScenarios plays every scenario of the built-in pack.
func TestBuiltinScenarios(t *testing.T) {
	set, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, r := range set.Rules() {
		fires, quiet := 0, 0
		for i := range r.Scenarios {
			sc := &r.Scenarios[i]
			if sc.Fires {
				fires++
			} else {
				quiet++
			}
			played++
			if err := sc.Run(set, r.ID); err != nil {
				t.Errorf("%s:%d: %s: %s: %v", r.File, sc.Line, r.ID, sc.Name, err)
			}
		}
		if fires == 0 || quiet == 0 {
			t.Errorf("%s: %d firing scenarios and %d quiet ones, want one of each at least", r.ID, fires, quiet)
		}
	}
	t.Logf("%d scenarios of %d rules", played, len(set.Rules()))
}
