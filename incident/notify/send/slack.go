package send

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// maxSlackText is how many characters a text may have: Slack cuts at 40,000 and advises 4,000.
const maxSlackText = 4000

// slack posts to an incoming webhook (https://api.slack.com/messaging/webhooks).
type slack struct {
	*poster
	url   Secret
	words words
}

func newSlack(t Target, _ Options) (Sender, error) {
	p, err := newPoster(t.CAFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	w, err := newWords(t.Title, t.Text)
	return &slack{p, t.URL, w}, err
}

// Target implements Sender.
func (s *slack) Target() string { return hostOf(s.url) }

// slackEscape makes words inert: the three characters that Slack wants escaped carry links and mentions.
func slackEscape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(plain(text))
}

// Send implements Sender.
func (s *slack) Send(ctx context.Context, m *Message) error {
	address, err := s.url.Reveal()
	if err != nil {
		return fmt.Errorf("url: %w", err)
	}
	title, text, err := s.words.render(m, slackEscape)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{
		"text": cutEscaped("*"+title+"*\n"+text, maxSlackText), "unfurl_links": false, "unfurl_media": false,
	})
	if err != nil {
		return err
	}
	return s.post(ctx, address, http.Header{}, body)
}
