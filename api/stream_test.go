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
	seen := uint64(0)
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
