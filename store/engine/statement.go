package engine

import "strings"

// statementKind says by which of the library's functions a statement runs.
type statementKind uint8

const (
	plainStatement  statementKind = iota // as a whole, result as a whole
	selectStatement                      // streamed
	insertStatement                      // its data follows, or stands in its text
)

// statement is SQL as the interface has to see it: what to send, and for an INSERT where the data begins.
type statement struct {
	kind   statementKind
	sql    string // of an INSERT: up to FORMAT or VALUES
	format string // of an INSERT: the data's format; of the others: that of a FORMAT clause, or ""
	data   string // of an INSERT: what stands after it in the text
}

// parseStatement looks at the first keywords and, of an INSERT, for the word that ends the statement and begins the
// data. An INSERT … SELECT is plain.
func parseStatement(sql string) statement {
	for t := range tokens(sql) {
		switch {
		case t.kind == symbol && (t.text == "(" || t.text == ";"):
			continue // (SELECT …) UNION …
		case t.is("INSERT"):
			return parseInsert(sql)
		case t.is("SELECT"), t.is("WITH"):
			return statement{kind: selectStatement, sql: trimStatement(sql), format: formatClause(sql)}
		}
		break
	}
	return statement{kind: plainStatement, sql: sql, format: formatClause(sql)}
}

func parseInsert(sql string) statement {
	depth, format := 0, -1 // format: where the word FORMAT begins
	for t := range tokens(sql) {
		switch {
		case t.kind == symbol && t.text == "(":
			depth++
		case t.kind == symbol && t.text == ")":
			depth--
		case depth > 0:
		case format >= 0 && t.kind == word:
			return statement{insertStatement, sql[:format], t.text, trimData(sql[t.end:])}
		case t.is("FORMAT"):
			format = t.start
		case t.is("VALUES"):
			return statement{insertStatement, sql[:t.start], "Values", sql[t.end:]}
		case t.is("SELECT"), t.is("WITH"), t.is("WATCH"):
			return statement{kind: plainStatement, sql: sql}
		}
	}
	return statement{kind: insertStatement, sql: trimStatement(sql), format: ""}
}

// trimData removes what separates FORMAT x from its data: blanks up to and including one line end, as ClickHouse does.
func trimData(s string) string {
	s = strings.TrimLeft(s, " \t;")
	s = strings.TrimPrefix(s, "\r")
	return strings.TrimPrefix(s, "\n")
}

func trimStatement(sql string) string { return strings.TrimRight(sql, "; \t\r\n") }

// formatClause is the name after a FORMAT keyword outside parentheses, or "".
func formatClause(sql string) string {
	depth, found := 0, false
	for t := range tokens(sql) {
		switch {
		case t.kind == symbol && t.text == "(":
			depth++
			found = false // the function format()
		case t.kind == symbol && t.text == ")":
			depth--
		case found && t.kind == word:
			return t.text
		default:
			found = depth == 0 && t.is("FORMAT")
		}
	}
	return ""
}
