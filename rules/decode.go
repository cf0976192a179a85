package rules

import (
	"strings"
	"unicode/utf8"
	"unsafe"
)

// Bounds on decoding, so that one event costs a bounded amount of work.
const (
	maxDecodedBytes = 8 << 10 // of a field; what is longer is matched raw, its head decoded
	maxRounds       = 3       // percent inside percent inside percent
)

// view is one form of a field: as sent, or decoded. lower is text in lower case.
type view struct {
	text, lower string
}

// arena holds the bytes of decoded views until the next event. A chunk that is too small is left to the collector
// and replaced by a larger one, so strings that were handed out stay valid.
type arena struct {
	buf []byte
}

func (a *arena) reset() { a.buf = a.buf[:0] }

// room returns an empty slice with capacity for n bytes at the arena's end.
func (a *arena) room(n int) []byte {
	if cap(a.buf)-len(a.buf) < n {
		a.buf = make([]byte, 0, max(n, 2*cap(a.buf), 4<<10))
	}
	return a.buf[len(a.buf):len(a.buf):cap(a.buf)]
}

// keep takes over what was appended to a slice that came from room.
func (a *arena) keep(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	start := len(a.buf)
	if start+len(b) > cap(a.buf) || &a.buf[:start+1][start] != &b[0] {
		return string(b) // it grew out of the arena
	}
	a.buf = a.buf[:start+len(b)]
	return unsafe.String(&b[0], len(b)) // the arena never rewrites these bytes before reset
}

// newView returns the view of a text, lower-casing it into the arena when it must.
func (a *arena) newView(text string) view {
	upper, wide := false, false
	for i := 0; i < len(text); i++ {
		c := text[i]
		upper = upper || 'A' <= c && c <= 'Z'
		wide = wide || c >= utf8.RuneSelf
	}
	switch {
	case wide && utf8.ValidString(text):
		return view{text, strings.ToLower(text)}
	case !upper:
		return view{text, text}
	}
	b := a.room(len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return view{text, a.keep(b)}
}

// encodedBytes marks the bytes without which a text has one view only.
var encodedBytes = func() (t [256]bool) {
	for _, c := range []byte("%&\\'\"^`$") {
		t[c] = true
	}
	for c := utf8.RuneSelf; c < 256; c++ {
		t[c] = true
	}
	for c := 0; c < ' '; c++ {
		t[c] = true
	}
	return t
}()

func mayBeEncoded(s string, plus bool) bool {
	for i := 0; i < len(s); i++ {
		if encodedBytes[s[i]] || plus && s[i] == '+' {
			return true
		}
	}
	return strings.Contains(s, "/*")
}

// appendViews appends the decoded forms of s that differ from s: percent-decoded once, decoded until nothing changes
// (percent, %uXXXX, HTML entities, \u and \x escapes, overlong UTF-8, full-width letters), that with comments and
// control characters squeezed to single spaces, and that without a shell's quoting. plus reads '+' as a space.
func (a *arena) appendViews(views []view, s string, plus bool) []view {
	if !mayBeEncoded(s, plus) {
		return views
	}
	if len(s) > maxDecodedBytes {
		s = s[:maxDecodedBytes]
	}
	cur := s
	for round := range maxRounds {
		b, percent := appendPercent(a.room(len(cur)), cur, plus && (round == 0 || encodedAgain(cur)))
		if percent {
			cur = a.keep(b)
		}
		if percent && round == 0 {
			views = append(views, a.newView(cur))
		}
		b, escape := appendUnescaped(a.room(len(cur)), cur)
		if escape {
			cur = a.keep(b)
		}
		if !percent && !escape {
			break
		}
	}
	if cur != s && (len(views) == 0 || views[len(views)-1].text != cur) {
		views = append(views, a.newView(cur))
	}
	if b, squeezed := appendSqueezed(a.room(len(cur)), cur); squeezed {
		cur = a.keep(b)
		views = append(views, a.newView(cur))
	}
	if b, unquoted := appendUnquoted(a.room(len(cur)), cur); unquoted {
		views = append(views, a.newView(a.keep(b)))
	}
	return views
}

// decoded returns s decoded until nothing changes, as in appendViews.
func (a *arena) decoded(s string, plus bool) string {
	if !mayBeEncoded(s, plus) {
		return s
	}
	if len(s) > maxDecodedBytes {
		s = s[:maxDecodedBytes]
	}
	for round := range maxRounds {
		b, percent := appendPercent(a.room(len(s)), s, plus && (round == 0 || encodedAgain(s)))
		if percent {
			s = a.keep(b)
		}
		b, escape := appendUnescaped(a.room(len(s)), s)
		if escape {
			s = a.keep(b)
		}
		if !percent && !escape {
			break
		}
	}
	return s
}

// encodedAgain reports whether a text that was decoded holds another percent encoding: a form encoded twice has its
// spaces as %2B.
func encodedAgain(s string) bool {
	for i := strings.IndexByte(s, '%'); i >= 0 && i+2 < len(s); i++ {
		if s[i] == '%' && isHex(s[i+1]) && isHex(s[i+2]) {
			return true
		}
	}
	return false
}

// appendPercent decodes %XX and %uXXXX; a percent sign that starts neither stays.
func appendPercent(dst []byte, s string, plus bool) ([]byte, bool) {
	changed := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+' && plus:
			dst, changed = append(dst, ' '), true
			continue
		case c != '%':
		case i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			dst, changed = append(dst, unhex(s[i+1])<<4|unhex(s[i+2])), true
			i += 2
			continue
		case i+5 < len(s) && s[i+1]|0x20 == 'u':
			if r, ok := hexRune(s[i+2 : i+6]); ok {
				dst, changed = utf8.AppendRune(dst, narrow(r)), true
				i += 5
				continue
			}
		}
		dst = append(dst, c)
	}
	return dst, changed
}

