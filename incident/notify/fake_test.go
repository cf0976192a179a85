package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/incident/notify/send"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) // a Monday

// killed is what a fake panics with in place of kill -9.
type killed struct{}

// fakeRepo keeps rows as the store does. It counts what it is asked to write and can fail or kill at any of it.
type fakeRepo struct {
	mu      sync.Mutex
	entries map[string]Row
	places  map[string][]byte
	version map[string]uint64
	down    error
	fuse    *fuse
}

// fuse kills at the n-th step that lasts, before or after its effect.
type fuse struct{ before, after, steps int }

func (f *fuse) burn(do func()) {
	if f == nil {
		do()
		return
	}
	f.steps++
	if f.steps == f.before {
		panic(killed{})
	}
	do()
	if f.steps == f.after {
		panic(killed{})
	}
}

func newFakeRepo() *fakeRepo {
	return &fakeRepo{entries: map[string]Row{}, places: map[string][]byte{}, version: map[string]uint64{}}
}

func (r *fakeRepo) AppendNotifications(_ context.Context, rows []Row) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down != nil {
		return r.down
	}
	r.fuse.burn(func() {
		for _, row := range rows {
			if have, ok := r.entries[row.Entry.ID]; !ok || have.Entry.Version < row.Entry.Version {
				r.entries[row.Entry.ID] = row
			}
		}
	})
	return nil
}

func (r *fakeRepo) LoadNotifications(_ context.Context, channel string, limit int, each func([]byte) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var finished []Row
	for _, row := range r.entries {
		if row.Entry.Channel != channel {
			continue
		}
		if row.Entry.State != Waiting && row.Entry.State != Sending {
			finished = append(finished, row)
			continue
		}
		if err := each(row.Body); err != nil {
			return err
		}
	}
	slices.SortFunc(finished, func(a, b Row) int { return inOrder(b.Entry, a.Entry) })
	for _, row := range finished[:min(limit, len(finished))] {
		if err := each(row.Body); err != nil {
			return err
		}
	}
	return r.down
}

func (r *fakeRepo) ToldNotifications(_ context.Context, channel string, since time.Time, each func(string, uint64) error) error {
	told := map[string]uint64{}
	for _, row := range r.entries {
		if e := row.Entry; e.Channel == channel && !e.CreatedAt.Before(since) {
			told[e.IncidentID] = max(told[e.IncidentID], e.IncidentVersion)
		}
	}
	for id, v := range told {
		if err := each(id, v); err != nil {
			return err
		}
	}
	return r.down
}

func (r *fakeRepo) AppendNotificationPlace(_ context.Context, channel string, version uint64, body []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down != nil {
		return r.down
	}
	r.fuse.burn(func() {
		if version > r.version[channel] {
			r.places[channel], r.version[channel] = body, version
		}
	})
	return nil
}

func (r *fakeRepo) LoadNotificationPlaces(_ context.Context, each func([]byte) error) error {
	for _, b := range r.places {
		if err := each(b); err != nil {
			return err
		}
	}
	return r.down
}

// receiver stands for the place that a channel tells. It keeps what arrived, also when the sender was killed then.
type receiver struct {
	mu   sync.Mutex
	got  []*send.Message
	fail func(*send.Message) error
	fuse *fuse
}

func (r *receiver) Send(_ context.Context, m *send.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		if err := r.fail(m); err != nil {
			return err
		}
	}
	r.fuse.burn(func() { r.got = append(r.got, m) })
	return nil
}

func (*receiver) Target() string { return "receiver.example.com" }

func (r *receiver) messages() []*send.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

var errAway = errors.New("receiver.example.com answered 502")

// bench is a manager of incidents, an outbox and its receivers under a clock of the test's own.
type bench struct {
	t         testing.TB
	at        time.Time
	manager   *incident.Manager
	repo      *fakeRepo
	receivers map[string]*receiver
	cfg       Config
	*Notifier
}

func newBench(t testing.TB, channels ...Channel) *bench {
	t.Helper()
	b := &bench{t: t, at: noon, repo: newFakeRepo(), receivers: map[string]*receiver{}, cfg: Config{Channels: channels}}
	b.manager = incident.NewManager(incident.NewMemory(nil), incident.Options{Now: b.clock})
	for _, c := range channels {
		b.receivers[c.Address] = &receiver{}
	}
	b.start()
	return b
}

