package engine

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// ask sends a request as curl would and returns status, body and headers.
func ask(t *testing.T, method, address, user, password, query, body string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+"/?"+query, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, string(b) + "\n(broken: " + err.Error() + ")", resp.Header
	}
	return resp.StatusCode, string(b), resp.Header
}

func q(sql string) string { return "query=" + url.QueryEscape(sql) }

// TestInterface drives the HTTP interface without clickhouse-go. Each step depends on those before it.
func TestInterface(t *testing.T) {
	s := startEngine(t, nil)
	for _, step := range []struct {
		name, method, query, body string
		status                    int
		want                      string // the whole body, or with a trailing … its beginning
		code                      string
	}{
		{"statement in the body", "POST", "", "SELECT 1, 'a'", 200, "1\ta\n", ""},
		{"statement in the URL", "GET", q("SELECT 2 FORMAT CSV"), "", 200, "2\n", ""},
		{"statement in both", "POST", q("SELECT"), "3", 200, "3\n", ""},
		{"default format", "POST", "default_format=JSONEachRow", "SELECT 4 AS x", 200, "{\"x\":4}\n", ""},
		{"parameter", "POST", "param_x=it%27s", "SELECT {x:String}", 200, "it\\'s\n", ""},
		{"create", "POST", "", "CREATE TABLE t (a UInt32, s String) ENGINE = MergeTree ORDER BY a", 200, "", ""},
		{"a GET changes nothing", "GET", q("DROP TABLE t"), "", 403, "Code: 164. …", "164"},
		{"a GET inserts nothing", "GET", q("INSERT INTO t VALUES (1, 'x')"), "", 403, "Code: 164. …", "164"},
		{"values in the body", "POST", "", "INSERT INTO t VALUES (1, 'a\n\nb'), (2, ');')", 200, "", ""},
		{"values across", "POST", q("INSERT INTO t (a, s) VALUES"), "(3, 'c')", 200, "", ""},
		{"csv with a blank line", "POST", q("INSERT INTO t FORMAT CSV"), "4,\"x\n\ny\"\n5,z\n", 200, "", ""},
		{"all in the body", "POST", "", "INSERT INTO t FORMAT JSONEachRow\n{\"a\":6,\"s\":\"FORMAT\"}\n\n{\"a\":7}", 200, "", ""},
		{"with settings", "POST", "", "INSERT INTO t SETTINGS async_insert = 0 FORMAT TSV\n8\th\n", 200, "", ""},
		{"insert select", "POST", "", "INSERT INTO t SELECT number + 9, 'sel' FROM numbers(2)", 200, "", ""},
		{"what is there", "POST", "", "SELECT groupArray(a), countIf(s LIKE '%\n\n%') FROM (SELECT * FROM t ORDER BY a)", 200, "[1,2,3,4,5,6,7,8,9,10]\t2\n", ""},
		{"bad data", "POST", q("INSERT INTO t FORMAT CSV"), "abc,x\n", 400, "Code: 27. …", "27"},
		{"nothing of the bad data", "POST", "", "SELECT count() FROM t", 200, "10\n", ""},
		{"unknown table", "POST", "", "SELECT * FROM nowhere", 404, "Code: 60. DB::Exception: …", "60"},
		{"syntax", "POST", "", "SELECT FROM WHERE", 400, "Code: 62. …", "62"},
		{"nothing", "POST", "", "  ", 400, "Code: 62. …", "62"},
		{"two statements", "POST", "", "SELECT 1; SELECT 2", 400, "Code: 62. …", "62"},
		{"one statement and its semicolon", "POST", "", "SELECT 1;\n", 200, "1\n", ""},
		{"a setting", "POST", "max_block_size=123", "SELECT getSetting('max_block_size')", 200, "123\n", ""},
		{"does not leak", "POST", "", "SELECT getSetting('max_block_size')", 200, "65409\n", ""},
		{"a setting of a statement", "POST", "", "SELECT getSetting('max_block_size') SETTINGS max_block_size = 321", 200, "321\n", ""},
		{"does not leak either", "POST", "", "SELECT getSetting('max_block_size')", 200, "65409\n", ""},
		{"SET", "POST", "", "SET max_block_size = 99", 200, "", ""},
		{"does not outlive its request", "POST", "", "SELECT getSetting('max_block_size')", 200, "65409\n", ""},
		{"unknown setting", "POST", "no_such_setting=1", "SELECT 1", 404, "Code: 115. …", "115"},
		{"a setting's name is checked", "POST", "a%3D1%2Cb=1", "SELECT 1", 404, "Code: 115. …", "115"},
		{"database", "POST", "database=system", "SELECT count() > 0 FROM settings", 200, "1\n", ""},
		{"USE", "POST", "", "USE system", 200, "", ""},
		{"does not outlive its request", "POST", "", "SELECT currentDatabase()", 200, "default\n", ""},
		{"unknown database", "POST", "database=nope", "SELECT 1", 404, "Code: 81. …", "81"},
		{"temporary table", "POST", "", "CREATE TEMPORARY TABLE tmp (a Int8)", 200, "", ""},
		{"does not outlive its request", "POST", "", "SELECT * FROM tmp", 404, "Code: 60. …", "60"},
		{"sessions", "POST", "session_id=a", "SELECT 1", 501, "Code: 48. …", "48"},
		{"whole or nothing", "POST", "wait_end_of_query=1", "SELECT throwIf(number = 400000) FROM numbers(500000)", 500, "Code: 395. …", "395"},
		{"leaves nothing for the next result", "POST", "wait_end_of_query=1", "SELECT 5", 200, "5\n", ""},
		{"describe", "POST", "default_format=CSV", "DESCRIBE TABLE t", 200, "\"a\",\"UInt32\"…", ""},
		{"empty result", "POST", "default_format=CSVWithNames", "SELECT a FROM t WHERE 0", 200, "\"a\"\n", ""},
	} {
		status, body, header := ask(t, step.method, s.Addr(), adminUser, s.token, step.query, step.body)
		matches := body == step.want
		if begin, partial := strings.CutSuffix(step.want, "…"); partial {
			matches = strings.HasPrefix(body, begin)
		}
		if status != step.status || !matches || header.Get("X-ClickHouse-Exception-Code") != step.code {
			t.Errorf("%s: %d %q (code %q), want %d %q (code %q)", step.name, status, body,
				header.Get("X-ClickHouse-Exception-Code"), step.status, step.want, step.code)
		}
	}
}

