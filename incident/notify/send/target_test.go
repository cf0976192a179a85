package send

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTargetsAreChecked(t *testing.T) {
	t.Setenv("NOTIFY_TEST_URL", "https://hooks.example.com/services/T0/B0/x")
	t.Setenv("NOTIFY_TEST_JUNK", "not a url and secret")
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("c2VjcmV0IG9mIHR3ZW50eSBmb3VyIGJ5dGVz\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url := Secret("https://hooks.example.com/x")
	for _, c := range []struct {
		fault  string // key of the fault; empty: none
		target Target
	}{
		{"", Target{Type: "slack", URL: "env:NOTIFY_TEST_URL"}},
		{"", Target{Type: "webhook", URL: url, Secret: Secret("file:" + file), Format: "ocsf"}},
		{"", Target{Type: "webhook", URL: "http://127.0.0.1:9000"}},
		{"", Target{Type: "email", Address: "mail.example.com:587", From: "Gatewatch <g@example.com>", To: []string{"soc@example.com"}}},
		{"", Target{Type: "syslog", Address: "tls://siem.example.com:6514", Format: "ocsf"}},
		{"", Target{Type: "pagerduty", RoutingKey: "R0"}},
		{"type", Target{Type: "pigeon"}},
		{"type", Target{}},
		{"url", Target{Type: "slack"}},
		{"url", Target{Type: "slack", URL: "env:NOTIFY_TEST_JUNK"}},
		{"url", Target{Type: "slack", URL: "env:NOTIFY_TEST_ABSENT"}},
		{"url", Target{Type: "slack", URL: "file:/nowhere/at/all"}},
		{"url", Target{Type: "slack", URL: "file:" + Secret(filepath.Dir(file))}},
		{"url", Target{Type: "slack", URL: "ftp://example.com"}},
		{"url", Target{Type: "slack", URL: "gopher://169.254.169.254/"}},
		{"url", Target{Type: "slack", URL: "https:example.com"}},
		{"url", Target{Type: "slack", URL: "https://example.com/\r\nHost: x"}},
		{"url", Target{Type: "syslog", Address: "udp://h:514", URL: url}},
		{"secret", Target{Type: "webhook", URL: url, Secret: "short"}},
		{"headers", Target{Type: "webhook", URL: url, Headers: map[string]Secret{"a b": "x"}}},
		{"headers.X-A", Target{Type: "webhook", URL: url, Headers: map[string]Secret{"X-A": "a\r\nB: c"}}},
		{"format", Target{Type: "webhook", URL: url, Format: "cef"}},
		{"body", Target{Type: "webhook", URL: url, Format: "ocsf", Body: "x"}},
		{"body", Target{Type: "webhook", URL: url, Body: "{{.Nothing}}"}},
		{"title", Target{Type: "slack", URL: url, Title: "{{range}}"}},
		{"text", Target{Type: "slack", URL: url, Text: "{{(index .Incidents 0).Secret}}"}},
		{"text", Target{Type: "slack", URL: url, Text: "{{index .Incidents 7}}"}},
		{"text", Target{Type: "slack", URL: url, Text: `{{define "x"}}{{template "x" .}}{{end}}{{template "x" .}}`}},
		{"text", Target{Type: "slack", URL: url, Text: strings.Repeat(`{{printf "%999999d" 1}}`, 3)}},
		{"text", Target{Type: "slack", URL: url, Text: `{{call .Channel}}`}},
		{"ca_file", Target{Type: "slack", URL: url, CAFile: file}},
		{"ca_file", Target{Type: "email", Address: "h:25", From: "a@example.com", To: []string{"b@example.com"}, CAFile: "/nowhere"}},
		{"address", Target{Type: "email", Address: "mail.example.com", From: "a@example.com", To: []string{"b@example.com"}}},
		{"address", Target{Type: "syslog", Address: "siem:514"}},
		{"address", Target{Type: "syslog", Address: "http://siem:514"}},
		{"to[0]", Target{Type: "email", Address: "h:25", From: "a@example.com", To: []string{"nobody\r\nBcc: x@example.com"}}},
		{"from", Target{Type: "email", Address: "h:25", From: "nobody", To: []string{"b@example.com"}}},
		{"encryption", Target{Type: "email", Address: "h:25", From: "a@example.com", To: []string{"b@example.com"}, Encryption: "ssl"}},
		{"username", Target{Type: "email", Address: "h:25", From: "a@example.com", To: []string{"b@example.com"}, Username: "u"}},
	} {
		faults := c.target.Validate("channels[0]")
		if c.fault == "" {
			if len(faults) > 0 {
				t.Errorf("%+v: %v", c.target, faults)
			}
			continue
		}
		if len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), "channels[0]."+c.fault+": ") {
			t.Errorf("%+v: want one fault of %s, got %v", c.target, c.fault, faults)
		}
		for _, f := range faults {
			if strings.Contains(f.Error(), "not a url and secret") {
				t.Errorf("a secret is quoted: %v", f)
			}
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	target := Target{URL: "https://hooks.example.com/very-secret", Headers: map[string]Secret{"a": "very-secret"}, Password: "very-secret"}
	asJSON, err := json.Marshal(target)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", target.Password, "target", target)
	for _, text := range []string{string(asJSON), log.String(), fmt.Sprintf("%v %+v %#v %s", target, target, target, target.Password)} {
		if strings.Contains(text, "very-secret") || !strings.Contains(text, hidden) {
			t.Error(text)
		}
	}
}

// A file's secret may be renewed while the server runs.
func TestSecretFileIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	for _, want := range []string{"one", "two"} {
		if err := os.WriteFile(file, []byte(want+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Secret("file:" + file).Reveal(); got != want || err != nil {
			t.Errorf("%q %v", got, err)
		}
	}
}

// Templates of the operator's own say what they like; words out of logs stay words.
func TestTemplates(t *testing.T) {
	w, err := newWords(`{{.Count}}{{range .Severities}} {{.Severity}}={{.Count}}{{end}}`,
		`{{range .Incidents}}{{upper .Severity}} {{cut 12 .Title}} {{join "+" .OWASP}} {{time .FirstSeen}} {{.Change}}{{range .Changes}} {{.Kind}}{{end}};{{end}}{{.More}}`)
	if err != nil {
		t.Fatal(err)
	}
	title, text, err := w.render(message(12, true), plain)
	if err != nil {
		t.Fatal(err)
	}
	if title != "12 critical=3 high=3 medium=3 low=3" || strings.Contains(text, "\n") || !strings.HasSuffix(text, ";2") || strings.Count(text, "opened") != 20 ||
		!strings.HasPrefix(text, "CRITICAL evil  Bcc: …") {
		t.Errorf("%q\n%q", title, text)
	}
	if _, _, err := w.render(&Message{Test: true, At: time.Unix(0, 0)}, plain); err != nil {
		t.Error(err)
	}
}

func FuzzWords(f *testing.F) {
	f.Add("Path scanning", "<!channel> |=\\ [x](y)")
	f.Add(hostile, hostile)
	w, err := newWords("", "")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, title, words string) {
		m := message(2, false)
		inc := *m.Notifications[0].Incident
		inc.Title, inc.Explanation, inc.Entity.Value = title, words, words
		m.Notifications[0].Incident = &inc
		head, text, err := w.render(m, slackEscape)
		if err != nil && len(title)+len(words) < maxRendered/8 {
			t.Fatal(err)
		}
		if strings.ContainsAny(head, "\r\n<>") || strings.ContainsAny(text, "\r<>") {
			t.Fatalf("%q %q", head, text)
		}
		line := cef(m.Notifications[0])
		if strings.ContainsAny(line, "\r\n") || strings.Count(strings.NewReplacer(`\\`, "", `\|`, "").Replace(line), "|") < 7 {
			t.Fatalf("%q", line)
		}
	})
}
