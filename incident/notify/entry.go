package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/incident/notify/send"
)

// State is where an entry of the outbox stands.
type State string

// The states. An entry waits, is sent with others as a message, and is delivered or, when that cannot be done, dead: a
// person may try it again. It is dropped when its channel is gone from the configuration.
const (
	Waiting   State = "waiting"
	Sending   State = "sending"
	Delivered State = "delivered"
	Dead      State = "dead"
	Dropped   State = "dropped"
)

// States lists all states.
func States() []State { return []State{Waiting, Sending, Delivered, Dead, Dropped} }

// Entry is one entry of the outbox: what one channel is told of one version of an incident.
type Entry struct {
	ID              string          `json:"id"`
	Channel         string          `json:"channel"`
	State           State           `json:"state"`
	IncidentID      string          `json:"incident_id"`
	IncidentVersion uint64          `json:"incident_version"`
	Seq             uint64          `json:"seq"` // of the incident's version in the stream of changes
	Entity          detect.Entity   `json:"entity"`
	Title           string          `json:"title"`
	Severity        detect.Severity `json:"severity"`
	Changes         []send.Change   `json:"changes"`
	CreatedAt       time.Time       `json:"created_at"`
	// Message is the message that it is sent with: the receiver's idempotency key. Empty while it waits.
	Message    string    `json:"message,omitempty"`
	ComposedAt time.Time `json:"composed_at,omitzero"`
	DoneAt     time.Time `json:"done_at,omitzero"` // delivered, dead or dropped
	Attempts   int       `json:"attempts"`         // of its message, since the start of the server
	Error      string    `json:"error,omitempty"`  // of the last attempt
	Version    uint64    `json:"version"`

	// Incident is what is sent; nil in lists and once the entry is delivered.
	Incident *incident.Incident `json:"incident,omitempty"`
}

// Repository keeps the outbox as versioned rows; the store does.
type Repository interface {
	// AppendNotifications stores versions of entries in one step; the highest version of an id wins.
	AppendNotifications(ctx context.Context, rows []Row) error
	// LoadNotifications calls each with the bodies of a channel's entries, in any order: all that are waiting or being sent,
	// and of those in other states the newest limit.
	LoadNotifications(ctx context.Context, channel string, limit int, each func(body []byte) error) error
	// ToldNotifications calls each with the newest version of every incident that a channel has had an entry about since a
	// moment.
	ToldNotifications(ctx context.Context, channel string, since time.Time, each func(incident string, version uint64) error) error
	// AppendNotificationPlace stores a version of how far a channel has looked; the highest version wins.
	AppendNotificationPlace(ctx context.Context, channel string, version uint64, body []byte) error
	// LoadNotificationPlaces calls each with every channel's latest.
	LoadNotificationPlaces(ctx context.Context, each func(body []byte) error) error
}

// Row is one version of an entry. Body is opaque to the repository; Entry serves columns that people query.
type Row struct {
	Entry *Entry
	Body  []byte
}

// place is how far a channel has looked.
type place struct {
	Channel string    `json:"channel"`
	Seq     uint64    `json:"seq"`   // of the stream of changes
	Since   time.Time `json:"since"` // when the channel began to listen
	Gone    bool      `json:"gone,omitempty"`
	Version uint64    `json:"version"`
}

// next returns the next version of an entry: entries that others may see never change.
func (e *Entry) next(change func(*Entry)) *Entry {
	c := *e
	c.Version++
	change(&c)
	return &c
}

// rowsOf encodes entries.
func rowsOf(list []*Entry) ([]Row, error) {
	out := make([]Row, len(list))
	for i, e := range list {
		b, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("encode notification %s: %w", e.ID, err)
		}
		out[i] = Row{Entry: e, Body: b}
	}
	return out, nil
}

// inOrder is the order of entries: that of the changes.
func inOrder(a, b *Entry) int {
	return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.ID, b.ID))
}

// batch is a message and the entries that it is made of.
type batch struct {
	id       string
	composed time.Time
	entries  []*Entry // in order; replaced as a whole, since others read it
	attempts int
	failure  string // of the last attempt
	// verdict is what became of it when that is not stored yet: Delivered or Dead.
	verdict State
}
