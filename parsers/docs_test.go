package parsers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatewatch/gatewatch/event"
)

// usual are the fields that detectors ask for most; the page says which of them a format never carries.
var usual = []string{
	"client_ip", "user", "method", "host", "path", "query", "status", "bytes_in", "bytes_out", "duration_ms", "user_agent", "referer",
}

// TestFormatsPage holds docs/formats.md to the table; go test -update writes it.
func TestFormatsPage(t *testing.T) {
	golden(t, filepath.Join("..", "docs", "formats.md"), formatsPage())
}

func formatsPage() string {
	var b strings.Builder
	b.WriteString(formatsIntro)
	b.WriteString("## The formats\n\nWhat is off for want of fields: [formats and detectors](formats/detectors.md).\n\n| name | format | family | often used fields that it never carries |\n|---|---|---|---|\n")
	for _, f := range Formats() {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s | %s |\n", f.Name, f.Name, f.Title, f.Family, orNone(missing(f)))
	}
	b.WriteString("\nOther names for formats: ")
	b.WriteString(aliasList())
	b.WriteString(".\n")
	for _, f := range Formats() {
		fmt.Fprintf(&b, "\n### %s\n\n%s. Fields: %s.\n", f.Name, f.Title, strings.Join(f.Fields, ", "))
		fmt.Fprintf(&b, "Never carried: %s. Definition: %s.\n\n", orNone(missing(f)), f.Definition)
		for _, line := range f.Samples[:min(2, len(f.Samples))] {
			fmt.Fprintf(&b, "    %s\n", strings.ReplaceAll(line, "\t", "→"))
		}
	}
	return b.String()
}

