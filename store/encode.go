package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	chproto "github.com/ClickHouse/ch-go/proto"
	chcolumn "github.com/ClickHouse/clickhouse-go/v2/lib/column"

	"github.com/gatewatch/gatewatch/event"
)

// encoder turns events into ClickHouse's Native form, column by column, in one buffer that is reused from block to
// block.
//
// The driver's own columns cost several times as much: it fills a LowCardinality column through reflection and a map of
// interfaces, value by value, and grows every column anew for every block. Source of the form: SerializationString.cpp,
// SerializationArray.cpp and SerializationLowCardinality.cpp of ClickHouse.
type encoder struct {
	columns []buffer
	out     []byte // the block, or what of it is in the making
}

// buffer gathers one column.
type buffer struct {
	offsets []byte // of an array column: where each event's list ends
	end     uint64
	data    []byte     // values, unless these are words
	words   dictionary // values of low cardinality
}

// encodeFunc appends one field of some events to its column's buffer.
type encodeFunc func(to *buffer, events []*event.Event)

func newEncoder() *encoder {
	enc := &encoder{columns: make([]buffer, len(columns))}
	for i := range enc.columns {
		enc.columns[i].words.index = map[string]uint32{}
	}
	return enc
}

// strideEvents is how many events all columns take at a time: few enough to stay in the processor's cache, since every
// column looks at every event.
const strideEvents = 256

// gather replaces the columns' content by the events.
func (enc *encoder) gather(events []*event.Event) {
	for i := range enc.columns {
		enc.columns[i].reset()
	}
	for some := range slices.Chunk(events, strideEvents) {
		for i := range columns {
			columns[i].encode(&enc.columns[i], some)
		}
	}
}

// block replaces enc.out by the events as one Native block.
func (enc *encoder) block(events []*event.Event) {
	enc.gather(events)
	enc.out = binary.AppendUvarint(enc.out[:0], uint64(len(columns)))
	enc.out = binary.AppendUvarint(enc.out, uint64(len(events)))
	for i := range columns {
		c := &columns[i]
		enc.out = appendString(enc.out, c.name)
		enc.out = appendString(enc.out, c.sqlType)
		if c.sqlType == typeLC || c.sqlType == typeLCs {
			enc.out = binary.LittleEndian.AppendUint64(enc.out, lcStatePrefix)
		}
		enc.out = enc.columns[i].append(enc.out)
	}
}

func (b *buffer) reset() {
	b.offsets, b.end, b.data = b.offsets[:0], 0, b.data[:0]
	b.words.reset()
}

// append appends the column's body in Native form. A column without a value has none.
func (b *buffer) append(out []byte) []byte {
	out = append(append(out, b.offsets...), b.data...)
	if len(b.words.keys) > 0 {
		out = b.words.append(out)
	}
	return out
}

// fill has the driver's columns read the events.
func (enc *encoder) fill(into []chcolumn.Interface, events []*event.Event) error {
	if len(into) != len(columns) {
		return rejected("the store expects %d columns of an event, this program knows %d", len(into), len(columns))
	}
	enc.gather(events)
	for i := range columns {
		enc.out = enc.columns[i].append(enc.out[:0])
		if err := into[i].Decode(chproto.NewReader(bytes.NewReader(enc.out)), len(events)); err != nil {
			return fmt.Errorf("column %s: %w", columns[i].name, err)
		}
	}
	return nil
}

// release drops what aliases the events' strings.
func (enc *encoder) release() {
	for i := range enc.columns {
		enc.columns[i].words.reset()
	}
}

// fixed is a column of values of a fixed width, which put appends.
func fixed(put func(b []byte, e *event.Event) []byte) encodeFunc {
	return func(to *buffer, events []*event.Event) {
		for _, e := range events {
			to.data = put(to.data, e)
		}
	}
}

func uint64s(of func(*event.Event) uint64) encodeFunc {
	return func(to *buffer, events []*event.Event) {
		b := to.data
		for _, e := range events {
			b = binary.LittleEndian.AppendUint64(b, of(e))
		}
		to.data = b
	}
}

