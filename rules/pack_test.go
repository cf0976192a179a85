package rules

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestBuiltinIsDocumented: every rule says what it finds; those that are more than a sign also say where it is described,
// what it may confuse it with, and how OWASP and ATT&CK call it.
func TestBuiltinIsDocumented(t *testing.T) {
	set, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	hasTag := func(r *Rule, prefix string) bool {
		return slices.ContainsFunc(r.Tags, func(tag string) bool { return strings.HasPrefix(tag, prefix) })
	}
	known := 0
	for _, r := range set.Rules() {
		if r.Description == "" {
			t.Errorf("%s: no description", r.ID)
		}
		if hasTag(r, "cve.") {
			known++
		}
		if r.Level == "informational" {
			continue
		}
		if len(r.References) == 0 {
			t.Errorf("%s: no references", r.ID)
		}
		if len(r.FalsePositives) == 0 {
			t.Errorf("%s: no falsepositives", r.ID)
		}
		if !hasTag(r, "owasp.api") {
			t.Errorf("%s: no tag of the OWASP API Security Top 10", r.ID)
		}
		if !hasTag(r, "attack.t") {
			t.Errorf("%s: no ATT&CK technique", r.ID)
		}
	}
	if known < 60 {
		t.Errorf("%d rules about known exploited vulnerabilities, want 60 at least", known)
	}
}

var quoted = regexp.MustCompile("`([a-z0-9*-]+)`")

// TestPackPage: the page that says what the pack covers names rules that exist, and leaves out none that raises findings.
func TestPackPage(t *testing.T) {
	set, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join("..", "docs", "pack.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, m := range quoted.FindAllStringSubmatch(string(page), -1) {
		name := m[1]
		named[name] = true
		family, isFamily := strings.CutSuffix(name, "*")
		exists := slices.ContainsFunc(set.Rules(), func(r *Rule) bool {
			return r.ID == name || isFamily && strings.HasPrefix(r.ID, family)
		})
		if !exists {
			t.Errorf("docs/pack.md names `%s`, which is no rule", name)
		}
	}
	for _, r := range set.Rules() {
		if r.Raises() && !named[r.ID] && !strings.HasPrefix(r.ID, "exploit-") {
			t.Errorf("docs/pack.md does not name %s", r.ID)
		}
	}
}
