package incident

import (
	"cmp"
	"slices"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// Security is how detection and the people behind it do, over the incidents that came about in a period. Incidents that a
// suppression hides are left out.
type Security struct {
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`

	Incidents  int            `json:"incidents"`
	BySeverity map[string]int `json:"by_severity"`
	ByKind     map[string]int `json:"by_kind"`
	ByStatus   map[string]int `json:"by_status"`
	ByOutcome  map[string]int `json:"by_outcome"` // of attacks
	Open       int            `json:"open"`       // not resolved and not called false by now

	// Detect is from the first event to the incident; incidents out of imported history say nothing about it and are left
	// out. Acknowledge and Resolve are from the incident to the first time that somebody took it up, and ended it.
	Detect      Took `json:"time_to_detect"`
	Acknowledge Took `json:"time_to_acknowledge"`
	Resolve     Took `json:"time_to_resolve"`

	Detectors []DetectorRecord `json:"detectors"` // by id; the leading detector of an incident counts
}

// Took sums up durations: how many, and their median and ninetieth percentile in seconds (nearest rank).
type Took struct {
	Count         int     `json:"count"`
	MedianSeconds float64 `json:"median_seconds"`
	P90Seconds    float64 `json:"p90_seconds"`
}

// DetectorRecord is what became of a detector's incidents. Precision is the share of the closed ones that nobody called
// false; nil before one is closed.
type DetectorRecord struct {
	ID            string   `json:"id"`
	Incidents     int      `json:"incidents"`
	Resolved      int      `json:"resolved"`
	FalsePositive int      `json:"false_positive"`
	Precision     *float64 `json:"precision"`
}

// historyAge is how long an incident's last event lies before the incident itself when it comes out of imported history.
const historyAge = 26 * time.Hour

// Security sums up the incidents in memory that came about in [since, until), as far as services let them be seen; a zero
// time is no bound.
func (m *Manager) Security(since, until time.Time, services event.Services) Security {
	m.mu.RLock()
	var list []*Incident
	for i := range m.list {
		inc := m.list[i].rec.Incident
		in := !inc.CreatedAt.Before(since) && (until.IsZero() || inc.CreatedAt.Before(until))
		if !in || inc.SuppressedBy != "" {
			continue
		}
		if inc = inc.Within(services); inc != nil {
			list = append(list, inc)
		}
	}
	m.mu.RUnlock()
	s := Security{
		Since: since, Until: until, Incidents: len(list),
		BySeverity: map[string]int{}, ByKind: map[string]int{}, ByStatus: map[string]int{}, ByOutcome: map[string]int{},
	}
	for sev := detect.Low; sev <= detect.Critical; sev++ {
		s.BySeverity[sev.String()] = 0
	}
	for _, status := range Statuses() {
		s.ByStatus[string(status)] = 0
	}
	records := map[string]*DetectorRecord{}
	var detected, acknowledged, resolved []time.Duration
	for _, inc := range list {
		s.BySeverity[inc.Severity.String()]++
		s.ByKind[string(inc.Kind)]++
		s.ByStatus[string(inc.Status)]++
		if inc.Outcome != "" {
			s.ByOutcome[string(inc.Outcome)]++
		}
		if !inc.Status.Terminal() {
			s.Open++
		}
		if inc.CreatedAt.Sub(inc.LastSeen) <= historyAge {
			detected = append(detected, max(inc.CreatedAt.Sub(inc.FirstSeen), 0))
		}
		up, end := inc.handled()
		if !up.IsZero() {
			acknowledged = append(acknowledged, max(up.Sub(inc.CreatedAt), 0))
		}
		if !end.IsZero() {
			resolved = append(resolved, max(end.Sub(inc.CreatedAt), 0))
		}
		if inc.Detector == "" { // it spans services that are not seen
			continue
		}
		r := records[inc.Detector]
		if r == nil {
			r = &DetectorRecord{ID: inc.Detector}
			records[inc.Detector] = r
		}
		r.count(inc.Status)
	}
	s.Detect, s.Acknowledge, s.Resolve = took(detected), took(acknowledged), took(resolved)
	s.Detectors = make([]DetectorRecord, 0, len(records))
	for _, r := range records {
		s.Detectors = append(s.Detectors, *r)
	}
	slices.SortFunc(s.Detectors, func(a, b DetectorRecord) int { return cmp.Compare(a.ID, b.ID) })
	return s
}

func (r *DetectorRecord) count(status Status) {
	r.Incidents++
	switch status {
	case StatusResolved:
		r.Resolved++
	case StatusFalsePositive:
		r.FalsePositive++
	case StatusOpen, StatusAcknowledged:
		return
	}
	p := float64(r.Resolved) / float64(r.Resolved+r.FalsePositive)
	r.Precision = &p
}

// handled returns when a person first took the incident up and first ended it; zero when nobody did.
func (inc *Incident) handled() (up, end time.Time) {
	for _, c := range inc.History {
		if c.Field != "status" || c.Actor == systemActor {
			continue
		}
		to := Status(c.To)
		if up.IsZero() && (to == StatusAcknowledged || to.Terminal()) {
			up = c.At
		}
		if to.Terminal() {
			return up, c.At
		}
	}
	return up, end
}

// took sums durations up by nearest rank.
func took(list []time.Duration) Took {
	if len(list) == 0 {
		return Took{}
	}
	slices.Sort(list)
	at := func(percent int) float64 { return list[(len(list)*percent+99)/100-1].Seconds() }
	return Took{Count: len(list), MedianSeconds: at(50), P90Seconds: at(90)}
}
