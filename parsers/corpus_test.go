package parsers

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// corpus returns the folder of the developers' corpus, or skips the test.
func corpus(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("GATEWATCH_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "corpus")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the corpus is not at %s (set GATEWATCH_CORPUS)", dir)
	}
	return dir
}

// corpusCase is one line of a parser test and what must be found in it.
type corpusCase struct {
	Line     string         `json:"line"`
	Success  bool           `json:"success"`
	Expected map[string]any `json:"expected"`
}

func readCases(t *testing.T, file string) []corpusCase {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var cases []corpusCase
	s := bufio.NewScanner(f)
	s.Buffer(nil, 4<<20)
	for s.Scan() {
		var c corpusCase
		if err := json.Unmarshal(s.Bytes(), &c); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		cases = append(cases, c)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return cases
}

// found gives an event's fields in the corpus's names and types.
func found(ev *event.Event) map[string]string {
	m := map[string]string{
		"method": ev.Method, "path": ev.Path, "query": ev.Query, "host": ev.Host, "user": ev.User,
		"user_agent": ev.UserAgent, "referer": ev.Referer, "status": fmt.Sprint(ev.Status), "bytes_out": fmt.Sprint(ev.BytesOut),
		"time": ev.Time.Format(time.RFC3339Nano),
	}
	if ev.ClientIP.IsValid() {
		m["client_ip"] = ev.ClientIP.String()
	}
	return m
}

// TestCorpusParsers reads each parser test of the corpus as one file of unknown format, line by line.
func TestCorpusParsers(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(corpus(t), "parsers", "crowdsec", "*"))
	if err != nil {
		t.Fatal(err)
	}
	lines, fields, agreed := 0, 0, 0
	for _, dir := range dirs {
		a := NewAuto(Options{})
		for n, c := range readCases(t, filepath.Join(dir, "expected.jsonl")) {
			lines++
			var ev event.Event
			ev.Reset()
			err := a.Parse(c.Line, &ev)
			if err != nil && c.Success {
				t.Errorf("%s line %d: %v", filepath.Base(dir), n+1, err)
			}
			if !c.Success {
				continue
			}
			got := found(&ev)
			for name, want := range c.Expected {
				fields++
				w := expectedText(want)
				if name == "time" {
					got[name] = ev.Time.Truncate(precision(w)).Format(time.RFC3339Nano)
				}
				if got[name] != w {
					t.Errorf("%s line %d (%s): %s = %q, want %q", filepath.Base(dir), n+1, ev.Format, name, got[name], w)
				} else {
					agreed++
				}
			}
		}
	}
	t.Logf("%d tests, %d lines, %d of %d expected fields agree", len(dirs), lines, agreed, fields)
	if len(dirs) != 22 || lines != 226 || fields != 1023 || agreed != fields {
		t.Errorf("%d of %d fields of %d lines in %d tests agree; all 1023 of 226 lines in 22 tests must", agreed, fields, lines, len(dirs))
	}
}

// precision is that to which the corpus states a time: many of its tools drop the fraction of the second.
func precision(w string) time.Duration {
	if strings.Contains(w, ".") {
		return time.Microsecond
	}
	return time.Second
}

func expectedText(v any) string {
	if f, ok := v.(float64); ok {
		return fmt.Sprint(int64(f))
	}
	return fmt.Sprint(v)
}

// TestCorpusLogs reads the real logs of the corpus completely.
func TestCorpusLogs(t *testing.T) {
	dir := corpus(t)
	for name, want := range map[string]int{
		"elastic.log.gz": 10_000, "srhegdegadikai.log.gz": 105_177, "access3.log.gz": 206_860,
	} {
		t.Run(name, func(t *testing.T) { readLog(t, filepath.Join(dir, "logs", name), want) })
	}
}

func readLog(t *testing.T, file string, want int) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	a := NewAuto(Options{})
	in := bufio.NewReaderSize(z, 1<<20)
	lines, failed := 0, 0
	formats := map[string]int{}
	for {
		line, err := in.ReadString('\n')
		if line == "" && err != nil {
			break
		}
		lines++
		var ev event.Event
		ev.Reset()
		if err := a.Parse(strings.TrimSuffix(line, "\n"), &ev); err != nil && !errors.Is(err, ErrNoRequest) {
			if failed++; failed <= 10 {
				t.Errorf("line %d: %v\n%s", lines, err, line)
			}
			continue
		}
		formats[ev.Format]++
	}
	t.Logf("%d lines, %d failed, by format %v", lines, failed, formats)
	if lines != want {
		t.Errorf("read %d lines, want %d", lines, want)
	}
}
