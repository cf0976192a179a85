package parsers

import (
	"strings"
	"unicode/utf8"
)

// unescape undoes the backslash escapes of text logs: \xHH (nginx, Apache), \" \\ \/ \b \f \n \r \t \v (Apache, JSON), \uHHHH with
// surrogate pairs (JSON). Any other backslash is itself. It allocates only when there is one.
// Sources: nginx ngx_http_log_escape, httpd ap_escape_logitem, RFC 8259 section 7.
func unescape(s string) string {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for {
		b = append(b, s[:i]...)
		s = s[i:]
		b, s = unescapeOne(b, s)
		if i = strings.IndexByte(s, '\\'); i < 0 {
			return string(append(b, s...))
		}
	}
}

// unescapeOne appends what the escape at the start of s means and returns the rest.
func unescapeOne(b []byte, s string) ([]byte, string) {
	if len(s) < 2 {
		return append(b, s...), ""
	}
	switch c := s[1]; c {
	case '"', '\\', '/', '\'':
		return append(b, c), s[2:]
	case 'n':
		return append(b, '\n'), s[2:]
	case 'r':
		return append(b, '\r'), s[2:]
	case 't':
		return append(b, '\t'), s[2:]
	case 'b':
		return append(b, '\b'), s[2:]
	case 'f':
		return append(b, '\f'), s[2:]
	case 'v':
		return append(b, '\v'), s[2:]
	case 'x':
		if v, ok := hexValue(s[2:], 2); ok {
			return append(b, byte(v)), s[4:]
		}
	case 'u':
		if v, ok := hexValue(s[2:], 4); ok {
			r, n := rune(v), 6
			if v >= 0xd800 && v < 0xdc00 && len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
				if low, ok := hexValue(s[8:], 4); ok && low >= 0xdc00 && low < 0xe000 {
					r, n = rune((v-0xd800)<<10+(low-0xdc00)+0x10000), 12
				}
			}
			return utf8.AppendRune(b, r), s[n:]
		}
	}
	return append(b, '\\'), s[1:]
}

// hexValue reads exactly n hex digits.
func hexValue(s string, n int) (v int, ok bool) {
	if len(s) < n {
		return 0, false
	}
	for i := range n {
		c := s[i]
		switch {
		case isDigit(c):
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		v = v<<4 | int(c)
	}
	return v, true
}

// unpercent undoes %HH once, and plus signs where plus says so. A percent sign without two hex digits is itself.
func unpercent(s string, plus bool) string {
	if strings.IndexByte(s, '%') < 0 && (!plus || strings.IndexByte(s, '+') < 0) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%':
			if v, ok := hexValue(s[i+1:], 2); ok {
				b = append(b, byte(v))
				i += 2
				continue
			}
		case c == '+' && plus:
			c = ' '
		}
		b = append(b, c)
	}
	return string(b)
}
