package notify

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/incident/notify/send"
)

// Run wakes for a change, for a due time and for a retry, waits for a store that is away, and stops at once.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, repo: newFakeRepo(), receivers: map[string]*receiver{"udp://siem:514": {}}, cfg: Config{Channels: []Channel{syslogTo("siem")}}}
		b.manager = incident.NewManager(incident.NewMemory(nil), incident.Options{Now: time.Now})
		n, err := New(b.repo, b.manager, Options{Config: b.cfg, sender: func(send.Target, send.Options) (send.Sender, error) { return b.to("siem"), nil }})
		if err == nil {
			err = n.Load(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- n.Run(ctx) }()
		expect := func(want string) {
			t.Helper()
			time.Sleep(time.Minute) // of the bubble's clock
			synctest.Wait()
			if got := b.to("siem").told(); got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		}
		fail := func(err error) {
			b.to("siem").mu.Lock()
			defer b.to("siem").mu.Unlock()
			b.to("siem").fail = func(*send.Message) error { return err }
		}
		b.apply(finding(1, detect.High))
		expect("1:opened")
		fail(&send.RefusedError{Err: errors.New("answered 400")})
		b.apply(finding(2, detect.High))
		expect("1:opened")
		fail(nil)
		if k, err := n.Retry(ctx, "siem", nil); k != 1 || err != nil {
			t.Fatal(k, err)
		}
		expect("1:opened | 2:opened")
		b.repo.mu.Lock()
		b.repo.down = errors.New("store unavailable")
		b.repo.mu.Unlock()
		b.apply(finding(3, detect.High))
		expect("1:opened | 2:opened")
		b.repo.mu.Lock()
		b.repo.down = nil
		b.repo.mu.Unlock()
		expect("1:opened | 2:opened | 3:opened")
		fail(errAway)
		b.apply(finding(4, detect.High))
		expect("1:opened | 2:opened | 3:opened")
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if p := b.repo.places["siem"]; p == nil {
			t.Error("its place was not stored")
		}
	})
}
