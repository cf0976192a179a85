package incident

import (
	"encoding/json"
	"slices"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// Within returns what somebody who sees some services alone may see of the incident, nil when that is nothing.
//
// An incident about one of the services is seen. What its detectors counted by actor alone may have happened at any
// service: of that the numbers stand, in a sentence that names no request. Of an incident that spans further services
// the signals about the covered ones are left, with its kind, severity, score, status, entity and times; the rest could
// tell of the others. Who covers all services that the list has room for is told no more than that, since there may be
// others.
func (inc *Incident) Within(services event.Services) *Incident {
	covered := services.Of(inc.Services)
	switch {
	case !services.Limited():
		return inc
	case len(covered) == 0:
		return nil
	}
	whole := inc.Whole(services)
	if whole && inc.local() && inc.Findings == nil && inc.Evidence == nil {
		return inc
	}
	out := *inc
	out.Signals = signalsWithin(inc.Signals, services, whole)
	if !whole {
		out.strip(covered)
	}
	if !whole || !inc.local() {
		out.retell()
	}
	out.Findings = findingsWithin(inc.Findings, services)
	out.Evidence = evidenceWithin(inc.Evidence, services)
	return &out
}

// Whole reports whether all that the incident is about belongs to the services: then it may be changed by who covers
// these alone.
func (inc *Incident) Whole(services event.Services) bool {
	return !services.Limited() || len(inc.Services) < maxNames && services.CoversAll(inc.Services)
}

// local reports whether every detector counted within the services that the incident names, and so were the answers that
// its outcome was judged by.
func (inc *Incident) local() bool {
	ownAnswers := inc.OutcomeReason == "" || inc.Entity.Type == detect.EntityEndpoint || inc.Entity.Type == detect.EntityService
	return ownAnswers && !slices.ContainsFunc(inc.Signals, func(s Signal) bool { return !s.Local })
}

// strip takes out of the copy what is about other services than the covered ones, or may be.
func (inc *Incident) strip(covered []string) {
	inc.Service, inc.Services = covered[0], covered
	inc.Route, inc.Routes = "", []string{}
	inc.OWASP, inc.MITRE, inc.Tags = []string{}, []string{}, []string{}
	inc.Notes, inc.History, inc.ScoreParts = nil, nil, []ScorePart{}
	inc.Outcome = ""
	inc.EventCount, inc.FindingCount = 0, 0
	for _, s := range inc.Signals {
		inc.EventCount = max(inc.EventCount, s.Events)
		inc.FindingCount += s.Findings
	}
}

// retell words the copy anew out of its signals.
func (inc *Incident) retell() {
	inc.OutcomeReason = ""
	inc.ScoreParts, inc.History = slices.Clone(inc.ScoreParts), slices.Clone(inc.History)
	for i := range inc.ScoreParts {
		if inc.ScoreParts[i].Name == "outcome" {
			inc.ScoreParts[i].Reason = ""
		}
	}
	for i := range inc.History {
		if inc.History[i].Field == "outcome" {
			inc.History[i].Reason = ""
		}
	}
	inc.Detector, inc.Observed, inc.Expected, inc.Unit = "", 0, 0, ""
	kind := kindTitles[inc.Kind]
	if len(inc.Signals) == 0 {
		inc.Title = inc.withEntity(kind)
		inc.Explanation = sentence(inc.Title, inc.Entity.Value) + " It spans services that this view leaves out."
		return
	}
	lead := inc.lead()
	inc.Detector, inc.Observed, inc.Expected, inc.Unit = lead.Detector, lead.Observed, lead.Expected, lead.Unit
	inc.Title, inc.Explanation = inc.title(lead), inc.explain(lead)
}

// signalsWithin keeps the signals about covered services. One that spans others keeps no numbers; one whose detector
// counted by actor alone keeps them, and its sentence goes. Signals of stores older than the field name no services.
func signalsWithin(list []Signal, services event.Services, whole bool) []Signal {
	out := []Signal{}
	for _, s := range list {
		covered := services.Of(s.Services)
		switch {
		case whole:
			if !s.Local {
				s.Explanation = ""
			}
		case len(covered) == 0:
			continue
		case len(covered) < len(s.Services) || len(s.Services) >= maxNames:
			s.Findings, s.Events, s.Observed, s.Expected, s.Unit = 0, 0, 0, 0, ""
			s.Services, s.Explanation = covered, s.Title+": its numbers span services that this view leaves out."
		case !s.Local:
			s.Explanation = ""
		}
		out = append(out, s)
	}
	return out
}

func findingsWithin(list []detect.Finding, services event.Services) []detect.Finding {
	var out []detect.Finding
	for i := range list {
		f := list[i]
		if !services.Covers(f.Service) {
			continue
		}
		if !f.Local() {
			f.Explanation = ""
		}
		if f.Outcome != nil { // the answers to an actor are followed everywhere
			o := *f.Outcome
			o.Reason = ""
			f.Outcome = &o
		}
		f.Sample = nil
		out = append(out, f)
	}
	return out
}

// evidenceWithin keeps the events of covered services.
func evidenceWithin(list []json.RawMessage, services event.Services) []json.RawMessage {
	var out []json.RawMessage
	for _, body := range list {
		var ev struct {
			Service string `json:"service"`
		}
		if json.Unmarshal(body, &ev) == nil && services.Covers(ev.Service) {
			out = append(out, body)
		}
	}
	return out
}
