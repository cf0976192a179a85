package engine

import (
	"bufio"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"

	chcompress "github.com/ClickHouse/ch-go/compress"
	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// requestBody undoes the body's Content-Encoding and, when blocks is set, ClickHouse's compressed blocks.
func requestBody(r *http.Request, blocks bool) (io.Reader, error) {
	var body io.Reader = r.Body
	var err error
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		body, err = gzip.NewReader(body)
	case "deflate":
		body, err = zlib.NewReader(body)
	case "br":
		body = brotli.NewReader(body)
	case "zstd":
		// The pieces of the decoder that run on their own would outlive the request.
		body, err = zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	default:
		return nil, newException(codeUnknownCompression, "UNKNOWN_COMPRESSION_METHOD",
			"Unknown Content-Encoding %q", clip(encoding))
	}
	if err != nil {
		return nil, newException(codeBadArguments, "BAD_ARGUMENTS", "Cannot decompress the request: %v", err)
	}
	if blocks {
		body = &blockReader{head: bufio.NewReader(body)}
	}
	return body, nil
}

// blockReader reads ClickHouse's compressed blocks up to a clean end, which the library's reader takes for an error.
type blockReader struct {
	head   *bufio.Reader
	blocks *chcompress.Reader
	left   bool // the last read may have left something of its block
}

func (b *blockReader) Read(p []byte) (int, error) {
	if b.blocks == nil {
		b.blocks = chcompress.NewReader(b.head)
	}
	if !b.left {
		if _, err := b.head.Peek(1); err != nil {
			return 0, err
		}
	}
	n, err := b.blocks.Read(p)
	b.left = n == len(p)
	return n, err
}

// encoder is the compression of a response.
type encoder interface {
	io.WriteCloser
	// start sets the headers of a response that goes out encoded.
	start(h http.Header)
	// trailer ends the encoding and adds a framed exception where clients look for it.
	trailer(frame []byte) error
}

func newEncoder(w http.ResponseWriter, r *http.Request, req *request) (encoder, error) {
	if req.compress {
		methods := map[string]chcompress.Method{"LZ4": chcompress.LZ4, "LZ4HC": chcompress.LZ4HC, "ZSTD": chcompress.ZSTD, "NONE": chcompress.None}
		method, ok := methods[req.method]
		if !ok {
			return nil, newException(codeUnknownCompression, "UNKNOWN_COMPRESSION_METHOD", "Unknown method %q", clip(req.method))
		}
		return &blockEncoder{w: w, blocks: chcompress.NewWriter(chcompress.LevelZero, method)}, nil
	}
	if r.URL.Query().Get("enable_http_compression") == "0" {
		return plainEncoder{w}, nil
	}
	accepted := r.Header.Get("Accept-Encoding")
	for name := range strings.SplitSeq(accepted, ",") {
		name, _, _ = strings.Cut(strings.TrimSpace(name), ";")
		switch name {
		case "gzip":
			return &httpEncoder{name, gzip.NewWriter(w)}, nil
		case "deflate":
			return &httpEncoder{name, zlib.NewWriter(w)}, nil
		case "br":
			return &httpEncoder{name, brotli.NewWriterLevel(w, brotli.BestSpeed)}, nil
		case "zstd":
			z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
			if err != nil {
				return nil, err
			}
			return &httpEncoder{name, z}, nil
		}
	}
	return plainEncoder{w}, nil
}

type plainEncoder struct{ io.Writer }

func (plainEncoder) Close() error                 { return nil }
func (plainEncoder) start(http.Header)            {}
func (e plainEncoder) trailer(frame []byte) error { _, err := e.Write(frame); return err }

// httpEncoder is a Content-Encoding; the exception stands inside it.
type httpEncoder struct {
	name string
	io.WriteCloser
}

func (e *httpEncoder) start(h http.Header) { h.Set("Content-Encoding", e.name) }

func (e *httpEncoder) trailer(frame []byte) error {
	if _, err := e.Write(frame); err != nil {
		return err
	}
	return e.Close()
}

// blockEncoder writes ClickHouse's compressed blocks; the exception stands after them as it is.
type blockEncoder struct {
	w      io.Writer
	blocks *chcompress.Writer
}

const blockSize = 1 << 20

func (e *blockEncoder) Write(p []byte) (int, error) {
	for done := 0; done < len(p); {
		piece := p[done:min(done+blockSize, len(p))]
		if err := e.blocks.Compress(piece); err != nil {
			return done, err
		}
		if _, err := e.w.Write(e.blocks.Data); err != nil {
			return done, err
		}
		done += len(piece)
	}
	return len(p), nil
}

func (e *blockEncoder) Close() error               { return nil }
func (e *blockEncoder) start(http.Header)          {}
func (e *blockEncoder) trailer(frame []byte) error { _, err := e.w.Write(frame); return err }
