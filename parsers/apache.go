package parsers

import (
	"fmt"
	"strings"
)

// apacheDirectives says what the directives of LogFormat without an argument mean
// (httpd.apache.org/docs/2.4/mod/mod_log_config.html#formats).
var apacheDirectives = map[byte]column{
	'a': {slotClient, 0, 3},
	'h': {slotClient, 0, 2},
	'A': {}, 'f': {}, 'k': {}, 'l': {}, 'p': {}, 'P': {}, 'R': {}, 'S': {}, 'X': {},
	'L': {slotRequestID, 0, 0},
	'b': {slotBytesOut, 0, 2},
	'B': {slotBytesOut, 0, 2},
	'O': {slotBytesOut, 0, 1},
	'I': {slotBytesIn, 0, 1},
	'D': {slotDuration, unitMicro, 3},
	'T': {slotDuration, unitSec, 1},
	'H': {slotProtocol, 0, 1},
	'm': {slotMethod, 0, 1},
	'q': {slotQuery, 0, 1},
	'r': {slotRequest, 0, 1},
	's': {slotStatus, 0, 1},
	'u': {slotUser, unitBasic, 1},
	'U': {slotPath, 0, 1},
	'v': {slotHost, 0, 1},
	'V': {slotHost, 0, 2},
}

// headerColumns says what request headers mean, by name in small letters.
var headerColumns = map[string]column{
	"host":             {slotHost, 0, 3},
	"referer":          {slotReferer, 0, 1},
	"user-agent":       {slotAgent, 0, 1},
	"x-forwarded-for":  {slotForward, 0, 2},
	"x-real-ip":        {slotClient, 0, 0},
	"cf-connecting-ip": {slotClient, 0, 0},
	"true-client-ip":   {slotClient, 0, 0},
	"authorization":    {slotAuth, 0, 1},
	"cookie":           {slotCookie, 0, 1},
	"x-api-key":        {slotAPIKey, 0, 1},
	"apikey":           {slotAPIKey, 0, 1},
	"x-request-id":     {slotRequestID, 0, 1},
	"content-length":   {slotBytesIn, 0, 2},
}

// compileApache compiles the string of Apache's LogFormat directive.
func compileApache(name, format string) (pattern, error) {
	b := builder{p: pattern{name: name, escapes: true}}
	for i := 0; i < len(format); {
		c := format[i]
		if c == '\\' && i+1 < len(format) {
			b.lit(apacheEscape(format[i+1]))
			i += 2
			continue
		}
		if c != '%' {
			b.lit(string(c))
			i++
			continue
		}
		if strings.HasPrefix(format[i:], "%U%q") {
			if err := b.field("%U%q", column{slotTarget, 0, 1}); err != nil {
				return pattern{}, fmt.Errorf("character %d: %w", i+1, err)
			}
			i += 4
			continue
		}
		n, err := b.apacheDirective(format[i:])
		if err != nil {
			return pattern{}, fmt.Errorf("character %d: %w", i+1, err)
		}
		i += n
	}
	return b.done()
}

func apacheEscape(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 't':
		return "\t"
	}
	return string(c)
}

// apacheDirective adds the directive at the start of s and returns its length.
func (b *builder) apacheDirective(s string) (int, error) {
	i := 1
	for i < len(s) && (s[i] == '<' || s[i] == '>' || s[i] == '!' || s[i] == ',' || isDigit(s[i])) {
		i++
	}
	arg := ""
	if i < len(s) && s[i] == '{' {
		end := strings.IndexByte(s[i:], '}')
		if end < 0 {
			return 0, fmt.Errorf("%%{ without }")
		}
		arg = s[i+1 : i+end]
		i += end + 1
	}
	for i < len(s) && (s[i] == '<' || s[i] == '>') {
		i++
	}
	if i >= len(s) {
		return 0, fmt.Errorf("%% without a directive")
	}
	d, n := s[i], i+1
	if d == '^' && len(s) >= i+3 {
		d, n = s[i+2], i+3
	}
	switch {
	case d == '%':
		b.lit("%")
		return n, nil
	case d == 't' && arg == "":
		b.lit("[")
		err := b.field("%t", column{slotTime, unitCLF, 1})
		b.lit("]")
		return n, err
	case d == 't':
		return n, b.apacheTime(arg)
	}
	c, known := apacheColumn(d, arg)
	if !known {
		return 0, fmt.Errorf("no directive %%%c is known", d)
	}
	name := arg
	if name == "" {
		name = s[:n]
	}
	return n, b.field(name, c)
}

