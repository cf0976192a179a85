// Package spool is a bounded buffer on disk that stands before the store where a sender cannot be asked to send again:
// syslog. Records are appended to segment files and handed out in order, each with a generation and a position that
// never come again, so that what is handed out twice after a crash is recognised by the committer and counts once.
//
// A record outlives the process once Append returns: the kernel has it. Run has the disk write what is there once a second,
// so that a power cut takes the last second at most and the cost does not grow with the number of records. It knows nothing
// of what the records hold.
package spool

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/gatewatch/gatewatch/ingest"
)

// Options configure a spool. Dir is required.
type Options struct {
	Dir          string // its own folder; made when it is missing
	MaxBytes     int64  // of all segments; 0: 256 MiB
	SegmentBytes int64  // of one segment; 0: 8 MiB, and at most an eighth of MaxBytes
	ChunkBytes   int    // handed out at once; 0: 4 MiB
	Logger       *slog.Logger
}

// Errors of Append.
var (
	// ErrFull says that the buffer holds MaxBytes: the record was not taken.
	ErrFull = errors.New("the spool is full")
	// ErrRecord says that a record is larger than MaxRecord.
	ErrRecord = errors.New("the record is too large for the spool")
)

// MaxRecord bounds one record, in bytes.
const MaxRecord = 1 << 20

// headerBytes stand before each record: its length and the CRC-32C of its bytes, little endian.
const headerBytes = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const suffix = ".spool"

// Record is one record as it was appended.
type Record struct {
	Position uint64 // of its first byte within the segment; ascending
	Data     []byte
}

// Chunk is a run of records of one segment.
type Chunk struct {
	Generation uint64 // of the segment: never used again
	From, To   uint64 // the bytes of the segment that the records take
	Records    []Record
}

// Spool is a buffer of one writer (or several, which take turns) and one reader. Append and Run may be used at once.
type Spool struct {
	opt Options
	log *slog.Logger

	mu      sync.Mutex
	names   []string // of the segments, oldest first; the last is written to
	sizes   []int64
	total   int64
	out     *os.File
	retired []*os.File // segments written before out, not yet on the disk
	unsaved bool       // out is ahead of the disk
	buf     []byte
	dropped uint64

	wake chan struct{}
}

// Open opens or makes the buffer. What an earlier process left is handed out first.
func Open(o Options) (*Spool, error) {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 256 << 20
	}
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = 8 << 20
	}
	o.SegmentBytes = max(min(o.SegmentBytes, o.MaxBytes/8), 1)
	if o.ChunkBytes <= 0 {
		o.ChunkBytes = 4 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	s := &Spool{opt: o, log: o.Logger, wake: make(chan struct{}, 1)}
	entries, err := os.ReadDir(o.Dir) // by name, which is by age
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, fmt.Errorf("open spool: %w", err)
		}
		s.names, s.sizes = append(s.names, e.Name()), append(s.sizes, info.Size())
		s.total += info.Size()
	}
	if err := s.roll(); err != nil {
		return nil, err
	}
	s.notify()
	return s, nil
}

