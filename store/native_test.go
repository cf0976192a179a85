package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
	chcolumn "github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"

	"github.com/gatewatch/gatewatch/event"
)

// nativeFront speaks the native protocol to clickhouse-go and passes the statements on to the embedded engine, which has
// HTTP only. So the driver's native half runs as it does against a server: handshake, parameters, settings, blocks both
// ways, exceptions. What it cannot show is what a server itself does differently.
type nativeFront struct {
	t        testing.TB
	engine   *clickhouse.Options
	client   *http.Client
	listener net.Listener
	conns    sync.WaitGroup
}

const nativeRevision = proto.DBMS_TCP_PROTOCOL_VERSION

// startNativeFront returns a DSN of a database behind the front.
func startNativeFront(t testing.TB, engine *clickhouse.Options, database string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true}
	f := &nativeFront{t: t, engine: engine, client: &http.Client{Transport: transport}, listener: listener}
	f.conns.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			f.conns.Go(func() { f.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		f.conns.Wait()
		transport.CloseIdleConnections()
	})
	return fmt.Sprintf("clickhouse://%s:%s@%s/%s", engine.Auth.Username, engine.Auth.Password, listener.Addr(), database)
}

// nativeConn is one connection of a client.
type nativeConn struct {
	front    *nativeFront
	in       *chproto.Reader
	out      net.Conn
	database string
}

func (f *nativeFront) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	c := &nativeConn{front: f, in: chproto.NewReader(bufio.NewReader(conn)), out: conn}
	err := c.hello()
	for err == nil {
		err = c.packet()
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset by peer") && !strings.Contains(err.Error(), "broken pipe") {
		f.t.Errorf("native front: %v", err)
	}
}

func (c *nativeConn) hello() error {
	if code, err := c.in.UVarInt(); err != nil || code != proto.ClientHello {
		return fmt.Errorf("packet %d instead of a hello: %w", code, err)
	}
	var hello chproto.ClientHello
	if err := hello.Decode(c.in); err != nil {
		return err
	}
	c.database = hello.Database
	var b chproto.Buffer
	(&chproto.ServerHello{Name: "ClickHouse", Major: 26, Minor: 7, Revision: nativeRevision, Timezone: "UTC", DisplayName: "front"}).EncodeAware(&b, nativeRevision)
	if _, err := c.out.Write(b.Buf); err != nil {
		return err
	}
	_, err := c.in.Str() // the addendum: a quota's key
	return err
}

// packet answers one packet of the client.
func (c *nativeConn) packet() error {
	code, err := c.in.UVarInt()
	if err != nil {
		return err
	}
	switch code {
	case proto.ClientPing:
		return c.send(func(b *chproto.Buffer) error { b.PutByte(proto.ServerPong); return nil })
	case proto.ClientCancel:
		return io.EOF // the driver closes the connection behind it
	case proto.ClientQuery:
		var q chproto.Query
		if err := q.DecodeAware(c.in, nativeRevision); err != nil {
			return fmt.Errorf("decode query: %w", err)
		}
		if _, err := c.block(); err != nil { // the end of the external tables
			return err
		}
		if insert := insertInto.FindStringSubmatch(q.Body); insert != nil {
			return c.insert(&q, insert)
		}
		return c.statement(&q)
	}
	return fmt.Errorf("packet %d is not known", code)
}

var insertInto = regexp.MustCompile(`(?is)^\s*INSERT INTO (\S+)\s*(?:\(([^()]*)\))?\s*(?:VALUES|FORMAT Native)?\s*$`)

// block reads a data packet, or the rest of one whose code was read.
func (c *nativeConn) block() (*proto.Block, error) {
	code, err := c.in.UVarInt()
	if err != nil {
		return nil, err
	}
	if code != proto.ClientData {
		return nil, fmt.Errorf("packet %d instead of data", code)
	}
	if _, err := c.in.Str(); err != nil { // the table's name
		return nil, err
	}
	b := newBlock()
	return b, b.Decode(c.in, nativeRevision)
}

func newBlock() *proto.Block {
	b := proto.NewBlock()
	b.ServerContext = &chcolumn.ServerContext{Timezone: time.UTC}
	return b
}

func (c *nativeConn) send(fill func(*chproto.Buffer) error) error {
	var b chproto.Buffer
	if err := fill(&b); err != nil {
		return err
	}
	_, err := c.out.Write(b.Buf)
	return err
}

