package api

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident/notify"
	"github.com/gatewatch/gatewatch/incident/notify/send"
)

// fakeNotifications has one channel, soc, and one dead entry a call.
type fakeNotifications struct{ fail error }

func (*fakeNotifications) List(f notify.Filter, limit int) []notify.Entry {
	all := []notify.Entry{
		{ID: "ntf_2", Channel: "soc", State: notify.Dead, CreatedAt: noon.Add(time.Minute), Severity: detect.High, Changes: []send.Change{}},
		{ID: "ntf_1", Channel: "soc", State: notify.Delivered, CreatedAt: noon, Severity: detect.Low, Changes: []send.Change{}},
	}
	all = slices.DeleteFunc(all, func(e notify.Entry) bool {
		return len(f.States) > 0 && !slices.Contains(f.States, e.State) || !f.Before.IsZero() && !e.CreatedAt.Before(f.Before)
	})
	return all[:min(len(all), limit)]
}

func (*fakeNotifications) Channels() []notify.ChannelState {
	return []notify.ChannelState{{Name: "soc", Type: "slack", Target: "hooks.example.com", Changes: []string{"opened"}}}
}

func (f *fakeNotifications) Test(_ context.Context, channel string) error {
	if channel != "soc" {
		return notify.ErrNoChannel
	}
	return f.fail
}

func (f *fakeNotifications) Retry(_ context.Context, channel string, _ []string) (int, error) {
	if channel != "" && channel != "soc" {
		return 0, notify.ErrNoChannel
	}
	return 1, f.fail
}

func TestNotificationsPageByPage(t *testing.T) {
	b := newBench(t)
	var page struct {
		Notifications []notify.Entry `json:"notifications"`
		Next          string         `json:"next_cursor"`
	}
	res := b.ask(RoleViewer, "GET", "/v1/notifications?limit=1", "")
	res.into(t, &page)
	if len(page.Notifications) != 1 || page.Notifications[0].ID != "ntf_2" || page.Next == "" || res.Header.Get("Link") == "" {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	next := page.Next
	page.Next = ""
	b.ask(RoleViewer, "GET", "/v1/notifications?limit=1&cursor="+next, "").into(t, &page)
	if len(page.Notifications) != 1 || page.Notifications[0].ID != "ntf_1" || page.Next != "" {
		t.Fatalf("%+v", page)
	}
	if res := b.ask(RoleViewer, "GET", "/v1/notifications?state=lost", ""); res.StatusCode != 400 || !res.problem(t).names("state") {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
}

// A test that does not arrive is told as such; a wrong name is the caller's mistake; both are in the audit or are not.
func TestChannelsAreTested(t *testing.T) {
	down := &fakeNotifications{}
	b := newBench(t, func(d *Deps) { d.Notifications = down })
	if res := b.ask(RoleAnalyst, "POST", "/v1/notifications/test", `{"channel":"soc"}`); res.StatusCode != 200 || !strings.Contains(res.body, `"delivered":true`) {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	down.fail = errors.New("hooks.example.com answered 404")
	res := b.ask(RoleAnalyst, "POST", "/v1/notifications/test", `{"channel":"soc"}`)
	if res.StatusCode != 200 || !strings.Contains(res.body, `"delivered":false`) || !strings.Contains(res.body, "answered 404") {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	if res := b.ask(RoleAnalyst, "POST", "/v1/notifications/test", `{"channel":"nobody"}`); res.StatusCode != 400 || !res.problem(t).names("channel") {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	if got := b.store.actions(); len(got) != 2 || got[0] != "the analyst notification.test soc" {
		t.Fatalf("audit: %q", got)
	}
}

func TestDeadNotificationsAreRetried(t *testing.T) {
	b := newBench(t)
	for body, field := range map[string]string{
		`{}`: "ids", `{"ids":["ntf_2"],"channel":"soc"}`: "ids", `{"channel":"nobody"}`: "channel", `{"ids":"x"}`: "ids",
	} {
		if res := b.ask(RoleAnalyst, "POST", "/v1/notifications/retry", body); res.StatusCode != 400 || !res.problem(t).names(field) {
			t.Errorf("%s: %d %s", body, res.StatusCode, res.body)
		}
	}
	if res := b.ask(RoleAnalyst, "POST", "/v1/notifications/retry", `{"ids":["ntf_2"]}`); res.StatusCode != 200 || res.body != `{"retried":1}`+"\n" {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
}
