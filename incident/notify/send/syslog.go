package send

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident/ocsf"
)

// syslog sends one RFC 5424 message a notification, over UDP (RFC 5426), TCP with octet counting (RFC 6587) or TLS
// (RFC 5425). What a SIEM reads in it is CEF or an OCSF Detection Finding.
//
// Syslog has no acknowledgement. Over TCP and TLS the connection is closed after a message, and the receiver's own close is
// waited for: that it read all is then as sure as it gets. Over UDP nothing is.
type syslog struct {
	network, address string
	format           string
	tls              *tls.Config
	host             string
	ocsf             *ocsf.Mapper
}

const (
	formatCEF = "cef"
	// facility is local0.
	facility = 16
	// maxDatagram is what a UDP message may have, in bytes; longer ones are cut.
	maxDatagram = 8 << 10
	// closeWait is how long the receiver's close is waited for.
	closeWait = 2 * time.Second
)

func newSyslog(t Target, o Options) (Sender, error) {
	secure, err := tlsConfig(t.CAFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	s := &syslog{format: t.Format, tls: secure, ocsf: o.OCSF}
	if s.format == "" {
		s.format = formatCEF
	}
	s.network, s.address, _ = strings.Cut(t.Address, "://")
	if s.host, err = os.Hostname(); err != nil || s.host == "" {
		s.host = "-"
	}
	return s, nil
}

// Target implements Sender.
func (s *syslog) Target() string { return s.network + "://" + s.address }

// syslogSeverity ranks severities as RFC 5424 does.
var syslogSeverity = map[detect.Severity]int{detect.Low: 5, detect.Medium: 4, detect.High: 3, detect.Critical: 2}

// Send implements Sender.
func (s *syslog) Send(ctx context.Context, m *Message) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	lines, err := s.lines(m)
	if err != nil {
		return &RefusedError{err}
	}
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline) // a connection of these kinds has deadlines
	}
	for _, line := range lines {
		if s.network == "udp" {
			line = strings.ToValidUTF8(line[:min(len(line), maxDatagram)], "")
		} else {
			line = strconv.Itoa(len(line)) + " " + line
		}
		if _, err := io.WriteString(conn, line); err != nil {
			return err
		}
	}
	return finish(conn)
}

func (s *syslog) dial(ctx context.Context) (net.Conn, error) {
	if s.network == "tls" {
		return (&tls.Dialer{Config: s.tls}).DialContext(ctx, "tcp", s.address)
	}
	return (&net.Dialer{}).DialContext(ctx, s.network, s.address)
}

// finish closes the writing half and waits for the other side to close: a reset says that not all was read. A receiver
// that keeps the connection open is believed.
func finish(conn net.Conn) error {
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		return nil
	}
	if err := half.CloseWrite(); err != nil {
		return err
	}
	_ = conn.SetReadDeadline(time.Now().Add(closeWait)) // as above
	_, err := io.Copy(io.Discard, io.LimitReader(conn, maxAnswer))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// lines are the messages, one a notification; a test is one as well.
func (s *syslog) lines(m *Message) ([]string, error) {
	if m.Test {
		return []string{s.header(m.At, detect.Low, m.ID) + cefTest(m)}, nil
	}
	var list []string
	for i, n := range m.Notifications {
		text := cef(n)
		if s.format == formatOCSF {
			one := *m
			one.Notifications = m.Notifications[i : i+1]
			b, err := json.Marshal(findings(s.ocsf, &one)[0])
			if err != nil {
				return nil, err
			}
			text = string(b)
		}
		at := m.At
		if len(n.Changes) > 0 {
			at = n.Changes[len(n.Changes)-1].At
		}
		list = append(list, s.header(at, n.Incident.Severity, n.ID)+text)
	}
	return list, nil
}

// header is RFC 5424's; the notification's id is in the structured data, under the private enterprise number that RFC 5612
// reserves for examples.
func (s *syslog) header(at time.Time, sev detect.Severity, id string) string {
	return fmt.Sprintf("<%d>1 %s %s gatewatch %d incident [gatewatch@32473 id=\"%s\"] ",
		facility*8+syslogSeverity[sev], at.UTC().Format("2006-01-02T15:04:05.000000Z"), s.host, os.Getpid(), id)
}
