package app

import (
	"time"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident/outcome"
	"github.com/gatewatch/gatewatch/rules"
)

// outcomeOptions are how outcomes are judged under a set of rules and what was learned.
func outcomeOptions(set *rules.Set, models modelSource) outcome.Options {
	return outcome.Options{Signs: outcome.SignsOf(outcomeRules(set)), Learned: learnedAnswers{models}.at}
}

// outcomeRules is what outcomes have to know of the rules.
func outcomeRules(set *rules.Set) []outcome.Rule {
	list := make([]outcome.Rule, 0, len(set.Rules()))
	for _, r := range set.Rules() {
		o := outcome.Rule{ID: r.ID, Kind: r.Kind, Reads: r.Reads, Signal: r.Signal}
		if r.Correlation != nil {
			o.Counts = r.Correlation.Rules
		}
		if r.Unless != nil {
			o.Excuses = r.Unless.Rule
		}
		list = append(list, o)
	}
	return list
}

// judgeOutcomes returns a judge over the detectors whose findings say how the attack ended.
func judgeOutcomes(opts outcome.Options, emit detect.Emit, detectors ...detect.Detector) *detect.Judge {
	t := outcome.New(opts, emit)
	return detect.NewJudge(t.Emit, append([]detect.Detector{t}, detectors...)...)
}

// learnedAnswers tells what baselines know of a route's successful answers: the bounds of their hourly medians, since
// that is what a model has.
type learnedAnswers struct{ models modelSource }

func (l learnedAnswers) at(service, method, route string, at time.Time) (answers uint64, low, high float64) {
	m := l.models.ModelAt(at)
	if m == nil {
		return 0, 0, 0
	}
	e := m.Endpoint(baseline.EndpointKey{Service: service, Method: method, Route: route})
	if e == nil || e.Shape == nil || e.Shape.Size == nil {
		return 0, 0, 0
	}
	return e.Shape.Successes, e.Shape.Size.Low, e.Shape.Size.High
}
