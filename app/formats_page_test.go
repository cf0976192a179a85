package app

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/parsers"
	"github.com/gatewatch/gatewatch/rules"
)

var update = flag.Bool("update", false, "write generated pages anew")

// derived are the event fields that the server makes of what a log carries.
var derived = map[string][]string{
	"path": {"route", "object_ids"}, "user": {"auth_scheme"}, "user_agent": {"ua_family"},
	"client_ip": {"country", "city", "lat", "lon", "asn", "as_org"}, "time": {"source", "format", "service", "request_line"},
}

// TestFormatsDetectorsPage writes docs/formats/detectors.md with -update: which detectors each format is too little for.
func TestFormatsDetectorsPage(t *testing.T) {
	set, err := rules.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	infos := detectorInfos(set)
	var b strings.Builder
	b.WriteString(`# Formats and detectors

Written by the tests of ` + "`app`" + ` from the tables of formats and of detectors: ` + "`go test ./app -run TestFormatsDetectorsPage -update`" + `.

Which detectors are off for a log in each [format](../formats.md), because it never carries a field that they need. A log may
leave out more than its format could carry: GET /v1/sources says it for each source, by what its events held. Countries and
networks need a geography database besides. Detectors that are not named work.

`)
	off := map[string][]string{} // formats by what is off
	var order []string
	for _, f := range parsers.Formats() {
		available := map[string]bool{}
		for _, field := range f.Fields {
			available[field] = true
			for _, d := range derived[field] {
				available[d] = true
			}
		}
		needs := map[string][]string{}
		for id, fields := range detect.Missing(infos, available) {
			key := strings.Join(fields, ", ")
			needs[key] = append(needs[key], "`"+id+"`")
		}
		text := describe(needs)
		if off[text] == nil {
			order = append(order, text)
		}
		off[text] = append(off[text], "`"+f.Name+"`")
	}
	for _, text := range order {
		fmt.Fprintf(&b, "## %s\n\n%s\n", strings.ReplaceAll(strings.Join(off[text], ", "), "`", ""), text)
	}
	const file = "../docs/formats/detectors.md"
	page := strings.TrimRight(b.String(), "\n") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// A further rule does not make the page wrong enough to fail; a format that is missing does.
	for _, f := range parsers.Formats() {
		if !slices.ContainsFunc(strings.Split(string(have), "\n"), func(line string) bool {
			return strings.HasPrefix(line, "## ") && slices.Contains(strings.Split(line[3:], ", "), f.Name)
		}) {
			t.Errorf("%s says nothing of %s: go test ./app -run TestFormatsDetectorsPage -update writes it anew", file, f.Name)
		}
	}
}

func describe(needs map[string][]string) string {
	if len(needs) == 0 {
		return "None is off.\n"
	}
	var rows []string
	for fields, ids := range needs {
		slices.Sort(ids)
		rows = append(rows, fmt.Sprintf("- no %s: %s\n", fields, strings.Join(ids, ", ")))
	}
	slices.Sort(rows)
	return strings.Join(rows, "")
}
