package send

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
)

// maxTeamsText keeps a card well below the 28 KB that Teams takes.
const maxTeamsText = 8000

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
	block := func(text string, more map[string]any) map[string]any {
		b := map[string]any{"type": "TextBlock", "text": text, "wrap": true}
		for k, v := range more {
			b[k] = v
		}
		return b
	}
	card := map[string]any{
		"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
		"body": []any{
			block(title, map[string]any{"weight": "Bolder", "size": "Medium"}),
			block(cut(paragraphs(text), maxTeamsText), nil),
		},
		"msteams": map[string]any{"width": "Full"},
	}
	body, err := json.Marshal(map[string]any{"type": "message", "attachments": []any{map[string]any{
		"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil, "content": card,
	}}})
	if err != nil {
		return err
	}
	return s.post(ctx, address, http.Header{}, body)
}

var lineBreak = regexp.MustCompile(`\n+`)

// paragraphs keeps lines apart: in Markdown a single line break is none.
func paragraphs(text string) string { return lineBreak.ReplaceAllString(text, "\n\n") }
