package engine

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
)

const readerPassword = "correct-horse"

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func startReader(t *testing.T) (*Supervisor, string) {
	t.Helper()
	address := freeAddress(t)
	s := startEngine(t, func(o *SupervisorOptions) {
		o.Config.Reader = ReaderConfig{Listen: address, Password: readerPassword, Database: "default"}
	})
	conn := dial(t, s.Options())
	mustExec(t, conn, "CREATE TABLE events (a UInt32, host String) ENGINE = MergeTree ORDER BY a",
		"INSERT INTO events SELECT number, 'h' FROM numbers(1000)")
	return s, address
}

// TestReaderReads: what curl and Grafana ask.
func TestReaderReads(t *testing.T) {
	_, address := startReader(t)
	for _, c := range []struct{ method, query, body, want string }{
		{"POST", "", "SELECT count() FROM events", "1000\n"},
		{"GET", q("SELECT max(a) FROM events FORMAT CSV"), "", "999\n"},
		{"POST", "default_format=JSONCompact&max_execution_time=5&output_format_json_quote_64bit_integers=0", "SELECT sum(a) AS s FROM events", ""},
		{"POST", "", "SELECT number FROM numbers(2)", "0\n1\n"},
		{"POST", "", "WITH 1 AS x SELECT x", "1\n"},
		{"POST", "", "SHOW TABLES", "events\n"},
		{"POST", "", "EXISTS TABLE events", "1\n"},
		{"POST", "", "SELECT name FROM system.columns WHERE database = 'default' AND table = 'events'", "a\nhost\n"},
		{"POST", "", "SELECT 'file(' AS x, \"host\" FROM events LIMIT 1 -- url(", "file(\th\n"},
		{"POST", "readonly=0&max_threads=0", "SELECT getSetting('readonly'), getSetting('max_execution_time')", "1\t60\n"},
		{"POST", "max_execution_time=9999", "SELECT getSetting('max_execution_time')", "60\n"},
	} {
		status, body, _ := ask(t, c.method, address, "reader", readerPassword, c.query, c.body)
		if status != 200 || c.want != "" && body != c.want {
			t.Errorf("%s %s %s: %d %q, want %q", c.method, c.query, c.body, status, body, c.want)
		}
	}
	_, body, header := ask(t, "POST", address, "reader", readerPassword, "", "SELECT a, toString(a) AS s FROM events ORDER BY a LIMIT 3 FORMAT JSON")
	var answer struct {
		Meta []struct{ Name, Type string }
		Data []struct {
			A int
			S string
		}
		Rows int
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Rows != 3 || answer.Data[2].S != "2" || answer.Meta[0].Type != "UInt32" {
		t.Errorf("JSON: %v %+v", err, answer)
	}
	if got := header.Get("Content-Type"); got != "application/json; charset=UTF-8" {
		t.Errorf("Content-Type %q", got)
	}
}

// TestReaderOverClickhouseGo is how Grafana's ClickHouse plugin connects.
func TestReaderOverClickhouseGo(t *testing.T) {
	_, address := startReader(t)
	for _, method := range []clickhouse.CompressionMethod{clickhouse.CompressionNone, clickhouse.CompressionLZ4, clickhouse.CompressionGZIP} {
		conn := dial(t, &clickhouse.Options{
			Protocol: clickhouse.HTTP, Addr: []string{address},
			Auth:        clickhouse.Auth{Database: "default", Username: "reader", Password: readerPassword},
			Settings:    clickhouse.Settings{"max_execution_time": 30},
			Compression: &clickhouse.Compression{Method: method},
		})
		if err := conn.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := one[uint64](t, conn, "SELECT count() FROM events WHERE host = ?", "h"); n != 1000 {
			t.Errorf("%v: %d rows", method, n)
		}
		err := conn.Exec(t.Context(), "DROP TABLE events")
		var e *clickhouse.Exception
		if !errors.As(err, &e) || e.Code != codeReadonly {
			t.Errorf("%v: drop: %v, want code 164", method, err)
		}
	}
}

// TestReaderMayNot: everything else is refused, before anything outside the database is touched.
func TestReaderMayNot(t *testing.T) {
	s, address := startReader(t)
	secret := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(secret, []byte("topsecret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out.csv")
	for _, sql := range []string{
		"INSERT INTO events VALUES (1, 'x')", "INSERT INTO events SELECT 1, 'x'", "DROP TABLE events", "TRUNCATE TABLE events",
		"ALTER TABLE events DELETE WHERE 1", "CREATE TABLE x (a Int8) ENGINE = Memory", "CREATE TEMPORARY TABLE x (a Int8)",
		"CREATE VIEW v AS SELECT 1", "OPTIMIZE TABLE events", "SET max_threads = 9", "SET readonly = 0", "USE system",
		"KILL QUERY WHERE 1", "SYSTEM FLUSH LOGS", "SYSTEM SHUTDOWN", "CREATE USER u", "GRANT ALL ON *.* TO default",
		"SELECT 1 SETTINGS readonly = 0", "SELECT 1 SETTINGS max_threads = 9", "SELECT 1; DROP TABLE events",
		"SELECT 1 INTO OUTFILE '" + out + "'", "INSERT INTO FUNCTION file('" + out + "') SELECT 1", "BACKUP TABLE events TO File('" + out + "')",
		"SELECT * FROM file('" + secret + "', 'LineAsString')", "SELECT * FROM `file`('" + secret + "', 'LineAsString')",
		"SELECT file('" + secret + "')", "SELECT \"file\"('" + secret + "')", "SELECT FILE('" + secret + "')",
		"SELECT x APPLY(file) FROM (SELECT '" + secret + "' AS x)", "SELECT arrayMap(file, ['" + secret + "'])",
		"SELECT /* comment */ file /* another */ ('" + secret + "')", "SELECT * FROM `" + secret + "`", "DESCRIBE `" + secret + "`",
		"DESCRIBE file('" + secret + "')", "EXPLAIN SELECT * FROM file('" + secret + "')",
		"SELECT * FROM eval('SELECT file(''" + secret + "'')')", "SELECT * FROM eval(concat('SELECT fi', 'le(''" + secret + "'')'))",
		"SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a Int8')", "SELECT * FROM s3('http://127.0.0.1:1/b/k.csv')",
		"SELECT * FROM deltaLake('http://127.0.0.1:1/b/k/')", "SELECT * FROM remote('127.0.0.1:1', system.one)",
		"SELECT * FROM cluster('default', system.one)", "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
		"SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')", "SELECT * FROM sqlite('" + secret + "', 't')",
		"SELECT * FROM executable('x.sh', TSV, 'a String')", "SELECT * FROM icebergLocal('/tmp/x')", "SELECT * FROM dictionary('x')",
		"SELECT hasColumnInTable('127.0.0.1:1', 'a', 'b', 'c')", "SELECT sleep(3)", "EXECUTE AS default",
		"DESCRIBE TABLE url('http://127.0.0.1:1')", "SELECT * FROM filesystem('/etc')", "SELECT * FROM view(SELECT file('" + secret + "'))",
	} {
		status, body, header := ask(t, "POST", address, "reader", readerPassword, "", sql)
		if status == 200 || strings.Contains(body, "topsecret") {
			t.Errorf("%s: %d %q", sql, status, body)
		} else if code := header.Get("X-ClickHouse-Exception-Code"); code == "" {
			t.Errorf("%s: %d %q, no code", sql, status, body)
		}
	}
	for _, query := range []string{"max_memory_usage=1", "allow_ddl=1", "max_insert_block_size=1", "log_queries=1"} {
		if status, body, _ := ask(t, "POST", address, "reader", readerPassword, query, "SELECT 1"); status != 403 {
			t.Errorf("%s: %d %q, want 403", query, status, body)
		}
	}
	// Neither user gets in at the other's door.
	if status, _, _ := ask(t, "POST", address, adminUser, s.token, "", "SELECT 1"); status != 403 {
		t.Errorf("the token at the reader's address: %d", status)
	}
	if status, _, _ := ask(t, "POST", s.Addr(), "reader", readerPassword, "", "SELECT 1"); status != 403 {
		t.Errorf("the reader at the private address: %d", status)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a file was written")
	}
	if n := one[uint64](t, dial(t, s.Options()), "SELECT count() FROM events"); n != 1000 {
		t.Errorf("%d rows are left", n)
	}
}
