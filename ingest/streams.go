package ingest

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/gatewatch/gatewatch/event"
)

// Kinds of generation, in the two top bits, so that the committer can tell what must be remembered.
const (
	pushBit  = 1 << 63   // events of a push, not of a file
	keyedBit = 1 << 62   // with pushBit: derived from an idempotency key
	fileMask = 1<<63 - 1 // a file's generation has the top bit clear
	maxKeyed = 1 << 20   // keyed pushes remembered; the oldest are forgotten first
	randBits = 1<<20 - 1 // of an unkeyed push: the low bits, beside milliseconds since 1970
	timeMask = 1<<42 - 1 // 139 years of milliseconds
	keySep   = "\x00"    // between source and key, neither can hold it
)

// FileGeneration makes the generation of a file from a fingerprint of its content.
func FileGeneration(fingerprint uint64) uint64 { return fingerprint & fileMask }

// forgettable tells whether no repeat of generation can ever come: a push without an idempotency key.
func forgettable(generation uint64) bool { return generation&pushBit != 0 && generation&keyedBit == 0 }

// streams knows, for every (source, generation), up to which position events are stored or on their way.
type streams struct {
	mu      sync.Mutex
	sources map[string]*source
	keyed   []keyedPush // ring of remembered keyed pushes, oldest at head
	head    int
}

type keyedPush struct {
	source     string
	generation uint64
}

type source struct {
	turn chan struct{} // holds one token; whoever has it writes for the source
	gens map[uint64]*position
}

// position is the state of one generation. It is guarded by its source's turn.
type position struct {
	max  uint64
	some bool
	last *block // the newest block with its events; nil when loaded from the store
}

func newStreams() *streams { return &streams{sources: map[string]*source{}} }

// load takes what the store holds; for use before anything is written.
func (s *streams) load(name string, generation, max uint64) {
	if forgettable(generation) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.position(s.source(name), name, generation)
	if !p.some || max > p.max {
		p.max, p.some = max, true
	}
}

func (s *streams) source(name string) *source {
	src := s.sources[name]
	if src == nil {
		src = &source{turn: make(chan struct{}, 1), gens: map[uint64]*position{}}
		s.sources[name] = src
	}
	return src
}

// position finds or makes a generation's state; s.mu is held.
func (s *streams) position(src *source, name string, generation uint64) *position {
	if p := src.gens[generation]; p != nil {
		return p
	}
	p := &position{}
	if forgettable(generation) {
		return p
	}
	src.gens[generation] = p
	if generation&pushBit != 0 {
		s.remember(keyedPush{name, generation})
	}
	return p
}

// remember bounds the memory of keyed pushes; s.mu is held.
func (s *streams) remember(k keyedPush) {
	if len(s.keyed) < maxKeyed {
		s.keyed = append(s.keyed, k)
		return
	}
	old := s.keyed[s.head]
	if src := s.sources[old.source]; src != nil {
		delete(src.gens, old.generation)
	}
	s.keyed[s.head] = k
	s.head = (s.head + 1) % maxKeyed
}

// stream is one generation while its source's turn is held.
type stream struct {
	src *source
	pos *position
}

// acquire waits for the source's turn. Release it.
func (s *streams) acquire(ctx context.Context, name string, generation uint64) (*stream, error) {
	s.mu.Lock()
	src := s.source(name)
	s.mu.Unlock()
	select {
	case src.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for earlier batches of %s: %w", name, ctx.Err())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return &stream{src: src, pos: s.position(src, name, generation)}, nil
}

func (st *stream) release() { <-st.src.turn }

// fresh returns the events above the largest position stored or on its way, and how many are not.
func (st *stream) fresh(events []event.Event) (fresh []event.Event, duplicate int) {
	if !st.pos.some {
		return events, 0
	}
	i := 0
	for i < len(events) && events[i].Position <= st.pos.max {
		i++
	}
	return events[i:], i
}

// reserve notes that events up to max are on their way in blk.
func (st *stream) reserve(max uint64, blk *block) {
	st.pos.max, st.pos.some, st.pos.last = max, true, blk
}

// pending returns the block with the generation's newest events while it is not stored, else nil.
func (st *stream) pending() *block {
	if st.pos.last == nil {
		return nil
	}
	select {
	case <-st.pos.last.done:
		if st.pos.last.err == nil {
			st.pos.last = nil
		}
	default:
	}
	return st.pos.last
}

// tokens makes the names that must never repeat: insert tokens and the generations of pushes.
type tokens struct {
	run     string
	seed    uint64
	blocks  *atomic.Uint64
	pushes  *atomic.Uint64
	nowFunc func() time.Time
}

func newTokens(now func() time.Time) tokens {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
	return tokens{
		run:     hex.EncodeToString(b[:]),
		seed:    binary.LittleEndian.Uint64(b[:8]),
		blocks:  new(atomic.Uint64),
		pushes:  new(atomic.Uint64),
		nowFunc: now,
	}
}

// block returns the token of a new block.
func (t tokens) block() string {
	return t.run + "-" + strconv.FormatUint(t.blocks.Add(1), 10)
}

// generation returns the generation of a push: derived from its key, or one that increases with time and never
// repeats.
func (t tokens) generation(source, key string) uint64 {
	if key != "" {
		return pushBit | keyedBit | xxhash.Sum64String(source+keySep+key)&(keyedBit-1)
	}
	ms := uint64(t.nowFunc().UnixMilli()) & timeMask
	return pushBit | ms<<20 | (t.seed+t.pushes.Add(1))&randBits
}

// stamps gives blocks their time of ingestion: milliseconds, strictly increasing even when the clock steps back.
type stamps struct{ last time.Time }

func (s *stamps) next(now time.Time) time.Time {
	t := now.UTC().Truncate(time.Millisecond)
	if !t.After(s.last) {
		t = s.last.Add(time.Millisecond)
	}
	s.last = t
	return t
}
