package app

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/parsers"
	"github.com/gatewatch/gatewatch/store/engine"
)

// says holds that err has every one of the words.
func says(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error; want one with %q", words)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestConfigurationTellsEveryFault holds that all faults come at once, each with its key, its value and what is accepted.
func TestConfigurationTellsEveryFault(t *testing.T) {
	const text = `
listen: nohost
data_dirr: x
store: {dsn: "mysql://u:hunter2@h/db", pool: 7}
engine: {memory_limit: -1}
sources:
  - files: []
    format: nosuch
    time_zone: Mars/Olympus
    nme: x
  - {name: a, files: ["["]}
  - {name: a, files: [b.log]}
baseline: {schedule: now and then}
incidents: {gap: -5m}
ingest: {max_body_mb: -3}
rules: {memory_mb: 7}
tls: {key: k.pem}
`
	_, err := LoadConfig(file(t, "gatewatch.yaml", text), nil)
	says(t, err, `gatewatch.yaml:3: unknown key "data_dirr"`, `unknown key "store.pool"`, `:10: unknown key "sources[0].nme"; known here: files, format`,
		`listen: "nohost": want HOST:PORT`, "sources[0].files: empty", `sources[0].format`, `"nosuch" is not known; known are auto`,
		`sources[0].time_zone: "Mars/Olympus": want an IANA name`, `sources[1].files[0]: "[": want a path or a glob`, `sources[2].name: "a": another source`,
		"store.dsn", "want clickhouse://", `baseline.schedule: "now and then"`, "want a cron expression", "incidents.gap: -5m0s: want a duration",
		"ingest.max_body_mb: -3: want", "rules.memory_mb: 7: want 16 to", "engine", "tls: certificate and key go together")
	if err != nil && strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error tells the password: %v", err)
	}

	_, err = LoadConfig(file(t, "gatewatch.yaml", "incidents: {gap: tomorrow}\nsources: [{files: x}]\nidentity: [1]\ningest: {from_end: perhaps}\napi: 7\nlisten: [1]\nnosuch: 1\n"),
		[]string{"GATEWATCH_INGEST_MAX_BODY_MB=lots", "GATEWATCH_GEOIP=[a"})
	says(t, err, `:1: incidents.gap: "tomorrow": want a duration such as`, `:2: sources[0].files: "x": want a list`, `:3: identity: a list: want a section`,
		`:4: ingest.from_end: "perhaps": want true or false`, `:5: api: "7": want a section`, `:6: listen: a list: want text`, `:7: unknown key "nosuch"`,
		`the environment: ingest.max_body_mb: "lots": want a whole number`, "GATEWATCH_GEOIP: not a YAML value")

	// A value of the wrong kind hides no other fault, and makes none.
	_, err = LoadConfig(file(t, "gatewatch.yaml", "listen: nohost\nsources: [{files: x, format: 7}, {files: [y], format: nosuch}]\nbaseline: {min_days: many, schedule: now}\n"), nil)
	says(t, err, `listen: "nohost"`, `:2: sources[0].files: "x": want a list`, `sources[1].format`, `baseline.min_days: "many"`, `baseline.schedule: "now"`)
	if err != nil && strings.Contains(err.Error(), "sources[0].files: empty") {
		t.Errorf("a value that is of the wrong kind is said to be missing: %v", err)
	}

	_, err = LoadConfig(file(t, "gatewatch.yaml", "sources: [\n"), nil)
	says(t, err, "gatewatch.yaml", "line 1")
	_, err = LoadConfig(file(t, "gatewatch.yaml", "- a\n"), nil)
	says(t, err, "gatewatch.yaml:1: a list: want a section")
	_, err = LoadConfig(file(t, "gatewatch.yaml", "listen: 127.0.0.1:1\n---\nlisten: 127.0.0.1:2\n"), nil)
	says(t, err, "gatewatch.yaml", "line 2", "second document")
	_, err = LoadConfig(file(t, "gatewatch.yaml", "listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\n"), nil)
	says(t, err, "gatewatch.yaml", "already defined")
	_, err = LoadConfig(filepath.Join(t.TempDir(), "none.yaml"), nil)
	says(t, err, "none.yaml", "no such file")
}

