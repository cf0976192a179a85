package engine

import (
	"iter"
	"strings"
)

// tokenKind tells the few kinds of token apart that routing a statement needs.
type tokenKind uint8

const (
	word   tokenKind = iota // a bare or quoted identifier, or a keyword
	symbol                  // one punctuation character
	other                   // a number or a string literal
)

type token struct {
	kind       tokenKind
	text       string // a word's name, unquoted; a symbol
	start, end int    // where it stands in the statement
	quoted     bool
}

func (t token) is(keyword string) bool {
	return t.kind == word && !t.quoted && strings.EqualFold(t.text, keyword)
}

// tokens splits SQL as ClickHouse does, near enough to find keywords outside strings, quotes and comments. It never
// fails: what is left open ends with the text.
func tokens(sql string) iter.Seq[token] {
	return func(yield func(token) bool) {
		for i := 0; i < len(sql); {
			start := i
			switch c := sql[i]; {
			case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
				i++
				continue
			case strings.HasPrefix(sql[i:], "--") || strings.HasPrefix(sql[i:], "#!") || strings.HasPrefix(sql[i:], "# "):
				i = lineEnd(sql, i)
				continue
			case strings.HasPrefix(sql[i:], "/*"):
				i = commentEnd(sql, i)
				continue
			case c == '\'':
				i = quoteEnd(sql, i)
				if !yield(token{kind: other, start: start, end: i}) {
					return
				}
			case c == '`' || c == '"':
				i = quoteEnd(sql, i)
				if !yield(token{word, unquote(sql[start:i]), start, i, true}) {
					return
				}
			case isWordStart(c):
				for i < len(sql) && (isWordStart(sql[i]) || sql[i] >= '0' && sql[i] <= '9') {
					i++
				}
				if !yield(token{word, sql[start:i], start, i, false}) {
					return
				}
			case c >= '0' && c <= '9':
				for i < len(sql) && (isWordStart(sql[i]) || sql[i] >= '0' && sql[i] <= '9' || sql[i] == '.') {
					i++
				}
				if !yield(token{kind: other, start: start, end: i}) {
					return
				}
			default:
				i++
				if !yield(token{symbol, sql[start:i], start, i, false}) {
					return
				}
			}
		}
	}
}

func isWordStart(c byte) bool {
	return c == '_' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func lineEnd(sql string, i int) int {
	if n := strings.IndexByte(sql[i:], '\n'); n >= 0 {
		return i + n + 1
	}
	return len(sql)
}

// commentEnd finds the end of a block comment; ClickHouse nests them.
func commentEnd(sql string, i int) int {
	depth := 0
	for i < len(sql) {
		switch {
		case strings.HasPrefix(sql[i:], "/*"):
			depth++
			i += 2
		case strings.HasPrefix(sql[i:], "*/"):
			depth--
			i += 2
			if depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return len(sql)
}

// quoteEnd finds the end of a quoted token that starts at i: a backslash escapes, a doubled quote stands for itself.
func quoteEnd(sql string, i int) int {
	quote := sql[i]
	for i++; i < len(sql); i++ {
		switch sql[i] {
		case '\\':
			i++
		case quote:
			if i+1 < len(sql) && sql[i+1] == quote {
				i++
				continue
			}
			return i + 1
		}
	}
	return len(sql)
}

func unquote(s string) string {
	quote := s[:1]
	s = strings.TrimSuffix(s[1:], quote)
	s = strings.ReplaceAll(s, quote+quote, quote)
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
