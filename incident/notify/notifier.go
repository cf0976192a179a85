package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/incident/notify/send"
	"github.com/gatewatch/gatewatch/incident/ocsf"
)

// Feed is *incident.Manager.
type Feed interface {
	Changes(after uint64, limit int) ([]incident.Published, <-chan struct{})
	LastSeq() uint64
}

var _ Feed = (*incident.Manager)(nil)

// Options are what a Notifier is built with.
type Options struct {
	Config
	OCSF       *ocsf.Mapper          // nil: one without version and detectors
	Now        func() time.Time      // nil: time.Now
	Logger     *slog.Logger          // nil: discard
	Registerer prometheus.Registerer // nil: no metrics

	sender func(send.Target, send.Options) (send.Sender, error) // nil: send.New
}

// Notifier owns the outbox and its channels. It is safe for concurrent use.
type Notifier struct {
	repo     Repository
	feed     Feed
	log      *slog.Logger
	now      func() time.Time
	channels []*channel // in the order of the configuration
}

// ErrNoChannel says that there is no channel of that name.
var ErrNoChannel = errors.New("no such channel")

// New returns a Notifier; Load brings in what is stored. Errors are of the configuration.
func New(repo Repository, feed Feed, o Options) (*Notifier, error) {
	if faults := o.Config.Validate(); len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.sender == nil {
		o.sender = send.New
	}
	n := &Notifier{repo: repo, feed: feed, log: o.Logger, now: o.Now}
	counters := newMetrics(o.Registerer, n)
	for _, cfg := range o.Channels {
		cfg = cfg.withDefaults()
		c := &channel{
			cfg: cfg, consoleURL: strings.TrimSuffix(o.ConsoleURL, "/"), router: newRouter(cfg), repo: repo, feed: feed,
			log: o.Logger, metrics: counters, now: o.Now, poke: make(chan struct{}, 1), room: maxWaiting, told: map[string]uint64{},
		}
		var err error
		if c.sender, err = o.sender(cfg.Target, send.Options{Now: o.Now, OCSF: o.OCSF}); err != nil {
			return nil, fmt.Errorf("channel %s: %w", cfg.Name, err)
		}
		if c.pass, err = parsePass(cfg.QuietPass); err != nil {
			return nil, err
		}
		for _, q := range cfg.Quiet {
			h, err := q.parse()
			if err != nil {
				return nil, err
			}
			c.quiet = append(c.quiet, h)
		}
		n.channels = append(n.channels, c)
	}
	return n, nil
}

// incidentURL is an incident's page in the console.
func incidentURL(consoleURL, id string) string {
	if consoleURL == "" {
		return ""
	}
	return consoleURL + "/#/incidents/" + id
}

// Load brings in the outbox. A channel that is new listens from now on; of one that is gone from the configuration, what
// waited is dropped. Call it once, after the incidents were loaded.
func (n *Notifier) Load(ctx context.Context) error {
	places := map[string]place{}
	err := n.repo.LoadNotificationPlaces(ctx, func(body []byte) error {
		var p place
		if err := json.Unmarshal(body, &p); err != nil {
			return fmt.Errorf("decode place of a channel: %w", err)
		}
		places[p.Channel] = p
		return nil
	})
	if err != nil {
		return err
	}
	for _, c := range n.channels {
		p, known := places[c.cfg.Name]
		delete(places, c.cfg.Name)
		if !known || p.Gone || p.Seq > n.feed.LastSeq() {
			p = place{Channel: c.cfg.Name, Seq: n.feed.LastSeq(), Since: n.now().UTC(), Version: p.Version + 1}
			if err := appendPlace(ctx, n.repo, p); err != nil {
				return err
			}
		}
		c.place, c.savedSeq, c.savedAt = p, p.Seq, n.now()
		if err := c.load(ctx); err != nil {
			return fmt.Errorf("load channel %s: %w", c.cfg.Name, err)
		}
	}
	for _, p := range places {
		if err := n.leave(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// leave drops what waits for a channel that is gone.
func (n *Notifier) leave(ctx context.Context, p place) error {
	if p.Gone {
		return nil
	}
	gone := &channel{cfg: Channel{Name: p.Channel}, repo: n.repo, now: n.now, told: map[string]uint64{}}
	if err := gone.load(ctx); err != nil {
		return fmt.Errorf("load channel %s: %w", p.Channel, err)
	}
	list := gone.waiting
	for _, b := range gone.flight {
		list = append(list, b.entries...)
	}
	for i, e := range list {
		list[i] = e.next(func(e *Entry) {
			e.State, e.DoneAt, e.Error, e.Incident = Dropped, n.now().UTC(), "the channel is gone from the configuration", nil
		})
	}
	if err := gone.store(ctx, list); err != nil {
		return err
	}
	if len(list) > 0 {
		n.log.Warn("a channel is gone from the configuration; what waited for it is dropped", "channel", p.Channel, "notifications", len(list))
	}
	p.Gone = true
	p.Version++
	return appendPlace(ctx, n.repo, p)
}

// Run tells all channels until ctx ends.
func (n *Notifier) Run(ctx context.Context) error {
	var group errgroup.Group
	for _, c := range n.channels {
		group.Go(func() error { return c.run(ctx) })
	}
	<-ctx.Done()
	return group.Wait()
}

func (n *Notifier) channel(name string) (*channel, error) {
	i := slices.IndexFunc(n.channels, func(c *channel) bool { return c.cfg.Name == name })
	if i < 0 {
		return nil, ErrNoChannel
	}
	return n.channels[i], nil
}

// Test sends a test message to a channel at once, whatever the hour. Errors: ErrNoChannel, or why it did not arrive.
func (n *Notifier) Test(ctx context.Context, name string) error {
	c, err := n.channel(name)
	if err != nil {
		return err
	}
	return c.sender.Send(ctx, &send.Message{
		ID: "msg_test_" + uuid.NewString(), Channel: name, At: n.now().UTC(), Test: true, Notifications: []send.Notification{}, ConsoleURL: c.consoleURL,
	})
}

// Retry puts dead entries back to be sent, with all that were in their messages: those of the ids, or all of a channel when
// there are no ids. It returns how many entries that are. Errors: ErrNoChannel, the store's.
func (n *Notifier) Retry(ctx context.Context, name string, ids []string) (int, error) {
	list := n.channels
	if name != "" {
		c, err := n.channel(name)
		if err != nil {
			return 0, err
		}
		list = []*channel{c}
	}
	total := 0
	for _, c := range list {
		k, err := c.retry(ctx, func(e *Entry) bool { return len(ids) == 0 || slices.Contains(ids, e.ID) })
		if err != nil {
			return total, err
		}
		total += k
	}
	return total, nil
}
