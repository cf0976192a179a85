package api

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gatewatch/gatewatch/ingest"
)

// TestPushesTogetherAreBounded: what finds no room is told to come again, and does when there is room.
func TestPushesTogetherAreBounded(t *testing.T) {
	room := ingest.NewRoom(1 << 20)
	b := newBench(t, func(d *Deps) { d.Room = room })
	other, err := room.Enter(t.Context(), io.NopCloser(strings.NewReader(strings.Repeat("x", 240_000))))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(other); err != nil {
		t.Fatal(err)
	}
	push := `203.0.113.9 - - [01/Mar/2026:12:00:00 +0000] "GET /` + strings.Repeat("a", 300_000) + ` HTTP/1.1" 200 1 "-" "-"` + "\n"
	for _, path := range []string{"/v1/ingest/raw?source=edge&format=combined", "/v1/ingest/events"} {
		res := b.ask(RoleAgent, "POST", path, push)
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || !strings.Contains(res.body, "send the same again") {
			t.Errorf("%s without room: %d, Retry-After %q, %s", path, res.StatusCode, res.Header.Get("Retry-After"), res.body)
		}
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if res := b.ask(RoleAgent, "POST", "/v1/ingest/raw?source=edge&format=combined", push); res.StatusCode != http.StatusOK {
		t.Errorf("with room: %d, %s", res.StatusCode, res.body)
	}
	if room.Used() != 0 {
		t.Errorf("%d bytes stay taken", room.Used())
	}
}
