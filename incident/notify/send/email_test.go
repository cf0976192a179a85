package send

import (
	"crypto/tls"
	"errors"
	"io"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// postOffice is a mail server on the loopback.
type postOffice struct {
	mu       sync.Mutex
	mails    []string
	to       []string
	refuse   error // of the mail's data
	password string
	tls      *tls.Config
}

type postSession struct {
	*postOffice
	known bool
}

func (p *postOffice) NewSession(*smtp.Conn) (smtp.Session, error) {
	return &postSession{p, p.password == ""}, nil
}

func (s *postSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *postSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "gatewatch" || password != s.password {
			return errors.New("wrong password " + password)
		}
		s.known = true
		return nil
	}), nil
}

func (s *postSession) Mail(string, *smtp.MailOptions) error {
	if !s.known {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (s *postSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = append(s.to, to)
	return nil
}

func (s *postSession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return s.refuse
	}
	s.mails = append(s.mails, string(b))
	return nil
}

func (*postSession) Reset()        {}
func (*postSession) Logout() error { return nil }

func (p *postOffice) open(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(p)
	server.TLSConfig = p.tls
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // it ends with Close
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return l.Addr().String()
}

func TestEmail(t *testing.T) {
	office := &postOffice{}
	s := sender(t, Target{
		Type: "email", Address: office.open(t), Encryption: "none", From: "Gatewatch <gatewatch@example.com>",
		To: []string{"soc@example.com", "Ann <ann@example.com>"},
	})
	for range 2 {
		if err := s.Send(t.Context(), message(2, true)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Send(t.Context(), message(1, true)); err != nil { // a headline of hostile words
		t.Fatal(err)
	}
	if len(office.mails) != 3 || strings.Join(office.to[:2], " ") != "soc@example.com ann@example.com" || len(office.to) != 6 {
		t.Fatalf("%d mails to %q", len(office.mails), office.to)
	}
	for i, text := range office.mails {
		m, err := mail.ReadMessage(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if m.Header.Get("Message-Id") != "<msg_0a1b2c@example.com>" || m.Header.Get("Bcc") != "" || m.Header.Get("Auto-Submitted") != "auto-generated" {
			t.Errorf("%v", m.Header)
		}
		if i == 0 && m.Header.Get("Subject") != "[Gatewatch] 2 incidents, 1 critical, 1 high" {
			t.Errorf("%q", m.Header.Get("Subject"))
		}
		body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil || !strings.Contains(string(body), "score 61, 44 events") || strings.Contains(string(body), "\nBcc:") {
			t.Errorf("%v %s", err, body)
		}
	}
}

func TestEmailIsRefused(t *testing.T) {
	secure, ca := certificate(t)
	office := &postOffice{password: "very-secret", tls: secure}
	target := Target{Type: "email", Address: office.open(t), CAFile: ca, From: "g@example.com", To: []string{"soc@example.com"}}
	if err := sender(t, target).Send(t.Context(), message(1, false)); err == nil {
		t.Error("a server that wants a login took a mail without")
	}
	target.Username, target.Password = "gatewatch", "quite-secret"
	err := sender(t, target).Send(t.Context(), message(1, false))
	if err == nil || asRefused(err) || strings.Contains(err.Error(), "quite-secret") {
		t.Errorf("with a wrong password: %v", err)
	}
	target.Password = "very-secret"
	office.refuse = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "no"}
	if err := sender(t, target).Send(t.Context(), message(1, false)); err == nil || !asRefused(err) {
		t.Errorf("after a 550: %v", err)
	}
	office.refuse = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later"}
	if err := sender(t, target).Send(t.Context(), message(1, false)); err == nil || asRefused(err) {
		t.Errorf("after a 451: %v", err)
	}
	office.refuse = nil
	if err := sender(t, target).Send(t.Context(), message(1, false)); err != nil || len(office.mails) != 1 {
		t.Errorf("%v, %d mails", err, len(office.mails))
	}
	target.CAFile = ""
	if err := sender(t, target).Send(t.Context(), message(1, false)); err == nil || asRefused(err) {
		t.Errorf("a certificate that nobody vouches for: %v", err)
	}
	open := &postOffice{}
	target = Target{Type: "email", Address: open.open(t), From: "g@example.com", To: []string{"soc@example.com"}}
	if err := sender(t, target).Send(t.Context(), message(1, false)); err == nil || len(open.mails) > 0 {
		t.Errorf("a server without STARTTLS: %v, %d mails", err, len(open.mails))
	}
}
