package send

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
)

// opsgenieURL is the alerts of Opsgenie's API unless the target says otherwise. In the EU it is
// https://api.eu.opsgenie.com/v2/alerts; Jira Service Management has the same API at
// https://api.atlassian.com/jsm/ops/integration/v2/alerts.
const opsgenieURL = "https://api.opsgenie.com/v2/alerts"

// The lengths that Opsgenie takes, in characters.
const (
	maxOpsgenieTitle = 130
	maxOpsgenieText  = 15000
	maxOpsgenieWords = 8000 // of all details together, names and values
	maxOpsgenieWord  = 1500 // of one detail, so that a long one does not push out the others
)

// opsgenie creates, acknowledges and closes alerts. An incident's id is the alert's alias.
type opsgenie struct {
	*poster
	url, key Secret
	words    words
}

func newOpsgenie(t Target, _ Options) (Sender, error) {
	p, err := newPoster(t.CAFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	if t.URL == "" {
		t.URL = opsgenieURL
	}
	w, err := newWords(t.Title, t.Text)
	return &opsgenie{p, t.URL, t.APIKey, w}, err
}

// Target implements Sender.
func (s *opsgenie) Target() string { return hostOf(s.url) }

var opsgeniePriority = map[detect.Severity]string{detect.Low: "P4", detect.Medium: "P3", detect.High: "P2", detect.Critical: "P1"}

// Send implements Sender: one request an incident, or one for all of many.
func (s *opsgenie) Send(ctx context.Context, m *Message) error {
	address, err := s.url.Reveal()
	if err != nil {
		return fmt.Errorf("url: %w", err)
	}
	key, err := s.key.Reveal()
	if err != nil {
		return fmt.Errorf("api_key: %w", err)
	}
	return eachAlert(m, func(part *Message) error {
		title, text, err := s.words.render(part, plain)
		if err != nil {
			return err
		}
		where, what := opsgenieRequest(part, title, text)
		body, err := json.Marshal(what)
		if err != nil {
			return err
		}
		h := http.Header{"Authorization": {"GenieKey " + key}}
		err = s.post(ctx, strings.TrimSuffix(address, "/")+where, h, body)
		if asRefused(err) {
			return &RefusedError{errors.New(leaks(err.Error(), key))}
		}
		return err
	})
}

// opsgenieRequest is the path below the alerts, and the body.
func opsgenieRequest(m *Message, title, text string) (where string, what map[string]any) {
	items := m.items()
	alert := map[string]any{
		"message": cut(title, maxOpsgenieTitle), "alias": m.ID, "description": cut(text, maxOpsgenieText),
		"priority": "P5", "source": "Gatewatch",
	}
	if m.Test || len(items) == 0 {
		return "", alert
	}
	alert["priority"] = opsgeniePriority[items[0].Severity]
	if len(items) > 1 {
		return "", alert
	}
	it := items[0]
	below := "/" + url.PathEscape(it.ID)
	switch it.Status {
	case incident.StatusAcknowledged:
		if it.has(Acknowledged) && !it.has(Opened) && !it.has(Reopened) {
			return below + "/acknowledge?identifierType=alias", map[string]any{"source": "Gatewatch", "note": title}
		}
	case incident.StatusResolved, incident.StatusFalsePositive:
		return below + "/close?identifierType=alias", map[string]any{"source": "Gatewatch", "note": title}
	case incident.StatusOpen:
	}
	alert["alias"], alert["entity"], alert["details"] = it.ID, cut(plain(it.Entity.Value), 512), opsgenieDetails(it.details())
	alert["tags"] = []string{string(it.Kind), it.Severity.String()}
	return "", alert
}

// opsgenieDetails are details as text, as many as Opsgenie takes.
func opsgenieDetails(all map[string]any) map[string]string {
	out, left := map[string]string{}, maxOpsgenieWords
	for _, name := range slices.Sorted(maps.Keys(all)) {
		text := fmt.Sprint(all[name])
		if list, ok := all[name].([]string); ok {
			text = strings.Join(list, ", ")
		}
		text = cut(text, maxOpsgenieWord)
		if left -= utf8.RuneCountInString(name) + utf8.RuneCountInString(text); left < 0 {
			break
		}
		out[name] = text
	}
	return out
}