// TestAnalyzeRefusesWhatIsNoLog names the file and says what to do.
func TestAnalyzeRefusesWhatIsNoLog(t *testing.T) {
	t.Parallel()
	requireEngine(t)
	good := file(t, "good.log", visits(10, time.Now()))
	junk := file(t, "junk.bin", "\x7fELF\x02\x01\x01\x00\n\x00\x00\xff\xfe\n")
	for _, c := range []struct {
		name  string
		opts  AnalyzeOptions
		words []string
	}{
		{"directory", AnalyzeOptions{Paths: []string{filepath.Dir(good)}}, []string{filepath.Dir(good), "it is a directory; name the log files in it"}},
		{"missing", AnalyzeOptions{Paths: []string{good + ".1"}}, []string{good + ".1", "no such file"}},
		{"unreadable", AnalyzeOptions{Paths: []string{"/proc/self/mem"}}, []string{"/proc/self/mem", "input/output error"}},
		{"binary", AnalyzeOptions{Paths: []string{junk}}, []string{junk, "none of its first 2 lines", "gatewatch parse --explain", "--format"}},
		{"twice", AnalyzeOptions{Paths: []string{good, good}}, []string{good, "named twice"}},
		{"several", AnalyzeOptions{Paths: []string{junk, good + ".1", good}}, []string{junk, good + ".1"}},
		{"corrupt mmdb", AnalyzeOptions{Paths: []string{good}, GeoIP: []string{junk}}, []string{junk, "geography database", "damaged"}},
		{"no room", AnalyzeOptions{Paths: []string{good}, TempDir: "/proc"}, []string{"make room for the private store"}},
		{"no such engine", AnalyzeOptions{Paths: []string{good}, engineCommand: []string{"/nonexistent"}}, []string{"/nonexistent", "no such file"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.opts.TempDir == "" {
				c.opts.TempDir = t.TempDir()
			}
			if c.opts.engineCommand == nil {
				c.opts.engineCommand = testEngine()
			}
			_, err := Analyze(context.Background(), c.opts)
			says(t, err, c.words...)
			if left, _ := os.ReadDir(c.opts.TempDir); c.opts.TempDir != "/proc" && len(left) > 0 {
				t.Errorf("%s was left behind", left[0].Name())
			}
		})
	}
}

// TestAnalyzeReadsWhatItCan takes an empty log, one without an end and a broken archive for what they are.
func TestAnalyzeReadsWhatItCan(t *testing.T) {
	requireEngine(t)
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if _, err := io.WriteString(zip, bruteForce(late, tries, now)+visits(5000, now)); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	paths := []string{
		file(t, "empty.log", ""),
		file(t, "endless.log", strings.TrimSuffix(visits(3, now), "\n")),
		file(t, "broken.log.gz", packed.String()[:packed.Len()-20]),
	}
	report, err := Analyze(context.Background(), AnalyzeOptions{Paths: paths, TempDir: t.TempDir(), engineCommand: testEngine()})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := report.WriteText(&text, 10); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"empty.log: 0 lines", "endless.log: 3 lines, 3 requests", "the file ends early: ", "client_ip " + late} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, text.String())
		}
	}
}

// TestParseRefuses what cannot be opened, and a format that is none.
func TestParseRefuses(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		dir: "it is a directory", filepath.Join(dir, "none"): "no such file", "/proc/self/mem": "input/output error",
		file(t, "cut.gz", "\x1f\x8b\x08\x00"): "unexpected EOF",
	} {
		err := Parse(context.Background(), ParseOptions{Path: path, Out: io.Discard, Err: io.Discard})
		says(t, err, path, want)
	}
	err := Parse(context.Background(), ParseOptions{Path: "-", In: strings.NewReader(""), Format: parsers.ParseSpec("nosuch"), Out: io.Discard, Err: io.Discard})
	says(t, err, "nosuch", "known are")
}

