package send

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"unicode/utf8"
)

// maxTeamsBody is how many bytes a message may have: Teams takes about 28 KB and refuses more with 413.
const maxTeamsBody = 24 << 10

// teams posts an Adaptive Card to a workflow's webhook ("Post to a channel when a webhook request is received"), which
// took the place of Teams' incoming webhooks.
type teams struct {
	*poster
	url   Secret
	words words
}

func newTeams(t Target, _ Options) (Sender, error) {
	p, err := newPoster(t.CAFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	w, err := newWords(t.Title, t.Text)
	return &teams{p, t.URL, w}, err
}

// Target implements Sender.
func (s *teams) Target() string { return hostOf(s.url) }

var markdown = regexp.MustCompile("[\\\\`*_{}\\[\\]()#+\\-!<>|~]")

// teamsEscape makes words inert: a card's text is Markdown.
func teamsEscape(text string) string { return markdown.ReplaceAllString(plain(text), `\$0`) }

// Send implements Sender.
func (s *teams) Send(ctx context.Context, m *Message) error {
	address, err := s.url.Reveal()
	if err != nil {
		return fmt.Errorf("url: %w", err)
	}
	title, text, err := s.words.render(m, teamsEscape)
	if err != nil {
		return err
	}
	body, err := teamsBody(title, paragraphs(text))
	if err != nil {
		return err
	}
	return s.post(ctx, address, http.Header{}, body)
}

// teamsBody is the card as JSON. A text that makes it too large is cut: what a text weighs depends on how many of its
// characters JSON escapes.
func teamsBody(title, text string) ([]byte, error) {
	for n := utf8.RuneCountInString(text); ; n = n * 3 / 4 {
		body, err := json.Marshal(teamsMessage(title, cut(text, max(n, 1))))
		if err != nil || len(body) <= maxTeamsBody || n <= 1 {
			return body, err
		}
	}
}

func teamsMessage(title, text string) map[string]any {
	card := map[string]any{
		"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
		"body": []any{
			map[string]any{"type": "TextBlock", "text": title, "wrap": true, "weight": "Bolder", "size": "Medium"},
			map[string]any{"type": "TextBlock", "text": text, "wrap": true},
		},
		"msteams": map[string]any{"width": "Full"},
	}
	return map[string]any{"type": "message", "attachments": []any{map[string]any{
		"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil, "content": card,
	}}}
}

var lineBreak = regexp.MustCompile(`\n+`)

// paragraphs keeps lines apart: in Markdown a single line break is none.
func paragraphs(text string) string { return lineBreak.ReplaceAllString(text, "\n\n") }
