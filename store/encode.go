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
	out  []byte
	dict dictionary
}

func newEncoder() *encoder {
	return &encoder{dict: dictionary{index: map[string]uint32{}}}
}

// encodeFunc appends one field of all events, the body of a column without its state prefix, to enc.out.
type encodeFunc func(enc *encoder, events []*event.Event)

// block replaces enc.out by the events as one Native block.
func (enc *encoder) block(events []*event.Event) {
	enc.out = binary.AppendUvarint(enc.out[:0], uint64(len(columns)))
	enc.out = binary.AppendUvarint(enc.out, uint64(len(events)))
	for i := range columns {
		c := &columns[i]
		enc.out = appendString(enc.out, c.name)
		enc.out = appendString(enc.out, c.sqlType)
		if c.sqlType == typeLC || c.sqlType == typeLCs {
			enc.out = binary.LittleEndian.AppendUint64(enc.out, lcStatePrefix)
		}
		c.encode(enc, events)
	}
}

// fill has the driver's columns read the events.
func (enc *encoder) fill(into []chcolumn.Interface, events []*event.Event) error {
	if len(into) != len(columns) {
		return rejected("the store expects %d columns of an event, this program knows %d", len(into), len(columns))
	}
	for i := range columns {
		enc.out = enc.out[:0]
		columns[i].encode(enc, events)
		if err := into[i].Decode(chproto.NewReader(bytes.NewReader(enc.out)), len(events)); err != nil {
			return fmt.Errorf("column %s: %w", columns[i].name, err)
		}
	}
	return nil
}

// release drops what aliases the events' strings.
func (enc *encoder) release() { enc.dict.reset() }

// fixed is a column of values of a fixed width, which put appends.
func fixed(put func(b []byte, e *event.Event) []byte) encodeFunc {
	return func(enc *encoder, events []*event.Event) {
		b := enc.out
		for _, e := range events {
			b = put(b, e)
		}
		enc.out = b
	}
}

func uint64s(of func(*event.Event) uint64) encodeFunc {
	return func(enc *encoder, events []*event.Event) {
		b := slices.Grow(enc.out, 8*len(events))
		for _, e := range events {
			b = binary.LittleEndian.AppendUint64(b, of(e))
		}
		enc.out = b
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
	return func(enc *encoder, events []*event.Event) {
		b := enc.out
		for _, e := range events {
			b = appendString(b, *at(e))
		}
		enc.out = b
	}
}

func words(at func(*event.Event) *string) encodeFunc {
	return func(enc *encoder, events []*event.Event) {
		enc.dict.reset()
		for _, e := range events {
			enc.dict.add(*at(e))
		}
		enc.out = enc.dict.append(enc.out)
	}
}

// offsets appends where each event's list ends; it stands before the elements of an array column.
func (enc *encoder) offsets(events []*event.Event, of func(*event.Event) []string) {
	end := uint64(0)
	for _, e := range events {
		end += uint64(len(of(e)))
		enc.out = binary.LittleEndian.AppendUint64(enc.out, end)
	}
}

func textLists(of func(*event.Event) []string) encodeFunc {
	return func(enc *encoder, events []*event.Event) {
		enc.offsets(events, of)
		for _, e := range events {
			for _, s := range of(e) {
				enc.out = appendString(enc.out, s)
			}
		}
	}
}

func wordLists(of func(*event.Event) []string) encodeFunc {
	return func(enc *encoder, events []*event.Event) {
		enc.offsets(events, of)
		enc.dict.reset()
		for _, e := range events {
			for _, s := range of(e) {
				enc.dict.add(s)
			}
		}
		if len(enc.dict.keys) > 0 { // a column without a value has no body
			enc.out = enc.dict.append(enc.out)
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
