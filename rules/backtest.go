package rules

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// Backtest plays one rule over stored events, through the code that judges live: what it finds is what the rule would
// have raised. The events are matched anew, so that a rule that did not exist then sees them too. It is used by one
// goroutine.
type Backtest struct {
	rule     *Rule
	from, to time.Time
	matcher  *Matcher
	windows  *Windows
	judge    *detect.Judge
	report   BacktestReport
	days     map[string]*BacktestDay
	entities map[detect.Entity]*BacktestEntity
	places   map[string]int // of findings in the report, by id
}

// BacktestReport is what a rule finds in a time of the past.
type BacktestReport struct {
	Rule          string            `json:"rule"`
	From          time.Time         `json:"from"`
	To            time.Time         `json:"to"`
	Events        uint64            `json:"events"`         // in [from, to)
	Matched       uint64            `json:"matched"`        // of them those that the rule, or one that it counts, matches
	FindingsTotal uint64            `json:"findings_total"` // that fired in [from, to)
	Days          []BacktestDay     `json:"days"`           // those with events, in order
	Entities      []BacktestEntity  `json:"entities"`       // those with the most findings, twenty at most
	Findings      []detect.Finding  `json:"findings"`       // the first, a hundred at most, without their events
	Evicted       uint64            `json:"evicted"`        // groups that were dropped at the bound: findings may be missing
	Floor         bool              `json:"floor"`          // live the threshold is learned: here it is the written one, its floor
	Overlap       *BacktestIncident `json:"overlap,omitempty"`
}

// BacktestDay counts a day (UTC).
type BacktestDay struct {
	Day      string `json:"day"`
	Events   uint64 `json:"events"`
	Matched  uint64 `json:"matched"`
	Findings uint64 `json:"findings"`
}

// BacktestEntity counts the findings about one entity.
type BacktestEntity struct {
	Entity   detect.Entity `json:"entity"`
	Findings uint64        `json:"findings"`
	Events   uint64        `json:"events"`
}

// BacktestIncident compares the findings with the incidents that exist.
type BacktestIncident struct {
	Compared      int `json:"compared"`       // findings that were looked up
	Known         int `json:"known"`          // an incident about the same entity at the same time exists
	FalsePositive int `json:"false_positive"` // and people called it a false positive
	Confirmed     int `json:"confirmed"`      // and people resolved it otherwise
	New           int `json:"new"`            // there is none
}

const (
	maxBacktestFindings = 100
	maxBacktestEntities = 20
	maxBacktestMemory   = 100_000 // entities that are told apart
	maxBacktestWarmUp   = 31 * 24 * time.Hour
)

// NewBacktest plays the rule of that name or id over [from, to).
func (s *Set) NewBacktest(rule string, from, to time.Time) (*Backtest, error) {
	r := s.Rule(rule)
	switch {
	case r == nil:
		return nil, fmt.Errorf("rule %q: there is none of that name or id", rule)
	case !from.Before(to):
		return nil, fmt.Errorf("from %s: want a time before to, %s", from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	b := &Backtest{
		rule: r, from: from.UTC(), to: to.UTC(), matcher: s.NewMatcher(),
		days: map[string]*BacktestDay{}, entities: map[detect.Entity]*BacktestEntity{}, places: map[string]int{},
	}
	b.windows = s.NewWindows(WindowOptions{Only: r})
	b.judge = detect.NewJudge(b.found, b.windows)
	b.report = BacktestReport{Rule: r.ID, From: b.from, To: b.to, Floor: r.Learned != nil}
	return b, nil
}

// Since is where the events have to begin, so that the windows at from are filled.
func (b *Backtest) Since() time.Time {
	return b.from.Add(-min(b.rule.reach(), maxBacktestWarmUp))
}

// reach is how far back the rule's state goes: two timespans, and those of the correlations that it is over.
func (r *Rule) reach() time.Duration {
	c := r.Correlation
	if c == nil {
		return 2 * r.Quiet
	}
	deepest := time.Duration(0)
	for _, base := range c.bases {
		if base.Correlation != nil {
			deepest = max(deepest, base.reach())
		}
	}
	return 2*c.Timespan + deepest
}

// Until is where the events end.
func (b *Backtest) Until() time.Time { return b.to }

// Observe takes the next event in judging order; it changes the event's signatures.
func (b *Backtest) Observe(ev *event.Event) {
	b.matcher.Match(ev)
	if !ev.Time.Before(b.from) && ev.Time.Before(b.to) {
		day := b.day(ev.Time)
		day.Events++
		b.report.Events++
		if b.matches(ev) {
			day.Matched++
			b.report.Matched++
		}
	}
	b.judge.Observe(ev)
}

func (b *Backtest) matches(ev *event.Event) bool {
	return b.rule.counts(ev)
}

// counts reports whether the rule matches the event, or a rule that it is over does.
func (r *Rule) counts(ev *event.Event) bool {
	if c := r.Correlation; c != nil {
		return slices.ContainsFunc(c.bases, func(base *Rule) bool { return base.counts(ev) })
	}
	return matched(ev, r.ID)
}

func (b *Backtest) day(t time.Time) *BacktestDay {
	name := t.UTC().Format(time.DateOnly)
	d := b.days[name]
	if d == nil {
		d = &BacktestDay{Day: name}
		b.days[name] = d
	}
	return d
}

func (b *Backtest) found(f detect.Finding) {
	if f.FiredAt.Before(b.from) || !f.FiredAt.Before(b.to) {
		return
	}
	f.Sample = nil
	if f.Revision == 1 {
		b.report.FindingsTotal++
		b.day(f.FiredAt).Findings++
		if len(b.report.Findings) < maxBacktestFindings {
			b.places[f.ID] = len(b.report.Findings)
			b.report.Findings = append(b.report.Findings, f)
		}
	} else if i, ok := b.places[f.ID]; ok {
		b.report.Findings[i] = f
	}
	e := b.entities[f.Entity]
	if e == nil {
		if len(b.entities) >= maxBacktestMemory {
			return
		}
		e = &BacktestEntity{Entity: f.Entity}
		b.entities[f.Entity] = e
	}
	if f.Revision == 1 {
		e.Findings++
	}
	if !f.Open {
		e.Events += f.EventCount
	}
}

// Report closes what is open and returns what was found.
func (b *Backtest) Report() *BacktestReport {
	b.judge.Advance(b.to.Add(10 * maxBacktestWarmUp))
	r := b.report
	r.Days, r.Entities = []BacktestDay{}, []BacktestEntity{}
	for _, d := range b.days {
		r.Days = append(r.Days, *d)
	}
	slices.SortFunc(r.Days, func(a, b BacktestDay) int { return cmp.Compare(a.Day, b.Day) })
	for _, e := range b.entities {
		r.Entities = append(r.Entities, *e)
	}
	slices.SortFunc(r.Entities, func(a, b BacktestEntity) int {
		return cmp.Or(-cmp.Compare(a.Findings, b.Findings), -cmp.Compare(a.Events, b.Events), cmp.Compare(a.Entity.Value, b.Entity.Value))
	})
	r.Entities = r.Entities[:min(len(r.Entities), maxBacktestEntities)]
	if r.Findings == nil {
		r.Findings = []detect.Finding{}
	}
	r.Evicted = b.windows.Stats().Evicted
	return &r
}
