package send

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	rfc5424 "github.com/leodido/go-syslog/v4/rfc5424"
)

// receive takes connections and passes on the octet-counted messages of each, until the listener is closed.
func receive(t *testing.T, l net.Listener) <-chan string {
	t.Helper()
	lines := make(chan string, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r := bufio.NewReader(conn)
			for {
				head, err := r.ReadString(' ')
				if err != nil {
					break
				}
				n, err := strconv.Atoi(strings.TrimSpace(head))
				if err != nil {
					t.Errorf("frame %q", head)
					break
				}
				b := make([]byte, n)
				if _, err := io.ReadFull(r, b); err != nil {
					t.Error(err)
					break
				}
				lines <- string(b)
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return lines
}

func listenTCP(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// read takes a message apart as a receiver does: priority, id, content.
func read(t *testing.T, line string) (severity uint8, id, content string) {
	t.Helper()
	parsed, err := rfc5424.NewParser().Parse([]byte(line))
	if err != nil {
		t.Fatalf("%v in %q", err, line)
	}
	m := parsed.(*rfc5424.SyslogMessage)
	if *m.Facility != facility || *m.Appname != "gatewatch" || *m.MsgID != "incident" {
		t.Errorf("%q", line)
	}
	return *m.Severity, (*m.StructuredData)["gatewatch@32473"]["id"], *m.Message
}

func TestSyslogOverTCP(t *testing.T) {
	l := listenTCP(t)
	lines := receive(t, l)
	s := sender(t, Target{Type: "syslog", Address: "tcp://" + l.Addr().String()})
	if err := s.Send(t.Context(), message(3, true, Opened, Escalated)); err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), &Message{ID: "msg_test", Channel: "a|b", At: noon, Test: true}); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, want := range []struct {
		severity uint8
		id       string
	}{{2, "ntf_01"}, {3, "ntf_02"}, {4, "ntf_03"}, {5, "msg_test"}} {
		severity, id, content := read(t, <-lines)
		if severity != want.severity || id != want.id {
			t.Errorf("%d %s, want %+v", severity, id, want)
		}
		all.WriteString(content + "\n")
	}
	golden(t, "cef.txt", all.String())
}

// certificate returns the configuration of a server on the loopback, and the file that vouches for it.
func certificate(t *testing.T) (secure *tls.Config, caFile string) {
	t.Helper()
	web := httptest.NewTLSServer(nil)
	web.Close()
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	secure = web.TLS.Clone()
	secure.NextProtos = nil
	return secure, caFile
}

func TestSyslogOverTLSAsOCSF(t *testing.T) {
	secure, ca := certificate(t)
	l := tls.NewListener(listenTCP(t), secure)
	lines := receive(t, l)
	target := Target{Type: "syslog", Address: "tls://" + l.Addr().String(), Format: "ocsf", CAFile: ca}
	if err := sender(t, target).Send(t.Context(), message(1, true)); err != nil {
		t.Fatal(err)
	}
	_, _, content := read(t, <-lines)
	var f struct {
		ClassUID int `json:"class_uid"`
		Metadata struct{ UID string }
	}
	if err := json.Unmarshal([]byte(content), &f); err != nil || f.ClassUID != 2004 || f.Metadata.UID != "ntf_01" {
		t.Errorf("%v %s", err, content)
	}
	target.CAFile = ""
	err := sender(t, target).Send(t.Context(), message(1, false))
	if err == nil || asRefused(err) {
		t.Errorf("a certificate that nobody vouches for: %v", err)
	}
}

func TestSyslogOverUDP(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	s := sender(t, Target{Type: "syslog", Address: "udp://" + conn.LocalAddr().String()})
	m := message(2, false)
	m.Notifications[1].Incident.Title = strings.Repeat("ä", 20000)
	if err := s.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute)) // a UDP socket has deadlines
	for _, want := range []string{"ntf_01", "ntf_02"} {
		b := make([]byte, 64<<10)
		n, _, err := conn.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, id, _ := read(t, string(b[:n])); id != want || n > maxDatagram {
			t.Errorf("%s of %d bytes", id, n)
		}
	}
}

// A receiver that drops the connection unread did not take the messages.
func TestSyslogReceiverThatDrops(t *testing.T) {
	l := listenTCP(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		b := make([]byte, 1)
		_, _ = conn.Read(b)                  // something is there, unread
		_ = conn.(*net.TCPConn).SetLinger(0) // a reset
		_ = conn.Close()
	}()
	s := sender(t, Target{Type: "syslog", Address: "tcp://" + l.Addr().String()})
	if err := s.Send(t.Context(), message(50, false)); err == nil || asRefused(err) {
		t.Errorf("%v", err)
	}
	_ = l.Close()
	<-done
	if err := s.Send(t.Context(), message(1, false)); err == nil || asRefused(err) {
		t.Errorf("nobody listens: %v", err)
	}
}
