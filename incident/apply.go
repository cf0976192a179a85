package incident

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/detect"
)

// Apply takes findings in the order in which the detectors emitted them. When it returns nil they are stored and
// visible; after an error nothing has changed and the call may be repeated. A finding whose revision was applied
// before changes nothing, so replays are harmless.
//
// A finding joins the incident of its entity and kind that lies within Gap of event time, the newest of several;
// otherwise it begins one. Which incident a finding belongs to is decided once: later revisions follow it, and a late
// finding never moves another. An incident that people called false only takes further findings of detectors it has
// and of a severity it has: anything else begins a new one, so that feedback hides no worse attack.
func (m *Manager) Apply(ctx context.Context, findings []detect.Finding) error {
	if len(findings) == 0 {
		return nil
	}
	m.write.Lock()
	defer m.write.Unlock()
	t := newTx(m)
	for _, f := range findings {
		if err := t.apply(&f); err != nil {
			return err
		}
	}
	if err := t.fetchEvidence(ctx); err != nil {
		return err
	}
	return t.commit(ctx)
}

// tx is one step of the Manager: changed clones that are published once they are stored.
type tx struct {
	m       *Manager
	changed map[string]*record
	order   []string // ids in changed, in order of first change
	groups  map[groupKey][]string
	seen    map[string]string
	gone    []string // finding ids that members forgot
	write   Write
	wanted  []want
}

// want is a new incident that asks the repository for events.
type want struct {
	id    string
	query EventQuery
}

func newTx(m *Manager) *tx {
	return &tx{m: m, changed: map[string]*record{}, groups: map[groupKey][]string{}, seen: map[string]string{}}
}

// touch returns the incident's record for writing.
func (t *tx) touch(id string) (*record, bool) {
	if r, ok := t.changed[id]; ok {
		return r, true
	}
	r, ok := t.m.get(id)
	if !ok {
		return nil, false
	}
	r = r.clone()
	t.changed[id] = r
	t.order = append(t.order, id)
	return r, true
}

// peek returns the incident as this step left it, for reading.
func (t *tx) peek(id string) (*record, bool) {
	if r, ok := t.changed[id]; ok {
		return r, true
	}
	return t.m.get(id)
}

func (t *tx) apply(f *detect.Finding) error {
	if f.ID == "" || f.Revision == 0 || f.Entity.Value == "" {
		return fmt.Errorf("apply finding %q of %s: it has no id, revision or entity", f.ID, f.Detector)
	}
	f.Observed, f.Expected = finite(f.Observed), finite(f.Expected)
	if id, ok := t.home(f.ID); ok {
		return t.grow(id, f)
	}
	r := t.join(f)
	if r == nil {
		r = t.begin(f)
	}
	t.seen[f.ID] = r.Incident.ID
	t.add(r, f)
	t.m.metrics.finding(f.Detector, "new")
	return nil
}

// home returns the incident that a finding was given to before.
func (t *tx) home(findingID string) (string, bool) {
	if id, ok := t.seen[findingID]; ok {
		return id, true
	}
	t.m.mu.RLock()
	defer t.m.mu.RUnlock()
	id, ok := t.m.seen[findingID]
	return id, ok
}

// join returns the incident that f belongs to, nil when there is none.
func (t *tx) join(f *detect.Finding) *record {
	key := keyOf(f)
	t.m.mu.RLock()
	ids := slices.Concat(t.m.groups[key], t.groups[key])
	t.m.mu.RUnlock()
	var best *Incident
	for _, id := range ids {
		r, ok := t.peek(id)
		if !ok || !r.Incident.takes(f, t.m.opts.Gap) {
			continue
		}
		if best == nil || best.FirstSeen.Before(r.Incident.FirstSeen) {
			best = r.Incident
		}
	}
	if best == nil {
		return nil
	}
	r, _ := t.touch(best.ID)
	return r
}

// takes reports whether f lies within gap of the incident and may join it.
func (inc *Incident) takes(f *detect.Finding, gap time.Duration) bool {
	if f.FirstSeen.After(inc.LastSeen.Add(gap)) || f.LastSeen.Before(inc.FirstSeen.Add(-gap)) {
		return false
	}
	if inc.Status != StatusFalsePositive {
		return true
	}
	known := slices.ContainsFunc(inc.Signals, func(s Signal) bool { return s.Detector == f.Detector })
	return known && f.Severity <= inc.Severity
}

