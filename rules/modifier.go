package rules

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// modifiers is the parsed chain after a field's name: cs-uri-query|base64offset|contains.
type modifiers struct {
	transforms []string // in order: they change the values
	compare    string   // "" is equality
	flags      map[string]bool
	part       fieldID // of a time; fieldNone: the field itself
}

// transforms change each value into one or more.
var transforms = map[string]func(pattern) ([]pattern, error){
	"base64":       base64Values,
	"base64offset": base64OffsetValues,
	"wide":         wide(binary.LittleEndian, false),
	"utf16le":      wide(binary.LittleEndian, false),
	"utf16be":      wide(binary.BigEndian, false),
	"utf16":        wide(binary.LittleEndian, true),
	"windash":      windashValues,
}

// comparisons are the modifiers that say how field and value compare. sqli and xss are ours: libinjection's verdict
// over the decoded parts of the field.
var comparisons = []string{
	"contains", "startswith", "endswith", "re", "cidr", "exists", "lt", "lte", "gt", "gte", "fieldref", "sqli", "xss",
}

var modifierFlags = []string{"all", "cased", "i", "m", "s", "expand", "neq"}

// timeParts are the modifiers that take a number out of the field time.
var timeParts = map[string]fieldID{
	"minute": fieldMinute, "hour": fieldHour, "day": fieldDay, "week": fieldWeek, "month": fieldMonth, "year": fieldYear,
}

// parseModifiers splits "field|mod|mod". fieldref may follow contains, startswith or endswith; all and the flags
// stand anywhere.
func parseModifiers(key string) (field string, m modifiers, err error) {
	parts := strings.Split(key, "|")
	m.flags = map[string]bool{}
	for _, word := range parts[1:] {
		switch {
		case transforms[word] != nil:
			m.transforms = append(m.transforms, word)
		case slices.Contains(modifierFlags, word):
			m.flags[word] = true
		case timeParts[word] != fieldNone:
			m.part = timeParts[word]
		case word == "fieldref":
			m.flags[word] = true
		case slices.Contains(comparisons, word):
			if m.compare != "" {
				return parts[0], m, fmt.Errorf("modifiers %s and %s exclude each other", m.compare, word)
			}
			m.compare = word
		default:
			return parts[0], m, fmt.Errorf("unknown modifier %q", word)
		}
	}
	if m.compare != "re" && (m.flags["i"] || m.flags["m"] || m.flags["s"]) {
		return parts[0], m, fmt.Errorf("modifiers i, m and s need re")
	}
	return parts[0], m, nil
}

func (m modifiers) apply(values []pattern) ([]pattern, error) {
	for _, t := range m.transforms {
		var out []pattern
		for _, v := range values {
			vs, err := transforms[t](v)
			if err != nil {
				return nil, fmt.Errorf("modifier %s: %w", t, err)
			}
			out = append(out, vs...)
		}
		values = out
	}
	return values, nil
}

var errWildcard = fmt.Errorf("a value with wildcards cannot be encoded")

func base64Values(p pattern) ([]pattern, error) {
	if p.hasWildcards() {
		return nil, errWildcard
	}
	return []pattern{literalPattern(base64.StdEncoding.EncodeToString(p.bytes))}, nil
}

// base64OffsetValues gives the three ways in which a text can stand inside a longer one that was encoded, without the
// characters that its neighbours influence (https://sigmahq.io/docs/basics/modifiers.html).
func base64OffsetValues(p pattern) ([]pattern, error) {
	if p.hasWildcards() {
		return nil, errWildcard
	}
	starts, ends := [3]int{0, 2, 3}, [3]int{0, -3, -2}
	var out []pattern
	for offset := range 3 {
		enc := base64.StdEncoding.EncodeToString(append(make([]byte, offset), p.bytes...))
		end := len(enc) + ends[(len(p.bytes)+offset)%3]
		if start := starts[offset]; start < end {
			out = append(out, literalPattern(enc[start:end]))
		}
	}
	return out, nil
}

func wide(order binary.AppendByteOrder, mark bool) func(pattern) ([]pattern, error) {
	return func(p pattern) ([]pattern, error) {
		if p.hasWildcards() {
			return nil, errWildcard
		}
		var b []byte
		if mark {
			b = order.AppendUint16(b, 0xfeff)
		}
		for _, u := range utf16.Encode([]rune(p.text())) {
			b = order.AppendUint16(b, u)
		}
		return []pattern{literalPattern(string(b))}, nil
	}
}

// dashes are what command lines take for each other in front of an option.
var dashes = []string{"-", "/", "\u2013", "\u2014", "\u2015"}

// maxDashes bounds the dashes of a value that are exchanged independently of each other; with more all are the same.
const maxDashes = 3

// windashValues gives the value with each dash in front of a word as every kind of dash.
func windashValues(p pattern) ([]pattern, error) {
	pieces := []pattern{{}}
	for i := 0; i < len(p.bytes); {
		n := dashAt(p, i)
		if n == 0 {
			last := &pieces[len(pieces)-1]
			last.bytes, last.wild = append(last.bytes, p.bytes[i]), append(last.wild, p.wild[i])
			i++
			continue
		}
		pieces = append(pieces, pattern{})
		i += n
	}
	out := []pattern{pieces[0]}
	if len(pieces)-1 > maxDashes {
		out = nil
		for _, dash := range dashes {
			q := pieces[0]
			for _, piece := range pieces[1:] {
				q = q.concat(literalPattern(dash)).concat(piece)
			}
			out = append(out, q)
		}
		return out, nil
	}
	for _, piece := range pieces[1:] {
		var longer []pattern
		for _, q := range out {
			for _, dash := range dashes {
				longer = append(longer, q.concat(literalPattern(dash)).concat(piece))
			}
		}
		out = longer
	}
	return out, nil
}

// dashAt returns the length of the dash at i that has a word behind it and none in front of it; 0 when there is none.
func dashAt(p pattern, i int) int {
	for _, dash := range dashes {
		n := len(dash)
		if i+n < len(p.bytes) && string(p.bytes[i:i+n]) == dash && !p.wild[i] && wordByte(p.bytes[i+n]) && (i == 0 || !wordByte(p.bytes[i-1])) {
			return n
		}
	}
	return 0
}

func wordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}
