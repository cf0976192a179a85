package rules

import (
	"regexp"
	"strings"
)

// What people and their tools write and libinjection takes for SQL: conditions of query languages, boolean searches, lists of
// columns.

// queryLanguages are parameters that hold a condition of a query language by design (JQL, CQL, ArcGIS, OData, RSQL).
var queryLanguages = map[string]bool{
	"jql": true, "cql": true, "cql_filter": true, "where": true, "$filter": true, "%24filter": true, "rsql": true, "fiql": true, "filter": true,
}

// ordinary reports whether a text that reads as SQL is a condition of a query language, a boolean search or a list of
// columns, as people and their tools write them.
func ordinary(s string) bool {
	return fieldCondition.MatchString(s) && ordinaryCondition(s) || booleanSearch.MatchString(s) || columnList.MatchString(s)
}

// fieldCondition is a condition that begins with the name of a field (status in ('open', 'closed')), without the tautologies
// and sub-statements of an injection.
var fieldCondition = regexp.MustCompile(`(?i)^\(?[a-z][\w.]*\s*(=|!=|~|<|>|<=|>=|(not )?in|like|is)\s*` + condOperand + `(\s+(and|or)\s+(not\s+)?\(?[a-z][\w.]*\s*(=|!=|~|<|>|<=|>=|(not )?in|like|is)\s*` + condOperand + `)*(\s+order\s+by\s+[\w., ]+)?\)*$`)

const condOperand = `('[\w .%:@-]*'|"[^"]*"|\((\s*('[\w .-]*'|"[\w .-]*"|[\w.-]+)\s*,?)*\)|[\w.:+-]+|[a-z]+\(\))\)*`

// booleanSearch is words, fields and quoted phrases joined by AND, OR and NOT, with brackets around them.
var booleanSearch = regexp.MustCompile(`^\(*("[\w' .-]+"|(\w+:)?("[\w' .-]+"|[A-Za-z][\w*-]+))(\s*\)*\s+(AND|OR|NOT|AND NOT)\s+\(*((\w+:)?("[\w' .-]+"|[A-Za-z][\w*-]+)))+\)*$`)

// columnList is columns and their aggregates: region,sum(amount),count(*).
var columnList = regexp.MustCompile(`(?i)^[a-z][\w.]*(\s*,\s*([a-z][\w.]*|(sum|count|avg|min|max)\((\*|[a-z][\w.]*)\)))+$`)

// ordinaryCondition reports whether a condition stays in its language: quotes are closed and nothing calls, comments or
// joins further statements.
func ordinaryCondition(s string) bool {
	if s == "" || s[0] != '(' && !wordByte(s[0]) { // JSON, or a quote to break out with
		return false
	}
	low := strings.ReplaceAll(strings.ToLower(s), "currentuser()", "")
	if tautology.MatchString(low) {
		return false
	}
	rest := phrase.ReplaceAllString(s, "")
	if strings.ContainsAny(rest, "'\";#`\\@|") {
		return false
	}
	for _, word := range []string{"--", "/*", "union", "select", "sleep", "benchmark", "waitfor", "0x", "version(", "user(", "char(", "concat"} {
		if strings.Contains(low, word) {
			return false
		}
	}
	return true
}

// tautology is a comparison of two literals, which no condition needs.
var tautology = regexp.MustCompile(`\b(and|or|where|having|not)\s*\(*\s*('[^']*'|\d+)\s*(=|<|>|like|in)\s*('|\d)`)

// phrase is a quoted text that holds nothing that ends it or a statement.
var phrase = regexp.MustCompile(`"[^"\\;` + "`" + `]*"|'[^'"\\;#` + "`" + `]*'`)
