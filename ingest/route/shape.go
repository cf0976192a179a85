package route

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// class says what a path segment looks like by itself.
type class uint8

const (
	classWord  class = iota // users, wp-login.php, v2: a name that somebody chose for an endpoint
	classMixed              // item42, SKU-1234: letters and digits, perhaps an id
	classSlug               // how-to-bake-bread, text with spaces or beyond ASCII: perhaps a title
	classFile               // *.js: all static files of one extension in a folder
	classID                 // numbers, UUID, ULID, hashes, tokens
	classDate               // 2015-06-10, 2015-06
	classEmail              // kim@example.com
	classJunk               // control bytes, markup, quotes, broken encoding: never learned
	classClimb              // "." and "..", plain or encoded: the path is not what it says
	classes    = int(classFile)
)

// isValue reports whether the shape alone makes the segment a parameter's value.
func (c class) isValue() bool { return c == classID || c == classDate || c == classEmail }

// paramName is the name that a parameter of this class gets in a template.
func (c class) paramName() string {
	switch c {
	case classDate:
		return "{date}"
	case classEmail:
		return "{email}"
	case classWord, classSlug:
		return "{slug}"
	default:
		return "{id}"
	}
}

const (
	maxSegment  = 96 // bytes of a segment that may become a literal
	maxDecoding = 512
)

// classify tells the class of one segment as it stands in the path (percent-encoded).
func classify(seg string) class {
	if strings.IndexByte(seg, '%') >= 0 {
		if len(seg) > maxDecoding {
			return classJunk
		}
		var buf [maxDecoding]byte
		dec, ok := unescape(buf[:0], seg)
		if !ok {
			return classJunk
		}
		return classifyDecoded(string(dec))
	}
	return classifyDecoded(seg)
}

// tally counts what classifyDecoded decides by.
type tally struct {
	digits, lower, upper, seps, hex, turns, other int
	text                                          bool // spaces, slashes or letters beyond ASCII
	at                                            int  // position of '@', -1 without
}

func classifyDecoded(s string) class {
	if s == "." || strings.Contains(s, "..") {
		return classClimb
	}
	if s == redactedMark {
		return classID
	}
	t, ok := count(s)
	switch {
	case !ok, strings.HasSuffix(s, ":"): // an address where a name belongs: /https://example.com
		return classJunk
	case t.at > 0 && strings.IndexByte(s[t.at:], '.') > 0 && !t.text:
		return classEmail
	case t.text:
		if len(s) > maxSegment*2 {
			return classJunk
		}
		return classSlug
	case t.digits == 0:
		return wordOrSlug(s, t)
	case t.lower+t.upper == 0:
		return numeric(s, t)
	}
	return alphanumeric(s, t)
}

// redactedMark stands where a secret was replaced, see enrich.Marker.
const redactedMark = "[redacted]"

func count(s string) (t tally, ok bool) {
	t.at = -1
	prev := byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		kind := byte(0)
		switch {
		case c >= '0' && c <= '9':
			t.digits++
			t.hex++
			kind = 'd'
		case c >= 'a' && c <= 'z':
			t.lower++
			kind = 'l'
			if c <= 'f' {
				t.hex++
			}
		case c >= 'A' && c <= 'Z':
			t.upper++
			kind = 'u'
			if c <= 'F' {
				t.hex++
			}
		case c == '-' || c == '_' || c == '.' || c == '+' || c == '~' || c == ',' || c == ':':
			t.seps++
		case c == '@':
			t.at = i
			t.other++
		case c == '$' || c == '!' || c == '=' || c == '&':
			t.other++
		case c == ' ' || c == '/':
			t.text = true
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError || !unicode.IsPrint(r) {
				return t, false
			}
			t.text = true
			i += n - 1
		default:
			return t, false
		}
		// A capital at the start of a word is how titles are written, not a sign of randomness.
		if kind != 0 && prev != 0 && kind != prev && (prev != 'u' || kind != 'l' || i < 2 || isLetterOrDigit(s[i-2])) {
			t.turns++
		}
		prev = kind
	}
	return t, true
}

func isLetterOrDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func wordOrSlug(s string, t tally) class {
	switch {
	case t.hex == len(s) && len(s) >= 32:
		return classID
	case len(s) > maxSegment:
		return classID
	case len(s) >= 12 && t.seps >= 2+dots(s):
		return classSlug
	}
	return classWord
}

// dots is 1 when s ends like a page's file name, whose dot separates no words.
func dots(s string) int {
	if i := strings.LastIndexByte(s, '.'); i > 0 && len(s)-i <= 6 {
		return 1
	}
	return 0
}

