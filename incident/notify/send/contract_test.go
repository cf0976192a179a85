package send

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// The receivers of this file refuse what the vendors' contracts refuse: what is not there, is too long or has another type.

// contract holds one request to what a vendor documents; an empty string means that it is taken.
type contract func(r request, body map[string]any) string

func chars(v any) int {
	s, _ := v.(string)
	return utf8.RuneCountInString(s)
}

// pagerDutyContract is https://developer.pagerduty.com/docs/events-api-v2/trigger-events/.
func pagerDutyContract(r request, body map[string]any) string {
	payload, _ := body["payload"].(map[string]any)
	_, at := time.Parse(time.RFC3339, fmt.Sprint(payload["timestamp"]))
	links, _ := body["links"].([]any)
	for _, l := range links {
		if link, _ := l.(map[string]any); chars(link["href"]) == 0 {
			return "a link without href"
		}
	}
	switch {
	case len(r.body) > 512<<10:
		return "more than 512 KB"
	case chars(body["routing_key"]) == 0:
		return "no routing_key"
	case !slices.Contains([]any{"trigger", "acknowledge", "resolve"}, body["event_action"]):
		return "event_action"
	case chars(body["dedup_key"]) == 0 || chars(body["dedup_key"]) > 255:
		return "dedup_key"
	case chars(payload["summary"]) == 0 || chars(payload["summary"]) > 1024:
		return "payload.summary"
	case chars(payload["source"]) == 0:
		return "payload.source"
	case !slices.Contains([]any{"critical", "error", "warning", "info"}, payload["severity"]):
		return "payload.severity"
	case at != nil:
		return "payload.timestamp"
	}
	return ""
}

// opsgenieContract is https://docs.opsgenie.com/docs/alert-api.
func opsgenieContract(r request, body map[string]any) string {
	if r.header.Get("Authorization") != "GenieKey K0123456789" {
		return "authorization"
	}
	if where, query, _ := strings.Cut(r.path, "?"); where != "/" { // of an alert that is there
		if q, err := url.ParseQuery(query); err != nil || q.Get("identifierType") != "alias" || chars(body["note"]) > 25000 || chars(body["source"]) > 100 {
			return "close or acknowledge"
		}
		return ""
	}
	total := 0
	details, _ := body["details"].(map[string]any)
	for k, v := range details {
		if _, ok := v.(string); !ok {
			return "a detail that is no text"
		}
		total += chars(k) + chars(v)
	}
	tags, _ := body["tags"].([]any)
	for _, tag := range tags {
		if chars(tag) > 50 {
			return "a long tag"
		}
	}
	switch {
	case chars(body["message"]) == 0 || chars(body["message"]) > 130:
		return "message"
	case chars(body["alias"]) > 512:
		return "alias"
	case chars(body["description"]) > 15000:
		return "description"
	case chars(body["entity"]) > 512:
		return "entity"
	case chars(body["source"]) > 100:
		return "source"
	case total > 8000:
		return "details"
	case len(tags) > 20:
		return "tags"
	case !regexp.MustCompile(`^P[1-5]$`).MatchString(fmt.Sprint(body["priority"])):
		return "priority"
	}
	return ""
}

// slackContract is https://docs.slack.dev/reference/methods/chat.postMessage (truncation) and its page on formatting: text
// is escaped, and there are no mentions or links but the console's.
func slackContract(_ request, body map[string]any) string {
	text, _ := body["text"].(string)
	switch {
	case text == "":
		return "no_text"
	case chars(text) > 4000:
		return "longer than what is advised"
	case strings.ContainsAny(text, "<>"):
		return "unescaped < or >"
	case regexp.MustCompile(`&(amp|lt|gt);`).ReplaceAllString(text, "") != strings.ReplaceAll(regexp.MustCompile(`&(amp|lt|gt);`).ReplaceAllString(text, ""), "&", ""):
		return "unescaped or broken &"
	}
	return ""
}

// teamsContract is https://learn.microsoft.com/connectors/teams (message size) and the Adaptive Card schema.
func teamsContract(r request, body map[string]any) string {
	attachments, _ := body["attachments"].([]any)
	if len(r.body) > 28<<10 {
		return "more than 28 KB"
	}
	if body["type"] != "message" || len(attachments) != 1 {
		return "no message with one attachment"
	}
	attachment, _ := attachments[0].(map[string]any)
	card, _ := attachment["content"].(map[string]any)
	blocks, _ := card["body"].([]any)
	if attachment["contentType"] != "application/vnd.microsoft.card.adaptive" || card["type"] != "AdaptiveCard" || card["version"] == nil || len(blocks) == 0 {
		return "no card"
	}
	for _, b := range blocks {
		if block, _ := b.(map[string]any); block["type"] != "TextBlock" || chars(block["text"]) == 0 {
			return "a block without text"
		}
	}
	return ""
}

// swollen is a message whose every word is as long as a log can make it, of characters that weigh most.
func swollen(n int, kinds ...Kind) *Message {
	m := message(n, false, kinds...)
	for i := range m.Notifications {
		inc := m.Notifications[i].Incident
		for _, word := range []*string{&inc.Title, &inc.Explanation, &inc.Service, &inc.Route, &inc.Entity.Value, &inc.OutcomeReason, &inc.Detector} {
			*word = strings.Repeat("<&>\"\\漢😀", 400)
		}
	}
	return m
}

// TestContracts holds every message of the chat and alerting services, the longest included, to their contracts.
func TestContracts(t *testing.T) {
	for name, c := range map[string]struct {
		target Target
		takes  contract
	}{
		"pagerduty": {Target{Type: "pagerduty", RoutingKey: "R0123456789"}, pagerDutyContract},
		"opsgenie":  {Target{Type: "opsgenie", APIKey: "K0123456789"}, opsgenieContract},
		"slack":     {Target{Type: "slack"}, slackContract},
		"teams":     {Target{Type: "teams"}, teamsContract},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHook(t)
			h.answer = func(w http.ResponseWriter, n int) {
				r := h.requests()[n-1]
				var body map[string]any
				why := "no JSON"
				if json.Unmarshal(r.body, &body) == nil {
					why = c.takes(r, body)
				}
				if why != "" || r.header.Get("Content-Type") != "application/json" {
					w.WriteHeader(http.StatusBadRequest)
					_, _ = fmt.Fprint(w, why)
				}
			}
			c.target.URL = Secret(h.URL)
			s := sender(t, c.target)
			messages := []*Message{
				message(1, false), message(1, true), message(12, true), swollen(1), swollen(10), swollen(30),
				swollen(1, Acknowledged), swollen(1, Resolved), message(1, false, Opened, Escalated),
				{ID: "msg_test_1", Channel: "soc", At: noon, Test: true, Notifications: []Notification{}},
			}
			for i, m := range messages {
				if err := s.Send(t.Context(), m); err != nil {
					t.Errorf("message %d: %v", i, err)
				}
			}
			if len(h.requests()) < len(messages) {
				t.Errorf("%d requests for %d messages", len(h.requests()), len(messages))
			}
		})
	}
}
