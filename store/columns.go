package store

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/netip"

	chproto "github.com/ClickHouse/ch-go/proto"
)

// resultColumn is one column of a large result, decoded as a whole. The driver gives results row by row and fills lists
// through reflection, element by element, which costs more than making them; over HTTP the blocks are decoded as they
// come instead. The native protocol has no way to read them, so there rows are scanned and put together again.
type resultColumn interface {
	data() chproto.ColResult
	dest() any // where a row is scanned to
	keep()     // appends what was scanned
}

// wordColumn is a LowCardinality(String).
type wordColumn struct {
	col *chproto.ColLowCardinality[string]
	one string
}

func newWords() *wordColumn {
	return &wordColumn{col: chproto.NewLowCardinality[string](new(chproto.ColStr))}
}

func (c *wordColumn) data() chproto.ColResult { return c.col }
func (c *wordColumn) dest() any               { return &c.one }
func (c *wordColumn) keep()                   { c.col.Append(c.one) }
func (c *wordColumn) row(i int) string        { return c.col.Row(i) }

// textColumn is a String.
type textColumn struct {
	col chproto.ColStr
	one string
}

func (c *textColumn) data() chproto.ColResult { return &c.col }
func (c *textColumn) dest() any               { return &c.one }
func (c *textColumn) keep()                   { c.col.Append(c.one) }
func (c *textColumn) row(i int) string        { return c.col.Row(i) }

// numberColumn is a column of numbers; numbers are its rows.
type numberColumn[T any] struct {
	col     chproto.ColResult
	numbers func() []T
	add     func(T)
	one     T
}

func newUint32s() *numberColumn[uint32] {
	col := new(chproto.ColUInt32)
	return &numberColumn[uint32]{col: col, numbers: func() []uint32 { return *col }, add: col.Append}
}

func newUint64s() *numberColumn[uint64] {
	col := new(chproto.ColUInt64)
	return &numberColumn[uint64]{col: col, numbers: func() []uint64 { return *col }, add: col.Append}
}

func newInt64s() *numberColumn[int64] {
	col := new(chproto.ColInt64)
	return &numberColumn[int64]{col: col, numbers: func() []int64 { return *col }, add: col.Append}
}

func (c *numberColumn[T]) data() chproto.ColResult { return c.col }
func (c *numberColumn[T]) dest() any               { return &c.one }
func (c *numberColumn[T]) keep()                   { c.add(c.one) }

// addressColumn is an IPv6.
type addressColumn struct {
	col chproto.ColIPv6
	one netip.Addr
}

func (c *addressColumn) data() chproto.ColResult { return &c.col }
func (c *addressColumn) dest() any               { return &c.one }
func (c *addressColumn) keep()                   { c.col.Append(chproto.ToIPv6(c.one)) }
func (c *addressColumn) row(i int) netip.Addr    { return c.col.Row(i).ToIP() }

// listColumn is an Array of numbers.
type listColumn[T any] struct {
	col  *chproto.ColArr[T]
	flat func() []T // the values of all rows, one after the other
	one  []T
}

func newUint32Lists() *listColumn[uint32] {
	values := new(chproto.ColUInt32)
	return &listColumn[uint32]{col: chproto.NewArray[uint32](values), flat: func() []uint32 { return *values }}
}

func newUint64Lists() *listColumn[uint64] {
	values := new(chproto.ColUInt64)
	return &listColumn[uint64]{col: chproto.NewArray[uint64](values), flat: func() []uint64 { return *values }}
}

func newFloat32Lists() *listColumn[float32] {
	values := new(chproto.ColFloat32)
	return &listColumn[float32]{col: chproto.NewArray[float32](values), flat: func() []float32 { return *values }}
}

func (c *listColumn[T]) data() chproto.ColResult { return c.col }
func (c *listColumn[T]) dest() any               { return &c.one }
func (c *listColumn[T]) keep()                   { c.col.Append(c.one) }

// row returns a row's list, which is the column's own until the next block.
func (c *listColumn[T]) row(i int) []T {
	from, to := bounds(c.col.Offsets, i)
	return c.flat()[from:to:to]
}

func bounds(ends []uint64, i int) (from, to int) {
	if i > 0 {
		from = int(ends[i-1]) //nolint:gosec // a length
	}
	return from, int(ends[i]) //nolint:gosec // a length
}

// eachBlock runs a statement and calls fn for every block of its result, of so many rows, after columns took it. What
// the columns hold is valid until fn returns.
func (s *Store) eachBlock(ctx context.Context, action, sql string, params map[string]string, columns []resultColumn, fn func(rows int) error) error {
	if !s.http {
		return s.eachScanned(ctx, action, sql, params, columns, fn)
	}
	// A consumer that gives up stops the statement instead of draining it.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	body, err := s.conn.QueryFormat(ctx, "Native", sql, arguments(params)...)
	if err != nil {
		return wrap(action, err)
	}
	defer func() { _ = body.Close() }() // it was read, or is given up
	in := bufio.NewReaderSize(body, 1<<20)
	r := chproto.NewReader(in) // reads from in itself, which is large enough
	for {
		// A statement that fails midway ends with the driver's error, after the line break that begins its frame.
		switch head, err := in.Peek(len("\r\n") + 1); {
		case err != nil && !errors.Is(err, io.EOF):
			return wrap(action, err)
		case len(head) == 0:
			return nil
		}
		var block chproto.Block
		if err := block.DecodeRawBlock(r, 0, targets(columns)); err != nil {
			return wrap(action, err)
		}
		if block.Rows == 0 {
			continue
		}
		if err := fn(block.Rows); err != nil {
			cancel()
			return err
		}
	}
}

// targets empties the columns and makes them what a block is decoded to.
func targets(columns []resultColumn) chproto.Results {
	list := make(chproto.Results, len(columns))
	for i, c := range columns {
		data := c.data()
		data.Reset()
		list[i].Data = data
	}
	return list
}

// scannedRows is how many rows are put together to a block where there are none.
const scannedRows = 1000

func (s *Store) eachScanned(ctx context.Context, action, sql string, params map[string]string, columns []resultColumn, fn func(rows int) error) error {
	dests := make([]any, len(columns))
	for i, c := range columns {
		dests[i] = c.dest()
	}
	n := 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		err := fn(n)
		n = 0
		targets(columns)
		return err
	}
	targets(columns)
	err := s.each(ctx, action, sql, params, dests, func() error {
		for _, c := range columns {
			c.keep()
		}
		if n++; n == scannedRows {
			return flush()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}