func times(at func(*event.Event) time.Time) encodeFunc {
	return uint64s(func(e *event.Event) uint64 { return uint64(at(e).UnixNano()) })
}

func floats(at func(*event.Event) *float64) encodeFunc {
	return uint64s(func(e *event.Event) uint64 { return math.Float64bits(*at(e)) })
}

// address appends IPv4 as IPv4-mapped IPv6, and no address as the unspecified one.
func address(b []byte, e *event.Event) []byte {
	var ip [16]byte
	if e.ClientIP.IsValid() && !e.ClientIP.IsUnspecified() {
		ip = e.ClientIP.As16()
	}
	return append(b, ip[:]...)
}

func bot(b []byte, e *event.Event) []byte {
	if e.IsBot {
		return append(b, 1)
	}
	return append(b, 0)
}

func texts(at func(*event.Event) *string) encodeFunc {
	return func(to *buffer, events []*event.Event) {
		b := to.data
		for _, e := range events {
			b = appendString(b, *at(e))
		}
		to.data = b
	}
}

func words(at func(*event.Event) *string) encodeFunc {
	return func(to *buffer, events []*event.Event) {
		for _, e := range events {
			to.words.add(*at(e))
		}
	}
}

// list notes that one event's list has n elements.
func (b *buffer) list(n int) {
	b.end += uint64(n)
	b.offsets = binary.LittleEndian.AppendUint64(b.offsets, b.end)
}

func textLists(of func(*event.Event) []string) encodeFunc {
	return func(to *buffer, events []*event.Event) {
		for _, e := range events {
			list := of(e)
			to.list(len(list))
			for _, s := range list {
				to.data = appendString(to.data, s)
			}
		}
	}
}

func wordLists(of func(*event.Event) []string) encodeFunc {
	return func(to *buffer, events []*event.Event) {
		for _, e := range events {
			list := of(e)
			to.list(len(list))
			for _, s := range list {
				to.words.add(s)
			}
		}
	}
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// dictionary collects the distinct values of a low-cardinality column and each row's key.
type dictionary struct {
	index  map[string]uint32
	values []string
	keys   []uint32
}

func (d *dictionary) reset() {
	clear(d.index)
	clear(d.values)
	d.values, d.keys = d.values[:0], d.keys[:0]
}

func (d *dictionary) add(s string) {
	// Neighbours in a log often share a value, and then often the very string.
	if n := len(d.keys); n > 0 {
		if k := d.keys[n-1]; d.values[k] == s {
			d.keys = append(d.keys, k)
			return
		}
	}
	k, ok := d.index[s]
	if !ok {
		k = uint32(len(d.values))
		d.index[s] = k
		d.values = append(d.values, s)
	}
	d.keys = append(d.keys, k)
}

// A Native LowCardinality column: the version of its keys stands before everything; its body begins with a word that
// gives the keys' width and says that the dictionary follows.
const (
	lcStatePrefix   = 1
	lcHasDictionary = 1<<9 | 1<<10
	lcKeys8         = 0
	lcKeys16        = 1
	lcKeys32        = 2
)

// append appends the column's body: flags, dictionary, keys.
func (d *dictionary) append(b []byte) []byte {
	width := uint64(lcKeys32)
	switch n := len(d.values); {
	case n <= 1<<8:
		width = lcKeys8
	case n <= 1<<16:
		width = lcKeys16
	}
	b = binary.LittleEndian.AppendUint64(b, lcHasDictionary|width)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(d.values)))
	for _, s := range d.values {
		b = appendString(b, s)
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(len(d.keys)))
	b = slices.Grow(b, len(d.keys)<<width)
	switch width {
	case lcKeys8:
		for _, k := range d.keys {
			b = append(b, byte(k))
		}
	case lcKeys16:
		for _, k := range d.keys {
			b = binary.LittleEndian.AppendUint16(b, uint16(k))
		}
	default:
		for _, k := range d.keys {
			b = binary.LittleEndian.AppendUint32(b, k)
		}
	}
	return b
}
