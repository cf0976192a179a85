package notify

import (
	"cmp"
	"slices"
	"time"
)

// Filter selects entries. An empty member selects all; the values of one member are alternatives.
type Filter struct {
	Channel  string
	Incident string
	States   []State
	// Before and BeforeID are where the page before ended.
	Before   time.Time
	BeforeID string
}

// List returns up to limit entries that f selects, the newest first. Of finished ones each channel shows its newest thousand.
func (n *Notifier) List(f Filter, limit int) []Entry {
	var list []Entry
	for _, c := range n.channels {
		if f.Channel == "" || f.Channel == c.cfg.Name {
			list = append(list, c.list(f)...)
		}
	}
	slices.SortFunc(list, func(a, b Entry) int { return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID)) })
	return list[:min(len(list), limit)]
}

func (c *channel) list(f Filter) (list []Entry) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	add := func(e *Entry, b *batch) {
		if f.Incident != "" && f.Incident != e.IncidentID || len(f.States) > 0 && !slices.Contains(f.States, e.State) ||
			!f.Before.IsZero() && cmp.Or(e.CreatedAt.Compare(f.Before), cmp.Compare(e.ID, f.BeforeID)) >= 0 {
			return
		}
		shown := *e
		shown.Incident = nil
		if b != nil {
			shown.Attempts, shown.Error = b.attempts, b.failure
		}
		list = append(list, shown)
	}
	for _, e := range slices.Concat(c.waiting, c.dead, c.done) {
		add(e, nil)
	}
	for _, b := range c.flight {
		for _, e := range b.entries {
			add(e, b)
		}
	}
	return list
}

// ChannelState is how a channel stands.
type ChannelState struct {
	Name        string    `json:"name"`
	Type        string    `json:"type"`
	Target      string    `json:"target"` // host or address, no secret
	Changes     []string  `json:"changes"`
	Waiting     int       `json:"waiting"`
	Sending     int       `json:"sending"`
	Dead        int       `json:"dead"`
	QuietUntil  time.Time `json:"quiet_until,omitzero"`
	DeliveredAt time.Time `json:"delivered_at,omitzero"` // since the start of the server
	FailedAt    time.Time `json:"failed_at,omitzero"`    // of failures since the last delivery
	Failures    int       `json:"failures"`
	Error       string    `json:"error,omitempty"`
	RetryAt     time.Time `json:"retry_at,omitzero"`
}

// Channels returns all channels, in the order of the configuration.
func (n *Notifier) Channels() []ChannelState {
	list := make([]ChannelState, 0, len(n.channels))
	for _, c := range n.channels {
		list = append(list, c.state())
	}
	return list
}

func (c *channel) state() ChannelState {
	c.mu.RLock()
	defer c.mu.RUnlock()
	s := ChannelState{
		Name: c.cfg.Name, Type: c.cfg.Type, Target: c.sender.Target(), Changes: c.cfg.Changes,
		Waiting: len(c.waiting), Dead: len(c.dead), QuietUntil: quietUntil(c.quiet, c.now()),
		DeliveredAt: c.health.delivered, FailedAt: c.health.failedAt, Failures: c.health.failures, Error: c.health.error, RetryAt: c.health.retryAt,
	}
	for _, b := range c.flight {
		s.Sending += len(b.entries)
	}
	return s
}
