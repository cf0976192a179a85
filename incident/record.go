package incident

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gatewatch/gatewatch/detect"
)

// record is an incident with what the Manager needs to go on with it. A published record never changes: a change
// clones it, and the clone is published once it is stored.
type record struct {
	Incident *Incident `json:"incident"`
	Members  []member  `json:"members"`            // findings that may still be emitted again, in order of arrival
	Coverage coverage  `json:"coverage"`           // behind EventCount
	Kept     []uint64  `json:"kept"`               // hashes of the ids of the sample events in the evidence
	Reserved int       `json:"reserved,omitempty"` // room for sample events that events of the store took
	Seq      uint64    `json:"seq"`                // of the newest change
	// OutcomeSince is the event time from which the answers behind Outcome were followed.
	OutcomeSince time.Time `json:"outcome_since,omitzero"`

	slot int // index in Manager.list
}

// member is a finding that was applied.
type member struct {
	ID       string    `json:"id"`
	Revision uint32    `json:"revision"`
	Open     bool      `json:"open"`
	Events   uint64    `json:"events"`
	LastSeen time.Time `json:"last_seen"`
	// Told and Answers are those of the outcome that came with it last.
	Told    time.Time `json:"told,omitzero"`
	Answers uint64    `json:"answers,omitempty"`
}

// tell notes the outcome that came with the finding.
func (m *member) tell(o *detect.Outcome) {
	if o != nil {
		m.Told, m.Answers = o.At.UTC(), o.Answers
	}
}

// What bounds an incident's memory.
const (
	maxMembers = 500           // the oldest closed ones are forgotten first
	memberKeep = 3 * time.Hour // a closed finding is forgotten when it lies this far back: replay reaches back an hour
	maxNames   = 20            // services and routes that are listed
	maxHistory = 200           // the oldest entries but the first are dropped
	maxNotes   = 200           // a further note is refused
)

// groupKey is what findings of one incident have in common. Endpoints of two services are two endpoints even when they
// have one name; clients and users are one actor across services.
type groupKey struct {
	entity  detect.Entity
	service string
	kind    detect.Kind
}

func keyOf(f *detect.Finding) groupKey {
	k := groupKey{entity: f.Entity, kind: f.Kind}
	if f.Entity.Type == detect.EntityEndpoint {
		k.service = f.Service
	}
	return k
}

func (r *record) key() groupKey {
	k := groupKey{entity: r.Incident.Entity, kind: r.Incident.Kind}
	if k.entity.Type == detect.EntityEndpoint {
		k.service = r.Incident.Service
	}
	return k
}

// clone copies what apply and patch change. Strings and finished slices are shared.
func (r *record) clone() *record {
	c := *r
	inc := *r.Incident
	inc.Signals = slices.Clone(inc.Signals)
	inc.Services = slices.Clone(inc.Services)
	inc.Routes = slices.Clone(inc.Routes)
	inc.OWASP = slices.Clone(inc.OWASP)
	inc.MITRE = slices.Clone(inc.MITRE)
	inc.Tags = slices.Clone(inc.Tags)
	inc.Notes = slices.Clone(inc.Notes)
	inc.History = slices.Clone(inc.History)
	c.Incident = &inc
	c.Members = slices.Clone(r.Members)
	c.Kept = slices.Clone(r.Kept)
	c.Coverage.Segments = slices.Clone(r.Coverage.Segments)
	for i := range c.Coverage.Segments {
		c.Coverage.Segments[i].By = maps.Clone(c.Coverage.Segments[i].By)
	}
	return &c
}

// findMember returns the index of the finding, or -1. It looks from the end: what grows is recent.
func (r *record) findMember(id string) int {
	for i := len(r.Members) - 1; i >= 0; i-- {
		if r.Members[i].ID == id {
			return i
		}
	}
	return -1
}

// forget drops members that cannot come again and returns their ids.
func (r *record) forget() []string {
	var gone []string
	horizon := r.Incident.LastSeen.Add(-memberKeep)
	over := len(r.Members) - maxMembers
	r.Members = slices.DeleteFunc(r.Members, func(m member) bool {
		if m.Open || (!m.LastSeen.Before(horizon) && over <= 0) {
			return false
		}
		over--
		gone = append(gone, m.ID)
		return true
	})
	for ; over > 0 && len(r.Members) > 0; over-- { // all of them open: the oldest goes
		gone = append(gone, r.Members[0].ID)
		r.Members = r.Members[1:]
	}
	return gone
}

// addHistory appends an entry of the version that is being made; the first one (how it began) is kept when the oldest are
// dropped.
func (inc *Incident) addHistory(c Change) {
	c.Version = inc.Version + 1
	inc.History = append(inc.History, c)
	if len(inc.History) > maxHistory {
		inc.History = slices.Delete(inc.History, 1, 2)
	}
}

// encode returns the row's body.
func (r *record) encode() ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode incident %s: %w", r.Incident.ID, err)
	}
	return b, nil
}

func decodeRecord(body []byte) (*record, error) {
	r := &record{}
	if err := json.Unmarshal(body, r); err != nil {
		return nil, fmt.Errorf("decode incident: %w", err)
	}
	if r.Incident == nil || r.Incident.ID == "" {
		return nil, fmt.Errorf("decode incident: no incident in %.80q", body)
	}
	return r, nil
}
