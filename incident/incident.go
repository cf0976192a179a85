// Package incident turns findings into incidents: it groups them by entity and kind, scores and explains them, keeps
// their lifecycle and evidence, and publishes every change.
//
// It imports event and detect, does no I/O of its own (what lasts goes through Repository) and knows neither HTTP nor
// SQL. The same findings in the same order give the same incidents, however they are batched.
package incident

import (
	"encoding/json"
	"time"

	"github.com/gatewatch/gatewatch/detect"
)

// Status is where an incident stands in its lifecycle.
type Status string

// The statuses. An incident begins open.
const (
	StatusOpen          Status = "open"
	StatusAcknowledged  Status = "acknowledged"
	StatusResolved      Status = "resolved"
	StatusFalsePositive Status = "false_positive"
)

// Statuses lists all statuses.
func Statuses() []Status {
	return []Status{StatusOpen, StatusAcknowledged, StatusResolved, StatusFalsePositive}
}

// Incident is what people work with: everything that related detectors said about one entity in one stretch of event
// time. The JSON names are those of the command line's and REST's contract.
//
// An Incident handed out by the Manager is shared and never changes: treat it as read-only.
type Incident struct {
	ID       string          `json:"id"`       // "inc_" and the hex digits of its first finding's id
	Title    string          `json:"title"`    // what, by whom
	Detector string          `json:"detector"` // the leading detector: the most severe, then the farthest above what was expected
	Kind     detect.Kind     `json:"kind"`
	Severity detect.Severity `json:"severity"` // the highest of its findings
	Score    int             `json:"score"`    // 0..100, the sum of ScoreParts
	Status   Status          `json:"status"`
	Entity   detect.Entity   `json:"entity"`
	Service  string          `json:"service,omitempty"` // of the first finding that named one
	Route    string          `json:"route,omitempty"`

	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
	// EventCount is a number of events of which none is counted twice: "at least so many". See coverage.
	EventCount uint64 `json:"event_count"`

	// Outcome says, of an attack, whether it succeeded as far as the answers tell; empty for what is no attack.
	Outcome       detect.Verdict `json:"outcome,omitempty"`
	OutcomeReason string         `json:"outcome_reason,omitempty"`

	Observed    float64  `json:"observed"` // of the leading detector's strongest finding, in Unit
	Expected    float64  `json:"expected"`
	Unit        string   `json:"unit,omitempty"`
	Explanation string   `json:"explanation"`
	OWASP       []string `json:"owasp"`
	MITRE       []string `json:"mitre"`
	Tags        []string `json:"tags"`

	// Evidence is a bounded sample of events as JSON; Findings are the newest findings in order of time. Both are nil in
	// lists and streams: Manager.Get brings them from the repository.
	Evidence []json.RawMessage `json:"evidence,omitempty"`
	Findings []detect.Finding  `json:"findings,omitempty"`

	// NextSteps is what to do, the most urgent first: see Advice. Nil in lists and streams, as Evidence is.
	NextSteps []string `json:"next_steps,omitempty"`

	ScoreParts   []ScorePart `json:"score_parts"`
	Signals      []Signal    `json:"signals"`  // one a detector, in order of their first event: the story
	Services     []string    `json:"services"` // all that findings named, at most maxNames, sorted
	Routes       []string    `json:"routes"`
	FindingCount int         `json:"finding_count"`

	Version   uint64    `json:"version"` // grows with every change; the ETag
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Assignee  string    `json:"assignee,omitempty"`
	Notes     []Note    `json:"notes,omitempty"`
	History   []Change  `json:"history,omitempty"`

	// SuppressedBy is the suppression that hides it; empty as soon as a finding joins that none hides.
	SuppressedBy string `json:"suppressed_by,omitempty"`

	// ClosedSeen is LastSeen at the moment it was resolved or called false; zero while it is neither.
	ClosedSeen time.Time `json:"closed_seen,omitzero"`
}

// ScorePart is one addend of the score with its reason.
type ScorePart struct {
	Name   string `json:"name"`
	Points int    `json:"points"`
	Reason string `json:"reason"`
}

// Signal sums up what one detector said within an incident. It is complete however many findings there were.
type Signal struct {
	Detector    string          `json:"detector"`
	Title       string          `json:"title"`
	Severity    detect.Severity `json:"severity"` // highest
	Findings    int             `json:"findings"`
	Events      uint64          `json:"events"` // summed over its findings
	FirstSeen   time.Time       `json:"first_seen"`
	LastSeen    time.Time       `json:"last_seen"`
	Observed    float64         `json:"observed"` // of its strongest finding
	Expected    float64         `json:"expected"`
	Unit        string          `json:"unit,omitempty"`
	Explanation string          `json:"explanation"`
	// Services are those that its findings named. Local says that all it counted happened there: a detector that counts by
	// client or user alone counts requests to any service.
	Services []string `json:"services,omitempty"`
	Local    bool     `json:"local,omitempty"`
}

// Note is a remark by a person.
type Note struct {
	ID     string    `json:"id"`
	Author string    `json:"author"`
	Text   string    `json:"text"`
	At     time.Time `json:"at"`
}

// Change is one entry of an incident's history.
type Change struct {
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"` // a key's name, or "gatewatch" for what the program did
	Field  string    `json:"field"` // "status", "assignee", "severity", "outcome", "suppressed_by"
	From   string    `json:"from"`
	To     string    `json:"to"`
	Reason string    `json:"reason,omitempty"`
	// Version is the incident's version that the change made. Zero in entries of stores older than the field.
	Version uint64 `json:"version,omitempty"`
}

// Terminal reports whether nobody has to look at it any more.
func (s Status) Terminal() bool { return s == StatusResolved || s == StatusFalsePositive }
