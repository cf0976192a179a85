package app

import (
	"testing"

	"github.com/gatewatch/gatewatch/inventory/policy"
	"github.com/gatewatch/gatewatch/rules"
)

// TestDetectorsHaveNamesOfTheirOwn: an incident tells its detectors apart by id, rules and learned ones alike.
func TestDetectorsHaveNamesOfTheirOwn(t *testing.T) {
	set, err := rules.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	infos := append(detectorInfos(set), policy.Infos()...)
	if len(infos) < 50 {
		t.Fatalf("only %d detectors", len(infos))
	}
	seen := map[string]string{}
	for _, d := range infos {
		if other, taken := seen[d.ID]; taken {
			t.Errorf("%q is the id of %q and of %q", d.ID, d.Title, other)
		}
		seen[d.ID] = d.Title
		if d.Title == "" || d.Kind == "" || d.Severity == 0 {
			t.Errorf("%s has no title, kind or severity: %+v", d.ID, d)
		}
	}
}
