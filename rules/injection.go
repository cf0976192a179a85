package rules

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/corazawaf/libinjection-go"
)

// Bounds on what an injection verdict reads of one event.
const (
	maxParameters = 64
	maxValueBytes = 4 << 10
	maxBase64     = 4  // values of a query that are tried as base64
	minBase64     = 12 // characters
)

// suspectBytes are those without which, encoded or not, a text injects nothing.
var suspectBytes = func() (t [256]bool) {
	for _, c := range []byte("%'\"<>();*|\\{}$`+#") {
		t[c] = true
	}
	for c := 0x80; c < 256; c++ {
		t[c] = true
	}
	return t
}()

func suspicious(s string) bool {
	for i := 0; i < len(s); i++ {
		if suspectBytes[s[i]] {
			return true
		}
	}
	return false
}

// wordByte is what plain words, numbers, names and dates are made of: a value of these alone is not handed to
// libinjection.
func plainValue(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == ' ', c == '.', c == '_', c == ',',
			c >= 0x80:
		case c == '-':
			if i+1 < len(s) && s[i+1] == '-' {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// injected is libinjection's verdict (sqli or xss) over the decoded parts of a field: the values and odd names of
// parameters, the segments of a path, a header as a whole.
func (m *Matcher) injected(id fieldID, kind string) bool {
	if classOf(id) == classURI && !suspicious(m.ev.Query) && !suspicious(m.ev.Path) {
		return false
	}
	verdict := isSQLi
	if kind == "xss" {
		verdict = isXSS
	}
	test := func(raw string, plus bool) bool {
		if len(raw) > maxValueBytes {
			raw = raw[:maxValueBytes]
		}
		value := m.arena.decoded(raw, plus)
		if plainValue(value) {
			return false
		}
		if leaves, ok := jsonTexts(value); ok {
			return slices.ContainsFunc(leaves, func(s string) bool { return !plainValue(s) && verdict(s) })
		}
		return verdict(value)
	}
	switch id {
	case fieldPath, fieldRequestLine:
		return test(m.ev.Path, false) && kind == "xss" || eachPart(m.ev.Path, "/", func(s string) bool { return test(s, false) })
	case fieldQuery:
		return m.injectedQuery(m.ev.Query, test)
	case fieldURI:
		return m.injected(fieldPath, kind) || m.injected(fieldQuery, kind)
	case fieldUserAgent:
		return suspiciousAgent(m.ev.UserAgent) && test(m.ev.UserAgent, false)
	case fieldReferer:
		if strings.HasPrefix(m.ev.Referer, "http://") || strings.HasPrefix(m.ev.Referer, "https://") {
			_, query, _ := strings.Cut(m.ev.Referer, "?")
			return m.injectedQuery(query, test)
		}
	}
	return test(fieldText(m.ev, id), false)
}

// jsonTexts returns the names and texts of a JSON object or list; false when the value is none. Its quotes and commas are
// no attempt to break out of a text.
func jsonTexts(value string) (texts []string, ok bool) {
	if value == "" || value[0] != '{' && value[0] != '[' {
		return nil, false
	}
	dec := json.NewDecoder(strings.NewReader(value))
	for len(texts) < maxParameters {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return texts, len(texts) > 0
		}
		if err != nil {
			return nil, false
		}
		if s, isText := token.(string); isText {
			texts = append(texts, s)
		}
	}
	return nil, false
}

func (m *Matcher) injectedQuery(query string, test func(string, bool) bool) bool {
	if eachPart(query, "&", func(pair string) bool {
		name, value, ok := strings.Cut(pair, "=")
		if ok && queryLanguages[strings.ToLower(name)] && ordinaryCondition(m.arena.decoded(value, true)) {
			return false
		}
		if ok && test(value, true) {
			return true
		}
		return suspicious(name) && (test(name, true) || ok && test(pair, true))
	}) {
		return true
	}
	views := m.arena.appendBase64(nil, query, "&")
	for _, v := range views {
		if test(v.text, false) {
			return true
		}
	}
	return false
}

// suspiciousAgent keeps the brackets and semicolons of ordinary user agents away from libinjection: those name a product
// and its version.
func suspiciousAgent(s string) bool {
	return strings.ContainsAny(s, "'\"<>`|\\%{}$#") || strings.ContainsAny(s, "=()") && !agentProduct.MatchString(s)
}

var agentProduct = regexp.MustCompile(`^[A-Za-z][\w.+ -]*/[\dA-Z]|\(compatible;|\(\+?https?:`)

func isSQLi(s string) bool {
	if arithmetic(s) {
		return false
	}
	found, _ := libinjection.IsSQLi(s)
	return found && !ordinary(s)
}

// mathWords stand in formulas.
var mathWords = map[string]bool{
	"sin": true, "cos": true, "tan": true, "log": true, "ln": true, "exp": true, "sqrt": true, "abs": true, "min": true,
	"max": true, "pi": true, "e": true, "x": true, "y": true, "z": true, "a": true, "b": true, "n": true, "t": true,
}

// arithmetic reports whether a text is a formula: numbers, operators and the words of mathematics, without comparisons,
// quotes and comments.
func arithmetic(s string) bool {
	if strings.Contains(s, "--") || strings.Contains(s, "/*") {
		return false
	}
	for i := 0; i < len(s); {
		c := s[i]
		if 'a' <= c|0x20 && c|0x20 <= 'z' {
			start := i
			for i < len(s) && wordByte(s[i]) {
				i++
			}
			if !mathWords[strings.ToLower(s[start:i])] {
				return false
			}
			continue
		}
		if ('0' > c || c > '9') && strings.IndexByte(" .,+-*/^()", c) < 0 {
			return false
		}
		i++
	}
	return true
}

// harmlessMarkup is what libinjection counts as script and documents have: a style that calls nothing, the document type
// of HTML.
var harmlessMarkup = regexp.MustCompile(`(?i)\sstyle\s*=\s*("[^"<>\\(&@]*"|'[^'<>\\(&@]*')|<!doctype html>`)

// brokenAttributes is a link that a page's faulty markup ran together with the harmless attributes after it.
var brokenAttributes = regexp.MustCompile(`(?i)^[^<>"'=]*["'](\s+(class|id|title|rel|target|alt|lang|name|width|height|data-[\w-]+)=("[^"<>(]*"|'[^'<>(]*'))+\s*/?>?[\w./:-]*$`)

func isXSS(s string) bool {
	if !libinjection.IsXSS(s) || brokenAttributes.MatchString(s) {
		return false
	}
	rest := harmlessMarkup.ReplaceAllString(s, "")
	return len(rest) == len(s) || libinjection.IsXSS(rest)
}

// eachPart calls f for the non-empty parts of s, at most maxParameters of them, until f says true.
func eachPart(s, sep string, f func(string) bool) bool {
	for range maxParameters {
		part, rest, more := strings.Cut(s, sep)
		if part != "" && f(part) {
			return true
		}
		if !more {
			break
		}
		s = rest
	}
	return false
}

// appendBase64 appends the decoded forms of those parts of a text (values of parameters, segments) that are plausibly Base64 of a text: long enough,
// of its alphabet, and printable when decoded.
func (a *arena) appendBase64(views []view, text, sep string) []view {
	if len(text) < minBase64 {
		return views
	}
	tried := 0
	eachPart(text, sep, func(pair string) bool {
		if _, v, ok := strings.Cut(pair, "="); ok && sep == "&" {
			pair = v
		}
		if len(pair) < minBase64 || len(pair) > maxValueBytes {
			return false
		}
		if strings.IndexByte(pair, '%') >= 0 {
			pair = a.decoded(pair, false)
		}
		if text, ok := a.base64Text(pair); ok {
			views = append(views, view{text: text})
			views = a.appendViews(views, text, false)
			tried++
		}
		return tried >= maxBase64
	})
	return views
}

// base64Text decodes s if it is Base64 (standard or URL alphabet, padded or not) of printable ASCII.
func (a *arena) base64Text(s string) (string, bool) {
	s = strings.TrimRight(s, "=")
	if len(s)%4 == 1 || !base64Plausible(s) {
		return "", false
	}
	enc := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		enc = base64.RawURLEncoding
	}
	// The first characters tell most identifiers and hashes from text, before anything is decoded whole.
	var head [9]byte
	n, err := enc.Decode(head[:], []byte(s[:min(len(s), minBase64)]))
	if err != nil || !printable(head[:n]) {
		return "", false
	}
	out, err := enc.DecodeString(s)
	if err != nil || !printable(out) {
		return "", false
	}
	return string(out), true
}

func base64Plausible(s string) bool {
	if len(s) < minBase64-2 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("+/-_", c) >= 0:
		default:
			return false
		}
	}
	return true
}

func printable(b []byte) bool {
	for _, c := range b {
		if (c < ' ' || c >= 0x7f) && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
	}
	return len(b) > 0
}
