package watch

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/bits"
	"time"
)

// keptDays is how far back habits reach.
const keptDays = 28

// keptMinutes is the number of minutes in keptDays; a multiple of 64.
const keptMinutes = keptDays * 24 * 60

// minutes says of each minute of the last keptDays whether something happened in it: one bit a minute, in a ring.
type minutes [keptMinutes / 64]uint64

// minuteOf numbers minutes since 1970.
func minuteOf(t time.Time) int64 {
	return t.Unix() / 60
}

// slot is a minute's place in the ring.
func slot(m int64) int { return int(((m % keptMinutes) + keptMinutes) % keptMinutes) }

func (b *minutes) set(m int64) { b[slot(m)/64] |= 1 << (slot(m) % 64) }

// clear forgets the minutes [from, to): a minute is cleared when the ring comes round to it.
func (b *minutes) clear(from, to int64) {
	if to-from >= keptMinutes {
		*b = minutes{}
		return
	}
	for m := from; m < to; m++ {
		b[slot(m)/64] &^= 1 << (slot(m) % 64)
	}
}

// count returns how many of the minutes [from, to) are set; the range lies within the ring.
func (b *minutes) count(from, to int64) (n int) {
	for from < to {
		at := slot(from)
		width := min(int64(64-at%64), to-from)
		word := b[at/64] >> (at % 64)
		if width < 64 {
			word &= 1<<width - 1
		}
		n += bits.OnesCount64(word)
		from += width
	}
	return n
}

// MarshalText and UnmarshalText write the ring as base64.
func (b *minutes) MarshalText() ([]byte, error) {
	raw := make([]byte, 0, len(b)*8)
	for _, w := range b {
		raw = binary.LittleEndian.AppendUint64(raw, w)
	}
	return base64.StdEncoding.AppendEncode(nil, raw), nil
}

// UnmarshalText is the inverse of MarshalText.
func (b *minutes) UnmarshalText(text []byte) error {
	raw, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return fmt.Errorf("minutes: %w", err)
	}
	if len(raw) != len(b)*8 {
		return fmt.Errorf("minutes: %d bytes, want %d", len(raw), len(b)*8)
	}
	for i := range b {
		b[i] = binary.LittleEndian.Uint64(raw[i*8:])
	}
	return nil
}
