package notify

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/incident/notify/send"
)

// The life of an incident, told change by change to a machine, and what a person's channel leaves out.
func TestLifeOfAnIncidentIsTold(t *testing.T) {
	b := newBench(t, syslogTo("siem"), syslogTo("people", func(c *Channel) { c.Changes = []string{"opened", "resolved"} }))
	minute := func() { b.run(b.at.Add(time.Minute)) }
	b.apply(finding(1, detect.High), finding(2, detect.Low))
	minute()
	b.set(1, incident.StatusAcknowledged)
	minute()
	b.apply(finding(1, detect.Critical, func(f *detect.Finding) { f.Detector, f.LastSeen = "sqli", noon.Add(2*time.Minute) }))
	minute()
	b.set(1, incident.StatusResolved)
	minute()
	b.apply(finding(1, detect.High, func(f *detect.Finding) { f.LastSeen = noon.Add(time.Hour) }))
	minute()
	b.apply(finding(2, detect.Medium, func(f *detect.Finding) { f.LastSeen = noon.Add(time.Hour) })) // now it is for the channel
	minute()
	b.set(2, incident.StatusFalsePositive)
	minute()
	if got, want := b.to("siem").told(), "1:opened | 1:acknowledged | 1:escalated | 1:resolved | 1:reopened | 2:opened,escalated | 2:false_positive"; got != want {
		t.Errorf("siem\n got %s\nwant %s", got, want)
	}
	if got, want := b.to("people").told(), "1:opened | 1:resolved | 2:opened"; got != want {
		t.Errorf("people\n got %s\nwant %s", got, want)
	}
	for _, e := range b.List(Filter{}, 100) {
		if e.State != Delivered || e.Message == "" || e.DoneAt.IsZero() || e.Incident != nil {
			t.Errorf("%+v", e)
		}
	}
}

// Growth without a change of state is no news.
func TestGrowthIsNotTold(t *testing.T) {
	b := newBench(t, syslogTo("siem"))
	f := finding(1, detect.High)
	b.apply(f)
	b.run(noon.Add(time.Minute))
	for i := range 50 {
		f.Revision++
		f.LastSeen = f.LastSeen.Add(time.Minute)
		f.EventCount += uint64(i)
		b.apply(f)
	}
	b.run(noon.Add(time.Hour))
	if got := b.to("siem").told(); got != "1:opened" {
		t.Error(got)
	}
}

// A storm is one message: it waits for what comes with it, and for its turn.
func TestStormIsOneMessage(t *testing.T) {
	b := newBench(t, syslogTo("people", func(c *Channel) { c.Wait, c.Interval = 30*time.Second, 5*time.Minute }))
	b.apply(finding(1, detect.High))
	b.run(noon.Add(29 * time.Second))
	if got := b.to("people").told(); got != "" {
		t.Fatalf("before the wait is over: %s", got)
	}
	for n := 2; n <= 150; n++ {
		b.apply(finding(n, detect.High))
	}
	b.run(noon.Add(30 * time.Second))
	if got := b.to("people").messages(); len(got) != 1 || len(got[0].Notifications) != 150 {
		t.Fatalf("%d messages", len(got))
	}
	b.apply(finding(200, detect.Critical))
	b.run(noon.Add(5*time.Minute + 29*time.Second))
	b.apply(finding(201, detect.High))
	if got := len(b.to("people").messages()); got != 1 {
		t.Fatalf("%d messages within the interval", got)
	}
	b.run(noon.Add(5*time.Minute + 30*time.Second))
	if got := b.to("people").messages(); len(got) != 2 || len(got[1].Notifications) != 2 {
		t.Fatalf("%d messages after the interval", len(got))
	}
}

// A receiver that is away for long: what comes meanwhile gathers, is bounded in memory, and arrives complete.
func TestNothingIsLostWhileTheReceiverIsAway(t *testing.T) {
	b := newBench(t, syslogTo("siem", func(c *Channel) { c.GiveUp = 20 * 24 * time.Hour }))
	const room = 300
	b.channels[0].room = room
	b.to("siem").fail = func(*send.Message) error { return errAway }
	b.apply(finding(1, detect.High))
	b.run(b.at.Add(time.Minute))
	total := 2 * room
	for n := 2; n <= total; n++ {
		b.apply(finding(n, detect.High))
	}
	b.run(b.at.Add(24 * time.Hour))
	s := b.Channels()[0]
	if s.Waiting < room || s.Waiting >= room+takeBatch || s.Sending != 1 || s.Failures < 100 || s.Error != errAway.Error() {
		t.Fatalf("%+v", s)
	}
	b.to("siem").fail = nil
	b.run(b.at.Add(time.Hour))
	seen := map[string]bool{}
	for _, m := range b.to("siem").messages() {
		for _, n := range m.Notifications {
			if seen[n.ID] {
				t.Fatalf("%s twice", n.ID)
			}
			seen[n.ID] = true
		}
	}
	if len(seen) != total {
		t.Fatalf("%d of %d arrived", len(seen), total)
	}
}

