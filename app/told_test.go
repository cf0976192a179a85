package app

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/gatewatch/gatewatch/incident/notify/send"
)

// told is a webhook's receiver that keeps which incidents it was told of, by which notification in which message.
type told struct {
	*httptest.Server
	mu        sync.Mutex
	incidents map[string]bool
	messages  map[string]string // notification → message
	moved     []string          // notifications that came with more than one message
}

func newTold(t *testing.T) *told {
	t.Helper()
	r := &told{incidents: map[string]bool{}, messages: map[string]string{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return // the sender was killed
		}
		var m send.Message
		if err := json.Unmarshal(body, &m); err != nil {
			t.Errorf("%v in %s", err, body)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, n := range m.Notifications {
			r.incidents[n.Incident.ID] = true
			if was := r.messages[n.ID]; was != "" && was != m.ID {
				r.moved = append(r.moved, n.ID)
			}
			r.messages[n.ID] = m.ID
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// channel is the configuration of a server that tells r, as the environment has it.
func (r *told) channel() string {
	return "GATEWATCH_NOTIFICATIONS_CHANNELS=[{name: test, type: webhook, url: '" + r.URL + "', wait: 1ms, interval: 1ms}]"
}

// count is how many incidents r was told of.
func (r *told) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.incidents)
}
