package app

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLifecycleStopsInReverseOrderAndJoinsFailures(t *testing.T) {
	l := newLifecycle(discard())
	var order []string
	l.onStop("store", func() error { order = append(order, "store"); return errors.New("disk") })
	l.run("committer", func(ctx context.Context) error {
		<-ctx.Done()
		order = append(order, "committer")
		return ctx.Err()
	})
	l.onStop("tail", func() error { order = append(order, "tail"); return nil })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.wait(ctx); err != nil {
		t.Errorf("wait: %v", err)
	}
	err := l.stop()
	if err == nil || err.Error() != "stop store: disk" {
		t.Errorf("stop: %v", err)
	}
	if d := cmp.Diff([]string{"tail", "committer", "store"}, order); d != "" {
		t.Errorf("order (-want +got):\n%s", d)
	}
}

func TestLifecycleAPartThatEndsEndsTheWhole(t *testing.T) {
	for name, result := range map[string]error{"with an error": errors.New("port in use"), "without": nil} {
		l := newLifecycle(discard())
		l.run("api", func(context.Context) error { return result })
		err := l.wait(context.Background())
		if err == nil || !strings.HasPrefix(err.Error(), "api: ") {
			t.Errorf("%s: wait: %v", name, err)
		}
		if err := l.stop(); err != nil {
			t.Errorf("%s: stop: %v", name, err)
		}
	}
}

func TestLifecycleWaitsAsLongAsAPartSays(t *testing.T) {
	l := newLifecycle(discard())
	release := make(chan struct{})
	defer close(release)
	l.onStopWithin("engine", time.Millisecond, func() error { <-release; return nil })
	if err := l.stop(); err == nil || err.Error() != "stop engine: not done after 1ms" {
		t.Errorf("stop: %v", err)
	}
}
