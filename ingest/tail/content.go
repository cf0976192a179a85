package tail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// headSize bounds the first bytes of a file that tell one incarnation from another.
const headSize = 4096

// content is the bytes of one file, decompressed when it is an archive, addressed by offset.
type content struct {
	file    *os.File
	archive func(io.Reader) (io.ReadCloser, error) // nil: a plain file

	stream io.ReadCloser // of an archive: decompressed, standing at pos
	pos    uint64
}

// openContent opens path, which may be a plain file or a gzip or zstd archive, told by its first bytes.
func openContent(path string) (*content, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	var magic [4]byte
	n, err := f.ReadAt(magic[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, f.Close())
	}
	return &content{file: f, archive: decompressor(magic[:n])}, nil
}

func decompressor(magic []byte) func(io.Reader) (io.ReadCloser, error) {
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return func(r io.Reader) (io.ReadCloser, error) {
			z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(128<<20))
			if err != nil {
				return nil, err
			}
			return z.IOReadCloser(), nil
		}
	}
	return nil
}

func (c *content) close() {
	if c.stream != nil {
		_ = c.stream.Close()
		c.stream = nil
	}
	_ = c.file.Close() // read only
}

// readAt fills buf from offset off as far as there is content; io.EOF comes with less. An archive that ends early is
// io.ErrUnexpectedEOF.
func (c *content) readAt(buf []byte, off uint64) (int, error) {
	if c.archive == nil {
		return c.file.ReadAt(buf, int64(off))
	}
	if c.stream == nil || c.pos > off {
		if err := c.rewind(); err != nil {
			return 0, err
		}
	}
	if c.pos < off {
		n, err := io.CopyN(io.Discard, c.stream, int64(off-c.pos))
		c.pos += uint64(n)
		if err != nil {
			return 0, err
		}
	}
	n := 0
	for n < len(buf) { // not io.ReadFull: it hides whether an archive ended or broke off
		m, err := c.stream.Read(buf[n:])
		n += m
		c.pos += uint64(m)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (c *content) rewind() error {
	if c.stream != nil {
		_ = c.stream.Close()
		c.stream = nil
	}
	z, err := c.archive(io.NewSectionReader(c.file, 0, 1<<62))
	if err != nil {
		return fmt.Errorf("%s: %w", c.file.Name(), err)
	}
	c.stream, c.pos = z, 0
	return nil
}

// head returns the first bytes, headSize at most.
func (c *content) head() ([]byte, error) {
	buf := make([]byte, headSize)
	n, err := c.readAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return buf[:n], nil
}

// size returns how many bytes there are; 0 for an archive, whose size is known at its end only.
func (c *content) size() (uint64, error) {
	if c.archive != nil {
		return 0, nil
	}
	info, err := c.file.Stat()
	if err != nil {
		return 0, err
	}
	return uint64(info.Size()), nil
}

// naturalHead returns the length of the part of head that names a file for good: its first line that is no comment,
// with the comments before it, or all of head when that line is longer. Zero: the line is not complete yet. final says
// that nothing will be added.
func naturalHead(head []byte, final bool) int {
	for at := 0; at < len(head); {
		end := bytes.IndexByte(head[at:], '\n')
		if end < 0 {
			break
		}
		line := head[at : at+end]
		at += end + 1
		if len(bytes.TrimSpace(line)) > 0 && line[0] != '#' {
			return at
		}
	}
	if len(head) == headSize || final {
		return len(head)
	}
	return 0
}

func fingerprint(b []byte) uint64 { return xxhash.Sum64(b) }
