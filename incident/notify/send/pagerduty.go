package send

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
)

// pagerDutyURL is where events go unless the target says otherwise (in the EU: https://events.eu.pagerduty.com/v2/enqueue).
const pagerDutyURL = "https://events.pagerduty.com/v2/enqueue"

// MaxAlerts is how many incidents one message turns into alerts of their own; more become one alert that sums them up.
const MaxAlerts = 10

// maxSummary is the longest summary that PagerDuty takes.
const maxSummary = 1024

// pagerDuty sends events (API v2). An incident's id is the alert's dedup_key, so that what is sent again changes nothing,
// and acknowledging and resolving reach the same alert.
type pagerDuty struct {
	*poster
	url, key Secret
	words    words
}

func newPagerDuty(t Target, _ Options) (Sender, error) {
	p, err := newPoster(t.CAFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	if t.URL == "" {
		t.URL = pagerDutyURL
	}
	w, err := newWords(t.Title, "")
	return &pagerDuty{p, t.URL, t.RoutingKey, w}, err
}

// Target implements Sender.
func (s *pagerDuty) Target() string { return hostOf(s.url) }

// pagerDutySeverity is what a severity is called there.
var pagerDutySeverity = map[detect.Severity]string{detect.Low: "info", detect.Medium: "warning", detect.High: "error", detect.Critical: "critical"}

// Send implements Sender: one event an incident, or one for all of many. Events that went through before another failed
// are sent again with it, which changes nothing.
func (s *pagerDuty) Send(ctx context.Context, m *Message) error {
	address, err := s.url.Reveal()
	if err != nil {
		return fmt.Errorf("url: %w", err)
	}
	key, err := s.key.Reveal()
	if err != nil {
		return fmt.Errorf("routing_key: %w", err)
	}
	return eachAlert(m, func(part *Message) error {
		title, _, err := s.words.render(part, plain)
		if err != nil {
			return err
		}
		event := alertEvent(part, title)
		event["routing_key"] = key
		body, err := json.Marshal(event)
		if err != nil {
			return err
		}
		err = s.post(ctx, address, http.Header{}, body)
		if asRefused(err) {
			return &RefusedError{errors.New(leaks(err.Error(), key))}
		}
		return err
	})
}

// eachAlert calls fn with a message for each incident, or with m itself when there are many. All are tried; what may
// pass outweighs what is refused, so that nothing is given up too early.
func eachAlert(m *Message, fn func(*Message) error) error {
	items := m.items()
	if len(items) > MaxAlerts || len(items) <= 1 {
		return fn(m)
	}
	var worst error
	for _, it := range items {
		part := *m
		part.Notifications = nil
		for _, n := range m.Notifications {
			if n.Incident.ID == it.ID {
				part.Notifications = append(part.Notifications, n)
			}
		}
		if err := fn(&part); err != nil && (worst == nil || asRefused(worst)) {
			worst = err
		}
	}
	return worst
}

// alertEvent is the event of a message about one incident, of one about many, or of a test.
func alertEvent(m *Message, title string) map[string]any {
	payload := map[string]any{"summary": cut(title, maxSummary), "source": "gatewatch", "severity": "info", "timestamp": m.At.UTC().Format(time.RFC3339)}
	event := map[string]any{"event_action": "trigger", "dedup_key": m.ID, "payload": payload, "client": "Gatewatch"}
	items := m.items()
	if m.Test || len(items) == 0 {
		return event
	}
	payload["severity"] = pagerDutySeverity[items[0].Severity]
	if m.ConsoleURL != "" {
		event["client_url"] = m.ConsoleURL
	}
	if len(items) > 1 {
		list := make([]string, 0, shown)
		for _, it := range items[:min(len(items), shown)] {
			list = append(list, it.ID+" "+plain(it.Title))
		}
		payload["custom_details"] = map[string]any{"incidents": len(items), "first": list}
		return event
	}
	it := items[0]
	event["dedup_key"] = it.ID
	switch it.Status {
	case incident.StatusAcknowledged:
		if it.has(Acknowledged) && !it.has(Opened) && !it.has(Reopened) {
			event["event_action"] = "acknowledge"
		}
	case incident.StatusResolved, incident.StatusFalsePositive:
		event["event_action"] = "resolve"
	case incident.StatusOpen:
	}
	payload["source"] = plain(it.Entity.Value)
	payload["component"] = plain(it.Service)
	payload["group"] = plain(it.Route)
	payload["class"] = string(it.Kind)
	payload["custom_details"] = it.details()
	if it.URL != "" {
		event["links"] = []any{map[string]any{"href": it.URL, "text": "Gatewatch"}}
	}
	return event
}

func (it item) has(k Kind) bool {
	for _, c := range it.Changes {
		if c.Kind == k {
			return true
		}
	}
	return false
}

// details are what an on-call person reads first.
func (it item) details() map[string]any {
	return map[string]any{
		"incident": it.ID, "explanation": plain(it.Explanation), "score": it.Score, "severity": it.Severity.String(),
		"status": string(it.Status), "outcome": string(it.Outcome), "outcome_reason": plain(it.OutcomeReason), "detector": plain(it.Detector), "entity": string(it.Entity.Type) + " " + plain(it.Entity.Value),
		"events": it.EventCount, "first_seen": it.FirstSeen.UTC().Format(time.RFC3339), "last_seen": it.LastSeen.UTC().Format(time.RFC3339),
		"owasp": it.OWASP, "mitre": it.MITRE, "next_steps": it.nextSteps(),
	}
}
