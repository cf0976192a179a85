package ship

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/ingest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testKey = "gw_not_to_be_logged"

// script is a server that gives prepared answers, then takes everything.
type script struct {
	mu      sync.Mutex
	answers []int
	limit   int // events of a body, 413 beyond; 0: none
	ranges  []string
	events  int
	faults  []string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := ingest.Decompress(r.Header.Get("Content-Encoding"), r.Body, 1<<20)
	if err != nil {
		s.faults = append(s.faults, err.Error())
		return
	}
	defer func() { _ = body.Close() }()
	b, err := ingest.DecodeEvents(body, ingest.Limits{})
	if err == nil {
		err = b.ReadHeader(r.Header)
	}
	switch {
	case err != nil:
		s.faults = append(s.faults, err.Error())
	case r.Header.Get("Authorization") != "Bearer "+testKey || r.Header.Get(ingest.HeaderNormalized) != "1" || r.URL.Path != EventsPath:
		s.faults = append(s.faults, fmt.Sprint(r.URL, r.Header))
	}
	if len(s.answers) > 0 {
		code := s.answers[0]
		s.answers = s.answers[1:]
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `{"title":"no","detail":"told why"}`)
		return
	}
	if s.limit > 0 && len(b.Events) > s.limit {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	s.events += len(b.Events)
	s.ranges = append(s.ranges, fmt.Sprintf("%d-%d", b.From, b.To))
	w.WriteHeader(http.StatusNoContent)
}

func batch(n int) *ingest.Batch {
	b := &ingest.Batch{Source: "edge", Generation: 3, From: 0, To: uint64(10 * n), Lines: uint64(n)}
	for i := range n {
		var ev event.Event
		ev.Reset()
		ev.Time, ev.Path, ev.Position = time.Unix(1_700_000_000, 0), "/", uint64(10*i)
		b.Events = append(b.Events, ev)
	}
	return b
}

func newSink(t *testing.T, server string, log *bytes.Buffer) *Sink {
	t.Helper()
	s, err := New(Options{
		Server: server, Key: testKey, RetryMin: time.Millisecond, RetryMax: 2 * time.Millisecond, RefusedPause: 2 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestShipsUntilStored(t *testing.T) {
	h := &script{answers: []int{503, 503, 401, 401, 403, 404, 429, 500}}
	srv := httptest.NewServer(h)
	defer srv.Close()
	var log bytes.Buffer
	if err := newSink(t, srv.URL, &log).Write(context.Background(), batch(3)); err != nil {
		t.Fatal(err)
	}
	if h.events != 3 || len(h.faults) > 0 || len(h.ranges) != 1 || h.ranges[0] != "0-30" {
		t.Errorf("events %d, ranges %v, faults %v", h.events, h.ranges, h.faults)
	}
	text := log.String()
	if n := strings.Count(text, "503"); n != 1 {
		t.Errorf("503 is logged %d times: want once for the state\n%s", n, text)
	}
	for _, want := range []string{"is the key right", "role agent", "told why", "shipped again"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, testKey) {
		t.Error("the key is in the log")
	}
}

func TestRejected(t *testing.T) {
	h := &script{answers: []int{400}}
	srv := httptest.NewServer(h)
	defer srv.Close()
	err := newSink(t, srv.URL, new(bytes.Buffer)).Write(context.Background(), batch(2))
	if !errors.Is(err, ingest.ErrRejected) || !strings.Contains(err.Error(), "told why") {
		t.Errorf("error %v", err)
	}
}

func TestTooLargeGoesInPieces(t *testing.T) {
	h := &script{limit: 3}
	srv := httptest.NewServer(h)
	defer srv.Close()
	s := newSink(t, srv.URL, new(bytes.Buffer))
	if err := s.Write(context.Background(), batch(10)); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(h.ranges, " "); h.events != 10 || got != "0-20 20-50 50-70 70-100" {
		t.Errorf("%d events in %s", h.events, got)
	}
	s.opt.MaxBody = 200 // the sink's own limit
	if err := s.Write(context.Background(), batch(4)); err != nil {
		t.Fatal(err)
	}
	h.limit = -1
	h.answers = []int{413}
	if err := s.Write(context.Background(), batch(1)); !errors.Is(err, ingest.ErrRejected) {
		t.Errorf("one event that is too large: %v", err)
	}
}

func TestUnreachableServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s := newSink(t, "http://"+addr, &log)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := s.Write(ctx, batch(1)); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ingest.ErrRejected) {
		t.Errorf("error %v", err)
	}
	if n := strings.Count(log.String(), "cannot be shipped"); n != 1 {
		t.Errorf("logged %d times: want once\n%s", n, log.String())
	}
	// It comes up.
	if l, err = net.Listen("tcp", addr); err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	h := &script{}
	srv := httptest.NewUnstartedServer(h)
	_ = srv.Listener.Close()
	srv.Listener = l
	srv.Start()
	defer srv.Close()
	if err := s.Write(context.Background(), batch(1)); err != nil || h.events != 1 {
		t.Errorf("%v, %d events", err, h.events)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []Options{
		{Server: "", Key: "k"},
		{Server: "example.com:80", Key: "k"},
		{Server: "ftp://example.com", Key: "k"},
		{Server: "http://user:secret@example.com", Key: "k"},
		{Server: "http://example.com"},
		{Server: "http://example.com", Key: "a b"},
	} {
		_, err := New(o)
		if err == nil {
			t.Errorf("%+v is accepted", o)
		} else if strings.Contains(err.Error(), "secret@") {
			t.Errorf("the error shows a password: %v", err)
		}
	}
}