func (c *nativeConn) sendBlock(block *proto.Block) error {
	return c.send(func(b *chproto.Buffer) error {
		b.PutByte(proto.ServerData)
		b.PutString("")
		if block.Rows() > 0 {
			return block.Encode(b, nativeRevision)
		}
		if err := block.EncodeHeader(b, nativeRevision); err != nil {
			return err
		}
		for _, col := range block.Columns { // a column without rows has no prefix of its state, which EncodeColumn writes
			b.PutString(col.Name())
			b.PutString(string(col.Type()))
			b.PutBool(false)
		}
		return nil
	})
}

func (c *nativeConn) end() error {
	return c.send(func(b *chproto.Buffer) error { b.PutByte(proto.ServerEndOfStream); return nil })
}

// ask posts a statement and its data to the engine. A refusal is passed on, and the answer is nil.
func (c *nativeConn) ask(q *chproto.Query, sql string, data io.Reader) (io.ReadCloser, error) {
	values := url.Values{"database": {c.database}, "default_format": {"Native"}}
	for _, s := range q.Settings {
		values.Set(s.Key, s.Value)
	}
	for _, p := range q.Parameters {
		values.Set("param_"+p.Key, undump.Replace(strings.TrimSuffix(strings.TrimPrefix(p.Value, "'"), "'")))
	}
	if data != nil {
		values.Set("query", sql)
	} else {
		data = strings.NewReader(sql)
	}
	req, err := http.NewRequest(http.MethodPost, "http://"+c.front.engine.Addr[0]+"/?"+values.Encode(), data)
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(c.front.engine.Auth.Username, c.front.engine.Auth.Password)
	resp, err := c.front.client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	code, err := strconv.Atoi(resp.Header.Get("X-ClickHouse-Exception-Code"))
	if err != nil {
		return nil, fmt.Errorf("the engine answers %d without a code: %s", resp.StatusCode, text)
	}
	return nil, c.send(func(b *chproto.Buffer) error {
		b.PutByte(proto.ServerException)
		(&chproto.Exception{Code: chproto.Error(code), Name: "DB::Exception", Message: string(text)}).EncodeAware(b, nativeRevision)
		return nil
	})
}

// undump reads what the driver wrote for Field::restoreFromDump.
var undump = strings.NewReplacer(`\\`, `\`, `\'`, `'`, `\n`, "\n", `\r`, "\r", `\t`, "\t", `\0`, "\x00")

// statement passes on the blocks of an answer.
func (c *nativeConn) statement(q *chproto.Query) error {
	body, err := c.ask(q, q.Body, nil)
	if err != nil || body == nil {
		return err
	}
	defer func() { _ = body.Close() }()
	in := bufio.NewReaderSize(body, 1<<20)
	r := chproto.NewReader(in)
	for n := 0; ; n++ {
		if _, err := in.Peek(1); errors.Is(err, io.EOF) {
			if n == 0 && selects.MatchString(q.Body) { // a server names the columns of an empty answer too
				header, err := c.columns(q, "("+q.Body+")", "")
				if err != nil || header == nil {
					return err
				}
				if err := c.sendBlock(header); err != nil {
					return err
				}
			}
			return c.end()
		} else if err != nil {
			return err
		}
		block := newBlock()
		if err := block.Decode(r, 0); err != nil {
			return fmt.Errorf("decode the answer of %s: %w", q.Body, err)
		}
		if err := c.sendBlock(block); err != nil {
			return err
		}
	}
}

// insert tells the columns, takes blocks up to an empty one, and passes them on as one body.
func (c *nativeConn) insert(q *chproto.Query, parts []string) error {
	sample, err := c.columns(q, parts[1], parts[2])
	if err != nil || sample == nil {
		return err
	}
	if err := c.sendBlock(sample); err != nil {
		return err
	}
	var data chproto.Buffer
	for {
		block, err := c.block()
		if err != nil {
			return err
		}
		if block.Rows() == 0 {
			break
		}
		if err := block.Encode(&data, 0); err != nil {
			return err
		}
	}
	sql := "INSERT INTO " + parts[1]
	if parts[2] != "" {
		sql += " (" + parts[2] + ")"
	}
	body, err := c.ask(q, sql+" FORMAT Native", &data)
	if err != nil || body == nil {
		return err
	}
	return errors.Join(body.Close(), c.end())
}

var selects = regexp.MustCompile(`(?i)^\s*(SELECT|WITH)\b`)

// columns is an empty block of the columns that an INSERT names, or of all that a table or a SELECT has.
func (c *nativeConn) columns(q *chproto.Query, table, names string) (*proto.Block, error) {
	body, err := c.ask(&chproto.Query{Parameters: q.Parameters}, "DESCRIBE TABLE "+table+" FORMAT TSV", nil)
	if err != nil || body == nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	types, all := map[string]string{}, []string{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(line, "\t")
		types[fields[0]] = undump.Replace(fields[1])
		all = append(all, fields[0])
	}
	if names != "" {
		all = strings.Split(names, ",")
	}
	block := newBlock()
	for _, name := range all {
		name = strings.Trim(strings.TrimSpace(name), "`")
		if err := block.AddColumn(name, chcolumn.Type(types[name])); err != nil {
			return nil, fmt.Errorf("%s: column %q: %w", q.Body, name, err)
		}
	}
	return block, nil
}

