// Package logfile reads whole log files once, plain or compressed, line by line: what analyze, parse and import need.
// Following files that grow is ingest/tail.
package logfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// MaxLine is the longest line that is handed out, in bytes; see Reader.Next.
const MaxLine = 1 << 20

const chunkSize = 256 << 10

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

	utf16Little = []byte{0xff, 0xfe}
	utf16Big    = []byte{0xfe, 0xff}
	errUTF16    = errors.New("it is UTF-16 (Windows tools write that); convert it: iconv -f UTF-16 -t UTF-8")
)

// Line is one line of a log.
type Line struct {
	// Text has no line end and is cut at MaxLine bytes. It aliases a chunk of a few hundred KiB.
	Text string
	// Offset is the position of the line's first byte in the decompressed file; Number counts from 1.
	Offset, Number uint64
	// Cut says that the line was longer than MaxLine and the rest of it was passed over.
	Cut bool
}

// Reader reads the lines of one file. It is used by one goroutine; BytesRead may be called by others.
type Reader struct {
	src    io.Reader
	closes []io.Closer
	read   *counter
	size   int64

	buf    []byte
	chunk  string // what is left of the current chunk, whole lines
	rest   []byte // the begun line after it
	offset uint64
	number uint64
	// skipped bytes belong to the chunk's first line, which is overlong.
	skipped uint64
	end     error // what ended the file
}

// Open opens a log, "-" for stdin. Gzip and zstd are recognised by their first bytes, not by the file's name.
func Open(path string, stdin io.Reader) (*Reader, error) {
	if path == "-" {
		return NewReader(stdin)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err // it names the operation and the path
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("open %s: it is a directory; name the log files in it", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r, err := NewReader(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), f.Close())
	}
	r.closes = append(r.closes, f)
	r.size = info.Size()
	return r, nil
}

// NewReader reads a log from src, decompressing gzip and zstd; the errors are Plain's.
func NewReader(src io.Reader) (*Reader, error) {
	counted := &counter{src: src}
	plain, closes, err := Plain(counted)
	if err != nil {
		return nil, err
	}
	return &Reader{src: plain, closes: closes, read: counted, buf: make([]byte, chunkSize)}, nil
}

// Plain returns what src holds: decompressed when it is gzip or zstd, by its first bytes. What it returns beside is to be
// closed at the end; src is not. UTF-16 is an error.
func Plain(src io.Reader) (io.Reader, []io.Closer, error) {
	head := bufio.NewReaderSize(src, 64<<10)
	magic, err := head.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(magic, gzipMagic):
		z, err := gzip.NewReader(head)
		if err != nil {
			return nil, nil, fmt.Errorf("gzip: %w", err)
		}
		return z, []io.Closer{z}, nil
	case bytes.HasPrefix(magic, zstdMagic):
		z, err := zstd.NewReader(head, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, fmt.Errorf("zstd: %w", err)
		}
		return z, []io.Closer{z.IOReadCloser()}, nil
	case bytes.HasPrefix(magic, utf16Little) || bytes.HasPrefix(magic, utf16Big):
		return nil, nil, errUTF16
	}
	return head, nil, nil
}

// Next returns the next line, io.EOF after the last. The last line counts even without a line end. An error of the file
// itself (a truncated archive) comes after the lines that could be read.
func (r *Reader) Next() (Line, error) {
	for r.chunk == "" {
		if err := r.fill(); err != nil {
			return Line{}, err
		}
	}
	text, rest, ended := strings.Cut(r.chunk, "\n")
	r.chunk = rest
	r.number++
	line := Line{Text: strings.TrimSuffix(text, "\r"), Offset: r.offset, Number: r.number}
	r.offset += uint64(len(text)) + r.skipped
	r.skipped = 0
	if ended {
		r.offset++
	}
	if len(line.Text) > MaxLine {
		line.Text, line.Cut = line.Text[:MaxLine], true
	}
	return line, nil
}

// fill makes chunk hold at least one whole line, or the rest of an overlong one.
func (r *Reader) fill() error {
	for r.end == nil && r.chunk == "" {
		n, err := r.src.Read(r.buf)
		data := r.buf[:n]
		if end := bytes.LastIndexByte(data, '\n'); end >= 0 {
			r.take(data, end+1)
		} else {
			r.hold(data)
		}
		if err != nil {
			r.end = err
		}
	}
	switch {
	case r.chunk != "":
		return nil
	case len(r.rest) > 0:
		r.chunk, r.rest = string(r.rest), nil
		return nil
	case errors.Is(r.end, io.EOF) && !errors.Is(r.end, io.ErrUnexpectedEOF):
		return io.EOF
	default:
		return fmt.Errorf("read: %w", r.end)
	}
}

// take makes the held beginning and data up to end the new chunk, and holds what follows.
func (r *Reader) take(data []byte, end int) {
	var b strings.Builder
	b.Grow(len(r.rest) + end)
	b.Write(r.rest)
	b.Write(data[:end])
	r.chunk = b.String()
	r.rest = append(r.rest[:0], data[end:]...)
}

// hold keeps the begun line, but of an overlong one only what Next hands out and one byte more.
func (r *Reader) hold(data []byte) {
	room := max(MaxLine+1-len(r.rest), 0)
	kept := min(room, len(data))
	r.rest = append(r.rest, data[:kept]...)
	r.skipped += uint64(len(data) - kept)
}

// BytesRead is how much of the file (compressed, as it lies on disk) was read.
func (r *Reader) BytesRead() int64 { return r.read.n.Load() }

// Size is the file's size on disk, 0 when unknown (stdin).
func (r *Reader) Size() int64 { return r.size }

// Close closes the file.
func (r *Reader) Close() error {
	var errs []error
	for _, c := range r.closes {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

type counter struct {
	src io.Reader
	n   atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.src.Read(p)
	c.n.Add(int64(n))
	return n, err
}
