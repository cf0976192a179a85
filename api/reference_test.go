package api

import (
	"strings"
	"testing"
)

// The page shows every operation of the contract, needs no key, and loads nothing.
func TestReference(t *testing.T) {
	b := newBench(t)
	res := b.ask("", "GET", "/reference", "")
	if res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		t.Fatalf("%d %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
	for name, op := range operations(t) {
		if !strings.Contains(res.body, `id="`+op.OperationID+`"`) {
			t.Errorf("%s is not on the page", name)
		}
	}
	for _, outside := range []string{"<script", "http://", "https://", "src="} {
		if strings.Contains(res.body, outside) {
			t.Errorf("the page has %q", outside)
		}
	}
	if p := res.Header.Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'") || strings.Contains(p, "script-src") {
		t.Errorf("policy %s", p)
	}
}
