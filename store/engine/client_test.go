package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
)

// TestClickhouseGo runs what the store needs of clickhouse-go over one engine.
func TestClickhouseGo(t *testing.T) {
	s := startEngine(t, nil)
	conn := dial(t, s.Options())
	t.Run("ping and values", func(t *testing.T) {
		if err := conn.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := one[string](t, conn, "SELECT concat('a', @b)", clickhouse.Named("b", "x\n\n'")); got != "ax\n\n'" {
			t.Fatal(got)
		}
	})
	t.Run("batch, columns, blank lines", func(t *testing.T) { testBatch(t, s) })
	t.Run("parameters", func(t *testing.T) {
		ctx := clickhouse.Context(t.Context(), clickhouse.WithParameters(clickhouse.Parameters{"a": `it's\n\n`, "n": "7"}))
		var a string
		var n uint32
		if err := conn.QueryRow(ctx, "SELECT {a:String}, {n:UInt32}").Scan(&a, &n); err != nil || a != "it's\n\n" || n != 7 {
			t.Fatal(a, n, err)
		}
	})
	t.Run("external table", func(t *testing.T) {
		table, err := ext.NewTable("wanted", ext.Column("id", "UInt64"))
		if err != nil {
			t.Fatal(err)
		}
		for id := range uint64(3) {
			if err := table.Append(id * 10); err != nil {
				t.Fatal(err)
			}
		}
		ctx := clickhouse.Context(t.Context(), clickhouse.WithExternalTable(table))
		for range 2 { // the second finds no table of the first in its way
			var sum uint64
			if err := conn.QueryRow(ctx, "SELECT sum(number) FROM numbers(15) WHERE number IN wanted").Scan(&sum); err != nil || sum != 10 {
				t.Fatal(sum, err)
			}
		}
	})
	t.Run("exception", func(t *testing.T) {
		err := conn.Exec(t.Context(), "SELECT * FROM nowhere")
		var e *clickhouse.Exception
		if !errors.As(err, &e) || e.Code != 60 || e.CodeName != "UNKNOWN_TABLE" {
			t.Fatalf("got %#v (%v)", e, err)
		}
	})
	t.Run("exception in the middle of a stream", func(t *testing.T) { testMidStream(t, s) })
	t.Run("cancel", func(t *testing.T) { testCancel(t, s) })
}

func testBatch(t *testing.T, s *Supervisor) {
	for _, method := range []clickhouse.CompressionMethod{
		clickhouse.CompressionNone, clickhouse.CompressionLZ4, clickhouse.CompressionZSTD, clickhouse.CompressionGZIP,
		clickhouse.CompressionDeflate, clickhouse.CompressionBrotli,
	} {
		opts := s.Options()
		opts.Compression = &clickhouse.Compression{Method: method, Level: 3}
		conn := dial(t, opts)
		table := "batch_" + method.String()
		mustExec(t, conn, "CREATE TABLE "+table+" (id UInt64, at DateTime64(3), s String, l LowCardinality(String), a Array(String)) ENGINE = MergeTree ORDER BY id")
		batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO "+table)
		if err != nil {
			t.Fatal(method, err)
		}
		at := time.UnixMilli(1_700_000_000_123).UTC()
		const rows = 3_000
		for id := range uint64(rows) {
			// Blank lines in every way: in the text, and as the bytes of numbers (10 and 2570).
			if err := batch.Append(id, at, fmt.Sprintf("line\n\nline %d\r\n\r\n", id), "x\n\n", []string{"\n\n", ""}); err != nil {
				t.Fatal(method, err)
			}
		}
		if err := batch.Send(); err != nil {
			t.Fatal(method, err)
		}
		if n := one[uint64](t, conn, "SELECT count() FROM "+table+" WHERE s LIKE 'line\n\nline %' AND a[1] = '\n\n'"); n != rows {
			t.Errorf("%v: %d rows, want %d", method, n, rows)
		}
		selected, err := conn.Query(t.Context(), "SELECT id, at, l FROM "+table+" ORDER BY id")
		if err != nil {
			t.Fatal(method, err)
		}
		var count uint64
		for selected.Next() {
			var id uint64
			var got time.Time
			var l string
			if err := selected.Scan(&id, &got, &l); err != nil || id != count || !got.Equal(at) || l != "x\n\n" {
				t.Fatal(method, id, got, l, err)
			}
			count++
		}
		if err := selected.Err(); err != nil || count != rows {
			t.Fatal(method, count, err)
		}
		_ = selected.Close()
	}
}

func testMidStream(t *testing.T, s *Supervisor) {
	for _, method := range []clickhouse.CompressionMethod{clickhouse.CompressionNone, clickhouse.CompressionLZ4, clickhouse.CompressionGZIP} {
		opts := s.Options()
		opts.Compression = &clickhouse.Compression{Method: method, Level: 3}
		conn := dial(t, opts)
		rows, err := conn.Query(t.Context(), "SELECT number, throwIf(number = 90000) FROM numbers(100000) SETTINGS max_block_size = 10000, max_threads = 1")
		var n int
		if err == nil {
			for rows.Next() {
				n++
			}
			err = rows.Err()
			_ = rows.Close()
		}
		var e *clickhouse.Exception
		if !errors.As(err, &e) || e.Code != 395 {
			t.Errorf("%v: after %d rows: %v, want code 395", method, n, err)
		}
		if n == 0 || n > 90_000 {
			t.Errorf("%v: %d rows came before the exception", method, n)
		}
	}
}

func testCancel(t *testing.T, s *Supervisor) {
	conn := dial(t, s.Options())
	for name, sql := range map[string]string{
		"before the first row": "SELECT count() FROM numbers(1000000000000) WHERE cityHash64(number) = 1",
		"in the stream":        "SELECT number, sleepEachRow(0.0001) FROM numbers(100000000) SETTINGS max_block_size = 1000",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		rows, err := conn.Query(ctx, sql)
		if err == nil {
			for rows.Next() {
				continue
			}
			err = rows.Err()
			cancel()
			_ = rows.Close()
		}
		cancel()
		if err == nil {
			t.Errorf("%s: the query ended by itself", name)
		}
		deadline := time.Now().Add(time.Minute)
		for one[uint64](t, conn, "SELECT count() FROM system.processes WHERE query LIKE '%numbers(1%000%' AND query NOT LIKE '%processes%'") > 0 {
			if time.Now().After(deadline) {
				t.Fatalf("%s: the query still runs", name)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// TestBinaryNumbers inserts numbers whose bytes are line ends.
func TestBinaryNumbers(t *testing.T) {
	conn := dial(t, startEngine(t, nil).Options())
	mustExec(t, conn, "CREATE TABLE n (a UInt16, b UInt64) ENGINE = MergeTree ORDER BY a")
	batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO n (a, b)")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(batch.Append(uint16(0x0A0A), uint64(0x0A0A0A0A0A0A0A0A)), batch.Append(uint16(10), uint64(10)), batch.Send()); err != nil {
		t.Fatal(err)
	}
	if got := one[string](t, conn, "SELECT toString(groupArray((a, b))) FROM n"); !bytes.Contains([]byte(got), []byte("(2570,723401728380766730)")) {
		t.Fatal(got)
	}
}
