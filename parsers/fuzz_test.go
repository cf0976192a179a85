package parsers

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatewatch/gatewatch/event"
)

// check holds what must be true of every event from whatever bytes: a time, and no more text than the line had.
func check(t *testing.T, name, line string, err error, ev *event.Event) {
	t.Helper()
	if err != nil {
		if msg := err.Error(); len(msg) > 300 {
			t.Errorf("%s: an error of %d bytes", name, len(msg))
		}
		return
	}
	if ev.Time.IsZero() {
		t.Errorf("%s: an event without time", name)
	}
	if ev.Status < 0 || ev.Status > 999 {
		t.Errorf("%s: status %d", name, ev.Status)
	}
	if ev.ClientIP.Zone() != "" {
		t.Errorf("%s: a zone in the address", name)
	}
	for _, s := range []string{ev.Method, ev.Path, ev.Query, ev.RequestLine, ev.Host, ev.User, ev.UserAgent, ev.Referer} {
		if len(s) > 3*len(line)+64 { // joined parts of wrapped lines are longer than the last of them
			t.Errorf("%s: a value of %d bytes from a line of %d", name, len(s), len(line))
		}
	}
	if !json.Valid(ev.AppendJSON(nil)) {
		t.Errorf("%s: not valid as JSON", name)
	}
}

// fuzzedFormats are the formats that FuzzFormats feeds: all, or the one that GATEWATCH_FUZZ_FORMAT names, so that each can
// have a time of its own (scripts/fuzz.sh --formats).
func fuzzedFormats(f *testing.F) []Format {
	f.Helper()
	name := os.Getenv("GATEWATCH_FUZZ_FORMAT")
	if name == "" {
		return Formats()
	}
	format, ok := Lookup(name)
	if !ok {
		f.Fatalf("GATEWATCH_FUZZ_FORMAT: %q is not a format", name)
	}
	return []Format{format}
}

// FuzzFormats feeds any line to the parsers of the table.
func FuzzFormats(f *testing.F) {
	formats := fuzzedFormats(f)
	for _, format := range formats {
		for _, s := range format.Samples {
			f.Add(s)
		}
	}
	for _, s := range []string{"", " ", `"`, `{`, `[`, "{\"a\":\"\\", "\x00\xff", `{"a":` + strings.Repeat("[", 100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for _, format := range formats {
			p, err := format.New(Options{Year: 2025})
			if err != nil {
				t.Fatal(err)
			}
			var ev event.Event
			for range 2 {
				ev.Reset()
				err := p.Parse(line, &ev)
				check(t, format.Name, line, err, &ev)
			}
		}
	})
}

// FuzzAuto feeds two lines to Auto.
func FuzzAuto(f *testing.F) {
	f.Add(combined().Samples[0], caddy().Samples[0])
	f.Add(w3c().Samples[1], w3c().Samples[2])
	f.Fuzz(func(t *testing.T, a, b string) {
		auto := NewAuto(Options{})
		for _, line := range []string{a, b, a} {
			var ev event.Event
			ev.Reset()
			err := auto.Parse(line, &ev)
			if err == nil {
				check(t, "auto", line, err, &ev)
			}
		}
	})
}

// FuzzSpec compiles any format string in every syntax, and reads any line with it.
func FuzzSpec(f *testing.F) {
	f.Add(nginxMainFormat, nginxMain().Samples[0])
	f.Add(`%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i"`, apacheVhostCombined().Samples[0])
	f.Add(`%{%Y-%m-%d %T}t %a %U%q %{ms}T`, `2025-03-10 13:55:36 203.0.113.9 /a?b 7`)
	f.Add(envoyRequest, envoy().Samples[0])
	f.Add(`%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %{+Q}r`, haproxy().Samples[0])
	f.Add(`(?P<client_ip>\S+) (?P<time>\S+)`, `203.0.113.9 2025-03-10T13:55:36Z`)
	f.Fuzz(func(t *testing.T, format, line string) {
		if len(format) > 2000 || strings.Count(format, "(?") > 20 || strings.ContainsAny(format, "{") && strings.Contains(format, "(?P<") {
			return
		}
		for _, s := range []Spec{{Nginx: format}, {Apache: format}, {Envoy: format}, {HAProxy: format}, {Regexp: format}} {
			p, err := New(s, Options{})
			if err != nil || format == "" {
				continue
			}
			var ev event.Event
			ev.Reset()
			err = p.Parse(line, &ev)
			check(t, s.String(), line, err, &ev)
		}
	})
}

// FuzzJSON compares the scanner with encoding/json: where that reads an object, the scanner reads it and finds the same
// string; where the scanner refuses, that does too.
func FuzzJSON(f *testing.F) {
	f.Add(`{"time":1741614936,"method":"GET","x":[1,{"y":null}],"path":"/\u00e4\"\\\ud83d\ude00"}`)
	f.Add(`{"path":"a","path":"b"}`)
	f.Add(`{}`)
	root, _ := (&jsonSpec{columns: map[string]column{"path": {slotPath, 0, 1}}}).tree(Options{})
	f.Fuzz(func(t *testing.T, line string) {
		var want map[string]any
		errWant := json.Unmarshal([]byte(line), &want)
		var rec record
		rec.reset()
		var scan jsonScanner
		errGot := scan.scan(strings.TrimSpace(line), root, &rec)
		if errWant != nil || want == nil {
			return
		}
		if errGot != nil {
			var fe *fieldError
			if errors.As(errGot, &fe) && strings.Contains(fe.what, "deeply") {
				return
			}
			t.Fatalf("%v, but encoding/json reads it", errGot)
		}
		path, isString := want["path"].(string)
		got, has := rec.get(slotPath)
		if strings.Count(line, "path") > 1 || strings.Count(line, `\u`) > 0 && strings.Count(line, "path") == 0 || !utf8.ValidString(line) {
			return
		}
		if isString && path != "" && path != "-" && !strings.Contains(line, `\u`) && (!has || got != path) {
			t.Fatalf("path %q (%v), want %q", got, has, path)
		}
	})
}
