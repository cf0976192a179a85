package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/parsers"
)

// visit is an ordinary line.
func visit(client, path string, at time.Time) string {
	return fmt.Sprintf("%s - - [%s] \"GET %s HTTP/1.1\" 200 10 \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"\n",
		client, at.UTC().Format("02/Jan/2006:15:04:05 -0700"), path)
}

// visits are n ordinary lines, one a second, ending at end.
func visits(n int, end time.Time) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(visit("198.51.100.7", "/items", end.Add(-time.Duration(n-1-i)*time.Second)))
	}
	return b.String()
}

// The two attackers of every bad log: one before the trouble, one after it. Each tries forty passwords.
const (
	early = "203.0.113.9"
	late  = "203.0.113.10"
	tries = 40
)

// badLog is a log that two brute-force attacks are to be found in whatever else it holds.
type badLog struct {
	name           string
	trouble        string // stands between the two attacks
	parsed, failed int    // of trouble's lines
}

func badLogs(now time.Time) []badLog {
	rng := rand.New(rand.NewPCG(1, 1))
	junk := make([]byte, 200_000)
	for i := range junk {
		junk[i] = byte(rng.Uint32())
	}
	junk = append(junk, '\n')
	nonEmpty := 0
	for line := range bytes.Lines(junk) {
		if len(bytes.TrimRight(line, " \t\r\n\x00")) > 0 {
			nonEmpty++
		}
	}
	when := now.Add(-10 * time.Minute)
	one := visit("198.51.100.7", "/same", when)
	var backwards []string
	for line := range strings.Lines(visits(300, when)) {
		backwards = append(backwards, line)
	}
	slices.Reverse(backwards)
	impossible := ""
	for _, date := range []string{
		"31/Feb/2026:10:00:00 +0000", "10/Nov/2026:25:00:00 +0000", "10/Nov/9999:10:00:00 +0000", "00/Jan/2026:00:00:00 +0000",
		"10/Nov/1899:10:00:00 +0000", "10/Nov/2026:10:00:00 +9900", "10/Foo/2026:10:00:00 +0000", "", "-", strings.Repeat("9", 70000),
	} {
		impossible += strings.Replace(one, when.UTC().Format("02/Jan/2006:15:04:05 -0700"), date, 1)
	}
	return []badLog{
		{"binary junk", string(junk), 0, nonEmpty},
		{"lines of a megabyte", strings.Repeat("x", 1<<20) + "\n" + visit("198.51.100.7", "/"+strings.Repeat("y", 1<<20), when) + visit("198.51.100.7", "/", when), 1, 2},
		{"invalid UTF-8", visit("198.51.100.7", "/caf\xe9/\xff\xfe?q=\x80\x00", when), 1, 0},
		{"impossible dates", impossible, 0, 10},
		{"another format", strings.Repeat("{\"level\":\"info\",\"msg\":\"started\"}\n<html>\n", 20), 0, 40},
		{"duplicate lines", strings.Repeat(one, 50), 50, 0},
		{"lines backwards", strings.Join(backwards, ""), 300, 0},
		{"a clock ten years ahead and back", visits(500, when.AddDate(10, 0, 0)) + visits(5, when), 505, 0},
		{"a clock ten years behind and back", visits(500, when.AddDate(-10, 0, 0)) + visits(5, when), 505, 0},
		{"a line from the year 2100", visit("198.51.100.7", "/", time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)), 1, 0},
	}
}

func (b badLog) text(now time.Time) string {
	return bruteForce(early, tries, now.Add(-15*time.Minute)) + b.trouble + visits(100, now.Add(-5*time.Minute)) + bruteForce(late, tries, now)
}

func (b badLog) wantParsed() int { return 2*tries + 100 + b.parsed }

