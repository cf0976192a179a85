package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
)

// distinct counts what states of ClickHouse's aggregate function uniq have seen together, exactly as uniqMerge does. Most
// states of sparse traffic hold one value or two, and the engine takes longer to make, fill and drop a set for each group
// than to hand the states over.
//
// A state is the degree of thinning (a byte), the number of values (a varint) and the values (32-bit hashes). From 65,536
// values on only those are kept whose lowest bits are zero, one more bit for every degree. Source: UniquesHashSet.h of
// ClickHouse.
type distinct struct {
	degree uint8
	values []uint32
}

// mostValues is how many values a state holds.
const mostValues = 1 << 16

// one returns the count of a single state.
func (d *distinct) one(state []byte) (uint32, error) {
	degree, n, _, err := uniqState(state)
	return estimate(n, degree), err
}

// all returns the count of several states together.
func (d *distinct) all(states [][]byte) (uint32, error) {
	if len(states) == 1 {
		return d.one(states[0])
	}
	d.degree, d.values = 0, d.values[:0]
	for _, state := range states {
		degree, n, rest, err := uniqState(state)
		if err != nil {
			return 0, err
		}
		d.degree = max(d.degree, degree)
		for i := range n {
			d.values = append(d.values, binary.LittleEndian.Uint32(rest[4*i:]))
		}
	}
	slices.Sort(d.values)
	d.values = slices.Compact(d.values)
	for d.thin(); len(d.values) > mostValues; d.thin() {
		d.degree++
	}
	return estimate(len(d.values), d.degree), nil
}

// thin drops the values that the degree leaves out.
func (d *distinct) thin() {
	if d.degree > 0 {
		mask := uint32(1)<<d.degree - 1
		d.values = slices.DeleteFunc(d.values, func(v uint32) bool { return v&mask != 0 })
	}
}

// uniqState takes a state apart; values are what follows its head.
func uniqState(state []byte) (degree uint8, n int, values []byte, err error) {
	if len(state) > 1 {
		count, size := binary.Uvarint(state[1:])
		if size > 0 && count <= mostValues && len(state) == 1+size+4*int(count) && state[0] < 32 {
			return state[0], int(count), state[1+size:], nil
		}
	}
	return 0, 0, nil, fmt.Errorf("a state of uniq of %d bytes is none", len(state))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// estimate is the number of different values that so many kept ones stand for.
func estimate(n int, degree uint8) uint32 {
	if degree == 0 {
		return uint32(n) //nolint:gosec // at most mostValues
	}
	// A remainder that looks random, so that nobody sees a power of two.
	var size [8]byte
	binary.LittleEndian.PutUint64(size[:], uint64(n)) //nolint:gosec // a length
	remainder := ^crc32.Checksum(size[:], castagnoli)
	seen := uint64(n)<<degree + uint64(remainder)&(1<<degree-1) //nolint:gosec // a length
	// Values share hashes of 32 bits.
	const all = float64(1 << 32)
	return uint32(math.Round(all * (math.Log(all) - math.Log(all-float64(seen)))))
}