// appendSqueezed replaces /*comments*/ and runs of white space and control characters by one space.
func appendSqueezed(dst []byte, s string) ([]byte, bool) {
	changed, space := false, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '/' && i+1 < len(s) && s[i+1] == '*':
			end := strings.Index(s[i+2:], "*/")
			if end < 0 {
				break
			}
			// MySQL runs what stands in /*!50000 ... */.
			if body := s[i+2 : i+2+end]; strings.HasPrefix(body, "!") {
				dst = append(dst, ' ')
				dst = append(dst, strings.TrimLeft(body[1:], "0123456789")...)
			}
			i += end + 3
			c, changed = ' ', true
		case c < ' ' || c == 0x7f:
			c, changed = ' ', true
		}
		if c == ' ' {
			if space {
				changed = true
				continue
			}
			space = true
		} else {
			space = false
		}
		dst = append(dst, c)
	}
	return dst, changed
}

// appendUnquoted leaves out what a shell leaves out of a word: quotes, backslashes, carets, and variables that are
// empty ($@, $!, $u); and what joins two texts in JavaScript, PHP and SQL ('al'+'ert', 'sys'.'tem', 'a'||'b'). It says false
// when nothing was left out.
func appendUnquoted(dst []byte, s string) ([]byte, bool) {
	changed := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\'', '"', '\\', '^', '`':
			changed = true
			if c == '\'' || c == '"' {
				i += joint(s[i+1:])
			}
			continue
		case '$':
			if i+1 < len(s) && strings.IndexByte("@!?*#u", s[i+1]) >= 0 {
				i++
				changed = true
				continue
			}
		}
		dst = append(dst, s[i])
	}
	return dst, changed
}

// joint is the length of an operator that joins texts, between the quote before s and the next quote; 0 when there is none.
func joint(s string) int {
	inner := strings.TrimLeft(s[:min(len(s), 8)], ` \`)
	rest := strings.TrimLeft(inner, "+.,|")
	if rest == inner || len(inner)-len(rest) > 2 {
		return 0
	}
	if rest = strings.TrimLeft(rest, ` \`); rest == "" || rest[0] != '\'' && rest[0] != '"' {
		return 0
	}
	return strings.IndexByte(s, rest[0])
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

func hexRune(s string) (rune, bool) {
	var r rune
	for i := 0; i < len(s); i++ {
		if !isHex(s[i]) {
			return 0, false
		}
		r = r<<4 | rune(unhex(s[i]))
	}
	return r, len(s) > 0 && r > 0 && r <= utf8.MaxRune
}
