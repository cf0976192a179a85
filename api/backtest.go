package api

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/rules"
)

// EventReader reads stored events in judging order. A Store that is one serves backtests.
type EventReader interface {
	// EachEvent calls yield for the events of [from, to), and stops at its first error.
	EachEvent(ctx context.Context, from, to time.Time, yield func(*event.Event) error) error
}

// BacktestRequest asks for what a rule would have found.
type BacktestRequest struct {
	Rule string `json:"rule"` // a loaded rule's name or id, or one in yaml
	YAML string `json:"yaml"` // rules that need not be loaded, over the built-in ones; empty: the loaded ones
	From string `json:"from"` // a time, or a duration before now
	To   string `json:"to"`   // empty: now
}

// BacktestAnswer is the report and how long it took.
type BacktestAnswer struct {
	*rules.BacktestReport
	Seconds         float64 `json:"seconds"`
	EventsPerSecond float64 `json:"events_per_second"`
}

// backtest answers POST /v1/rules/backtest. One runs at a time: it reads all events of its range.
func (s *Server) backtest(c echo.Context) error {
	if err := s.noQuery(c); err != nil {
		return err
	}
	var req BacktestRequest
	if err := readJSON(c, &req); err != nil {
		return err
	}
	reader, ok := s.deps.Store.(EventReader)
	if !ok || s.deps.Rules == nil {
		return missing("backtests")
	}
	b, err := s.newBacktest(req)
	if err != nil {
		return err
	}
	if !s.backtesting.TryLock() {
		return problem(http.StatusConflict, "another backtest is under way")
	}
	defer s.backtesting.Unlock()
	if err := s.record(c, "rules.backtest", req.Rule, req.From+" to "+req.To); err != nil {
		return err
	}
	ctx, start := c.Request().Context(), s.now()
	err = reader.EachEvent(ctx, b.Since(), b.Until(), func(ev *event.Event) error {
		b.Observe(ev)
		return ctx.Err()
	})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return storeFault(err)
	}
	answer := BacktestAnswer{BacktestReport: b.Report()}
	answer.Overlap = s.overlap(answer.BacktestReport)
	answer.Seconds = s.now().Sub(start).Seconds()
	if answer.Seconds > 0 {
		answer.EventsPerSecond = float64(answer.Events) / answer.Seconds
	}
	return c.JSON(http.StatusOK, answer)
}

func (s *Server) newBacktest(req BacktestRequest) (*rules.Backtest, error) {
	now := s.now()
	from, err := parseTime(req.From, now)
	if err != nil {
		return nil, badField("from", err.Error())
	}
	to := now
	if req.To != "" {
		if to, err = parseTime(req.To, now); err != nil {
			return nil, badField("to", err.Error())
		}
	}
	set := s.deps.Rules.Set()
	if req.YAML != "" {
		if set, err = rules.LoadText(set.Options(), "yaml", req.YAML); err != nil {
			return nil, badField("yaml", err.Error())
		}
	}
	if set.Rule(req.Rule) == nil {
		return nil, badField("rule", "there is no rule of that name or id")
	}
	b, err := set.NewBacktest(req.Rule, from, to)
	if err != nil {
		return nil, badField("from", err.Error())
	}
	return b, nil
}

// overlap looks the findings up among the incidents that exist, by entity and time.
func (s *Server) overlap(r *rules.BacktestReport) *rules.BacktestIncident {
	o := &rules.BacktestIncident{Compared: len(r.Findings)}
	for i := range r.Findings {
		f := &r.Findings[i]
		page, err := s.deps.Incidents.List(incident.Filter{
			Entity: string(f.Entity.Type) + ":" + f.Entity.Value, Since: f.FirstSeen, Until: f.LastSeen.Add(time.Nanosecond),
		}, "", "", incident.MaxPage)
		if err != nil || len(page.Incidents) == 0 {
			o.New++
			continue
		}
		o.Known++
		switch closest(page.Incidents, r.Rule).Status {
		case incident.StatusFalsePositive:
			o.FalsePositive++
		case incident.StatusResolved:
			o.Confirmed++
		}
	}
	return o
}

// closest is the incident that says most about a rule's finding: one of the same rule that people judged, else one of the same
// rule, else one that people judged, else the first.
func closest(list []*incident.Incident, rule string) *incident.Incident {
	rank := func(inc *incident.Incident) (n int) {
		if inc.Detector == rule {
			n += 2
		}
		if inc.Status.Terminal() {
			n++
		}
		return n
	}
	best := list[0]
	for _, inc := range list[1:] {
		if rank(inc) > rank(best) {
			best = inc
		}
	}
	return best
}
