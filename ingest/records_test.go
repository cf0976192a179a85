package ingest

import (
	"slices"
	"strings"
	"testing"
)

func cut(body string) []string {
	var lines []string
	rs := newRecords(body)
	for {
		line, more := rs.next()
		if !more {
			return lines
		}
		lines = append(lines, line)
	}
}

// TestRecords cuts bodies as senders write them.
func TestRecords(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       []string
	}{
		{"text", "a\nb\r\n\nc", []string{"a", "b", "", "c"}},
		{"time in brackets", "[10/Mar/2025:13:55:36 +0000] a\n[GIN] b", []string{"[10/Mar/2025:13:55:36 +0000] a", "[GIN] b"}},
		{"NDJSON", "{\"a\":1}\n{\"b\":\"}\\\"\"}\n", []string{`{"a":1}`, `{"b":"}\""}`}},
		{"list", `[{"a":[1,{"x":2}]}, {"b":2}]`, []string{`{"a":[1,{"x":2}]}`, `{"b":2}`}},
		{"list over lines", "[\n  {\n    \"a\": 1\n  },\n  {\"b\": 2}\n]\n", []string{"{\n    \"a\": 1\n  }", `{"b": 2}`}},
		{"list of lines", `["GET / HTTP/1.1\n","b\u0022"]`, []string{"GET / HTTP/1.1", `b"`}},
		{"nothing between", `{"a":1}{"b":2}`, []string{`{"a":1}`, `{"b":2}`}},
		{"empty list", `[]`, nil},
		{"one object over lines", "{\n\"a\":\n1}\n", []string{"{\n\"a\":\n1}"}},
		{"broken off", "{\"a\":\"x\n{\"b\":2}\n", []string{`{"a":"x`, `{"b":2}`}},
		{"broken object", "{\"a\":{\n{\"b\":2}\n", []string{`{"a":{`, `{"b":2}`}},
		{"mixed", "{\"a\":1}\nplain\n{\"b\":2}", []string{`{"a":1}`, "plain", `{"b":2}`}},
		{"byte order mark", "\ufeff{\"a\":1}", []string{`{"a":1}`}},
	} {
		if got := cut(c.body); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// FuzzRecords: whatever comes, it ends, and no more text comes out than went in.
func FuzzRecords(f *testing.F) {
	for _, s := range []string{"a\nb", `[{"a":1},"x"]`, `{"a":"`, "[\"", "{\n{", "]]]", "{\"a\":1}\n]\n{"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		n := 0
		for _, line := range cut(body) {
			n += len(line)
		}
		if n > len(body)+2*strings.Count(body, `\`)+2*len(strings.ToValidUTF8(body, "\ufffd")) {
			t.Errorf("%d bytes out of %d", n, len(body))
		}
	})
}
