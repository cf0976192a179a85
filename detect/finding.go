// Package detect owns what all detectors share: the finding, the measure that makes a finding reproducible, the
// detector contract, and the order in which events are judged.
//
// It imports event and the standard library. The detectors themselves live in rules (Sigma rules and
// correlations) and baseline (learned behaviour); it does no I/O and knows no store.
package detect

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// Entity is whom or what a finding is about.
type Entity struct {
	Type  EntityType `json:"type"`
	Value string     `json:"value"`
}

// EntityType names the kind of an entity. Its value is the event field that holds the entity, but for endpoints.
type EntityType string

// The entity types. An endpoint's value is "METHOD route" ("GET /orders/{id}"); its service stands in the finding.
const (
	EntityClient   EntityType = "client_ip"
	EntityUser     EntityType = "user"
	EntitySession  EntityType = "session"
	EntityEndpoint EntityType = "endpoint"
	EntityService  EntityType = "service"
	EntitySource   EntityType = "source" // of operational findings
	EntityDisk     EntityType = "disk"   // of operational findings: the directory that it holds
)

// Severity ranks findings and incidents. The order of the constants is the order of urgency.
type Severity int

// The severities, as DESIGN names them; the JSON form is the lower-case word.
const (
	Low Severity = iota + 1
	Medium
	High
	Critical
)

var severityNames = [...]string{Low: "low", Medium: "medium", High: "high", Critical: "critical"}

// String returns the lower-case word.
func (s Severity) String() string {
	if s < Low || s > Critical {
		return fmt.Sprintf("severity(%d)", int(s))
	}
	return severityNames[s]
}

// ParseSeverity is the inverse of String.
func ParseSeverity(word string) (Severity, error) {
	for s := Low; s <= Critical; s++ {
		if severityNames[s] == word {
			return s, nil
		}
	}
	return 0, fmt.Errorf("severity %q: want low, medium, high or critical", word)
}

// MarshalText and UnmarshalText make the word the JSON form.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText parses the word.
func (s *Severity) UnmarshalText(b []byte) (err error) {
	*s, err = ParseSeverity(string(b))
	return err
}

// Kind groups detectors that see parts of one story; incidents group findings by entity and kind.
type Kind string

// The kinds.
const (
	KindCredential   Kind = "credential_attack" // brute force, stuffing, spraying, token guessing
	KindWebAttack    Kind = "web_attack"        // scanning, probing, injection, exploits, bad tools
	KindDataAccess   Kind = "data_access"       // object enumeration, scraping, volume, breadth, privilege
	KindAbuse        Kind = "abuse"             // rate abuse, expensive calls, automation
	KindAvailability Kind = "availability"      // spikes, drops, error bursts, latency of an endpoint
	KindExposure     Kind = "exposure"          // shadow endpoints, missing authentication, policy violations
	KindOperational  Kind = "operational"       // the pipeline itself: silent source, parse failures, full disk
	KindChange       Kind = "change"            // what is normal has changed for good: a release, a new customer
)

// Kinds lists all kinds.
func Kinds() []Kind {
	return []Kind{KindCredential, KindWebAttack, KindDataAccess, KindAbuse, KindAvailability, KindExposure, KindOperational, KindChange}
}

// Finding says that one detector saw one thing about one entity in one interval. While the episode goes on, the
// detector emits it again with the same ID and a larger Revision: LastSeen and EventCount grow, Observed and Measure
// stay those of the moment at which it fired, so that they can be reproduced.
type Finding struct {
	ID       string   `json:"id"`
	Revision uint32   `json:"revision"` // 1 at first
	Open     bool     `json:"open"`     // the episode may still grow
	Detector string   `json:"detector"` // a rule's id or a learned detector's name
	Title    string   `json:"title"`
	Kind     Kind     `json:"kind"`
	Severity Severity `json:"severity"`

	Entity  Entity `json:"entity"`
	Service string `json:"service,omitempty"`
	Route   string `json:"route,omitempty"`

	FiredAt    time.Time `json:"fired_at"`   // event time of the event or bucket end that made it fire
	FirstSeen  time.Time `json:"first_seen"` // first event of the window that fired
	LastSeen   time.Time `json:"last_seen"`
	EventCount uint64    `json:"event_count"` // events of the whole episode so far

	Observed float64 `json:"observed"`
	Expected float64 `json:"expected"` // the threshold or the learned bound it was held against
	Unit     string  `json:"unit"`     // what is counted: "requests", "distinct users", "ms"
	Measure  Measure `json:"measure"`

	Explanation string   `json:"explanation"` // one sentence for a person
	OWASP       []string `json:"owasp,omitempty"`
	MITRE       []string `json:"mitre,omitempty"`
	Tags        []string `json:"tags,omitempty"`

	Baseline *BaselineRef `json:"baseline,omitempty"` // nil for findings without a learned expectation

	// Outcome is what the answers said of an attack so far; nil for what is no attack. A finding may come again with the same
	// revision and another outcome.
	Outcome *Outcome `json:"outcome,omitempty"`

	// Group is the detector's own key of the episode (its group-by values); Restore finds the episode by it.
	Group []string `json:"group,omitempty"`
	// Sample holds a few of the events, the firing one first. It owns its strings.
	Sample []event.Event `json:"sample,omitempty"`
}

// Local reports whether all that the finding counted happened at its service. A detector that counts by client or user
// alone counts requests to any service, and may name them in its explanation.
func (f *Finding) Local() bool {
	if f.Service == "" {
		return false
	}
	switch f.Entity.Type {
	case EntityEndpoint, EntityService:
		return true
	case EntityClient, EntityUser, EntitySession, EntitySource, EntityDisk:
	}
	return f.Measure.within(f.Service)
}

// BaselineRef says which learned row a finding was held against.
type BaselineRef struct {
	Version string          `json:"version"`
	Key     string          `json:"key"`     // the row's key within the version
	Row     json.RawMessage `json:"row"`     // the row as it was, so that it survives the version's retention
	History string          `json:"history"` // for people: "14 days, 3,210 buckets"
}

// FindingID derives a finding's id from what identifies its episode: the detector, the entity, the service, the
// group key and the event time of firing. Neither sources, batches nor versions of the program enter it.
func FindingID(detector string, entity Entity, service string, group []string, firedAt time.Time) string {
	return "fnd_" + digest(append([]string{
		detector, string(entity.Type), entity.Value, service,
		firedAt.UTC().Format(time.RFC3339Nano),
	}, group...))
}

// digest hashes length-prefixed parts into 20 hex digits of SHA-256.
func digest(parts []string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s,", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:10])
}
