package notify

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gatewatch/gatewatch/incident/notify/send"
)

// The pauses between attempts: they double from the first to the longest.
const (
	firstRetry = time.Second
	maxRetry   = 5 * time.Minute
)

// deliver composes what is due and sends the oldest message once, unless it is not its time yet. It returns when there is
// something to do again, zero when nothing is to be done until something changes. Errors are the store's.
func (c *channel) deliver(ctx context.Context) (next time.Time, err error) {
	b, retryAt := c.oldest()
	if b == nil {
		if next, err = c.compose(ctx); err != nil {
			return next, err
		}
		if b, retryAt = c.oldest(); b == nil {
			return next, nil
		}
	}
	if b.verdict == "" {
		if c.now().Before(retryAt) {
			return retryAt, nil
		}
		m := c.message(b)
		if len(m.Notifications) == 0 {
			return c.now(), nil // forgotten meanwhile
		}
		failed := c.sender.Send(ctx, m)
		if failed != nil && ctx.Err() != nil {
			return time.Time{}, nil // told to stop; it goes out again at the next start, under the same id
		}
		c.judge(b, failed)
	}
	if b.verdict != "" {
		if err := c.record(ctx, b); err != nil {
			return time.Time{}, err
		}
		return c.now(), nil
	}
	_, retryAt = c.oldest()
	return retryAt, nil
}

// oldest returns the oldest message that is not finished, nil when there is none, and the earliest time of its next attempt.
func (c *channel) oldest() (b *batch, retryAt time.Time) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if len(c.flight) > 0 {
		b = c.flight[0]
	}
	return b, c.health.retryAt
}

// message is what is sent for b.
func (c *channel) message(b *batch) *send.Message {
	c.mu.RLock()
	defer c.mu.RUnlock()
	m := &send.Message{ID: b.id, Channel: c.cfg.Name, At: b.composed, ConsoleURL: c.consoleURL}
	for _, e := range b.entries {
		m.Notifications = append(m.Notifications, send.Notification{
			ID: e.ID, Changes: e.Changes, Incident: e.Incident, URL: incidentURL(c.consoleURL, e.IncidentID),
		})
	}
	return m
}

// compose makes messages of what waits once its time has come, and stores which entries they consist of before any is
// sent. It returns when the time comes.
func (c *channel) compose(ctx context.Context) (next time.Time, err error) {
	c.write.Lock()
	defer c.write.Unlock()
	now := c.now()
	ready, quietEnd := c.ready(now)
	if len(ready) == 0 {
		return quietEnd, nil
	}
	due := ready[0].CreatedAt.Add(c.cfg.Wait)
	if at := c.composed.Add(c.cfg.Interval); !c.composed.IsZero() && at.After(due) {
		due = at
	}
	if now.Before(due) {
		return due, nil
	}
	var batches []*batch
	var changed []*Entry
	for _, part := range c.split(ready) {
		b := &batch{id: messageID(part), composed: now.UTC()}
		for _, e := range part {
			b.entries = append(b.entries, e.next(func(e *Entry) { e.State, e.Message, e.ComposedAt = Sending, b.id, now.UTC() }))
		}
		changed = append(changed, b.entries...)
		batches = append(batches, b)
	}
	if err := c.store(ctx, changed); err != nil {
		return time.Time{}, err
	}
	taken := map[string]bool{}
	for _, e := range changed {
		taken[e.ID] = true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = slices.DeleteFunc(c.waiting, func(e *Entry) bool { return taken[e.ID] })
	c.flight = append(c.flight, batches...)
	c.composed = now
	return time.Time{}, nil
}

// ready returns the entries that may be sent now, and when the quiet ends that holds back the rest.
func (c *channel) ready(now time.Time) (list []*Entry, quietEnd time.Time) {
	quietEnd = quietUntil(c.quiet, now)
	if quietEnd.IsZero() {
		return slices.Clone(c.waiting), quietEnd
	}
	for _, e := range c.waiting {
		if c.pass != 0 && e.Severity >= c.pass {
			list = append(list, e)
		}
	}
	if len(c.waiting) == 0 {
		quietEnd = time.Time{}
	}
	return list, quietEnd
}

// split parts entries into messages: what machines take one by one goes in portions, all else at once.
func (c *channel) split(list []*Entry) [][]*Entry {
	slices.SortFunc(list, inOrder)
	if c.cfg.Type == "webhook" || c.cfg.Type == "syslog" {
		return slices.Collect(slices.Chunk(list, maxDigest))
	}
	return [][]*Entry{list}
}

// judge takes note of an attempt.
func (c *channel) judge(b *batch, failed error) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	b.attempts++
	if failed == nil {
		b.verdict, b.failure = Delivered, ""
		c.health = health{delivered: now}
		c.metrics.message(c.cfg.Name, "delivered")
		return
	}
	b.failure = failed.Error()
	c.health.failures++
	c.health.error, c.health.failedAt = b.failure, now
	var refusal *send.RefusedError
	var later *send.LaterError
	switch {
	case errors.As(failed, &refusal):
		b.verdict = Dead
		c.metrics.message(c.cfg.Name, "refused")
	case now.Sub(b.composed) >= c.cfg.GiveUp:
		b.verdict = Dead
		c.metrics.message(c.cfg.Name, "given_up")
	default:
		c.metrics.message(c.cfg.Name, "failed")
		pause := min(firstRetry<<min(c.health.failures-1, 20), maxRetry)
		if errors.As(failed, &later) {
			pause = max(pause, later.After)
		}
		c.health.retryAt = now.Add(pause)
		c.log.Warn("a notification could not be delivered; it is tried again", "channel", c.cfg.Name, "message", b.id,
			"incidents", len(b.entries), "attempt", b.attempts, "again_in", pause, "error", b.failure)
		return
	}
	c.health.retryAt = time.Time{}
	c.log.Error("a notification is given up; POST /v1/notifications/retry tries it again", "channel", c.cfg.Name, "message", b.id,
		"incidents", len(b.entries), "attempts", b.attempts, "error", b.failure)
}