// numeric classifies a segment of digits and separators.
func numeric(s string, t tally) class {
	switch {
	case t.seps == 0 && t.other == 0:
		return classID
	case isDate(s):
		return classDate
	case len(s) <= 5 && t.seps == 1 && strings.IndexByte(s, '.') > 0: // an API version: /2.0/, /1.1/
		return classWord
	}
	return classID
}

// isDate recognises years from 1900 to 2199 followed by a month, and perhaps a day, with one separator.
func isDate(s string) bool {
	if len(s) != 7 && len(s) != 10 || s[:2] < "19" || s[:2] > "21" {
		return false
	}
	sep := s[4]
	if sep != '-' && sep != '.' && sep != '_' || !twoDigits(s[5:7], 1, 12) {
		return false
	}
	return len(s) == 7 || s[7] == sep && twoDigits(s[8:10], 1, 31)
}

func twoDigits(s string, lo, hi int) bool {
	n := int(s[0]-'0')*10 + int(s[1]-'0')
	return s[0] >= '0' && s[0] <= '9' && s[1] >= '0' && s[1] <= '9' && n >= lo && n <= hi
}

// alphanumeric classifies a segment that has letters and digits.
func alphanumeric(s string, t tally) class {
	stem := s
	if dots(s) == 1 {
		stem = s[:strings.LastIndexByte(s, '.')]
	}
	switch {
	case isUUID(s), isULID(s):
		return classID
	case isVersion(s):
		return classWord
	case len(s) > 10 && s[10] == 'T' && isDate(s[:10]): // 2015-06-10T12:00:00Z
		return classDate
	case t.seps == 0 && t.other == 0 && len(s) >= 8 && t.hex == len(s):
		return classID
	case random(len(s), t):
		return classID
	case stem != s:
		if c := classifyDecoded(stem); c.isValue() {
			return c
		}
	}
	if i := strings.LastIndexAny(stem, "-_:"); i > 0 && t.seps <= 2 && isToken(stem[i+1:]) && letters(stem[:i]) {
		return classID
	}
	switch {
	case len(s) > maxSegment:
		return classID
	case t.seps >= 2+dots(s):
		return classSlug
	}
	return classMixed
}

// random judges whether letters, capitals and digits alternate as in an encoded random number. Random base 62 changes
// between the three at about 0.6 of its places, random base 36 at 0.4; words and titles stay below 0.2, CamelCase below 0.35.
func random(n int, t tally) bool {
	turns := float64(t.turns) / float64(n)
	if t.upper > 0 && t.lower > 0 {
		return n >= 16 && turns >= 0.36 || n >= 10 && turns >= 0.5
	}
	return n >= 12 && t.digits >= 3 && turns >= 0.25 && t.seps <= 1 || n >= 20 && t.digits >= 5 && t.seps == 0
}

// isToken recognises what follows a prefix such as cus_ or order-: five digits or more, or something random.
func isToken(s string) bool {
	t, ok := count(s)
	if !ok || t.seps+t.other > 0 || t.text {
		return false
	}
	return t.digits == len(s) && len(s) >= 5 || t.digits > 0 && len(s) >= 8 && (t.hex == len(s) || float64(t.turns) >= 0.3*float64(len(s)))
}

func letters(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isLetterOrDigit(s[i]) && s[i] != '_' && s[i] != '-' || s[i] >= '0' && s[i] <= '9' {
			return false
		}
	}
	return true
}

// isUUID recognises RFC 9562's text form.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if !isHex(s[i]) {
				return false
			}
		}
	}
	return true
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// isULID recognises 26 characters of Crockford's base 32 (https://github.com/ulid/spec), capitals only.
func isULID(s string) bool {
	if len(s) != 26 || s[0] > '7' {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') || c == 'I' || c == 'L' || c == 'O' || c == 'U' {
			return false
		}
	}
	return true
}

// isVersion recognises v1, v2.1, v1beta1, V3.
func isVersion(s string) bool {
	if len(s) < 2 || len(s) > 10 || s[0] != 'v' && s[0] != 'V' || s[1] < '0' || s[1] > '9' {
		return false
	}
	rest := strings.TrimLeft(s[1:], "0123456789.")
	for _, stage := range [...]string{"alpha", "beta", "rc"} {
		if strings.HasPrefix(rest, stage) {
			rest = rest[len(stage):]
			break
		}
	}
	return strings.Trim(rest, "0123456789") == "" && len(s) <= 4+len("alpha")
}

// unescape appends s with its percent escapes decoded once; false when an escape is broken.
func unescape(b []byte, s string) ([]byte, bool) {
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
			return b, false
		}
		b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
		i += 2
	}
	return b, true
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}
