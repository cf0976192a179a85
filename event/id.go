package event

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

// ID returns the event's deterministic id, derived from source, generation and position:
// 16 hex digits of FNV-1a(source), the generation in hex, the position in decimal, joined by dashes.
// It is not stored; ParseID and the three columns find the row again.
func (e *Event) ID() string {
	return e.Place().ID()
}

// ID returns the id of the event at p; see Event.ID.
func (p Place) ID() string {
	b := make([]byte, 0, 56)
	b = appendHex16(b, SourceHash(p.Source))
	b = append(b, '-')
	b = strconv.AppendUint(b, p.Generation, 16)
	b = append(b, '-')
	b = strconv.AppendUint(b, p.Position, 10)
	return string(b)
}

// SourceHash is the 64-bit FNV-1a hash of a source name, as used in event ids.
func SourceHash(source string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(source)) // hash.Hash never fails
	return h.Sum64()
}

// ParseID splits an event id into the source's hash, the generation and the position.
func ParseID(id string) (sourceHash, generation, position uint64, err error) {
	parts := strings.Split(id, "-")
	if len(parts) != 3 || len(parts[0]) != 16 {
		return 0, 0, 0, fmt.Errorf("event id %q: want 16 hex digits, generation and position joined by dashes", id)
	}
	if sourceHash, err = strconv.ParseUint(parts[0], 16, 64); err != nil {
		return 0, 0, 0, fmt.Errorf("event id %q: source: %w", id, err)
	}
	if generation, err = strconv.ParseUint(parts[1], 16, 64); err != nil {
		return 0, 0, 0, fmt.Errorf("event id %q: generation: %w", id, err)
	}
	if position, err = strconv.ParseUint(parts[2], 10, 64); err != nil {
		return 0, 0, 0, fmt.Errorf("event id %q: position: %w", id, err)
	}
	return sourceHash, generation, position, nil
}

func appendHex16(b []byte, v uint64) []byte {
	const digits = "0123456789abcdef"
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, digits[(v>>shift)&15])
	}
	return b
}