// TestNativeProtocol stores and reads over the native protocol and over HTTP: both see the same.
func TestNativeProtocol(t *testing.T) {
	over := openTestStore(t)
	if !over.http {
		t.Skip("all tests speak the native protocol")
	}
	dsn := startNativeFront(t, shared.supervisor.Options(), over.cfg.Database)
	native, err := Open(t.Context(), Config{DSN: dsn, Retention: over.cfg.Retention})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := native.Close(); err != nil {
			t.Error(err)
		}
	}()
	if native.http {
		t.Fatal("this is HTTP again")
	}
	events := someEvents("native", 2500)
	for range 2 { // the second is the same block, and counts once
		if err := native.InsertEvents(t.Context(), "native", events); err != nil {
			t.Fatal(err)
		}
	}
	events = someEvents("http", 2500)
	stamp(events, events[0].IngestedAt.Add(time.Second))
	if err := over.InsertEvents(t.Context(), "http", events); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Store{native, over} {
		a, b := eventsOf(t, s, "native"), eventsOf(t, s, "http")
		if len(a) != 2500 || len(b) != 2500 {
			t.Fatalf("http %v: %d and %d events, want 2500", s.http, len(a), len(b))
		}
		for i := range a {
			if a[i] != b[i] {
				t.Fatalf("http %v: event %d is\n%s\nstored over the native protocol, and over HTTP\n%s", s.http, i, a[i], b[i])
			}
		}
	}
	f := func(sql string, params map[string]string, columns func() []resultColumn, row func([]resultColumn, int) string) {
		t.Helper()
		var lists [2][]string
		for i, s := range []*Store{native, over} {
			cols := columns()
			err := s.eachBlock(t.Context(), "read", sql, params, cols, func(rows int) error {
				for r := range rows {
					lists[i] = append(lists[i], row(cols, r))
				}
				return nil
			})
			if err != nil {
				t.Fatalf("http %v: %s: %v", s.http, sql, err)
			}
		}
		if len(lists[0]) < 2*scannedRows || strings.Join(lists[0], "\n") != strings.Join(lists[1], "\n") {
			t.Errorf("%s: %d rows over the native protocol and %d over HTTP, or not the same", sql, len(lists[0]), len(lists[1]))
		}
	}
	f("SELECT toLowCardinality(method), path, client_ip, arrayMap(x -> toUInt32(x), range(position % 5)), [toUInt64(position), 18446744073709551615], arrayMap(x -> toFloat32(x / 3), range(position % 3)) "+
		"FROM events WHERE source = {s:String} ORDER BY position", map[string]string{"s": "native"},
		func() []resultColumn {
			return []resultColumn{newWords(), &textColumn{}, &addressColumn{}, newUint32Lists(), newUint64Lists(), newFloat32Lists()}
		},
		func(c []resultColumn, i int) string {
			return fmt.Sprint(c[0].(*wordColumn).row(i), c[1].(*textColumn).row(i), c[2].(*addressColumn).row(i),
				c[3].(*listColumn[uint32]).row(i), c[4].(*listColumn[uint64]).row(i), c[5].(*listColumn[float32]).row(i))
		})
	stop := errors.New("enough")
	words := newWords()
	err = native.eachBlock(t.Context(), "read", "SELECT toLowCardinality(toString(number)) FROM numbers(1000000)", nil, []resultColumn{words}, func(int) error { return stop })
	if !errors.Is(err, stop) {
		t.Errorf("a consumer that gives up gets %v", err)
	}
	if err := native.eachBlock(t.Context(), "read", "SELECT nosuch FROM events", nil, []resultColumn{newWords()}, func(int) error { return nil }); err == nil || errors.Is(err, ErrUnavailable) {
		t.Errorf("a wrong statement: %v, want the server's refusal", err)
	}
}

// eventsOf is what a store reads of a source, as text that tells neither source nor stamp.
func eventsOf(t *testing.T, s *Store, source string) (list []string) {
	t.Helper()
	err := s.ReadEvents(t.Context(), Query{}, func(e *event.Event) error {
		if e.Source == source {
			e.Source, e.IngestedAt = "", time.Time{}
			list = append(list, fmt.Sprintf("%+v", *e))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
