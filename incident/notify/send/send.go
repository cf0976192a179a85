// Package send delivers messages about incidents to one place each: webhooks, Slack, Teams, PagerDuty, Opsgenie, e-mail and
// syslog.
//
// It decides nothing: what is told, when, and what happens after a failure belongs to incident/notify. A Sender carries a
// Message as often as it is asked to, always under the Message's own id, and never follows a redirect: the only hosts that
// it speaks to are those of the configuration. No secret leaves it but to the place that it is for.
package send

import (
	"context"
	"errors"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
)

// Kind names a sort of change of an incident.
type Kind string

// The kinds of change.
const (
	Opened        Kind = "opened"    // it began, or it now is what the channel wants to be told of
	Escalated     Kind = "escalated" // its severity rose
	Succeeded     Kind = "succeeded" // the answers now say that the attack likely succeeded
	Reopened      Kind = "reopened"
	Acknowledged  Kind = "acknowledged"
	Resolved      Kind = "resolved"
	FalsePositive Kind = "false_positive"
	Assigned      Kind = "assigned"
)

// Kinds lists all kinds of change.
func Kinds() []Kind {
	return []Kind{Opened, Escalated, Succeeded, Reopened, Acknowledged, Resolved, FalsePositive, Assigned}
}

// Change is one change of an incident.
type Change struct {
	Kind   Kind      `json:"kind"`
	From   string    `json:"from,omitempty"`
	To     string    `json:"to,omitempty"`
	Actor  string    `json:"actor,omitempty"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// Notification tells one change, or several that came together, of one incident.
type Notification struct {
	ID      string   `json:"id"` // the same whenever and however often it is sent
	Changes []Change `json:"changes"`
	// Incident is how it stood after the changes, without notes, history, findings and evidence.
	Incident *incident.Incident `json:"incident"`
	// URL is the incident's page in the console, empty when nobody said where that is.
	URL string `json:"url,omitempty"`
}

// Message is what is sent at once: all that waited for its channel.
type Message struct {
	ID            string         `json:"id"` // idempotency key
	Channel       string         `json:"channel"`
	At            time.Time      `json:"at"` // when it was put together
	Test          bool           `json:"test,omitempty"`
	Notifications []Notification `json:"notifications"`
	ConsoleURL    string         `json:"-"`
}

// Sender delivers messages to one place. It is safe for concurrent use.
type Sender interface {
	// Send delivers m, or returns why not. A *RefusedError says that a repetition is in vain.
	Send(ctx context.Context, m *Message) error
	// Target names the place for people: a host, an address; never a secret.
	Target() string
}

// RefusedError says that the receiver takes this message never.
type RefusedError struct{ Err error }

// Error implements error.
func (e *RefusedError) Error() string { return e.Err.Error() }

// Unwrap returns what is behind it.
func (e *RefusedError) Unwrap() error { return e.Err }

// LaterError says when the receiver wants to be asked again at the earliest.
type LaterError struct {
	Err   error
	After time.Duration
}

// Error implements error.
func (e *LaterError) Error() string { return e.Err.Error() }

// Unwrap returns what is behind it.
func (e *LaterError) Unwrap() error { return e.Err }

// item is one incident of a message, with everything that the message tells of it.
type item struct {
	*incident.Incident
	URL     string
	Changes []Change
}

// items merges the notifications by incident: the newest state, all changes. The most severe come first, then those that
// were told of first.
func (m *Message) items() []item {
	var list []item
	at := map[string]int{}
	for _, n := range m.Notifications {
		i, ok := at[n.Incident.ID]
		if !ok {
			i = len(list)
			at[n.Incident.ID] = i
			list = append(list, item{})
		}
		if list[i].Incident == nil || n.Incident.Version >= list[i].Version {
			list[i].Incident, list[i].URL = n.Incident, n.URL
		}
		list[i].Changes = append(list[i].Changes, n.Changes...)
	}
	bySeverity := make([]item, 0, len(list))
	for s := detect.Critical; s >= detect.Low; s-- {
		for _, it := range list {
			if it.Severity == s {
				bySeverity = append(bySeverity, it)
			}
		}
	}
	return bySeverity
}

// word is the most telling change of an item, for headlines.
func (it item) word() Kind {
	best := len(headlines)
	for _, c := range it.Changes {
		for i, k := range headlines {
			if k == c.Kind && i < best {
				best = i
			}
		}
	}
	if best == len(headlines) {
		return Opened
	}
	return headlines[best]
}

// headlines are the kinds of change, the most telling first.
var headlines = [...]Kind{Resolved, FalsePositive, Succeeded, Reopened, Opened, Escalated, Acknowledged, Assigned}

// asRefused reports whether err is one.
func asRefused(err error) bool {
	var r *RefusedError
	return errors.As(err, &r)
}
