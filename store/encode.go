package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	chproto "github.com/ClickHouse/ch-go/proto"
	chcolumn "github.com/ClickHouse/clickhouse-go/v2/lib/column"

	"github.com/gatewatch/gatewatch/event"
)

// encodeFunc appends one field of all events to a column of a block.
type encodeFunc func(enc *encoder, events []*event.Event, to chcolumn.Interface) error

// encoder holds the buffers of one insert, reused from block to block. Columns are appended whole.
//
// The driver fills a LowCardinality column through reflection and a map of interfaces, value by value; that alone costs
// more than the rest of an insert. So the encoder makes the dictionary itself, writes the column in ClickHouse's Native
// form and has the driver's column read it: the same bytes leave, for both of the driver's protocols.
type encoder struct {
	strs  []string
	times []time.Time
	dict  dictionary
	buf   bytes.Buffer
	in    *chproto.Reader
	addrs []chproto.IPv6
}

func newEncoder() *encoder {
	e := &encoder{dict: dictionary{index: map[string]uint32{}}}
	e.in = chproto.NewReader(&e.buf)
	return e
}

// release drops what aliases the events' strings.
func (enc *encoder) release() {
	clear(enc.strs[:cap(enc.strs)])
	enc.dict.reset()
}

// feed has a column read what was written to enc.buf, which is then empty.
func (enc *encoder) feed(to chcolumn.Interface, rows int) error {
	if err := to.Decode(enc.in, rows); err != nil {
		enc.buf.Reset()
		enc.in = chproto.NewReader(&enc.buf) // it may hold a part of what failed
		return fmt.Errorf("column %s: %w", to.Name(), err)
	}
	return nil
}

func appendTo(to chcolumn.Interface, values any) error {
	if _, err := to.Append(values); err != nil {
		return fmt.Errorf("column %s: %w", to.Name(), err)
	}
	return nil
}

func texts(at func(*event.Event) *string) encodeFunc {
	return func(enc *encoder, events []*event.Event, to chcolumn.Interface) error {
		enc.strs = enc.strs[:0]
		for _, e := range events {
			enc.strs = append(enc.strs, *at(e))
		}
		return appendTo(to, enc.strs)
	}
}

func times(at func(*event.Event) time.Time) encodeFunc {
	return func(enc *encoder, events []*event.Event, to chcolumn.Interface) error {
		enc.times = enc.times[:0]
		for _, e := range events {
			enc.times = append(enc.times, at(e))
		}
		return appendTo(to, enc.times)
	}
}

func numbers[T any](of func(*event.Event) T) encodeFunc {
	return func(_ *encoder, events []*event.Event, to chcolumn.Interface) error {
		values := make([]T, len(events))
		for i, e := range events {
			values[i] = of(e)
		}
		return appendTo(to, values)
	}
}

// addresses stores IPv4 as IPv4-mapped IPv6, and no address as the unspecified one.
func addresses(enc *encoder, events []*event.Event, to chcolumn.Interface) error {
	enc.addrs = enc.addrs[:0]
	for _, e := range events {
		var ip chproto.IPv6
		if e.ClientIP.IsValid() && !e.ClientIP.IsUnspecified() {
			ip = e.ClientIP.As16()
		}
		enc.addrs = append(enc.addrs, ip)
	}
	return appendTo(to, enc.addrs)
}

func words(at func(*event.Event) *string) encodeFunc {
	return func(enc *encoder, events []*event.Event, to chcolumn.Interface) error {
		enc.dict.reset()
		for _, e := range events {
			enc.dict.add(*at(e))
		}
		enc.dict.write(&enc.buf)
		return enc.feed(to, len(events))
	}
}

// lists appends an array column, whose elements are plain or low-cardinality strings as the column's type says.
func lists(of func(*event.Event) []string) encodeFunc {
	return func(enc *encoder, events []*event.Event, to chcolumn.Interface) error {
		var end uint64
		for _, e := range events {
			end += uint64(len(of(e)))
			enc.buf.Write(binary.LittleEndian.AppendUint64(enc.buf.AvailableBuffer(), end))
		}
		if to.Type() == typeLCs {
			enc.dict.reset()
			for _, e := range events {
				for _, s := range of(e) {
					enc.dict.add(s)
				}
			}
			if end > 0 { // an empty column of this kind has no body
				enc.dict.write(&enc.buf)
			}
			return enc.feed(to, len(events))
		}
		for _, e := range events {
			for _, s := range of(e) {
				writeString(&enc.buf, s)
			}
		}
		return enc.feed(to, len(events))
	}
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

// Bits of a Native LowCardinality column's first word: the keys' width, and that the dictionary follows.
// Source: SerializationLowCardinality.cpp of ClickHouse.
const (
	lcHasDictionary = 1<<9 | 1<<10
	lcKeys8         = 0
	lcKeys16        = 1
	lcKeys32        = 2
)

// write writes the column's body in Native form: flags, dictionary, keys.
func (d *dictionary) write(b *bytes.Buffer) {
	width := uint64(lcKeys32)
	switch n := len(d.values); {
	case n <= 1<<8:
		width = lcKeys8
	case n <= 1<<16:
		width = lcKeys16
	}
	writeUint64(b, lcHasDictionary|width)
	writeUint64(b, uint64(len(d.values)))
	for _, s := range d.values {
		writeString(b, s)
	}
	writeUint64(b, uint64(len(d.keys)))
	b.Grow(len(d.keys) << width)
	out := b.AvailableBuffer()
	switch width {
	case lcKeys8:
		for _, k := range d.keys {
			out = append(out, byte(k))
		}
	case lcKeys16:
		for _, k := range d.keys {
			out = binary.LittleEndian.AppendUint16(out, uint16(k))
		}
	default:
		for _, k := range d.keys {
			out = binary.LittleEndian.AppendUint32(out, k)
		}
	}
	b.Write(out)
}

func writeUint64(b *bytes.Buffer, v uint64) {
	b.Write(binary.LittleEndian.AppendUint64(b.AvailableBuffer(), v))
}

func writeString(b *bytes.Buffer, s string) {
	b.Write(binary.AppendUvarint(b.AvailableBuffer(), uint64(len(s))))
	b.WriteString(s)
}
