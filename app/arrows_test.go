package app

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/gatewatch/gatewatch/"

// allowed lists, for every room, which rooms it may import; sub-packages belong to their room. docs/architecture.md
// explains the arrows.
var allowed = map[string][]string{
	"event":      {},
	"migrations": {},
	"web":        {},
	"detect":     {"event"},
	"parsers":    {"event"},
	"trafficgen": {"event"},
	"rules":      {"event", "detect"},
	"baseline":   {"event", "detect"},
	"incident":   {"event", "detect"},
	"inventory":  {"event", "detect", "incident"},
	"ingest":     {"event", "parsers"},
	"store":      {"event", "detect", "baseline", "incident", "inventory", "migrations"},
	"api":        {"event", "detect", "rules", "baseline", "incident", "inventory", "ingest", "parsers", "web"},
}

func TestImportsPointOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := map[string]bool{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		room := roomOf(p.ImportPath)
		if room == "app" || room == "cmd" {
			continue
		}
		may, known := allowed[room]
		if !known {
			t.Errorf("%s: room %q is not in the table of arrows", p.ImportPath, room)
			continue
		}
		seen[room] = true
		for _, imp := range p.Imports {
			if to := roomOf(imp); strings.HasPrefix(imp, module) && to != room && !slices.Contains(may, to) {
				t.Errorf("%s imports %s: %s may import %v only", p.ImportPath, imp, room, may)
			}
			if room == "event" && strings.Contains(strings.Split(imp, "/")[0], ".") {
				t.Errorf("event imports %s: it is the ground floor, standard library only", imp)
			}
		}
	}
	for room := range allowed {
		if !seen[room] {
			t.Errorf("room %q of the table of arrows does not exist", room)
		}
	}
}

func roomOf(path string) string {
	room, _, _ := strings.Cut(strings.TrimPrefix(path, module), "/")
	return room
}
