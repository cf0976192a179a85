package api

import (
	"strings"
	"testing"
)

func TestIngestPosition(t *testing.T) {
	b := newBench(t)
	for _, tc := range []struct {
		query  string
		status int
		want   string
	}{
		{"?source=import:access.log&generation=7", 200, `{"generation":"7","position":"100","source":"import:access.log"}`},
		{"?source=other&generation=7", 200, `{"generation":"7","source":"other"}`},
		{"?source=other", 400, ""},
		{"?generation=7", 400, ""},
	} {
		res := b.ask(RoleAgent, "GET", "/v1/ingest/position"+tc.query, "")
		if res.StatusCode != tc.status || tc.want != "" && strings.TrimSpace(res.body) != tc.want {
			t.Errorf("%s: %d %s", tc.query, res.StatusCode, res.body)
		}
	}
}
