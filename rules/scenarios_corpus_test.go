package rules

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatewatch/gatewatch/detect"
)

// TestCrowdsecScenarios plays published detection tests: every source that is expected to alert raises a finding here,
// and benign controls raise none.
func TestCrowdsecScenarios(t *testing.T) {
	set, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	root := corpus(t, "scenarios/crowdsec")
	dirs, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	ran, found, expected := 0, 0, 0
	for _, d := range dirs {
		data, err := os.ReadFile(filepath.Join(root, d.Name(), "expected.json"))
		if err != nil {
			t.Fatal(err)
		}
		var want struct {
			Kind     string `json:"kind"`
			Benign   bool   `json:"benign_control"`
			Expected []struct {
				Scenario string `json:"scenario"`
				Sources  []struct {
					Value string `json:"value"`
				} `json:"sources"`
			} `json:"expected"`
		}
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		ran++
		findings := judge(set, readLog(t, filepath.Join(root, d.Name(), "input.log")))
		if want.Benign {
			if len(findings) > 0 {
				t.Errorf("%s: benign, but %s", d.Name(), findings[0].Explanation)
			}
			continue
		}
		for _, e := range want.Expected {
			for _, s := range e.Sources {
				expected++
				hit := ""
				for _, f := range findings {
					if f.Entity.Value == s.Value || f.Measure.Where != nil && whereHas(f.Measure.Where, s.Value) {
						hit = f.Detector
					}
				}
				if hit != "" {
					found++
				} else {
					t.Logf("missed %s (%s): %s of %s", d.Name(), want.Kind, e.Scenario, s.Value)
				}
			}
		}
	}
	t.Logf("%d scenarios, %d of %d expected alerts", ran, found, expected)
	if found != expected || expected != 49 {
		t.Errorf("%d of %d expected alerts, want all 49", found, expected)
	}
	if ran != 37 {
		t.Errorf("ran %d scenarios, want all 37", ran)
	}
}

func whereHas(where []detect.Condition, value string) bool {
	for _, c := range where {
		if c.Value == value {
			return true
		}
	}
	return false
}
