package libchdb

import (
	"errors"
	"io"
	"runtime"
	"unsafe"
)

// Params are the values of a statement's {name:Type} placeholders, as text.
type Params map[string]string

// Conn is one session of the engine. It runs one statement at a time and is not safe for concurrent use.
type Conn struct {
	lib    *Library
	handle *unsafe.Pointer
}

// Close ends the session. The last connection of a process to close stops the engine.
func (c *Conn) Close() {
	if c.handle != nil {
		c.lib.closeConn(c.handle)
		c.handle = nil
	}
}

// Query runs one statement and returns its whole result in format. The caller frees it. An error is the engine's own
// text, "Code: 60. DB::Exception: …".
func (c *Conn) Query(sql, format string, params Params) (*Result, error) {
	a := bind(params)
	p := c.lib.query(*c.handle, text(sql), uintptr(len(sql)), text(format), uintptr(len(format)),
		a.names(), a.nameLens(), a.values(), a.valueLens(), uintptr(len(params)))
	runtime.KeepAlive(a)
	return c.lib.take(p)
}

// Exec runs one statement whose result is of no interest.
func (c *Conn) Exec(sql string) error {
	r, err := c.Query(sql, "Null", nil)
	if err != nil {
		return err
	}
	r.Free()
	return nil
}

// Stream starts a SELECT whose result is fetched in pieces. The engine streams SELECT and WITH only.
func (c *Conn) Stream(sql, format string, params Params) (*Stream, error) {
	a := bind(params)
	p := c.lib.stream(*c.handle, text(sql), uintptr(len(sql)), text(format), uintptr(len(format)),
		a.names(), a.nameLens(), a.values(), a.valueLens(), uintptr(len(params)))
	runtime.KeepAlive(a)
	if p == nil {
		return nil, errNoResult
	}
	if msg := c.lib.resultError(p); msg != "" {
		c.lib.resultFree(p)
		return nil, errors.New(msg)
	}
	return &Stream{conn: c, handle: p}, nil
}

// Insert starts an INSERT (without FORMAT clause and data) whose data follows in the given format. The connection takes
// no other statement until Done or Cancel.
func (c *Conn) Insert(sql, format string, params Params) (*Insert, error) {
	a := bind(params)
	p := c.lib.insertOpen(*c.handle, text(sql), uintptr(len(sql)), text(format), uintptr(len(format)),
		a.names(), a.nameLens(), a.values(), a.valueLens(), uintptr(len(params)))
	runtime.KeepAlive(a)
	if p == nil {
		return nil, errNoResult
	}
	if msg := c.lib.insertError(p); msg != "" {
		c.lib.insertFree(p)
		return nil, errors.New(msg)
	}
	return &Insert{lib: c.lib, handle: p}, nil
}

// Class says what a statement does to state that outlives it, as the engine's own parser sees it.
type Class uint32

// The classes, in ascending order of restriction; a text of several statements has the class of its strictest.
const (
	ReadOnly       Class = iota // SELECT, SHOW, DESCRIBE, EXPLAIN, EXISTS, CHECK
	Mutating                    // changes a database
	MutatingGlobal              // functions, users, named collections, writes into system
	Control                     // USE, SET, SYSTEM, KILL, BACKUP, temporary tables, writes outside the engine
	Unknown                     // did not parse, or is not known to this version
)

type analysis struct {
	size, statements, _, class uint32
}

// Classify parses sql without running it and returns the number of statements and their class.
func (c *Conn) Classify(sql string) (statements int, class Class) {
	out := &analysis{size: uint32(unsafe.Sizeof(analysis{}))}
	if c.lib.classify(*c.handle, text(sql), uintptr(len(sql)), nil, 0, out) != 0 {
		return 0, Unknown
	}
	return int(out.statements), Class(out.class)
}

// Result is a materialised answer in the engine's memory.
type Result struct {
	lib    *Library
	handle unsafe.Pointer
}