func missing(f Format) []string {
	has := map[string]bool{}
	for _, n := range f.Fields {
		has[n] = true
	}
	var m []string
	for _, n := range usual {
		if !has[n] {
			m = append(m, n)
		}
	}
	return m
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func aliasList() string {
	var all []string
	for _, f := range Formats() {
		for _, a := range aliasesOf(f.Name) {
			all = append(all, fmt.Sprintf("`%s` (%s)", a, f.Name))
		}
	}
	return strings.Join(all, ", ")
}

const formatsIntro = `# Log formats

This page is written by the tests of ` + "`parsers`" + ` from its table of formats: ` + "`go test ./parsers -run TestFormatsPage -update`" + `.

A source's format is ` + "`auto`" + ` unless configured: Gatewatch looks at the first lines (and again after a burst of failures),
tries every format and takes the one that reads the most. Files with mixed lines are read line by line within a family.
` + "`gatewatch parse --explain FILE`" + ` shows the choice, its confidence, and what each other format missed.

## A format of your own

| configuration | what it takes |
|---|---|
| ` + "`format: NAME`" + ` | a name of the table below, ` + "`auto`" + `, or a wrapper and what is in it: ` + "`syslog+haproxy`" + ` |
| ` + "`format: {nginx: '…'}`" + ` | the string of nginx's log_format, with its variables |
| ` + "`format: {apache: '…'}`" + ` | the string of Apache's LogFormat |
| ` + "`format: {envoy: '…'}`" + ` | an access log format string of Envoy's |
| ` + "`format: {haproxy: '…', captures: [host, user-agent]}`" + ` | the string of HAProxy's log-format; the captured headers by name |
| ` + "`format: {name: haproxy, captures: [host, user-agent]}`" + ` | HAProxy's usual formats, with names for the captured headers |
| ` + "`format: {w3c: 'timestamp c-ip sc-status …'}`" + ` | the names of a #Fields line, for logs without one: a CloudFront real-time log with chosen fields |
| ` + "`format: {regexp: '…'}`" + ` | a regular expression (RE2) with groups named like the fields below |
| ` + "`format: {json: {client_ip: request.remote, …}}`" + ` | field to dotted path, for JSON with names that are not known |

The fields of regular expressions and JSON mappings are those of the event, and these, which say how a value is written:
time_s, time_ms, time_us, time_ns, date, clock, peer_ip, forwarded_for, request (a whole request line), target (path and query),
url (with host), duration_s, duration_ms, duration_us, duration_ns, upstream_s, upstream_ms, upstream_us, upstream_ns, authorization,
cookie, api_key. ` + "`time`" + ` is told by its looks: RFC 3339, the Common Log Format's, or a number since 1970 in s, ms, µs or ns.

## What all parsers do

- The client is what the log calls so. The connection's peer and X-Forwarded-For, when logged beside it, serve to find
  the real client behind trusted proxies. When a log has nothing but a chain, the rightmost public address counts.
- ` + "`-`" + ` and an empty value are absent. A line without a time takes that of its envelope (syslog, Docker,
  Kubernetes, journald, JSON around it); without one it is an error, never the current time. A time without a zone is in the
  source's zone, UTC unless configured. The first time without a year is in the configured year (--year), further ones in the year that brings
  them nearest to the one before; without it they are errors.
- Escapes of the log (` + "`\\x22`, `\\\"`, `\\u0022`" + `) are undone; percent-encoding of paths is kept as the client sent it.
- A request line that is not HTTP is an event with ` + "`request_line`" + ` and without method and path. An absolute target
  (` + "`GET http://…`" + `) or authority (` + "`CONNECT host:port`" + `) is taken apart, and ` + "`request_line`" + ` kept: it asks for a proxy.
- Durations become milliseconds whatever the log's unit; several upstream values are added.
- What the gateway says that it did beside answering becomes ` + "`gateway_action`" + ` ([the words](schema.md)): a firewall's block or alert, a
  limit, a challenge, a rule of access. It is never derived from the status.
- A line of an error log that names its client is an event with what is known. The same request is often in the access
  log too: tail one of the two if requests are counted.
- Lines that carry no request (comments, headers, notices about the server, TCP connections) are skipped and counted apart.

`

// TestDocumentedFormats compiles the formats that the pages recommend.
func TestDocumentedFormats(t *testing.T) {
	apache, err := os.ReadFile(filepath.Join("..", "docs", "formats", "apache.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(apache), "apache: '")
	format, _, _ := strings.Cut(after, "'\n")
	p, err := New(Spec{Apache: format}, Options{})
	if err != nil {
		t.Fatalf("%q: %v", format, err)
	}
	line := `shop.example.com:443 203.0.113.9 - anna [10/Mar/2025:13:55:36 +0000] "GET /a HTTP/1.1" 200 512 "-" "curl" "198.51.100.7" 34057 412 Zx1`
	var ev event.Event
	ev.Reset()
	if err := p.Parse(line, &ev); err != nil || ev.DurationMS != 34.057 || ev.BytesIn != 412 || ev.RequestID != "Zx1" || ev.Wire.ForwardedFor != "198.51.100.7" {
		t.Errorf("%v: %s", err, ev.AppendJSON(nil))
	}

	nginx, err := os.ReadFile(filepath.Join("..", "docs", "formats", "nginx.md"))
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, line := range strings.Split(string(nginx), "\n") {
		if s, ok := strings.CutPrefix(line, "      '"); ok {
			keys = append(keys, strings.TrimRight(s, "';"))
		}
	}
	text := strings.Join(keys, "")
	for name, value := range map[string]string{
		"$time_iso8601": "2025-03-10T13:55:36+00:00", "$msec": "1741614936.250", "$remote_addr": "203.0.113.9", "$request_time": "0.034",
		"$upstream_response_time": "0.030", "$request_length": "412", "$request_id": "8a1b", "$request": "GET /a?b HTTP/2.0", "$status": "200",
		"$body_bytes_sent": "512", "$host": "shop.example.com", "$scheme": "https", "$ssl_protocol": "TLSv1.3",
		"$http_user_agent": "curl", "$http_referer": "", "$http_x_forwarded_for": "198.51.100.7", "$remote_user": "", "$upstream_addr": "10.0.0.5:80",
	} {
		text = strings.ReplaceAll(text, `"`+name+`"`, `"`+value+`"`)
	}
	ev.Reset()
	p, err = New(Spec{Name: "json"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = p.Parse(text, &ev)
	if err != nil || ev.Path != "/a" || ev.DurationMS != 34 || ev.UpstreamMS != 30 || ev.BytesIn != 412 || ev.TLSVersion != "TLSv1.3" ||
		ev.Scheme != "https" || ev.RequestID != "8a1b" || ev.Time.Nanosecond() != 250_000_000 {
		t.Errorf("%v: %s\n%s", err, ev.AppendJSON(nil), text)
	}
}
