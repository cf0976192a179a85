package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/incident/notify/send"
)

// What bounds a channel's memory and its work at a time.
const (
	takeBatch  = 100  // changes that are looked at in one step
	maxWaiting = 5000 // entries that wait; while there are as many, further changes stay where they are: in the incidents
	maxKept    = 1000 // dead entries, and finished ones for lists; older ones are in the store alone
	maxDigest  = 200  // notifications of one message to a machine
)

const (
	saveEvery = 10 * time.Second
	// remember is how long a channel knows what it was told; an incident that is silent for longer and then goes on is told
	// of as a new one.
	remember = 90 * 24 * time.Hour
	// storeWait is the pause after the store did not answer.
	storeWait    = time.Second
	maxStoreWait = 30 * time.Second
)

// channel tells one place. Run's goroutine takes, composes, sends and records; lists and retries come from others.
type channel struct {
	cfg        Channel
	consoleURL string
	router     router
	quiet      []hours
	pass       detect.Severity // that quiet times let through; 0: none
	sender     send.Sender
	repo       Repository
	feed       Feed
	log        *slog.Logger
	metrics    *metrics
	now        func() time.Time
	poke       chan struct{} // a retry wakes Run
	room       int           // for entries that wait

	write sync.Mutex // held over one change, from reading the state to storing and publishing it

	mu       sync.RWMutex // guards what follows; written only under write as well
	place    place
	savedSeq uint64
	savedAt  time.Time
	told     map[string]uint64 // incident → version of its newest entry
	waiting  []*Entry          // in order
	flight   []*batch          // messages that are not finished, the oldest first
	dead     []*Entry
	done     []*Entry // delivered and dropped
	composed time.Time
	health   health
}

// health is how deliveries go.
type health struct {
	failures  int // in a row
	retryAt   time.Time
	error     string
	failedAt  time.Time
	delivered time.Time
}

// load brings in what is stored.
func (c *channel) load(ctx context.Context) error {
	sending := map[string]*batch{}
	err := c.repo.LoadNotifications(ctx, c.cfg.Name, maxKept, func(body []byte) error {
		e := &Entry{}
		if err := json.Unmarshal(body, e); err != nil {
			return fmt.Errorf("decode notification: %w", err)
		}
		if e.ComposedAt.After(c.composed) {
			c.composed = e.ComposedAt
		}
		switch e.State {
		case Waiting:
			c.waiting = append(c.waiting, e)
		case Sending:
			b := sending[e.Message]
			if b == nil {
				b = &batch{id: e.Message, composed: e.ComposedAt}
				sending[e.Message] = b
				c.flight = append(c.flight, b)
			}
			b.entries = append(b.entries, e)
		case Dead:
			c.dead = append(c.dead, e)
		case Delivered, Dropped:
			c.done = append(c.done, e)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, b := range c.flight {
		slices.SortFunc(b.entries, inOrder)
	}
	slices.SortFunc(c.flight, func(a, b *batch) int { return inOrder(a.entries[0], b.entries[0]) })
	for _, list := range [][]*Entry{c.waiting, c.dead, c.done} {
		slices.SortFunc(list, inOrder)
	}
	return c.repo.ToldNotifications(ctx, c.cfg.Name, c.now().Add(-remember), func(id string, version uint64) error {
		c.told[id] = version
		return nil
	})
}

// Run works until ctx ends. A store that is away is waited for.
func (c *channel) run(ctx context.Context) error {
	wait := storeWait
	for ctx.Err() == nil {
		wake, err := c.take(ctx)
		var next time.Time
		if err == nil {
			next, err = c.deliver(ctx)
		}
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			c.log.Warn("the outbox cannot be written; notifications wait", "channel", c.cfg.Name, "error", err)
			wake, next = nil, c.now().Add(wait)
			wait = min(2*wait, maxStoreWait)
		} else {
			wait = storeWait
		}
		c.sleep(ctx, wake, next)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	c.write.Lock()
	defer c.write.Unlock()
	if err := c.savePlace(last, true); err != nil { // it is derived again
		c.log.Warn("how far the channel has looked could not be stored", "channel", c.cfg.Name, "error", err)
	}
	return nil
}

// sleep returns when wake closes, somebody pokes, next has come (zero: never) or ctx ends.
func (c *channel) sleep(ctx context.Context, wake <-chan struct{}, next time.Time) {
	var timer <-chan time.Time
	if !next.IsZero() {
		t := time.NewTimer(max(0, next.Sub(c.now())))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-ctx.Done():
	case <-wake:
	case <-c.poke:
	case <-timer:
	}
}

// closed is a wake that is due at once.
var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// take turns the next changes of incidents into entries, stores them, and only then moves on. It returns what closes when
// there is more to take; nil while there is no room.
func (c *channel) take(ctx context.Context) (wake <-chan struct{}, err error) {
	c.write.Lock()
	defer c.write.Unlock()
	if len(c.waiting) >= c.room {
		return nil, nil
	}
	changes, wake := c.feed.Changes(c.place.Seq, takeBatch)
	told := map[string]uint64{}
	var fresh []*Entry
	for _, p := range changes {
		if e := c.consider(p, max(told[p.Incident.ID], c.told[p.Incident.ID])); e != nil {
			fresh = append(fresh, e)
			told[e.IncidentID] = e.IncidentVersion
		}
	}
	if err := c.store(ctx, fresh); err != nil {
		return nil, err
	}
	c.mu.Lock()
	for id, version := range told {
		c.told[id] = version
	}
	c.waiting = append(c.waiting, fresh...)
	if n := len(changes); n > 0 {
		c.place.Seq = changes[n-1].Seq
	}
	c.mu.Unlock()
	if len(changes) == takeBatch {
		wake = closed
	}
	return wake, c.savePlace(ctx, false)
}

// consider returns the entry that the incident as it stands calls for, nil when it calls for none.
func (c *channel) consider(p incident.Published, told uint64) *Entry {
	inc := p.Incident
	if inc.Version <= told {
		return nil
	}
	changes := c.router.derive(inc, told, c.place.Since)
	if len(changes) == 0 {
		return nil
	}
	return &Entry{
		ID: entryID(c.cfg.Name, inc.ID, inc.Version), Channel: c.cfg.Name, State: Waiting, IncidentID: inc.ID, IncidentVersion: inc.Version, Seq: p.Seq,
		Entity: inc.Entity, Title: inc.Title, Severity: inc.Severity, Changes: changes, CreatedAt: c.now().UTC(), Version: 1, Incident: trimmed(inc),
	}
}

// store appends entries. The caller holds write.
func (c *channel) store(ctx context.Context, list []*Entry) error {
	if len(list) == 0 {
		return nil
	}
	rows, err := rowsOf(list)
	if err != nil {
		return err
	}
	return c.repo.AppendNotifications(ctx, rows)
}

// savePlace stores how far the channel has looked, now and then. That it lags is harmless: what it looks at again it was
// told of. The caller holds write.
func (c *channel) savePlace(ctx context.Context, now bool) error {
	if c.place.Seq == c.savedSeq || !now && c.now().Sub(c.savedAt) < saveEvery {
		return nil
	}
	p := c.place
	p.Version++
	if err := appendPlace(ctx, c.repo, p); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.place, c.savedSeq, c.savedAt = p, p.Seq, c.now()
	return nil
}

func appendPlace(ctx context.Context, repo Repository, p place) error {
	b, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode place of channel %s: %w", p.Channel, err)
	}
	return repo.AppendNotificationPlace(ctx, p.Channel, p.Version, b)
}