// Bytes is a view of the result, valid until Free.
func (r *Result) Bytes() []byte {
	n := r.lib.resultLength(r.handle)
	if n == 0 {
		return nil
	}
	return unsafe.Slice(r.lib.resultBuffer(r.handle), n)
}

// RowsWritten counts the rows that the statement wrote, those of materialised views included.
func (r *Result) RowsWritten() uint64 { return r.lib.resultRows(r.handle) }

// Free releases the result.
func (r *Result) Free() {
	if r.handle != nil {
		r.lib.resultFree(r.handle)
		r.handle = nil
	}
}

// Stream is a running SELECT.
type Stream struct {
	conn   *Conn
	handle unsafe.Pointer
	ended  bool
}

// Next returns the next piece of the result, which the caller frees, or io.EOF.
func (s *Stream) Next() (*Result, error) {
	if s.ended {
		return nil, io.EOF
	}
	r, err := s.conn.lib.take(s.conn.lib.fetch(*s.conn.handle, s.handle))
	if err != nil {
		s.ended = true
		return nil, err
	}
	if s.conn.lib.resultLength(r.handle) == 0 {
		s.ended = true
		r.Free()
		return nil, io.EOF
	}
	return r, nil
}

// Close abandons what has not been fetched and frees the stream.
func (s *Stream) Close() {
	if s.handle == nil {
		return
	}
	if !s.ended {
		s.conn.lib.cancel(*s.conn.handle, s.handle)
	}
	s.conn.lib.resultFree(s.handle)
	s.handle = nil
}

// Insert is a running INSERT that takes its data in pieces.
type Insert struct {
	lib    *Library
	handle unsafe.Pointer
}

// Append hands over the next bytes of the data; the engine copies them. On an error Done tells the cause.
func (i *Insert) Append(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if i.lib.insertAppend(i.handle, &data[0], uintptr(len(data))) != 0 {
		return errInsertFailed
	}
	return nil
}

// Done ends the data, waits until the engine has committed it, and returns the rows written.
func (i *Insert) Done() (uint64, error) {
	r, err := i.lib.take(i.lib.insertDone(i.handle))
	i.free()
	if err != nil {
		return 0, err
	}
	defer r.Free()
	return r.RowsWritten(), nil
}

// Cancel gives the insert up; blocks that the engine has committed already stay.
func (i *Insert) Cancel() {
	i.lib.insertCancel(i.handle)
	i.free()
}

func (i *Insert) free() {
	i.lib.insertFree(i.handle)
	i.handle = nil
}

var (
	errNoResult     = errors.New("the engine gave no result")
	errInsertFailed = errors.New("the engine takes no more data")
)

func (l *Library) take(p unsafe.Pointer) (*Result, error) {
	if p == nil {
		return nil, errNoResult
	}
	if msg := l.resultError(p); msg != "" {
		l.resultFree(p)
		return nil, errors.New(msg)
	}
	return &Result{lib: l, handle: p}, nil
}

func text(s string) *byte { return unsafe.StringData(s) }

// bound holds parameters as the C interface takes them: arrays of pointers and lengths.
type bound struct {
	name, value       []*byte
	nameLen, valueLen []uintptr
}

func bind(params Params) *bound {
	b := &bound{}
	for k, v := range params {
		// An empty Go string may have no address; the engine is given one all the same.
		b.name = append(b.name, &append([]byte(k), 0)[0])
		b.value = append(b.value, &append([]byte(v), 0)[0])
		b.nameLen = append(b.nameLen, uintptr(len(k)))
		b.valueLen = append(b.valueLen, uintptr(len(v)))
	}
	return b
}

func (b *bound) names() **byte       { return unsafe.SliceData(b.name) }
func (b *bound) values() **byte      { return unsafe.SliceData(b.value) }
func (b *bound) nameLens() *uintptr  { return unsafe.SliceData(b.nameLen) }
func (b *bound) valueLens() *uintptr { return unsafe.SliceData(b.valueLen) }