// A refused message is dead at once, one that never gets through after its time; both are shown and can be tried again,
// under the id that they had.
func TestDeadLetters(t *testing.T) {
	b := newBench(t, syslogTo("siem", func(c *Channel) { c.GiveUp = time.Hour }))
	siem := b.to("siem")
	var ids []string
	siem.fail = func(m *send.Message) error {
		ids = append(ids, m.ID)
		if m.Notifications[0].Incident.Entity.Value == "203.0.113.1" {
			return &send.RefusedError{Err: errors.New("answered 422")}
		}
		return errAway
	}
	b.apply(finding(1, detect.High))
	b.run(b.at.Add(time.Minute))
	b.apply(finding(2, detect.High))
	b.run(b.at.Add(2 * time.Hour))
	dead := b.List(Filter{States: []State{Dead}}, 10)
	if len(dead) != 2 || dead[1].Error != "answered 422" || dead[1].Attempts != 1 || dead[0].Error != errAway.Error() || dead[0].Attempts < 10 {
		t.Fatalf("%+v", dead)
	}
	b.start() // a restart knows them
	siem.fail = nil
	if n, err := b.Retry(context.Background(), "", []string{dead[0].ID}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	b.run(b.at.Add(time.Minute))
	if n, err := b.Retry(context.Background(), "siem", nil); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	b.run(b.at.Add(time.Minute))
	if got := siem.told(); got != "2:opened | 1:opened" {
		t.Fatal(got)
	}
	for _, m := range siem.messages() {
		if !slices.Contains(ids, m.ID) {
			t.Errorf("message %s has a new id", m.ID)
		}
	}
	if _, err := b.Retry(context.Background(), "nobody", nil); !errors.Is(err, ErrNoChannel) {
		t.Error(err)
	}
	if left := b.List(Filter{States: []State{Dead, Sending, Waiting}}, 10); len(left) != 0 {
		t.Errorf("%+v", left)
	}
}

// The receiver says when to come back.
func TestReceiverIsHeeded(t *testing.T) {
	b := newBench(t, syslogTo("siem"))
	tries := 0
	b.to("siem").fail = func(*send.Message) error {
		tries++
		if tries == 1 {
			return &send.LaterError{Err: errAway, After: 10 * time.Minute}
		}
		return nil
	}
	b.apply(finding(1, detect.High))
	b.run(noon.Add(10 * time.Minute))
	if tries != 1 {
		t.Fatalf("%d tries", tries)
	}
	b.run(noon.Add(11 * time.Minute))
	if tries != 2 || b.to("siem").told() != "1:opened" {
		t.Fatalf("%d tries, %s", tries, b.to("siem").told())
	}
}

// A store that is away holds everything up and loses nothing: nothing is sent that is not written.
func TestStoreAway(t *testing.T) {
	b := newBench(t, syslogTo("siem"))
	b.repo.down = errors.New("store unavailable")
	b.apply(finding(1, detect.High))
	c := b.channels[0]
	for range 3 {
		b.at = b.at.Add(time.Minute)
		if _, err := c.turn(context.Background()); err == nil {
			t.Fatal("no error")
		}
	}
	if got := b.to("siem").told(); got != "" {
		t.Fatalf("sent: %s", got)
	}
	b.repo.down = nil
	if _, err := c.turn(context.Background()); err != nil { // taken
		t.Fatal(err)
	}
	b.run(b.at.Add(time.Minute))
	if got := b.to("siem").told(); got != "1:opened" {
		t.Fatal(got)
	}
	b.apply(finding(2, detect.High))
	b.at = b.at.Add(time.Minute)
	b.to("siem").fail = func(*send.Message) error { b.repo.down = errors.New("store unavailable"); return nil }
	for range 2 {
		_, _ = c.turn(context.Background())
		b.at = b.at.Add(time.Minute)
	}
	b.repo.down, b.to("siem").fail = nil, nil
	b.run(b.at.Add(time.Hour)) // delivered already: it is only recorded
	if got := b.to("siem").told(); got != "1:opened | 2:opened" {
		t.Fatal(got)
	}
}

// A new channel begins now; one that is gone drops what waited, and begins anew when it is back.
func TestChannelsComeAndGo(t *testing.T) {
	b := newBench(t, syslogTo("old"))
	b.to("old").fail = func(*send.Message) error { return errAway }
	b.apply(finding(1, detect.High))
	b.run(b.at.Add(time.Minute))
	b.cfg.Channels = []Channel{syslogTo("new")}
	b.receivers["udp://new:514"] = &receiver{}
	b.start()
	b.run(b.at.Add(time.Minute))
	if got := b.to("new").told(); got != "" {
		t.Fatalf("the new channel was told of the past: %s", got)
	}
	for _, row := range b.repo.entries {
		if row.Entry.State != Dropped || row.Entry.Error == "" {
			t.Errorf("%+v", row.Entry)
		}
	}
	b.apply(finding(2, detect.High))
	b.set(1, incident.StatusResolved)
	b.run(b.at.Add(time.Minute))
	b.to("old").fail = nil
	b.cfg.Channels = []Channel{syslogTo("old"), syslogTo("new")}
	b.start()
	b.run(b.at.Add(time.Minute))
	b.apply(finding(3, detect.High))
	b.run(b.at.Add(time.Minute))
	if got := b.to("new").told(); got != "2:opened 1:resolved | 3:opened" {
		t.Errorf("new: %s", got)
	}
	if got := b.to("old").told(); got != "3:opened" {
		t.Errorf("old: %s", got)
	}
}

// Suppressed incidents are told of once nothing suppresses them any more.
func TestSuppressedIncidentsAreNotTold(t *testing.T) {
	b := newBench(t, syslogTo("siem"))
	hidden := true
	b.manager = incident.NewManager(incident.NewMemory(nil), incident.Options{Now: b.clock, Suppresses: func(*detect.Finding) string {
		if hidden {
			return "exc_1"
		}
		return ""
	}})
	b.start()
	b.apply(finding(1, detect.High))
	b.run(b.at.Add(time.Minute))
	if got := b.to("siem").told(); got != "" {
		t.Fatal(got)
	}
	hidden = false
	b.apply(finding(1, detect.High, func(f *detect.Finding) { f.LastSeen = noon.Add(time.Hour) }))
	b.run(b.at.Add(time.Minute))
	if got := b.to("siem").told(); !strings.HasPrefix(got, "1:opened") {
		t.Fatal(got)
	}
}

// A test goes out at once and is in no outbox.
func TestTestMessage(t *testing.T) {
	b := newBench(t, syslogTo("siem"))
	if err := b.Test(context.Background(), "siem"); err != nil {
		t.Fatal(err)
	}
	if got := b.to("siem").messages(); len(got) != 1 || !got[0].Test || len(b.List(Filter{}, 10)) != 0 {
		t.Fatalf("%+v", got)
	}
	b.to("siem").fail = func(*send.Message) error { return errAway }
	if err := b.Test(context.Background(), "siem"); !errors.Is(err, errAway) {
		t.Fatal(err)
	}
	if err := b.Test(context.Background(), "x"); !errors.Is(err, ErrNoChannel) {
		t.Fatal(err)
	}
}

// What is forgotten is neither sent nor written again, and takes nothing else with it; not even in the middle of a delivery.
func TestForget(t *testing.T) {
	b := newBench(t, syslogTo("siem"), syslogTo("slow", func(c *Channel) { c.Wait = time.Hour }))
	forget := func(client string) { b.Forget(detect.EntityClient, []string{"203.0.113." + client}, nil) }
	b.apply(finding(1, detect.High), finding(2, detect.High), finding(3, detect.High))
	b.to("siem").fail = func(*send.Message) error { forget("1"); return errAway }
	b.run(b.at.Add(2 * time.Second))
	for _, row := range b.repo.entries { // what Forget leaves to the repository
		if row.Entry.Entity.Value == "203.0.113.1" {
			delete(b.repo.entries, row.Entry.ID)
		}
	}
	b.to("siem").fail = func(*send.Message) error { forget("2"); return nil }
	b.run(b.at.Add(2 * time.Hour))
	if got := b.to("siem").told(); got != "2:opened 3:opened" { // under way when it was forgotten
		t.Errorf("siem: %s", got)
	}
	if got := b.to("slow").told(); got != "3:opened" {
		t.Errorf("slow: %s", got)
	}
	for _, e := range b.List(Filter{}, 10) {
		if e.Entity.Value != "203.0.113.3" || e.State != Delivered {
			t.Errorf("%+v", e)
		}
	}
	for _, row := range b.repo.entries {
		if e := row.Entry; e.Entity.Value == "203.0.113.1" || e.Entity.Value == "203.0.113.2" && e.State == Delivered {
			t.Errorf("written again: %+v", e)
		}
	}
	forget("3")
	if got := b.List(Filter{}, 10); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

// That an attack likely succeeded is news, and a route of its own; that it did not is none.
func TestSuccessIsTold(t *testing.T) {
	b := newBench(t, syslogTo("siem"), syslogTo("urgent", func(c *Channel) { c.Routes = []Route{{Outcomes: []string{"likely_succeeded"}}} }))
	says := func(v detect.Verdict, revision uint32) detect.Finding {
		f := finding(1, detect.High)
		f.Revision, f.LastSeen = revision, f.LastSeen.Add(time.Duration(revision)*time.Minute)
		f.Outcome = &detect.Outcome{Verdict: v, Reason: "By the answers.", Since: noon, At: f.LastSeen, Answers: uint64(revision)}
		return f
	}
	for i, v := range []detect.Verdict{detect.Refused, detect.Unclear, detect.LikelySucceeded} {
		b.apply(says(v, uint32(i+1)))
		b.run(b.at.Add(time.Minute))
	}
	if got := b.to("siem").told(); got != "1:opened | 1:succeeded" {
		t.Errorf("siem: %s", got)
	}
	if got := b.to("urgent").told(); got != "1:opened,succeeded" {
		t.Errorf("urgent: %s", got)
	}
}