func TestAuthentication(t *testing.T) {
	s := startEngine(t, nil)
	for _, c := range []struct{ user, password, query string }{
		{"", "", ""}, {"default", "", ""}, {"default", "wrong", ""}, {"other", s.token, ""}, {"", "", "user=default&password=no"},
	} {
		status, body, _ := ask(t, "POST", s.Addr(), c.user, c.password, c.query, "SELECT 1")
		if status != 403 || !strings.HasPrefix(body, "Code: 516.") {
			t.Errorf("%+v: %d %q, want 403 and code 516", c, status, body)
		}
	}
	if status, body, _ := ask(t, "POST", s.Addr(), "", "", "user=default&password="+s.token, "SELECT 1"); status != 200 || body != "1\n" {
		t.Errorf("in the URL: %d %q", status, body)
	}
}

// TestBrokenStream: a result that fails midway never looks complete.
func TestBrokenStream(t *testing.T) {
	s := startEngine(t, nil)
	_, body, header := ask(t, "POST", s.Addr(), adminUser, s.token, "default_format=JSON",
		"SELECT number, throwIf(number = 400000) FROM numbers(500000) SETTINGS max_block_size = 10000")
	tag := header.Get("X-ClickHouse-Exception-Tag")
	if !strings.Contains(body, "(broken: ") || !strings.Contains(body, "__exception__\r\n"+tag+"\r\nCode: 395.") || json.Valid([]byte(body)) {
		t.Errorf("the stream ends in %q", body[max(0, len(body)-300):])
	}
}

// TestCutOffInsert: of an insert whose sender breaks off, nothing is stored.
func TestCutOffInsert(t *testing.T) {
	s := startEngine(t, nil)
	conn := dial(t, s.Options())
	mustExec(t, conn, "CREATE TABLE cut (a UInt64) ENGINE = MergeTree ORDER BY a")
	pr, pw := io.Pipe()
	go func() {
		for range 200_000 {
			_, _ = io.WriteString(pw, "12345\n")
		}
		pw.CloseWithError(io.ErrClosedPipe)
	}()
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+s.Addr()+"/?"+q("INSERT INTO cut FORMAT TSV"), pr)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(adminUser, s.token)
	if resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req); err == nil {
		_ = resp.Body.Close()
		t.Fatal("the request succeeded")
	}
	for one[uint64](t, conn, "SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO cut%'") > 0 {
		continue
	}
	if n := one[uint64](t, conn, "SELECT count() FROM cut"); n != 0 {
		t.Errorf("%d rows were stored", n)
	}
}