func (b *bench) clock() time.Time { return b.at }

// start makes the Notifier anew, as a restart does.
func (b *bench) start() {
	b.t.Helper()
	n, err := New(b.repo, b.manager, Options{Config: b.cfg, Now: b.clock, sender: func(t send.Target, _ send.Options) (send.Sender, error) {
		return b.receivers[t.Address], nil
	}})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := n.Load(context.Background()); err != nil {
		b.t.Fatal(err)
	}
	b.Notifier = n
}

// syslogTo is a channel of the simplest type; the address tells the receivers apart.
func syslogTo(name string, change ...func(*Channel)) Channel {
	c := Channel{Name: name, Target: send.Target{Type: "syslog", Address: "udp://" + name + ":514"}}
	for _, f := range change {
		f(&c)
	}
	return c
}

func (b *bench) to(name string) *receiver { return b.receivers["udp://"+name+":514"] }

// run works off everything that is due until the clock says end, moving the clock from one due time to the next.
func (b *bench) run(end time.Time) {
	b.t.Helper()
	for range 100_000 {
		next := end
		for _, c := range b.channels {
			at, err := c.turn(context.Background())
			if err != nil {
				b.t.Fatal(err)
			}
			if !at.IsZero() && at.Before(next) {
				next = at
			}
		}
		if !next.After(b.at) && b.at.Equal(end) {
			return
		}
		if next.After(b.at) {
			b.at = next
		}
	}
	b.t.Fatal("it never ends")
}

// turn is one round of run's loop. It returns when the next is due.
func (c *channel) turn(ctx context.Context) (time.Time, error) {
	wake, err := c.take(ctx)
	if err != nil {
		return time.Time{}, err
	}
	next, err := c.deliver(ctx)
	if wake == (<-chan struct{})(closed) {
		next = c.now()
	}
	return next, err
}

// apply raises findings.
func (b *bench) apply(findings ...detect.Finding) {
	b.t.Helper()
	if err := b.manager.Apply(context.Background(), findings); err != nil {
		b.t.Fatal(err)
	}
}

// finding is about the n-th client.
func finding(n int, severity detect.Severity, change ...func(*detect.Finding)) detect.Finding {
	f := detect.Finding{
		Revision: 1, Detector: "path_scan", Title: "Path scanning", Kind: detect.KindWebAttack, Severity: severity,
		Entity:  detect.Entity{Type: detect.EntityClient, Value: fmt.Sprintf("203.0.113.%d", n)},
		Service: "shop", FirstSeen: noon, LastSeen: noon.Add(time.Minute), EventCount: 12, Observed: 40, Expected: 20, Unit: "paths",
		Explanation: "It asked for 40 paths that do not exist.",
	}
	for _, c := range change {
		c(&f)
	}
	f.FiredAt = f.LastSeen
	f.ID = detect.FindingID(f.Detector, f.Entity, f.Service, nil, f.FiredAt)
	return f
}

// of is the id of the n-th client's incident.
func (b *bench) of(n int) string {
	b.t.Helper()
	page, err := b.manager.List(incident.Filter{Entity: "203.0.113." + strconv.Itoa(n), Suppressed: incident.SuppressedAll}, "", "", 1)
	if err != nil || len(page.Incidents) != 1 {
		b.t.Fatalf("%d incidents of client %d: %v", len(page.Incidents), n, err)
	}
	return page.Incidents[0].ID
}

func (b *bench) set(n int, status incident.Status) {
	b.t.Helper()
	if _, err := b.manager.Patch(context.Background(), b.of(n), incident.AnyVersion, incident.Patch{Status: &status}, "ann"); err != nil {
		b.t.Fatal(err)
	}
}

// told lists what arrived: "client kind,kind" a notification, messages parted by "|".
func (r *receiver) told() string {
	text := ""
	for i, m := range r.messages() {
		if i > 0 {
			text += " | "
		}
		for j, n := range m.Notifications {
			if j > 0 {
				text += " "
			}
			text += n.Incident.Entity.Value[len("203.0.113."):] + ":"
			for k, c := range n.Changes {
				if k > 0 {
					text += ","
				}
				text += string(c.Kind)
			}
		}
	}
	return text
}
