package incident

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatewatch/gatewatch/detect"
)

// systemActor signs what the program did by itself.
const systemActor = "gatewatch"

// The lengths that people's texts may have, in bytes.
const (
	maxAssignee = 200
	maxReason   = 1000
	maxNoteText = 4000
)

// Patch is a change by a person. A nil member stays as it is.
type Patch struct {
	Status   *Status `json:"status,omitempty"`
	Assignee *string `json:"assignee,omitempty"` // empty: nobody
	Reason   string  `json:"reason,omitempty"`   // why, for the history
}

// AnyVersion as the expected version makes a change unconditional.
const AnyVersion = 0

// Patch changes an incident that is still at the version that the caller read (AnyVersion: whatever it is), in the name
// of actor. It returns the incident as it is then. Errors: ErrNotFound, *ConflictError, *InvalidError.
func (m *Manager) Patch(ctx context.Context, id string, version uint64, p Patch, actor string) (*Incident, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	return m.edit(ctx, id, version, func(inc *Incident, at time.Time) bool {
		changed := false
		if p.Status != nil && *p.Status != inc.Status {
			inc.setStatus(*p.Status, actor, p.Reason, at)
			changed = true
		}
		if p.Assignee != nil && *p.Assignee != inc.Assignee {
			inc.addHistory(Change{At: at, Actor: actor, Field: "assignee", From: inc.Assignee, To: *p.Assignee, Reason: p.Reason})
			inc.Assignee = *p.Assignee
			changed = true
		}
		return changed
	})
}

// validate names the member that is not acceptable.
func (p Patch) validate() error {
	if p.Status == nil && p.Assignee == nil {
		return invalid("status", "nothing to change: want status or assignee")
	}
	if p.Status != nil && !slices.Contains(Statuses(), *p.Status) {
		return invalid("status", "%q: want open, acknowledged, resolved or false_positive", *p.Status)
	}
	if p.Assignee != nil {
		if err := text("assignee", *p.Assignee, maxAssignee); err != nil {
			return err
		}
	}
	return text("reason", p.Reason, maxReason)
}

// text checks what people write: valid UTF-8 of a bounded length without control characters but line breaks and tabs.
func text(field, s string, limit int) error {
	if len(s) > limit {
		return invalid(field, "%d bytes: want at most %d", len(s), limit)
	}
	if !utf8.ValidString(s) {
		return invalid(field, "not valid UTF-8")
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == 0x7f }) {
		return invalid(field, "control characters are not accepted")
	}
	return nil
}

// AddNote appends a remark. Errors: ErrNotFound, *InvalidError.
func (m *Manager) AddNote(ctx context.Context, id, words, actor string) (*Incident, error) {
	words = strings.TrimSpace(words)
	if words == "" {
		return nil, invalid("text", "empty")
	}
	if err := text("text", words, maxNoteText); err != nil {
		return nil, err
	}
	if r, ok := m.get(id); ok && len(r.Incident.Notes) >= maxNotes {
		return nil, invalid("text", "the incident has %d notes, which is the most that are kept", maxNotes)
	}
	return m.edit(ctx, id, AnyVersion, func(inc *Incident, at time.Time) bool {
		number := 1
		if n := len(inc.Notes); n > 0 {
			_, _ = fmt.Sscanf(inc.Notes[n-1].ID, "note_%d", &number) // ours: it has this form
			number++
		}
		inc.Notes = append(inc.Notes, Note{ID: fmt.Sprintf("note_%d", number), Author: actor, Text: words, At: at})
		return true
	})
}

// edit makes one change that does not come from findings. change reports whether it changed anything.
func (m *Manager) edit(ctx context.Context, id string, version uint64, change func(*Incident, time.Time) bool) (*Incident, error) {
	m.write.Lock()
	defer m.write.Unlock()
	t := newTx(m)
	r, ok := t.touch(id)
	if !ok {
		return nil, ErrNotFound
	}
	if version != AnyVersion && version != r.Incident.Version {
		return nil, &ConflictError{Want: version, Have: r.Incident.Version}
	}
	at := m.stamp(r.Incident.LastSeen)
	if !change(r.Incident, at) {
		return r.Incident, nil
	}
	r.Incident.Version++
	r.Incident.UpdatedAt = at
	if err := t.commit(ctx); err != nil {
		return nil, err
	}
	return r.Incident, nil
}

func (inc *Incident) setStatus(to Status, actor, reason string, at time.Time) {
	inc.addHistory(Change{At: at, Actor: actor, Field: "status", From: string(inc.Status), To: string(to), Reason: reason})
	inc.Status = to
	inc.ClosedSeen = time.Time{}
	if to.Terminal() {
		inc.ClosedSeen = inc.LastSeen
	}
}

// reopen makes a resolved incident open again when f shows that it is not over: a new finding that fired after what
// was resolved, or an episode that went on for longer than the grace. What people called false stays so.
func (inc *Incident) reopen(f *detect.Finding, isNew bool, grace time.Duration, at time.Time) {
	if inc.Status != StatusResolved {
		return
	}
	switch {
	case isNew && f.FiredAt.After(inc.ClosedSeen):
		inc.setStatus(StatusOpen, systemActor, "a new finding after it was resolved: "+f.Title, at)
	case f.LastSeen.After(inc.ClosedSeen.Add(grace)):
		inc.setStatus(StatusOpen, systemActor, "it went on after it was resolved: "+f.Title, at)
	}
}
