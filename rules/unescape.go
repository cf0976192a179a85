package rules

import (
	"strings"
	"unicode/utf8"
)

// appendUnescaped decodes HTML entities, \uXXXX, \xXX, \NNN, overlong UTF-8 and full-width letters, and drops what is
// invisible.
func appendUnescaped(dst []byte, s string) ([]byte, bool) {
	changed := false
	for i := 0; i < len(s); {
		var r rune
		n := 0
		switch c := s[i]; {
		case c >= 0xc2:
			if n = invisible(s[i:]); n > 0 {
				changed = true
				i += n
				continue
			}
			r, n = overlong(s[i:])
		case c == '&':
			r, n = entity(s[i:])
		case c == '\\':
			r, n = escape(s[i:])
		case c >= 0xc0:
			r, n = overlong(s[i:])
		}
		if n == 0 {
			dst = append(dst, s[i])
			i++
			continue
		}
		dst = utf8.AppendRune(dst, r)
		changed = true
		i += n
	}
	return dst, changed
}

var entityNames = []struct {
	name string
	r    rune
}{
	{"lt", '<'},
	{"gt", '>'},
	{"quot", '"'},
	{"apos", '\''},
	{"amp", '&'},
	{"tab", '\t'},
	{"newline", '\n'},
	{"colon", ':'},
	{"lpar", '('},
	{"rpar", ')'},
	{"sol", '/'},
	{"bsol", '\\'},
	{"nbsp", ' '},
	{"equals", '='},
	{"comma", ','},
	{"period", '.'},
	{"semi", ';'},
	{"grave", '`'},
	{"lbrace", '{'},
	{"rbrace", '}'},
	{"dollar", '$'},
}

// entity reads an HTML character reference at the start of s; a named one needs its semicolon.
func entity(s string) (rune, int) {
	if len(s) > 2 && s[1] == '#' {
		i, base := 2, rune(10)
		if s[2]|0x20 == 'x' {
			i, base = 3, 16
		}
		var r rune
		start := i
		for ; i < len(s) && r <= utf8.MaxRune && isHex(s[i]) && (base == 16 || s[i] <= '9'); i++ {
			r = r*base + rune(unhex(s[i]))
		}
		if i == start || r == 0 || r > utf8.MaxRune {
			return 0, 0
		}
		if i < len(s) && s[i] == ';' {
			i++
		}
		return narrow(r), i
	}
	for _, e := range entityNames {
		if n := len(e.name); len(s) > n+1 && s[n+1] == ';' && strings.EqualFold(s[1:n+1], e.name) {
			return e.r, n + 2
		}
	}
	return 0, 0
}

// escape reads \uXXXX, \u{X}, \xXX or an octal \NNN at the start of s.
func escape(s string) (rune, int) {
	switch {
	case len(s) >= 6 && s[1] == 'u' && s[2] != '{':
		if r, ok := hexRune(s[2:6]); ok {
			return narrow(r), 6
		}
	case len(s) >= 5 && s[1] == 'u':
		end := strings.IndexByte(s[:min(len(s), 12)], '}')
		if end > 3 {
			if r, ok := hexRune(s[3:end]); ok {
				return narrow(r), end + 1
			}
		}
	case len(s) >= 4 && s[1] == 'x':
		if r, ok := hexRune(s[2:4]); ok && r < utf8.RuneSelf {
			return r, 4
		}
	case len(s) >= 4 && (s[1] == '0' || s[1] == '1') && isOctal(s[2]) && isOctal(s[3]):
		if r := rune(s[1]-'0')<<6 | rune(s[2]-'0')<<3 | rune(s[3]-'0'); r >= ' ' && r < 0x7f {
			return r, 4
		}
	}
	return 0, 0
}

func isOctal(c byte) bool { return '0' <= c && c <= '7' }

// invisible is the length of a character at the start of s that shows nothing and joins or turns what stands around it:
// zero-width spaces, soft hyphens, marks of direction. Filters that compare bytes stumble over them; servers drop them.
func invisible(s string) int {
	r, n := utf8.DecodeRuneInString(s)
	switch {
	case r == 0x00ad, r == 0xfeff, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x2064:
		return n
	}
	return 0
}

// overlong reads an ASCII character written in two to four bytes, or a full-width letter.
func overlong(s string) (rune, int) {
	cont := func(i int) bool { return i < len(s) && s[i]&0xc0 == 0x80 }
	switch {
	case s[0] <= 0xc1 && cont(1):
		return rune(s[0]&1)<<6 | rune(s[1]&0x3f), 2
	case s[0] == 0xe0 && cont(1) && cont(2) && s[1] <= 0x81:
		return rune(s[1]&1)<<6 | rune(s[2]&0x3f), 3
	case s[0] == 0xf0 && cont(1) && cont(2) && cont(3) && s[1] == 0x80 && s[2] <= 0x81:
		return rune(s[2]&1)<<6 | rune(s[3]&0x3f), 4
	case s[0] >= 0xc2:
		r, n := utf8.DecodeRuneInString(s)
		if m := narrow(r); n > 1 && m != r {
			return m, n
		}
	}
	return 0, 0
}

// narrow maps full-width forms and typographic quotes to the ASCII characters that servers take them for.
func narrow(r rune) rune {
	switch {
	case r >= 0xff01 && r <= 0xff5e:
		return r - 0xff01 + '!'
	case r >= 0x2460 && r <= 0x2468: // circled digits, which host name lookups take for digits
		return r - 0x2460 + '1'
	case r == 0x3002 || r == 0xff61: // ideographic full stops, which host names may have for dots
		return '.'
	case r == 0x24ea:
		return '0'
	case r >= 0x24d0 && r <= 0x24e9:
		return r - 0x24d0 + 'a'
	case r == 0x2018 || r == 0x2019 || r == 0x02b9 || r == 0x02bc:
		return '\''
	case r == 0x2215 || r == 0x2044:
		return '/'
	case r == 0x00a0 || r == 0x3000:
		return ' '
	}
	return r
}
