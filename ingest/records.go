package ingest

import (
	"encoding/json"
	"strings"
)

// records cuts the body of a push into lines. Senders write JSON in several ways: an object a line (NDJSON), a list of
// objects (Kong, APISIX, Vector, Fluent Bit, Logstash), objects without anything between them (Fluent Bit's
// json_stream), or one object over several lines. Each object is one line then; a string in a list is the line that it
// holds.
type records struct {
	text string
	json bool // the body is JSON in one of these ways
}

// newRecords looks at how the body begins. A list is told from a line that begins with "[time]" by its first element.
func newRecords(text string) records {
	text = strings.TrimPrefix(text, "\ufeff")
	head := skipBlank(text)
	switch {
	case strings.HasPrefix(head, "{"):
		return records{text: head, json: true}
	case strings.HasPrefix(head, "["):
		if in := skipBlank(head[1:]); in != "" && (in[0] == '{' || in[0] == '"' || in[0] == ']') && !strings.HasPrefix(in, `"]`) {
			return records{text: in, json: true}
		}
	}
	return records{text: text}
}

// next returns the next line, and false at the end.
func (r *records) next() (string, bool) {
	if !r.json {
		if r.text == "" {
			return "", false
		}
		return cutNewline(&r.text), true
	}
	r.text = strings.TrimLeft(r.text, " \t\r\n,")
	if strings.HasPrefix(r.text, "]") {
		r.text = strings.TrimLeft(r.text[1:], " \t\r\n")
	}
	if r.text == "" {
		return "", false
	}
	switch r.text[0] {
	case '{':
		if end := objectEnd(r.text); end > 0 {
			line := r.text[:end]
			r.text = r.text[end:]
			return line, true
		}
	case '"':
		if end := stringEnd(r.text); end > 0 {
			var line string
			if json.Unmarshal([]byte(r.text[:end]), &line) == nil {
				r.text = r.text[end:]
				return strings.TrimRight(line, "\r\n"), true
			}
		}
	}
	return cutNewline(&r.text), true
}

// count estimates the lines, for a first allocation.
func (r *records) count(limit int) int {
	if r.json {
		return min(strings.Count(r.text, "}\n")+strings.Count(r.text, "},")/4+1, limit)
	}
	return eventsIn(r.text, limit)
}

func skipBlank(s string) string { return strings.TrimLeft(s, " \t\r\n") }

// objectEnd returns where the object that begins s ends, 0 when it does not. A line that begins with a brace while an
// object is open begins another one: what is open was broken off.
func objectEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			n := stringEnd(s[i:])
			if n == 0 {
				return 0
			}
			i += n - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '\n':
			if strings.HasPrefix(s[i+1:], "{") {
				return 0
			}
		}
	}
	return 0
}

// stringEnd returns where the string that begins s ends, 0 when it does not on its line: JSON escapes line ends.
func stringEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		case '\n':
			return 0
		}
	}
	return 0
}
