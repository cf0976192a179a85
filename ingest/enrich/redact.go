package enrich

import (
	"strings"
)

// Marker stands where a secret was. The name of the parameter stays, so that rules still see that it was there.
const Marker = "[redacted]"

// place says how text is cut into parameters where it stands.
type place struct {
	begins string // a parameter's name begins after one of these, and at the start
	ends   string // a value ends before one of these
	colon  bool   // "name: value" and "name":"value" are parameters, too
}

var (
	inQuery = newBounds(place{begins: "&?;#", ends: "&#"})
	inPath  = newBounds(place{begins: "/;?&#", ends: "/;?&#"})
	inText  = newBounds(place{begins: "&?;# \t\"',({", ends: "&; \t\"',)}"})
	inLine  = newBounds(place{begins: "&?;# \t\"',({[", ends: "&; \t\"',)}", colon: true})
)

type bounds struct {
	begin, end [256]bool
	colon      bool
}

func newBounds(p place) *bounds {
	b := &bounds{colon: p.colon}
	for i := range len(p.begins) {
		b.begin[p.begins[i]] = true
	}
	for i := range len(p.ends) {
		b.end[p.ends[i]] = true
	}
	return b
}

// redactor replaces secrets. It allocates only when there is one.
type redactor struct {
	names *secretNames
}

// all replaces every kind of secret in s.
func (r *redactor) all(s string, b *bounds) string {
	if s == "" || s == "-" {
		return s
	}
	if strings.IndexByte(s, '=') >= 0 || strings.IndexByte(s, '%') >= 0 || b.colon {
		s = r.pairs(s, b)
	}
	if strings.Contains(s, "ey") {
		s = redactJWT(s)
	}
	if strings.Contains(s, "@") || strings.Contains(s, "%40") {
		s = redactUserinfo(s)
	}
	if b == inText || b == inLine {
		s = redactScheme(s)
	}
	return s
}

// editor builds a copy of text with spans replaced by the marker.
type editor struct {
	text string
	out  []byte
	kept int
}

func (e *editor) replace(from, to int) {
	if e.out == nil {
		e.out = make([]byte, 0, len(e.text)+len(Marker))
	}
	e.out = append(append(e.out, e.text[e.kept:from]...), Marker...)
	e.kept = to
}

func (e *editor) result() string {
	if e.out == nil {
		return e.text
	}
	return string(append(e.out, e.text[e.kept:]...))
}

// pairs replaces the values of parameters with secret names, also those of a URL that stands percent-encoded, once or
// twice, in another parameter's value.
func (r *redactor) pairs(s string, b *bounds) string {
	e := editor{text: s}
	name := 0 // where the current name begins, -1 inside a value
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '=' || c == '%' || c == ':' && b.colon:
			sign, width, level := decodeSign(s[i:], c)
			switch {
			case sign == '=' || sign == ':':
				if end := r.value(s, b, name, i, width, level); end > 0 {
					from := valueStart(s, i+width, sign)
					if from < end {
						e.replace(from, end)
					}
					i = max(i+width, end) - 1
				} else {
					i += width - 1
				}
				name = -1
			case sign != 0:
				i += width - 1
				name = i + 1
			}
		case b.begin[c]:
			name = i + 1
		}
	}
	return e.result()
}

// decodeSign tells which sign of a URL's syntax stands at the start of s, where the byte c is: '=', ':' or a separator
// ('&'), plain or percent-encoded up to twice; 0 for anything else. level is how often it is encoded.
func decodeSign(s string, c byte) (sign byte, width, level int) {
	if c != '%' {
		return c, 1, 0
	}
	rest, width, level := s[1:], 3, 1
	for level < 3 && strings.HasPrefix(rest, "25") {
		rest, width, level = rest[2:], width+2, level+1
	}
	if len(rest) < 2 {
		return 0, 1, 0
	}
	switch {
	case rest[0] == '3' && (rest[1]|0x20) == 'd':
		return '=', width, level
	case rest[0] == '2' && (rest[1] == '6' || rest[1] == '3'), rest[0] == '3' && (rest[1]|0x20 == 'f' || rest[1]|0x20 == 'b'):
		return '&', width, level
	}
	return 0, 1, 0
}

// value returns where the value of the parameter ends whose name lies in s[name:sign], 0 when it is not secret.
func (r *redactor) value(s string, b *bounds, name, sign, width, level int) int {
	if s[sign] == ':' {
		name = nameBefore(s, sign)
	}
	if name < 0 || name >= sign || sign-name > 3*maxName {
		return 0
	}
	kind := r.names.kind(s[name:sign])
	if kind == notSecret {
		return 0
	}
	from := valueStart(s, sign+width, s[sign])
	end := from
	for end < len(s) && !b.end[s[end]] && !(level > 0 && endsEncoded(s[end:], level)) {
		end++
	}
	if s[sign] == ':' && kind == secretHeader { // a header's value has spaces
		if q := strings.IndexByte(s[from:], '"'); q >= 0 {
			end = from + q
		} else {
			end = len(s)
		}
	}
	if end == from || strings.HasPrefix(s[from:end], Marker) {
		return 0
	}
	if (kind == maybeSecret || kind == secretHeader && s[sign] != ':') && !looksLikeKey(s[from:end]) || kind == secretInLogin && !inLogin(s) {
		return 0
	}
	return end
}

// nameBefore is the start of the name that ends before the colon at sign, -1 without one.
func nameBefore(s string, sign int) int {
	from := sign
	for from > 0 && (isNameByte(s[from-1]) || from == sign && s[from-1] == '"') {
		from--
	}
	if from == sign {
		return -1
	}
	return from
}

func isNameByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_' || c == '.'
}

// valueStart skips the space and the quote before a value after a colon.
func valueStart(s string, from int, sign byte) int {
	if sign != ':' {
		return from
	}
	for from < len(s) && (s[from] == ' ' || s[from] == '"' || s[from] == '\'' || s[from] == '\\') {
		from++
	}
	return from
}

// endsEncoded reports whether a separator stands at the start of s, encoded at most level times.
func endsEncoded(s string, level int) bool {
	if s[0] != '%' {
		return false
	}
	sign, _, at := decodeSign(s, '%')
	return sign == '&' && at <= level
}

// looksLikeKey reports whether v could be a key: keys have no quotes, brackets or climbing in them, attacks do.
func looksLikeKey(v string) bool {
	for _, sign := range [...]string{"'", "\"", "<", "(", "..", "{", "|", "`", "%27", "%22", "%3C", "%3c", "%28", "%7B", "%7b", "%7C", "%7c", "%60", "%00"} {
		if strings.Contains(v, sign) {
			return false
		}
	}
	return true
}

// inLogin reports whether s looks like the return from an authorization server (RFC 6749 section 4.1.2).
func inLogin(s string) bool {
	return strings.Contains(s, "state=") || strings.Contains(s, "session_state=") || strings.Contains(s, "state%3D") || strings.Contains(s, "iss=")
}

// redactJWT replaces JSON Web Tokens (RFC 7519): two or more parts of base64url joined by dots, the first a JSON object.
func redactJWT(s string) string {
	e := editor{text: s}
	for i := 0; i < len(s); {
		k := strings.Index(s[i:], "ey")
		if k < 0 {
			break
		}
		from := i + k
		end := jwtEnd(s, from)
		if end == 0 {
			i = from + 2
			continue
		}
		e.replace(from, end)
		i = end
	}
	return e.result()
}

// jwtEnd is the end of the JWT that begins at from, 0 when there is none. Dots may be percent-encoded.
func jwtEnd(s string, from int) int {
	if from+3 > len(s) || s[from+2] != 'J' && s[from+2] != 'A' && s[from+2] != 'I' && s[from+2] != 'w' && s[from+2] != 'o' {
		return 0 // not base64 of {" or of a brace and white space
	}
	parts, length, i := 1, 0, from
	for i < len(s) {
		switch {
		case isBase64URL(s[i]):
			length++
			i++
			continue
		case s[i] == '.' && length >= 4:
			i++
		case length >= 4 && len(s) > i+2 && s[i] == '%' && s[i+1] == '2' && s[i+2]|0x20 == 'e':
			i += 3
		default:
			if parts < 2 || parts == 2 && length < 4 {
				return 0
			}
			return i
		}
		if parts == 1 && !isBase64URLAt(s, i) {
			return 0
		}
		parts++
		if length = 0; parts > 2 {
			length = 4 // a signature may be empty
		}
		if parts > 5 {
			return i
		}
	}
	if parts < 2 || parts == 2 && length < 4 {
		return 0
	}
	return i
}

func isBase64URLAt(s string, i int) bool { return i < len(s) && isBase64URL(s[i]) }

func isBase64URL(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_'
}

// redactUserinfo replaces user:password before the host of a URL, plain or percent-encoded.
func redactUserinfo(s string) string {
	e := editor{text: s}
	for i := 0; i < len(s); {
		k, width := authority(s[i:])
		if k < 0 {
			break
		}
		from := i + k + width
		end := from
		for end < len(s) && strings.IndexByte("/?#& \t\"'<>", s[end]) < 0 && !hasFold(s[end:], "%2f") {
			end++
		}
		if at := lastAt(s[from:end]); at > 0 && hasColon(s[from:from+at]) && s[from:from+at] != Marker {
			e.replace(from, from+at)
		}
		i = end
	}
	return e.result()
}

func authority(s string) (at, width int) {
	at, width = strings.Index(s, "://"), 3
	if k := indexFold(s, "%3a%2f%2f"); k >= 0 && (at < 0 || k < at) {
		return k, 9
	}
	return at, width
}

func lastAt(s string) int { return max(strings.LastIndexByte(s, '@'), strings.LastIndex(s, "%40")) }

func hasColon(s string) bool { return strings.IndexByte(s, ':') >= 0 || indexFold(s, "%3a") >= 0 }

func hasFold(s, low string) bool { return len(s) >= len(low) && strings.EqualFold(s[:len(low)], low) }

// indexFold is strings.Index for a low that begins with a percent sign, whatever the case of s.
func indexFold(s, low string) int {
	for i := 0; i+len(low) <= len(s); i++ {
		k := strings.IndexByte(s[i:], '%')
		if k < 0 {
			return -1
		}
		if i += k; hasFold(s[i:], low) {
			return i
		}
	}
	return -1
}

// redactScheme replaces what follows the words Bearer and Basic (RFC 9110 section 11.4) in free text.
func redactScheme(s string) string {
	for _, scheme := range [...]string{"earer ", "asic ", "EARER ", "ASIC "} {
		from := 0
		for {
			k := strings.Index(s[from:], scheme)
			if k < 0 {
				break
			}
			from += k + len(scheme)
			end := from
			for end < len(s) && (isBase64URL(s[end]) || strings.IndexByte("+/=.~", s[end]) >= 0) {
				end++
			}
			if end-from >= 6 {
				s = s[:from] + Marker + s[end:]
			}
		}
	}
	return s
}
