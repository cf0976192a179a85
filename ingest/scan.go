package ingest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds nesting in values that are skipped.
const maxDepth = 64

var (
	errTruncated = errors.New("the object ends early")
	errSyntax    = errors.New("not a JSON object")
)

// scanner reads one JSON object out of a string, value by value. It exists because encoding/json costs more than
// everything else that is done to an event together. Strings without escapes alias the input.
type scanner struct {
	s string
	i int
}

func (p *scanner) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\r', '\n':
			p.i++
		default:
			return
		}
	}
}

// peek returns the next byte that is no white space, 0 at the end.
func (p *scanner) peek() byte {
	p.space()
	if p.i >= len(p.s) {
		return 0
	}
	return p.s[p.i]
}

// eat consumes c.
func (p *scanner) eat(c byte) error {
	switch got := p.peek(); got {
	case c:
		p.i++
		return nil
	case 0:
		return errTruncated
	default:
		return fmt.Errorf("byte %d: %q where %q belongs", p.i, got, c)
	}
}

// object calls field with every key; field consumes the value.
func (p *scanner) object(field func(key string) error) error {
	if p.peek() != '{' {
		return errSyntax
	}
	p.i++
	if p.peek() == '}' {
		p.i++
		return nil
	}
	for {
		key, err := p.str()
		if err != nil {
			return err
		}
		if err := p.eat(':'); err != nil {
			return err
		}
		if err := field(key); err != nil {
			return err
		}
		if p.peek() == ',' {
			p.i++
			continue
		}
		return p.eat('}')
	}
}

// end checks that nothing follows.
func (p *scanner) end() error {
	if c := p.peek(); c != 0 {
		return fmt.Errorf("byte %d: %q after the object", p.i, c)
	}
	return nil
}

// str reads a string.
func (p *scanner) str() (string, error) {
	if err := p.eat('"'); err != nil {
		return "", err
	}
	rest := p.s[p.i:]
	end := strings.IndexByte(rest, '"')
	if end < 0 {
		return "", errTruncated
	}
	if strings.IndexByte(rest[:end], '\\') < 0 {
		p.i += end + 1
		return rest[:end], nil
	}
	return p.escaped()
}

// escaped reads a string with escapes; p.i stands behind the opening quote.
func (p *scanner) escaped() (string, error) {
	b := make([]byte, 0, 64)
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			return string(b), nil
		case c != '\\':
			b = append(b, c)
			p.i++
		case p.i+1 >= len(p.s):
			return "", errTruncated
		default:
			p.i++
			var err error
			if b, err = p.escape(b); err != nil {
				return "", err
			}
		}
	}
	return "", errTruncated
}

var simpleEscapes = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// escape appends what the escape at p.i, behind its backslash, stands for.
func (p *scanner) escape(b []byte) ([]byte, error) {
	c := p.s[p.i]
	p.i++
	if plain := simpleEscapes[c]; plain != 0 {
		return append(b, plain), nil
	}
	if c != 'u' {
		return nil, fmt.Errorf("byte %d: unknown escape \\%c", p.i-1, c)
	}
	r, err := p.hex4()
	if err != nil {
		return nil, err
	}
	if utf16.IsSurrogate(r) {
		second := rune(utf8.RuneError)
		if strings.HasPrefix(p.s[p.i:], `\u`) {
			p.i += 2
			if second, err = p.hex4(); err != nil {
				return nil, err
			}
		}
		r = utf16.DecodeRune(r, second)
	}
	return utf8.AppendRune(b, r), nil
}

func (p *scanner) hex4() (rune, error) {
	if p.i+4 > len(p.s) {
		return 0, errTruncated
	}
	v, err := strconv.ParseUint(p.s[p.i:p.i+4], 16, 16)
	if err != nil {
		return 0, fmt.Errorf("byte %d: bad \\u escape", p.i)
	}
	p.i += 4
	return rune(v), nil
}

// scalar returns the text of a number or a word such as true.
func (p *scanner) scalar() (string, error) {
	p.space()
	start := p.i
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == ',', c == '}', c == ']', c <= ' ':
			return p.word(start)
		}
		p.i++
	}
	return p.word(start)
}

func (p *scanner) word(start int) (string, error) {
	if p.i == start {
		return "", fmt.Errorf("byte %d: a value is missing", start)
	}
	return p.s[start:p.i], nil
}

// integer reads a whole number, bare or quoted, as 64-bit numbers are written.
func (p *scanner) integer() (int64, error) {
	text, err := p.numeral()
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, errors.New("want a whole number")
	}
	return v, nil
}

// unsigned is integer for 64-bit numbers without a sign.
func (p *scanner) unsigned() (uint64, error) {
	text, err := p.numeral()
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, errors.New("want a whole number, zero or more")
	}
	return v, nil
}

// float reads a number.
func (p *scanner) float() (float64, error) {
	text, err := p.numeral()
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, errors.New("want a number")
	}
	return v, nil
}

func (p *scanner) numeral() (string, error) {
	if p.peek() == '"' {
		return p.str()
	}
	return p.scalar()
}

// boolean reads true or false.
func (p *scanner) boolean() (bool, error) {
	text, err := p.scalar()
	if err != nil {
		return false, err
	}
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errors.New("want true or false")
}

// null consumes a null and tells whether there was one.
func (p *scanner) null() bool {
	p.space()
	if strings.HasPrefix(p.s[p.i:], "null") {
		p.i += 4
		return true
	}
	return false
}

// strings reads an array of strings.
func (p *scanner) strings() ([]string, error) {
	if err := p.eat('['); err != nil {
		return nil, err
	}
	if p.peek() == ']' {
		p.i++
		return nil, nil
	}
	var list []string
	for {
		s, err := p.str()
		if err != nil {
			return nil, err
		}
		list = append(list, s)
		if p.peek() == ',' {
			p.i++
			continue
		}
		return list, p.eat(']')
	}
}

// skip passes over a value of any kind.
func (p *scanner) skip(depth int) error {
	if depth > maxDepth {
		return errors.New("nested too deep")
	}
	switch p.peek() {
	case '"':
		_, err := p.str()
		return err
	case '{':
		return p.object(func(string) error { return p.skip(depth + 1) })
	case '[':
		return p.skipArray(depth)
	}
	_, err := p.scalar()
	return err
}

func (p *scanner) skipArray(depth int) error {
	p.i++
	if p.peek() == ']' {
		p.i++
		return nil
	}
	for {
		if err := p.skip(depth + 1); err != nil {
			return err
		}
		if p.peek() == ',' {
			p.i++
			continue
		}
		return p.eat(']')
	}
}