// TestServeRefusesToStart names what is in the way, and what to do about it.
func TestServeRefusesToStart(t *testing.T) {
	requireEngine(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	start := func(cfg Config) error {
		if cfg.Listen == "" {
			cfg.Listen = "127.0.0.1:0"
		}
		if cfg.DataDir == "" {
			cfg.DataDir = t.TempDir()
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		return Serve(ctx, cfg, ServeOptions{engineCommand: testEngine()})
	}
	secret := t.TempDir()
	if err := os.WriteFile(filepath.Join(secret, "secret"), []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	junk := file(t, "junk", "junk")
	says(t, start(Config{Listen: taken.Addr().String()}), "start REST", taken.Addr().String(), "address already in use", "--listen")
	says(t, start(Config{DataDir: junk}), "data directory", junk, "not a directory")
	says(t, start(Config{DataDir: secret}), "secret", "is damaged", "restore it, or remove it")
	says(t, start(Config{GeoIP: []string{junk}}), junk, "geography database")
	says(t, start(Config{Rules: RulesConfig{Dirs: []string{junk}}}), "rules.dirs", junk, "want a folder")
	rules := t.TempDir()
	if err := os.WriteFile(filepath.Join(rules, "bad.yml"), []byte("title: x\nlogsource: {category: webserver}\ndetection:\n  sel: {c-uri|nosuch: x}\n  condition: sel\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, start(Config{Rules: RulesConfig{Dirs: []string{rules}}}), "bad.yml:4", "nosuch")
	says(t, start(Config{TLS: TLS{Certificate: junk, Key: junk}}), "certificate", junk)

	busy := t.TempDir()
	startServer(t, Config{DataDir: busy}, ServeOptions{})
	says(t, start(Config{DataDir: busy}), busy, "in use by another gatewatch", "--data-dir")

	_, err = LockDataDir(busy)
	says(t, err, busy, "in use by another gatewatch")
	_, err = LockDataDir(junk + "/none")
	says(t, err, junk+"/none", "--data-dir")

	t.Setenv(engine.LibraryEnv, junk+"/libchdb.so")
	says(t, start(Config{}), engine.LibraryEnv, "gatewatch engine install")
	t.Setenv(engine.LibraryEnv, junk)
	says(t, start(Config{}), "load engine library", junk)
}

// TestServeSurvivesDamagedState holds that a damaged place of detection or checkpoint is set aside with a word, and that
// lines are neither lost nor counted twice for it.
func TestServeSurvivesDamagedState(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "access.log")
	if err := os.WriteFile(log, []byte(bruteForce(early, tries, time.Now().Add(-time.Minute))), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := Config{DataDir: filepath.Join(dir, "data"), Sources: []Source{{Files: []string{log}}}}
	var clock testClock
	s, stop := startServer(t, cfg, ServeOptions{now: clock.now})
	key := s.AdminKey
	clock.settled(t, s, tries)
	waitFor(t, "the attack", func() bool {
		list := incidents(t, s, key, early).Incidents
		return len(list) == 1 && list[0].EventCount == tries
	})
	before := incidents(t, s, key, early).Incidents[0]
	stop()

	damaged := 0
	err := filepath.WalkDir(cfg.DataDir, func(path string, d os.DirEntry, err error) error {
		name := strings.TrimPrefix(path, cfg.DataDir)
		if err == nil && !d.IsDir() && (name == "/detection.json" || strings.HasPrefix(name, "/sources/") && strings.HasSuffix(name, ".json")) {
			damaged++
			return os.WriteFile(path, []byte("\x00\x00{"), 0o600)
		}
		return err
	})
	if err != nil || damaged < 2 {
		t.Fatalf("%d files damaged: %v", damaged, err)
	}
	appendTo(t, log, bruteForce(late, tries, time.Now()))
	var again testClock
	s, _ = startServer(t, cfg, ServeOptions{now: again.now})
	again.settled(t, s, 2*tries)
	allTries(t, s, key)
	if after := incidents(t, s, key, early).Incidents[0]; after.ID != before.ID || after.EventCount != before.EventCount || after.FindingCount != before.FindingCount {
		t.Errorf("incident %s with %d events in %d findings; before %s with %d in %d", after.ID, after.EventCount, after.FindingCount,
			before.ID, before.EventCount, before.FindingCount)
	}
	if events, places := stored(t, s); events != 2*tries || places != events {
		t.Errorf("%d events at %d places, want %d", events, places, 2*tries)
	}
}

// TestServeWaitsForItsStore holds that an unreachable ClickHouse server is told of once, without its password, and that
// the wait ends when it is told to.
func TestServeWaitsForItsStore(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var told lockedBuffer
	cfg := Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0"}
	cfg.Store.DSN = "clickhouse://u:hunter2@127.0.0.1:9/db"
	go func() {
		for ctx.Err() == nil && !strings.Contains(told.String(), "cannot be used yet") {
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(3 * time.Second) // some more attempts
		cancel()
	}()
	if err := Serve(ctx, cfg, ServeOptions{Logger: slog.New(slog.NewTextHandler(&told, nil))}); err != nil {
		t.Errorf("told to stop while it waits: %v", err)
	}
	text := told.String()
	if strings.Count(text, "the store cannot be used yet") != 1 || !strings.Contains(text, "connection refused") || strings.Contains(text, "hunter2") {
		t.Errorf("it says\n%s", text)
	}
}