// roll begins a segment. Its name holds the time, above that of the one before, so that it is never used again.
func (s *Spool) roll() error {
	stamp := uint64(time.Now().UnixNano())
	if n := len(s.names); n > 0 {
		if last, err := strconv.ParseUint(strings.TrimSuffix(s.names[n-1], suffix), 16, 64); err == nil {
			stamp = max(stamp, last+1)
		}
	}
	name := fmt.Sprintf("%016x%s", stamp, suffix)
	out, err := os.OpenFile(filepath.Join(s.opt.Dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("begin a spool segment: %w", err)
	}
	if s.out != nil {
		s.retired = append(s.retired, s.out)
	}
	s.out, s.unsaved = out, true
	s.names, s.sizes = append(s.names, name), append(s.sizes, 0)
	return nil
}

// syncEvery is how often the disk is made to write what is there.
const syncEvery = time.Second

// save makes the disk write what was appended, and lets go of the segments before the last. Appends go on meanwhile.
func (s *Spool) save() error {
	s.mu.Lock()
	retired, out, unsaved := s.retired, s.out, s.unsaved
	s.retired, s.unsaved = nil, false
	s.mu.Unlock()
	var faults []error
	for _, f := range retired {
		faults = append(faults, f.Sync(), f.Close())
	}
	if unsaved && out != nil {
		if err := out.Sync(); err != nil && !errors.Is(err, os.ErrClosed) { // Close has synced it
			faults = append(faults, err)
		}
		dir, err := os.Open(s.opt.Dir)
		if err == nil {
			err = errors.Join(dir.Sync(), dir.Close()) // the names of new segments
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// saving saves every so often until ctx ends.
func (s *Spool) saving(ctx context.Context) {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.save(); err != nil {
			s.log.Error("the spool cannot be written to the disk", "err", err)
		}
	}
}

// Append takes a record. ErrFull and ErrRecord say that it was not taken and is lost unless the caller keeps it.
func (s *Spool) Append(data []byte) error {
	if len(data) > MaxRecord {
		return ErrRecord
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out == nil {
		return os.ErrClosed
	}
	need := int64(headerBytes + len(data))
	if s.total+need > s.opt.MaxBytes {
		s.dropped++
		return ErrFull
	}
	last := len(s.sizes) - 1
	if s.sizes[last] > 0 && s.sizes[last]+need > s.opt.SegmentBytes {
		if err := s.roll(); err != nil {
			return err
		}
		last++
	}
	s.buf = binary.LittleEndian.AppendUint32(s.buf[:0], uint32(len(data)))
	s.buf = binary.LittleEndian.AppendUint32(s.buf, crc32.Checksum(data, castagnoli))
	s.buf = append(s.buf, data...)
	if n, err := s.out.WriteAt(s.buf, s.sizes[last]); err != nil {
		s.dropped++
		return fmt.Errorf("write spool (%d of %d bytes): %w", n, len(s.buf), err)
	}
	s.unsaved = true
	s.sizes[last] += need
	s.total += need
	s.notify()
	return nil
}

func (s *Spool) notify() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Stats says how much waits, and how many records were not taken.
func (s *Spool) Stats() (bytes int64, dropped uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total, s.dropped
}

// Close ends writing. What waits stays on disk.
func (s *Spool) Close() error {
	err := s.save()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out == nil {
		return err
	}
	err = errors.Join(err, s.out.Sync(), s.out.Close())
	s.out = nil
	return err
}

// Run hands out the records in order until ctx ends, and forgets a segment when all of it was taken. A chunk that take
// does not take is handed out again, after a pause that grows to five seconds.
func (s *Spool) Run(ctx context.Context, take func(context.Context, Chunk) error) error {
	ctx, cancel := context.WithCancel(ctx)
	saved := make(chan struct{})
	go func() {
		defer close(saved)
		s.saving(ctx)
	}()
	defer func() {
		cancel()
		<-saved
	}()
	var at int64 // within the oldest segment
	pause := time.Duration(0)
	for {
		chunk, next, err := s.read(at)
		if err != nil {
			return err
		}
		if len(chunk.Records) > 0 {
			err := take(ctx, chunk)
			switch {
			case err == nil:
				at, pause = next, 0
				continue
			case ctx.Err() != nil:
				return nil
			}
			pause = min(max(2*pause, 50*time.Millisecond), 5*time.Second)
			s.log.Warn("what the spool holds is not taken; trying again", "err", err, "pause", pause)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(pause):
			}
			continue
		}
		at = next
		if removed, more := s.forget(at); removed {
			at = 0
			continue
		} else if more {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		}
	}
}

// forget removes the oldest segment, which was taken up to taken, unless it is the one that is written to and empty. More
// says that records came behind taken since it was read: nothing is removed then.
func (s *Spool) forget(taken int64) (removed, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sizes[0] > taken {
		return false, true
	}
	if len(s.names) < 2 {
		if s.sizes[0] == 0 || s.out == nil {
			return false, false
		}
		if s.roll() != nil { // nothing waits: begin anew, so that the disk is given back
			return false, false
		}
	}
	if err := os.Remove(filepath.Join(s.opt.Dir, s.names[0])); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.log.Error("a spool segment cannot be removed", "file", s.names[0], "err", err)
	}
	s.total -= s.sizes[0]
	s.names, s.sizes = slices.Delete(s.names, 0, 1), slices.Delete(s.sizes, 0, 1)
	return true, false
}

// read returns the records from at on, as many as a chunk holds, and where the next begin. An empty chunk means that the
// oldest segment has no more; what is damaged there is passed over, and said.
func (s *Spool) read(at int64) (Chunk, int64, error) {
	s.mu.Lock()
	name, size := s.names[0], s.sizes[0]
	s.mu.Unlock()
	chunk := Chunk{Generation: ingest.FileGeneration(xxhash.Sum64String("spool " + name)), From: uint64(at), To: uint64(at)}
	if at >= size {
		return chunk, at, nil
	}
	f, err := os.Open(filepath.Join(s.opt.Dir, name))
	if err != nil {
		return chunk, at, fmt.Errorf("read spool: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	buf := make([]byte, min(size-at, max(int64(s.opt.ChunkBytes), MaxRecord+headerBytes)))
	if _, err := f.ReadAt(buf, at); err != nil && !errors.Is(err, io.EOF) {
		return chunk, at, fmt.Errorf("read spool: %w", err)
	}
	used := 0
	for len(buf)-used >= headerBytes {
		n := int(binary.LittleEndian.Uint32(buf[used:]))
		if n > MaxRecord || used+headerBytes+n > len(buf) && at+int64(used+headerBytes+n) > size {
			s.log.Warn("a spool segment is damaged; the rest of it is passed over", "file", name, "position", at+int64(used))
			return chunk, size, nil
		}
		if used+headerBytes+n > len(buf) {
			break
		}
		data := buf[used+headerBytes : used+headerBytes+n]
		if crc32.Checksum(data, castagnoli) != binary.LittleEndian.Uint32(buf[used+4:]) {
			s.log.Warn("a spool segment is damaged; the rest of it is passed over", "file", name, "position", at+int64(used))
			return chunk, size, nil
		}
		chunk.Records = append(chunk.Records, Record{Position: uint64(at) + uint64(used), Data: data})
		used += headerBytes + n
		chunk.To = uint64(at) + uint64(used)
	}
	if used == 0 { // a header that was cut off
		return chunk, size, nil
	}
	return chunk, at + int64(used), nil
}
