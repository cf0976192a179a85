package engine

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseStatement(t *testing.T) {
	for sql, want := range map[string]statement{
		"SELECT 1":                 {selectStatement, "SELECT 1", "", ""},
		" -- INSERT\n select 1 ; ": {selectStatement, " -- INSERT\n select 1", "", ""},
		"/* a /* b */ */ WITH 1 AS x SELECT x FORMAT JSON":            {selectStatement, "/* a /* b */ */ WITH 1 AS x SELECT x FORMAT JSON", "JSON", ""},
		"((SELECT 1)) UNION ALL SELECT 2":                             {selectStatement, "((SELECT 1)) UNION ALL SELECT 2", "", ""},
		"SELECT 'FORMAT CSV', format(x)":                              {selectStatement, "SELECT 'FORMAT CSV', format(x)", "", ""},
		"DESCRIBE TABLE t FORMAT TSV":                                 {plainStatement, "DESCRIBE TABLE t FORMAT TSV", "TSV", ""},
		"":                                                            {plainStatement, "", "", ""},
		"INSERT INTO t VALUES (1)":                                    {insertStatement, "INSERT INTO t ", "Values", " (1)"},
		"insert into `values` (`format`) values ('a')":                {insertStatement, "insert into `values` (`format`) ", "Values", " ('a')"},
		"INSERT INTO t (a, b) FORMAT Native":                          {insertStatement, "INSERT INTO t (a, b) ", "Native", ""},
		"INSERT INTO t FORMAT CSV\n1,2\n\n3,4":                        {insertStatement, "INSERT INTO t ", "CSV", "1,2\n\n3,4"},
		"INSERT INTO t FORMAT CSV\r\n1":                               {insertStatement, "INSERT INTO t ", "CSV", "1"},
		"INSERT INTO t SETTINGS async_insert=1 FORMAT JSONEachRow {}": {insertStatement, "INSERT INTO t SETTINGS async_insert=1 ", "JSONEachRow", "{}"},
		"INSERT INTO t (a) SELECT 1 FORMAT CSV":                       {plainStatement, "INSERT INTO t (a) SELECT 1 FORMAT CSV", "", ""},
		"INSERT INTO t WITH 1 AS x SELECT x":                          {plainStatement, "INSERT INTO t WITH 1 AS x SELECT x", "", ""},
		"INSERT INTO t":                                               {insertStatement, "INSERT INTO t", "", ""},
		"INSERT INTO FUNCTION file('VALUES', 'FORMAT') VALUES 1":      {insertStatement, "INSERT INTO FUNCTION file('VALUES', 'FORMAT') ", "Values", " 1"},
	} {
		got := parseStatement(sql)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(statement{})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", sql, diff)
		}
	}
}

func TestTokens(t *testing.T) {
	var got []string
	for tok := range tokens("a.`b``c\\`d` 'x''y\\'z' 12.5e3 -- end\n\"q\" # c\n/* open") {
		got = append(got, strings.Repeat("q:", btoi(tok.quoted))+tok.text)
	}
	if diff := cmp.Diff([]string{"a", ".", "q:b`c`d", "", "", "q:q"}, got); diff != "" {
		t.Error(diff)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// FuzzTokens: tokens never overlap, never leave the text, and an INSERT's parts are parts of its text.
func FuzzTokens(f *testing.F) {
	for _, s := range []string{"INSERT INTO t VALUES ('a''b')", "SELECT `a\\", "/* /* */", "'", "\"", "INSERT INTO t FORMAT CSV\n1", "\xff\x00("} {
		f.Add(s)
	}
	g := &guard{tables: map[string]bool{"url": true}}
	f.Fuzz(func(t *testing.T, sql string) {
		end := 0
		for tok := range tokens(sql) {
			if tok.start < end || tok.end <= tok.start || tok.end > len(sql) {
				t.Fatalf("token %+v after %d in %q", tok, end, sql)
			}
			end = tok.end
		}
		st := parseStatement(sql)
		if st.kind == insertStatement && (!strings.HasPrefix(sql, st.sql) || !strings.HasSuffix(sql, st.data)) {
			t.Fatalf("%q gives %+v", sql, st)
		}
		_ = g.checkNames(sql)
	})
}
