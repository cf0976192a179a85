package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
)

// live runs the server on a port of its own and returns its address; it is stopped at the end of the test.
func (b *bench) live(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx, l) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

// sse is one server-sent event.
type sse struct{ id, name, data string }

// listen opens the stream and calls each for every event until it returns false.
func (b *bench) listen(ctx context.Context, base, query, lastID string, each func(sse) bool) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/v1/incidents/stream?"+query, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+b.secrets[RoleViewer])
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != eventStream {
		return fmt.Errorf("%s with %s", res.Status, res.Header.Get("Content-Type"))
	}
	var e sse
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		switch name, value, _ := strings.Cut(lines.Text(), ": "); name {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			e.data = value
		case "":
			if e.name != "" && !each(e) {
				return nil
			}
			e = sse{}
		}
	}
	return lines.Err()
}

func TestStreamBeginsNow(t *testing.T) {
	b := newBench(t)
	base := b.live(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var got []sse
	err := b.listen(ctx, base, "", "", func(e sse) bool {
		if e.name == "ready" {
			if err := b.manager.Apply(ctx, []detect.Finding{finding(9, 9)}); err != nil {
				t.Error(err)
			}
		}
		got = append(got, e)
		return len(got) < 2
	})
	if err != nil || len(got) != 2 || got[0].id != "3" || got[1].id != "4" || got[1].name != "incident" {
		t.Fatalf("%v %v", got, err)
	}
	var inc incident.Incident
	if err := json.Unmarshal([]byte(got[1].data), &inc); err != nil || inc.Entity.Value != "203.0.113.9" {
		t.Fatalf("%+v %v", inc, err)
	}
}

func TestStreamFromTheBeginningWithAFilter(t *testing.T) {
	b := newBench(t)
	base := b.live(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var got []string
	err := b.listen(ctx, base, "entity=203.0.113.2&severity=high", "0", func(e sse) bool {
		got = append(got, e.name+e.id)
		return e.name != "incident"
	})
	if err != nil || strings.Join(got, " ") != "ready0 incident2" {
		t.Fatalf("%v %v", got, err)
	}
}

func TestStreamResetsAfterAnotherStore(t *testing.T) {
	b := newBench(t)
	base := b.live(t)
	var first sse
	if err := b.listen(t.Context(), base, "", "99", func(e sse) bool { first = e; return false }); err != nil {
		t.Fatal(err)
	}
	if first.name != "reset" || first.id != "3" {
		t.Fatalf("%+v", first)
	}
}

// Many clients that break off and resume see every change, once, in order.
func TestStreamResumesWithoutGapsAndRepeats(t *testing.T) {
	b := newBench(t)
	base := b.live(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	const clients, changes = 200, 200
	last := uint64(3 + changes)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			if err := b.resumeUntil(ctx, base, last, 5+3*i); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	for i := range changes {
		if err := b.manager.Apply(ctx, []detect.Finding{finding(i%40+10, i+100)}); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
}

// resumeUntil reads the stream in pieces of so many events, up to the change with the number last, and connects again as
// often as it takes.
func (b *bench) resumeUntil(ctx context.Context, base string, last uint64, piece int) error {
	return b.readOn(ctx, base, 0, last, piece)
}

// readOn is resumeUntil for a client that has seen the changes up to a number.
func (b *bench) readOn(ctx context.Context, base string, seen, last uint64, piece int) error {
	for seen < last {
		left := piece
		var fault error
		err := b.listen(ctx, base, "", strconv.FormatUint(seen, 10), func(e sse) bool {
			if e.name != "incident" {
				return true
			}
			if e.id != strconv.FormatUint(seen+1, 10) {
				fault = fmt.Errorf("change %s after %d", e.id, seen)
				return false
			}
			seen++
			left--
			return left > 0 && seen < last
		})
		var broken *url.Error // a busy server closes a connection that waits too long for its turn: a client connects again
		if errors.As(err, &broken) && ctx.Err() == nil {
			err = nil
		}
		if err := errors.Join(err, fault); err != nil {
			return err
		}
	}
	return nil
}

func TestStreamsAreCounted(t *testing.T) {
	b := newBench(t, func(d *Deps) { d.Config.MaxStreams = 1 })
	base := b.live(t)
	err := b.listen(t.Context(), base, "", "", func(sse) bool {
		res := b.ask(RoleViewer, "GET", "/v1/incidents/stream", "")
		if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
			t.Errorf("the second stream: %d", res.StatusCode)
		}
		return false
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A stream ends with its key: what happens after the revocation is not told.
func TestStreamEndsWithItsKey(t *testing.T) {
	b := newBench(t)
	base := b.live(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	err := b.listen(ctx, base, "", "", func(e sse) bool {
		if e.name != "ready" {
			t.Errorf("told after the key was revoked: %+v", e)
			return false
		}
		if _, err := b.keys.Revoke(ctx, "key_"+b.secrets[RoleViewer][3:11]); err != nil {
			t.Error(err)
		}
		if err := b.manager.Apply(ctx, []detect.Finding{finding(9, 9)}); err != nil {
			t.Error(err)
		}
		return true
	})
	if err != nil || ctx.Err() != nil {
		t.Fatalf("%v %v", err, ctx.Err())
	}
}

// A stream that nothing happens on does not keep the server from stopping.
func TestStreamEndsWithTheServer(t *testing.T) {
	b := newBench(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx, l) }()
	err = b.listen(t.Context(), "http://"+l.Addr().String(), "", "", func(sse) bool { cancel(); return true })
	if err != nil {
		t.Errorf("the stream broke: %v", err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
}

// A client that does not read holds up nobody, and misses nothing: its socket is full long before the changes end.
func TestStreamOfAClientThatDoesNotRead(t *testing.T) {
	b := newBench(t)
	base := b.live(t)
	slow, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Close() }()
	_, err = fmt.Fprintf(slow, "GET /v1/incidents/stream?last_event_id=0 HTTP/1.1\r\nHost: gatewatch\r\nX-Api-Key: %s\r\n\r\n", b.secrets[RoleViewer])
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	const changes = 3000
	last := uint64(3 + changes)
	fast := make(chan error, 1)
	go func() { fast <- b.resumeUntil(ctx, base, last, changes*2) }()
	for i := range changes {
		f := finding(i%200, i+100)
		f.Explanation = strings.Repeat("It asked for paths that do not exist. ", 50)
		if err := b.manager.Apply(ctx, []detect.Finding{f}); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-fast; err != nil {
		t.Fatalf("the client that reads: %v", err)
	}
	seen := uint64(0)
	lines := bufio.NewScanner(slow)
	lines.Buffer(nil, 1<<20)
	for seen < last && lines.Scan() { // it ends early when the server gave up on the client meanwhile
		if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok && id != "0" {
			if seen++; id != strconv.FormatUint(seen, 10) {
				t.Fatalf("change %s after %d", id, seen-1)
			}
		}
	}
	if seen == 0 {
		t.Fatal("it saw nothing")
	}
	if err := b.readOn(ctx, base, max(seen, 1)-1, last, changes*2); err != nil { // the last one may have been cut
		t.Fatalf("it comes back after %d: %v", seen, err)
	}
}

// BenchmarkStreams has 200 clients follow changes, every tenth slowly, every fifth in pieces with Last-Event-ID.
func BenchmarkStreams(b *testing.B) {
	const clients, changes = 200, 1000
	for b.Loop() {
		s := newBench(b)
		base := s.live(b)
		last := uint64(3 + changes)
		var wg sync.WaitGroup
		var missed atomic.Int64
		before := cpuTime()
		for i := range clients {
			piece := changes * 2
			if i%5 == 0 {
				piece = 20 + i
			}
			wg.Go(func() {
				if i%10 == 0 {
					time.Sleep(time.Second) // it comes late, and has all to catch up with
				}
				if err := s.resumeUntil(b.Context(), base, last, piece); err != nil {
					missed.Add(1)
					b.Errorf("client %d: %v", i, err)
				}
			})
		}
		for i := range changes {
			if err := s.manager.Apply(b.Context(), []detect.Finding{finding(i%200, i+100)}); err != nil {
				b.Fatal(err)
			}
		}
		wg.Wait()
		b.ReportMetric(float64(clients*last)/(cpuTime()-before).Seconds(), "events/cpu-s")
		b.ReportMetric(float64(missed.Load()), "clients-with-gaps-or-repeats")
	}
}
