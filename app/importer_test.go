package app

import (
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/parsers"
)

// history writes days of a log, rotated and partly compressed, and returns its files and number of lines.
func history(t *testing.T, dir string, days int) (files []string, lines int) {
	t.Helper()
	start := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -days-3)
	for d := range days {
		var b strings.Builder
		for i := range 2400 {
			at := start.AddDate(0, 0, d).Add(time.Duration(i) * 36 * time.Second)
			fmt.Fprintf(&b, "203.0.113.%d - - [%s] \"GET /items/%d HTTP/1.1\" 200 512 \"-\" \"curl/8.5.0\"\n", i%40, at.Format("02/Jan/2006:15:04:05 -0700"), i%300)
			lines++
		}
		name := filepath.Join(dir, fmt.Sprintf("access.log.%d", days-d))
		if d%2 == 0 {
			name += ".gz"
		}
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if d%2 == 0 {
			z := gzip.NewWriter(f)
			_, err = z.Write([]byte(b.String()))
			if err == nil {
				err = z.Close()
			}
		} else {
			_, err = f.WriteString(b.String())
		}
		if err != nil || f.Close() != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	}
	return files, lines
}

// TestImport loads history into a running server, twice and under other names: every line counts once, and the
// baselines have learned from it.
func TestImport(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{DataDir: filepath.Join(dir, "data")}
	s, _ := startServer(t, cfg, ServeOptions{})
	logs := filepath.Join(dir, "logs")
	if err := os.Mkdir(logs, 0o700); err != nil {
		t.Fatal(err)
	}
	files, lines := history(t, logs, 4)
	o := ImportOptions{Paths: files, Server: strings.TrimSuffix(s.URL, "/"), Key: s.AdminKey, DataDir: cfg.DataDir, Format: parsers.Spec{Name: "auto"}}
	read := int64(0)
	o.Progress = func(n int64) { read += n }
	r, err := Import(context.Background(), o)
	if err != nil || int(r.Events) != lines || r.Failed != 0 || r.Logs != 4 || read == 0 {
		t.Fatalf("%v: %+v, %d bytes of progress", err, r, read)
	}
	count := func(want int) {
		t.Helper()
		events, places := stored(t, s)
		if events != want || places != want {
			t.Errorf("%d events at %d places are stored, want %d", events, places, want)
		}
	}
	count(lines)

	// rotated meanwhile: the same content under other names
	var later []string
	for i, f := range files {
		to := filepath.Join(logs, fmt.Sprintf("access.log.%d", 20+i))
		if strings.HasSuffix(f, ".gz") {
			to += ".gz"
		}
		if err := os.Rename(f, to); err != nil {
			t.Fatal(err)
		}
		later = append(later, to)
	}
	o.Paths = later
	if r, err = Import(context.Background(), o); err != nil || int(r.Events) != lines {
		t.Fatalf("%v: %+v", err, r)
	}
	count(lines)

	if _, err := (learning{s.learner}).Recompute(context.Background(), "test"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "baselines from the import", func() bool {
		m := s.learner.current()
		return m != nil && m.Events > 0
	})

	o.Key = "gw_wrong"
	if _, err := Import(context.Background(), o); err == nil || !strings.Contains(err.Error(), "key") {
		t.Errorf("a wrong key: %v", err)
	}
	o.Key, o.DataDir = s.AdminKey, dir
	if _, err := Import(context.Background(), o); err == nil || !strings.Contains(err.Error(), "secret") {
		t.Errorf("no secret: %v", err)
	}
}
