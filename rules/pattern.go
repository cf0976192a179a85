package rules

import "strings"

// pattern is a Sigma string: literal bytes with wildcards (* any number of characters, ? one). In the source a
// backslash before a wildcard or a backslash takes its meaning away; any other backslash is literal.
type pattern struct {
	bytes []byte
	wild  []bool // wild[i]: bytes[i] is a wildcard
}

func parsePattern(source string) pattern {
	var p pattern
	for i := 0; i < len(source); i++ {
		c := source[i]
		if c == '\\' && i+1 < len(source) && strings.IndexByte(`*?\`, source[i+1]) >= 0 {
			i++
			p.bytes, p.wild = append(p.bytes, source[i]), append(p.wild, false)
			continue
		}
		p.bytes, p.wild = append(p.bytes, c), append(p.wild, c == '*' || c == '?')
	}
	return p
}

// literalPattern makes a pattern of s without wildcards.
func literalPattern(s string) pattern {
	return pattern{bytes: []byte(s), wild: make([]bool, len(s))}
}

func (p pattern) hasWildcards() bool {
	for _, w := range p.wild {
		if w {
			return true
		}
	}
	return false
}

// anything reports whether the pattern is stars alone: whatever there is, as long as there is something.
func (p pattern) anything() bool {
	for i, w := range p.wild {
		if !w || p.bytes[i] != '*' {
			return false
		}
	}
	return len(p.wild) > 0
}

func (p pattern) text() string { return string(p.bytes) }

func (p pattern) lower() pattern {
	s := strings.ToLower(string(p.bytes))
	if len(s) != len(p.bytes) {
		return p
	}
	return pattern{bytes: []byte(s), wild: p.wild}
}

func star() pattern { return pattern{bytes: []byte("*"), wild: []bool{true}} }

func (p pattern) concat(q pattern) pattern {
	return pattern{
		bytes: append(append([]byte(nil), p.bytes...), q.bytes...),
		wild:  append(append([]bool(nil), p.wild...), q.wild...),
	}
}

// literalRuns returns the stretches between wildcards.
func (p pattern) literalRuns() []string {
	var runs []string
	start := 0
	for i := 0; i <= len(p.bytes); i++ {
		if i == len(p.bytes) || p.wild[i] {
			if i > start {
				runs = append(runs, string(p.bytes[start:i]))
			}
			start = i + 1
		}
	}
	return runs
}

// matchGlob matches the whole of s, going back to the last star only, so in at most len(s)*len(p) steps.
func (p pattern) matchGlob(s string) bool {
	i, j, back, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case j < len(p.bytes) && p.wild[j] && p.bytes[j] == '*':
			back, mark = j, i
			j++
		case j < len(p.bytes) && (p.wild[j] || p.bytes[j] == s[i]):
			i++
			j++
		case back >= 0:
			mark++
			i, j = mark, back+1
		default:
			return false
		}
	}
	for j < len(p.bytes) && p.wild[j] && p.bytes[j] == '*' {
		j++
	}
	return j == len(p.bytes)
}
