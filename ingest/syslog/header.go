package syslog

import (
	"strings"

	lib "github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/rfc3164"
	"github.com/leodido/go-syslog/v4/rfc5424"
)

// header reads who sent a message, RFC 3164 and 5424.
type header struct {
	old, current lib.Machine
}

func newHeader() *header {
	return &header{
		old:     rfc3164.NewParser(rfc3164.WithBestEffort(), rfc3164.WithRFC3339(), rfc3164.WithLenientDay()),
		current: rfc5424.NewParser(rfc5424.WithBestEffort()),
	}
}

// maxHeader is how much of a message is looked at for its header.
const maxHeader = 512

// host returns the host's name in small letters, "" when the header names none: HAProxy leaves it out unless told
// otherwise (log-send-hostname).
func (h *header) host(line string) string {
	head := []byte(line[:min(len(line), maxHeader)])
	machine := h.old
	if i := strings.IndexByte(line, '>'); i > 0 && i < 5 && strings.HasPrefix(line[i+1:], "1 ") {
		machine = h.current
	}
	m, _ := machine.Parse(head) // best effort: what was read before an error counts
	var name *string
	switch m := m.(type) {
	case *rfc3164.SyslogMessage:
		if m != nil {
			name = m.Hostname
		}
	case *rfc5424.SyslogMessage:
		if m != nil {
			name = m.Hostname
		}
	}
	if name == nil || !plainHost(*name) {
		return ""
	}
	return strings.ToLower(*name)
}

// plainHost tells a host's name or address from a program's name with its process id.
func plainHost(s string) bool {
	if s == "" || s == "-" || len(s) > 255 || strings.HasSuffix(s, ":") {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := c | 0x20
		if (letter < 'a' || letter > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' && c != ':' {
			return false
		}
	}
	return true
}
