package send

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
)

// How a mail server is spoken to.
const (
	encryptStartTLS = "starttls"
	encryptTLS      = "tls"
	encryptNone     = "none"
)

// email sends plain text over SMTP. The Message-ID is made of the message's id, so that a mail that is sent again is
// known as the same one.
type email struct {
	target Target
	words  words
}

func newEmail(t Target, _ Options) (Sender, error) {
	if t.Encryption == "" {
		t.Encryption = encryptStartTLS
	}
	if _, err := tlsConfig(t.CAFile); err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	w, err := newWords(t.Title, t.Text)
	return &email{t, w}, err
}

// Target implements Sender.
func (s *email) Target() string { return s.target.Address }

// Send implements Sender.
func (s *email) Send(ctx context.Context, m *Message) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	title, text, err := s.words.render(m, plain)
	if err != nil {
		return err
	}
	msg, err := s.compose(m, title, text)
	if err != nil {
		return &RefusedError{err}
	}
	client, password, err := s.client()
	if err != nil {
		return err
	}
	err = client.DialAndSendWithContext(ctx, msg)
	if err == nil {
		return nil
	}
	told := errors.New(leaks(s.target.Address+": "+plain(err.Error()), password))
	var refusal *mail.SendError
	if errors.As(err, &refusal) && !refusal.IsTemp() && refusal.ErrorCode() >= 500 {
		return &RefusedError{told}
	}
	return told
}

func (s *email) compose(m *Message, title, text string) (*mail.Msg, error) {
	msg := mail.NewMsg()
	if err := msg.From(s.target.From); err != nil {
		return nil, err
	}
	if err := msg.To(s.target.To...); err != nil {
		return nil, err
	}
	_, domain, _ := strings.Cut(s.target.From, "@")
	msg.SetMessageIDWithValue(m.ID + "@" + strings.Trim(domain, "> "))
	msg.SetDateWithValue(m.At)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.Subject("[Gatewatch] " + title)
	msg.SetBodyString(mail.TypeTextPlain, text+"\n")
	return msg, nil
}

func (s *email) client() (c *mail.Client, password string, err error) {
	host, port, err := net.SplitHostPort(s.target.Address)
	if err != nil {
		return nil, "", err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, "", fmt.Errorf("address: port %q: want a number", port)
	}
	t, err := tlsConfig(s.target.CAFile)
	if err != nil {
		return nil, "", fmt.Errorf("ca_file: %w", err)
	}
	t.ServerName = host
	opts := []mail.Option{mail.WithPort(number), mail.WithTimeout(10 * time.Second), mail.WithTLSConfig(t)}
	switch s.target.Encryption {
	case encryptTLS:
		opts = append(opts, mail.WithSSL())
	case encryptNone:
		opts = append(opts, mail.WithTLSPolicy(mail.NoTLS))
	default:
		opts = append(opts, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if s.target.Username != "" {
		if password, err = s.target.Password.Reveal(); err != nil {
			return nil, "", fmt.Errorf("password: %w", err)
		}
		opts = append(opts, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(s.target.Username), mail.WithPassword(password))
	}
	c, err = mail.NewClient(host, opts...)
	return c, password, err
}