// checkAttacks holds that both attacks were found, each once and with all its requests.
func checkAttacks(t *testing.T, list []*incident.Incident) {
	t.Helper()
	for _, client := range []string{early, late} {
		var about []*incident.Incident
		for _, inc := range list {
			if inc.Entity.Value == client {
				about = append(about, inc)
			}
		}
		if len(about) != 1 {
			t.Errorf("%d incidents about %s, want one", len(about), client)
		} else if about[0].EventCount != tries {
			t.Errorf("the incident about %s counts %d requests, want %d", client, about[0].EventCount, tries)
		}
	}
}

// TestAnalyzeSurvivesBadLogs finds the attacks around every kind of bad input, counts what could not be read, and names
// the first of it.
func TestAnalyzeSurvivesBadLogs(t *testing.T) {
	t.Parallel()
	requireEngine(t)
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	for _, bad := range badLogs(now) {
		t.Run(bad.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "access.log")
			if err := os.WriteFile(path, []byte(bad.text(now)), 0o600); err != nil {
				t.Fatal(err)
			}
			report, err := Analyze(context.Background(), AnalyzeOptions{Paths: []string{path}, TempDir: t.TempDir(), engineCommand: testEngine()})
			if err != nil {
				t.Fatal(err)
			}
			log := report.Logs[0]
			if int(log.Parsed) != bad.wantParsed() || int(log.Failed) != bad.failed || int(report.Events) != bad.wantParsed() {
				t.Errorf("%d parsed, %d failed, %d judged; want %d, %d and all; the first: %s",
					log.Parsed, log.Failed, report.Events, bad.wantParsed(), bad.failed, log.FirstFailure)
			}
			if bad.failed > 0 && !strings.Contains(log.FirstFailure, fmt.Sprintf("line %d: ", tries+1)) {
				t.Errorf("the first failure is %q, want it to name line %d", log.FirstFailure, tries+1)
			}
			checkAttacks(t, report.Incidents)
		})
	}
}

// TestParseTellsEveryBadLine holds the command's contract: an event a line on stdout, a JSON object for each line that
// could not be read on stderr, and a summary that closes it.
func TestParseTellsEveryBadLine(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	for _, bad := range append(badLogs(now), badLog{name: "nothing"}) {
		t.Run(bad.name, func(t *testing.T) {
			for _, alone := range []bool{false, true} {
				text, parsed := bad.text(now), bad.wantParsed()
				if alone {
					text, parsed = bad.trouble, bad.parsed
				}
				var out, errs bytes.Buffer
				err := Parse(context.Background(), ParseOptions{Path: "-", In: strings.NewReader(text), Out: &out, Err: &errs, Format: parsers.ParseSpec("combined")})
				if (parsed == 0) != errors.Is(err, ErrNothingParsed) || parsed > 0 && err != nil {
					t.Errorf("%d parsed and error %v", parsed, err)
				}
				if got := countJSON(t, out.Bytes(), "event_id"); got != parsed {
					t.Errorf("%d events, want %d", got, parsed)
				}
				told, summary, _ := cutLast(errs.String())
				if got := countJSON(t, []byte(told), "line_number"); got != bad.failed {
					t.Errorf("%d failures told, want %d", got, bad.failed)
				}
				if !strings.Contains(summary, fmt.Sprintf("%d parsed, %d failed", parsed, bad.failed)) {
					t.Errorf("summary %q", summary)
				}
			}
		})
	}
}

// cutLast parts text into all lines but the last, and the last.
func cutLast(text string) (before, last string, ok bool) {
	text = strings.TrimSuffix(text, "\n")
	i := strings.LastIndexByte(text, '\n')
	return text[:i+1], text[i+1:], i >= 0
}

// countJSON counts the lines, each of which must be a short JSON object with the key.
func countJSON(t *testing.T, text []byte, key string) (n int) {
	t.Helper()
	for line := range bytes.Lines(text) {
		n++
		var object map[string]any
		if err := json.Unmarshal(line, &object); err != nil {
			t.Errorf("no JSON: %v: %.100q", err, line)
		} else if _, ok := object[key]; !ok {
			t.Errorf("no %s: %.100q", key, line)
		}
		if key == "line_number" && len(line) > 64<<10 {
			t.Errorf("a failure is told in %d bytes", len(line))
		}
	}
	return n
}
