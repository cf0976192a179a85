package api

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/gatewatch/gatewatch/detect"
)

func TestExport(t *testing.T) {
	b := newBench(t)
	bad := finding(8, 8)
	bad.Entity = detect.Entity{Type: detect.EntityUser, Value: `=HYPERLINK("x")`}
	bad.ID = detect.FindingID(bad.Detector, bad.Entity, bad.Service, nil, bad.FiredAt)
	if err := b.manager.Apply(t.Context(), []detect.Finding{bad}); err != nil {
		t.Fatal(err)
	}
	res := b.ask(RoleViewer, "GET", "/v1/incidents/export?severity=high", "")
	if lines := strings.Count(res.body, "\n"); res.StatusCode != 200 || lines != 4 || res.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("%d, %d lines: %s", res.StatusCode, lines, res.body)
	}
	res = b.ask(RoleViewer, "GET", "/v1/incidents/export?format=ocsf&severity=high", "")
	if lines := strings.Count(res.body, `"class_uid":2004,`); lines != 4 || !strings.Contains(res.body, `"uid":"`+b.first+`"`) {
		t.Errorf("ocsf: %d findings: %s", lines, res.body)
	}
	res = b.ask(RoleViewer, "GET", "/v1/incidents/export?format=csv", "")
	rows, err := csv.NewReader(strings.NewReader(res.body)).ReadAll()
	if err != nil || len(rows) != 5 || rows[1][8] != `'=HYPERLINK("x")` || len(rows[0]) != len(rows[4]) {
		t.Errorf("%v %v", rows, err)
	}
}