// begin makes the incident of f.
func (t *tx) begin(f *detect.Finding) *record {
	at := t.m.stamp(f.FiredAt)
	inc := &Incident{
		ID:   "inc_" + strings.TrimPrefix(f.ID, "fnd_"),
		Kind: f.Kind, Entity: f.Entity, Status: StatusOpen,
		Service: f.Service, Route: f.Route,
		FirstSeen: f.FirstSeen.UTC(), LastSeen: f.LastSeen.UTC(),
		OWASP: []string{}, MITRE: []string{}, Tags: []string{}, Services: []string{}, Routes: []string{},
		CreatedAt: at,
	}
	inc.addHistory(Change{At: at, Actor: systemActor, Field: "status", To: string(StatusOpen), Reason: "first finding: " + f.Title})
	if inc.SuppressedBy = t.m.suppresses(f); inc.SuppressedBy != "" {
		inc.addHistory(Change{At: at, Actor: systemActor, Field: "suppressed_by", To: inc.SuppressedBy})
	}
	r := &record{Incident: inc}
	t.changed[inc.ID] = r
	t.order = append(t.order, inc.ID)
	t.groups[r.key()] = append(t.groups[r.key()], inc.ID)
	limit := t.m.opts.EvidenceEvents / 2
	if uint64(len(f.Sample)) < min(uint64(limit), f.EventCount) {
		t.wanted = append(t.wanted, want{id: inc.ID, query: EventQuery{Measure: f.Measure, Limit: limit}})
	}
	return r
}

// add counts a finding that was not seen before.
func (t *tx) add(r *record, f *detect.Finding) {
	inc := r.Incident
	inc.FindingCount++
	mem := member{ID: f.ID, Revision: f.Revision, Open: f.Open, Events: f.EventCount, LastSeen: f.LastSeen}
	mem.tell(f.Outcome)
	r.Members = append(r.Members, mem)
	t.wantJoined(r, f)
	inc.addNames(f)
	inc.signal(f, f.EventCount, true)
	t.settle(r, f, f.EventCount, true)
}

// grow counts a further revision of a finding that belongs to an incident already.
func (t *tx) grow(id string, f *detect.Finding) error {
	r, ok := t.peek(id)
	if !ok {
		return fmt.Errorf("apply finding %s: its incident %s is gone", f.ID, id)
	}
	i := r.findMember(f.ID)
	if i < 0 || f.Revision <= r.Members[i].Revision {
		if i >= 0 && f.Revision == r.Members[i].Revision && f.Outcome != nil && f.Outcome.After(r.Members[i].Told, r.Members[i].Answers) {
			t.turn(id, i, f)
			return nil
		}
		t.m.metrics.finding(f.Detector, "repeated")
		return nil
	}
	r, _ = t.touch(id)
	mem := &r.Members[i]
	var more uint64
	if f.EventCount > mem.Events {
		more = f.EventCount - mem.Events
		mem.Events = f.EventCount
	}
	mem.Revision, mem.Open = f.Revision, f.Open
	mem.tell(f.Outcome)
	if f.LastSeen.After(mem.LastSeen) {
		mem.LastSeen = f.LastSeen
	}
	r.Incident.addNames(f)
	r.Incident.signal(f, more, false)
	t.settle(r, f, more, false)
	t.m.metrics.finding(f.Detector, "grown")
	return nil
}

// settle brings everything that is derived up to date after f was counted with more further events.
func (t *tx) settle(r *record, f *detect.Finding, more uint64, isNew bool) {
	inc := r.Incident
	if f.FirstSeen.Before(inc.FirstSeen) {
		inc.FirstSeen = f.FirstSeen.UTC()
	}
	if f.LastSeen.After(inc.LastSeen) {
		inc.LastSeen = f.LastSeen.UTC()
	}
	r.Coverage.add(f.Detector, f.FirstSeen.UTC(), f.LastSeen.UTC(), more)
	inc.EventCount = max(inc.EventCount, r.Coverage.count())
	at := t.m.stamp(laterOf(f.FiredAt, f.LastSeen))
	inc.reopen(f, isNew, t.m.opts.ReopenGrace, at)
	if inc.SuppressedBy != "" && t.m.suppresses(f) == "" {
		inc.addHistory(Change{At: at, Actor: systemActor, Field: "suppressed_by", From: inc.SuppressedBy, Reason: "a finding that nothing suppresses: " + f.Title})
		inc.SuppressedBy = ""
	}
	before := inc.Severity
	t.decide(r, f.Outcome, at)
	inc.judge()
	if inc.Version > 0 && inc.Severity != before {
		inc.addHistory(Change{At: at, Actor: systemActor, Field: "severity", From: before.String(), To: inc.Severity.String(), Reason: f.Title})
	}
	inc.heed(t.m.said(inc))
	inc.Version++
	inc.UpdatedAt = at

	t.keepSample(r, f.Sample)
	t.gone = append(t.gone, r.forget()...)
	row := *f
	row.Sample = nil
	if row.Outcome != nil {
		o := *row.Outcome
		o.Witnesses = nil
		row.Outcome = &o
	}
	t.write.Findings = append(t.write.Findings, FindingRow{IncidentID: inc.ID, Finding: row})
}

func laterOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// finite makes a number fit for JSON: it has no word for infinities and not-a-number.
func finite(v float64) float64 {
	switch {
	case math.IsNaN(v):
		return 0
	case math.IsInf(v, 0):
		return math.Copysign(math.MaxFloat64, v)
	}
	return v
}
