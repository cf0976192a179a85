package store

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/incident/notify"
	"github.com/gatewatch/gatewatch/incident/notify/send"
)

// The outbox over the real store: what waited and what was under way at the stop goes out after a restart under the id that
// it had, what was delivered does not, and lists are the same.
func TestOutboxSurvivesARestart(t *testing.T) {
	s := openTestStore(t)
	var answer atomic.Int32
	answer.Store(http.StatusOK)
	arrived := make(chan string, 100)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(int(answer.Load()))
		arrived <- r.Header.Get("Webhook-Id")
	}))
	defer hook.Close()
	cfg := notify.Config{Channels: []notify.Channel{{
		Name: "soc", Target: send.Target{Type: "webhook", URL: send.Secret(hook.URL)}, Wait: time.Millisecond, Interval: time.Millisecond,
	}}}
	manager := incident.NewManager(s, incident.Options{Now: time.Now})
	open := func() (*notify.Notifier, func()) {
		t.Helper()
		n, err := notify.New(s, manager, notify.Options{Config: cfg})
		if err == nil {
			err = n.Load(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- n.Run(ctx) }()
		return n, func() {
			stop()
			if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
	}
	raise := func(client string) {
		t.Helper()
		at := time.Now().UTC()
		f := detect.Finding{
			Revision: 1, Detector: "path_scan", Title: "Path scanning", Kind: detect.KindWebAttack, Severity: detect.High, Service: "shop",
			Entity: detect.Entity{Type: detect.EntityClient, Value: client}, FirstSeen: at, LastSeen: at, FiredAt: at, EventCount: 3,
			Measure: detect.Measure{Aggregate: detect.AggregateCount, From: at, To: at.Add(time.Minute)},
		}
		f.ID = detect.FindingID(f.Detector, f.Entity, f.Service, nil, f.FiredAt)
		if err := manager.Apply(t.Context(), []detect.Finding{f}); err != nil {
			t.Fatal(err)
		}
	}
	next := func() string {
		t.Helper()
		select {
		case id := <-arrived:
			return id
		case <-time.After(time.Minute):
			t.Fatal("nothing arrives")
			return ""
		}
	}
	_, stop := open()
	raise("203.0.113.1")
	first := next()
	answer.Store(http.StatusBadGateway)
	raise("203.0.113.2")
	second := next()
	stop()
	raise("203.0.113.3") // while nobody looks
	answer.Store(http.StatusOK)
	n, stop := open()
	if again := next(); again != second || again == first {
		t.Errorf("after the restart %s came, want %s again", again, second)
	}
	third := next()
	for third == second { // tried more than once before the stop
		third = next()
	}
	deadline := time.Now().Add(time.Minute)
	for len(n.List(notify.Filter{States: []notify.State{notify.Delivered}}, 10)) < 3 && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	before := n.List(notify.Filter{}, 10)
	stop()
	n, stop = open()
	if diff := cmp.Diff(before, n.List(notify.Filter{}, 10)); diff != "" || len(before) != 3 || before[0].Message != third {
		t.Errorf("%d entries; after another restart (-before +after):\n%s", len(before), diff)
	}
	stop()
	if len(arrived) != 0 {
		t.Errorf("%s came once more", <-arrived)
	}
}
