package send

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/gatewatch/gatewatch/incident/ocsf"
)

// formatOCSF is a format of bodies and syslog messages: OCSF Detection Findings.
const formatOCSF = "ocsf"

// webhook posts a message as JSON, signed as https://www.standardwebhooks.com has it: the headers webhook-id,
// webhook-timestamp and webhook-signature, the last an HMAC-SHA256 over "id.timestamp.body".
type webhook struct {
	*poster
	target Target
	words  words
	body   *template.Template // nil: the documented body
	now    func() time.Time
	ocsf   *ocsf.Mapper
}

func newWebhook(t Target, o Options) (Sender, error) {
	p, err := newPoster(t.CAFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	w := &webhook{poster: p, target: t, now: o.Now, ocsf: o.OCSF}
	if w.words, err = newWords(t.Title, t.Text); err != nil {
		return nil, err
	}
	if t.Body == "" {
		return w, nil
	}
	if t.Format != "" {
		return nil, errors.New("body: a template and a format exclude each other")
	}
	if w.body, err = compile("body", t.Body); err != nil {
		return nil, err
	}
	for _, m := range []*Message{Sample(o.Now()), {Test: true}} {
		if _, err := w.render(m); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// Target implements Sender.
func (w *webhook) Target() string { return hostOf(w.target.URL) }

// hostOf names a URL's host; the rest of it may be a secret.
func hostOf(s Secret) string {
	v, err := s.Reveal()
	if err != nil {
		return ""
	}
	u, err := url.Parse(v)
	if err != nil {
		return ""
	}
	return u.Host
}

// Send implements Sender.
func (w *webhook) Send(ctx context.Context, m *Message) error {
	address, err := w.target.URL.Reveal()
	if err != nil {
		return fmt.Errorf("url: %w", err)
	}
	body, err := w.render(m)
	if err != nil {
		return err
	}
	h := http.Header{}
	for name, s := range w.target.Headers {
		v, err := s.Reveal()
		if err != nil {
			return fmt.Errorf("headers.%s: %w", name, err)
		}
		h.Set(name, v)
	}
	h.Set("Idempotency-Key", m.ID)
	h.Set("Webhook-Id", m.ID)
	stamp := strconv.FormatInt(w.now().Unix(), 10)
	h.Set("Webhook-Timestamp", stamp)
	if w.target.Secret != "" {
		text, err := w.target.Secret.Reveal()
		if err != nil {
			return fmt.Errorf("secret: %w", err)
		}
		key, err := signingKey(text)
		if err != nil {
			return fmt.Errorf("secret: %w", err)
		}
		h.Set("Webhook-Signature", sign(key, m.ID, stamp, body))
	}
	return w.post(ctx, address, h, body)
}

// render gives the body: the template's, OCSF's, or the message itself with its words.
func (w *webhook) render(m *Message) ([]byte, error) {
	if w.body != nil {
		text, err := execute(w.body, newView(m, 0, plain))
		return []byte(text), err
	}
	if w.target.Format == formatOCSF {
		return json.Marshal(findings(w.ocsf, m))
	}
	title, text, err := w.words.render(m, plain)
	if err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		*Message
		Title string `json:"title"`
		Text  string `json:"text"`
	}{m, title, text})
}

// findings are the notifications as OCSF Detection Findings, one each. Its uid is the notification's id.
func findings(mapper *ocsf.Mapper, m *Message) []ocsf.Finding {
	list := make([]ocsf.Finding, 0, len(m.Notifications))
	for _, n := range m.Notifications {
		f := mapper.Finding(n.Incident)
		f.Metadata.UID = n.ID
		list = append(list, f)
	}
	return list
}

// The lengths that a signing key may have, in bytes.
const (
	minKey = 24
	maxKey = 64
)

// signingKey decodes a webhook's secret.
func signingKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
	if err != nil || len(key) < minKey || len(key) > maxKey {
		return nil, errors.New("want 24 to 64 random bytes in base64: openssl rand -base64 32")
	}
	return key, nil
}

// sign gives the header's value.
func sign(key []byte, id, stamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + stamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
