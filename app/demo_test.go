package app

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
)

// demoAt is a demo in a folder of its own that takes start for the present and learns nothing.
func demoAt(t *testing.T, start time.Time) *demo {
	t.Helper()
	began := time.Now()
	return &demo{
		dir: filepath.Join(t.TempDir(), "demo"), out: io.Discard, log: discard(), rate: 0.02, limit: demoLimit,
		now:   func() time.Time { return start.Add(time.Since(began)) },
		learn: func(context.Context, time.Time) error { return nil },
	}
}

// linesOf reads a sample log; every line is a whole JSON object and none is older than the one before.
func linesOf(t *testing.T, path string) (times []time.Time) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")) {
		var r struct {
			Time time.Time `json:"time_iso8601"`
		}
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("line %d: %v: %s", i+1, err, line)
		}
		if i > 0 && r.Time.Before(times[i-1]) {
			t.Fatalf("line %d is of %v, the one before of %v", i+1, r.Time, times[i-1])
		}
		times = append(times, r.Time)
	}
	return times
}

// runToPresent lets the demo write until its log has reached the present, and stops it.
func runToPresent(t *testing.T, d *demo) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	waitFor(t, "the present in the sample log", func() bool { return d.now().Sub(lastTime(d.file())) < time.Minute })
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// lastTime is the time of the last whole line that is there already.
func lastTime(path string) (last time.Time) {
	data, err := os.ReadFile(path)
	if err != nil {
		return last
	}
	lines := bytes.Split(data, []byte("\n"))
	if len(lines) < 2 {
		return last
	}
	var r struct {
		Time time.Time `json:"time_iso8601"`
	}
	if json.Unmarshal(lines[len(lines)-2], &r) != nil {
		return last
	}
	return r.Time
}

// TestDemoWritesThePastOnce starts, stops and starts again: the past is there once, before the present, and long enough
// to learn from.
func TestDemoWritesThePastOnce(t *testing.T) {
	d := demoAt(t, time.Date(2026, 3, 12, 10, 2, 0, 0, time.UTC))
	learned := 0
	d.learn = func(_ context.Context, until time.Time) error {
		learned++
		times := linesOf(t, d.file())
		if past := until.Sub(times[0]); past < 98*time.Hour || past > 123*time.Hour {
			t.Errorf("the past is %v long, want more than four days and a bit", past)
		}
		if last := times[len(times)-1]; last.After(until) {
			t.Errorf("learning up to %v, but the past goes on to %v", until, last)
		}
		return nil
	}
	runToPresent(t, d)
	first := linesOf(t, d.file())
	runToPresent(t, d)
	second := linesOf(t, d.file())
	if learned != 1 {
		t.Errorf("the past was written %d times", learned)
	}
	if len(second) < len(first) || len(second) > len(first)+2000 {
		t.Errorf("%d lines after the first start, %d after the second", len(first), len(second))
	}
}

// TestDemoStartsAnewAfterAnUnfinishedPast: what a kill left of the past does not count as one.
func TestDemoStartsAnewAfterAnUnfinishedPast(t *testing.T) {
	d := demoAt(t, time.Date(2026, 3, 12, 10, 2, 0, 0, time.UTC))
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.file()+".new", []byte("{half a li"), 0o600); err != nil {
		t.Fatal(err)
	}
	runToPresent(t, d)
	if n := len(linesOf(t, d.file())); n < 5000 {
		t.Errorf("%d lines, want days of them", n)
	}
}

// TestDemoLogIsBounded writes far more than the limit.
func TestDemoLogIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.log")
	const limit = 10_000
	w, err := openDemoLog(path, limit)
	if err != nil {
		t.Fatal(err)
	}
	line := append(bytes.Repeat([]byte("x"), 99), '\n')
	for range 1000 {
		if err := w.write(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(path + "*")
	if err != nil || len(names) != 2 {
		t.Fatalf("files %v, %v; want the log and one rotated", names, err)
	}
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil || info.Size() > limit || info.Size()%100 != 0 {
			t.Errorf("%s: %v bytes, %v; want whole lines, %d bytes at most", name, info.Size(), err, limit)
		}
	}
}

// TestDemoAttacksHaveRoom: attacks of an hour lie in it, in both halves of the schedule.
func TestDemoAttacksHaveRoom(t *testing.T) {
	for minute := range 60 {
		now := time.Date(2026, 3, 12, 10, minute, 30, 0, time.UTC)
		start := now.Truncate(demoBucket).Add(-demoBucket)
		for _, a := range openingAttacks(start, now) {
			if a.At < 0 || a.For <= 0 || start.Add(a.At).After(now.Add(time.Minute)) {
				t.Errorf("at %v: %+v, want it to begin within the first minute", now, a)
			}
		}
		end := now.Add(demoOpening).Truncate(time.Hour).Add(time.Hour)
		later := laterAttacks(start, now, end)
		for _, a := range later {
			if !start.Add(a.At).After(now) || !start.Add(a.At).Before(end) {
				t.Errorf("at %v: %+v lies outside the hour", now, a)
			}
		}
		if want := max(0, (int(end.Sub(now).Minutes())-8)/4-1); len(later) < want {
			t.Errorf("at %v: %d attacks until the hour ends, want %d", now, len(later), want)
		}
	}
}

// TestDemoShowsIncidents runs `serve --demo` as it is, until every learned detector and both kinds of attack have shown.
func TestDemoShowsIncidents(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: the demo takes a minute")
	}
	if now := time.Now().UTC(); now.Minute() < 6 {
		t.Logf("the hour is %d minutes old: what is counted by the hour begins anew", now.Minute())
	}
	s, _ := startServer(t, Config{DataDir: t.TempDir()}, ServeOptions{Demo: true})
	missing := map[string]bool{
		baseline.EndpointTraffic: true, baseline.EndpointErrorBurst: true, baseline.UserRequestSpike: true, baseline.ObjectEnumeration: true,
		string(detect.KindCredential): true, string(detect.KindWebAttack): true,
	}
	deadline := time.Now().Add(10 * time.Minute)
	for len(missing) > 0 && time.Now().Before(deadline) {
		time.Sleep(500 * time.Millisecond)
		var list incidentList
		get(t, s, s.AdminKey, "/v1/incidents?limit=100", &list)
		for _, inc := range list.Incidents {
			delete(missing, string(inc.Kind))
			for _, signal := range inc.Signals {
				delete(missing, signal.Detector)
			}
		}
	}
	for what := range missing {
		t.Errorf("no incident of %s", what)
	}
}