// apacheColumn says what directive d with an argument means.
func apacheColumn(d byte, arg string) (column, bool) {
	if arg == "" {
		c, ok := apacheDirectives[d]
		return c, ok
	}
	switch d {
	case 'i':
		return headerColumns[strings.ToLower(arg)], true
	case 'a':
		if arg == "c" {
			return column{slotPeer, 0, 1}, true
		}
	case 'T':
		switch arg {
		case "ms":
			return column{slotDuration, unitMilli, 2}, true
		case "us":
			return column{slotDuration, unitMicro, 3}, true
		}
		return column{slotDuration, unitSec, 1}, true
	case 'x', 'e':
		switch arg {
		case "SSL_PROTOCOL":
			return column{slotTLS, 0, 1}, true
		case "UNIQUE_ID":
			return column{slotRequestID, 0, 1}, true
		}
		return column{}, true
	case 'C', 'o', 'n', '^', 'p', 'P', 'h', 'L':
		return column{}, true
	}
	c, ok := apacheDirectives[d]
	return c, ok
}

// apacheTime adds %{...}t: seconds, milliseconds or microseconds since 1970, their fractions, or a strftime layout.
func (b *builder) apacheTime(arg string) error {
	arg = strings.TrimPrefix(strings.TrimPrefix(arg, "begin:"), "end:")
	switch arg {
	case "":
		b.lit("[")
		err := b.field("%t", column{slotTime, unitCLF, 1})
		b.lit("]")
		return err
	case "sec":
		return b.field("%{sec}t", column{slotTime, unitSec, 1})
	case "msec":
		return b.field("%{msec}t", column{slotTime, unitMilli, 2})
	case "usec":
		return b.field("%{usec}t", column{slotTime, unitMicro, 3})
	case "msec_frac":
		return b.field("%{msec_frac}t", column{slotFrac, unitMilli, 1})
	case "usec_frac":
		return b.field("%{usec_frac}t", column{slotFrac, unitMicro, 2})
	}
	layout, err := strftime(arg)
	if err != nil {
		return err
	}
	parts := [...]slot{slotTime, slotDate, slotClock} // a time may stand in several columns, see record.parseTime
	n := len(b.p.layouts)
	if n == len(parts) {
		return fmt.Errorf("a time in more than %d columns", len(parts))
	}
	b.p.layouts = append(b.p.layouts, layout)
	return b.field("%{"+arg+"}t", column{parts[n], unitLayout + unit(n), 1})
}

// strftimeLayouts maps the conversions of strftime(3) to Go's reference time.
var strftimeLayouts = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'e': "_2", 'b': "Jan", 'h': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday",
	'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM", 'z': "-0700", 'Z': "MST", 'F': "2006-01-02", 'T': "15:04:05",
	'D': "01/02/06", 'R': "15:04", 'j': "002", 'n': "\n", 't': "\t", '%': "%", 'c': "Mon Jan _2 15:04:05 2006",
}

// strftime turns a strftime layout into Go's.
func strftime(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		i++
		if i == len(s) {
			return "", fmt.Errorf("the time layout ends in a percent sign")
		}
		l, ok := strftimeLayouts[s[i]]
		if !ok {
			return "", fmt.Errorf("the time layout's %%%c is not supported", s[i])
		}
		b.WriteString(l)
	}
	return b.String(), nil
}

const (
	apacheDocs = "httpd.apache.org/docs/2.4/mod/mod_log_config.html"
)
