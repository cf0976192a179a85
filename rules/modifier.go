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

// windashValues gives the value with each dash that begins a word as -, /, en dash, em dash and horizontal bar.
func windashValues(p pattern) ([]pattern, error) {
	var at []int
	for i, c := range p.bytes {
		if (c == '-' || c == '/') && !p.wild[i] && (i == 0 || p.bytes[i-1] == ' ') {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return []pattern{p}, nil
	}
	var out []pattern
	for _, dash := range []string{"-", "/", "\u2013", "\u2014", "\u2015"} {
		var q pattern
		for i := range p.bytes {
			if slices.Contains(at, i) {
				q = q.concat(literalPattern(dash))
				continue
			}
			q.bytes, q.wild = append(q.bytes, p.bytes[i]), append(q.wild, p.wild[i])
		}
		out = append(out, q)
	}
	return out, nil
}

// expand puts the placeholder's list in place of %name%.
func expand(source string, lists map[string][]string) ([]string, error) {
	start := strings.IndexByte(source, '%')
	if start < 0 {
		return []string{source}, nil
	}
	end := strings.IndexByte(source[start+1:], '%')
	if end < 0 {
		return []string{source}, nil
	}
	name := source[start+1 : start+1+end]
	list, ok := lists[name]
	if !ok {
		return nil, fmt.Errorf("placeholder %%%s%% has no list", name)
	}
	rest, err := expand(source[start+end+2:], lists)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, item := range list {
		for _, r := range rest {
			out = append(out, source[:start]+item+r)
		}
	}
	return out, nil
}