// record stores what became of a message.
func (c *channel) record(ctx context.Context, b *batch) error {
	c.write.Lock()
	defer c.write.Unlock()
	finished := make([]*Entry, len(b.entries))
	for i, e := range b.entries {
		finished[i] = e.next(func(e *Entry) {
			e.State, e.DoneAt, e.Attempts, e.Error = b.verdict, c.now().UTC(), b.attempts, b.failure
			if b.verdict == Delivered {
				e.Incident = nil
			}
		})
	}
	if err := c.store(ctx, finished); err != nil {
		return err
	}
	c.metrics.finished(c.cfg.Name, b.verdict, len(finished))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flight = slices.DeleteFunc(c.flight, func(x *batch) bool { return x == b })
	if b.verdict == Dead {
		c.dead = newest(append(c.dead, finished...))
	} else {
		c.done = newest(append(c.done, finished...))
	}
	return nil
}

// newest keeps the last maxKept.
func newest(list []*Entry) []*Entry {
	if over := len(list) - maxKept; over > 0 {
		return slices.Delete(list, 0, over)
	}
	return list
}

// retry puts the messages of dead entries back to be sent, under the id that they had, and returns how many entries
// that are. wanted selects them.
func (c *channel) retry(ctx context.Context, wanted func(*Entry) bool) (int, error) {
	c.write.Lock()
	defer c.write.Unlock()
	messages := map[string]*batch{}
	var order []*batch
	for _, e := range c.dead {
		if wanted(e) && messages[e.Message] == nil {
			b := &batch{id: e.Message, composed: c.now().UTC()}
			messages[e.Message] = b
			order = append(order, b)
		}
	}
	var changed []*Entry
	for _, e := range c.dead {
		if b := messages[e.Message]; b != nil {
			n := e.next(func(e *Entry) {
				e.State, e.ComposedAt, e.DoneAt, e.Error, e.Attempts = Sending, b.composed, time.Time{}, "", 0
			})
			b.entries = append(b.entries, n)
			changed = append(changed, n)
		}
	}
	if err := c.store(ctx, changed); err != nil || len(changed) == 0 {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = slices.DeleteFunc(c.dead, func(e *Entry) bool { return messages[e.Message] != nil })
	c.flight = append(c.flight, order...)
	c.health.retryAt = time.Time{}
	select {
	case c.poke <- struct{}{}:
	default:
	}
	return len(changed), nil
}
