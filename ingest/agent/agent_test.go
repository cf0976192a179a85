package agent

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatewatch/gatewatch/ingest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestLineToServer: a line of a real format arrives as a normalised event without its secrets.
func TestLineToServer(t *testing.T) {
	got := make(chan *ingest.Batch, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := ingest.Decompress(r.Header.Get("Content-Encoding"), r.Body, 1<<20)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = body.Close() }()
		b, err := ingest.DecodeEvents(body, ingest.Limits{})
		if err == nil {
			err = b.ReadHeader(r.Header)
		}
		if err != nil {
			t.Error(err)
		}
		got <- b
	}))
	defer srv.Close()
	dir := t.TempDir()
	log := filepath.Join(dir, "access.log")
	line := `203.0.113.5 - - [01/Mar/2026:12:00:00 +0000] "GET /orders/7?token=hunter2secret&a=1 HTTP/1.1" 200 12 "-" "curl/8.0"` + "\n"
	if err := os.WriteFile(log, []byte(line+"junk password=hunter2secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := New(Options{
		Server: srv.URL, Key: "k", StateDir: filepath.Join(dir, "state"),
		Sources: []Source{{Name: "edge", Files: []string{filepath.Join(dir, "*.log")}, Service: "shop"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	var b *ingest.Batch
	select {
	case b = <-got:
	case <-time.After(time.Minute):
		t.Fatal("nothing arrived")
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if len(b.Events) != 1 || b.Failed != 1 || b.Source != "edge:"+log || b.Format == "" {
		t.Fatalf("batch %+v", b)
	}
	ev := b.Events[0]
	if ev.Path != "/orders/7" || ev.Service != "shop" || ev.ClientIP.String() != "203.0.113.5" || ev.Status != 200 {
		t.Errorf("event %+v", ev)
	}
	if strings.Contains(ev.Query+b.Failures[0].Line, "hunter2") {
		t.Errorf("a secret left the machine: %q, %q", ev.Query, b.Failures[0].Line)
	}
}

func TestSecret(t *testing.T) {
	own := filepath.Join(t.TempDir(), "secret")
	first, err := readSecret("", own)
	if err != nil {
		t.Fatal(err)
	}
	again, err := readSecret("", own)
	if err != nil || string(first) != string(again) || len(first) < 32 {
		t.Errorf("%q, then %q, %v", first, again, err)
	}
	if _, err := readSecret(own+"-absent", own); err == nil {
		t.Error("a named file that is absent is no error")
	}
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, []byte("abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readSecret(short, own); err == nil {
		t.Error("a short secret is accepted")
	}
}
