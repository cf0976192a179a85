package ingest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Headers of POST /v1/ingest/events that describe the whole batch.
const (
	HeaderSource     = "X-Gatewatch-Source"
	HeaderGeneration = "X-Gatewatch-Generation" // decimal; with From and To: the batch has positions
	HeaderFrom       = "X-Gatewatch-From"       // decimal byte offsets
	HeaderTo         = "X-Gatewatch-To"
	HeaderLines      = "X-Gatewatch-Lines" // read, failed and skipped by the agent
	HeaderFailed     = "X-Gatewatch-Failed"
	HeaderSkipped    = "X-Gatewatch-Skipped"
	HeaderLag        = "X-Gatewatch-Lag" // bytes not yet read
	HeaderFormat     = "X-Gatewatch-Format"
	HeaderConfidence = "X-Gatewatch-Confidence"
	// HeaderNormalized: "1" says that the events went through the normaliser already, as an agent's have. Believe it
	// from a key with the role agent only.
	HeaderNormalized = "X-Gatewatch-Normalized"
	// HeaderKey makes a push without positions repeatable: equal keys of one source are stored once.
	HeaderKey = "Idempotency-Key"
)

// maxSourceName bounds a source's name.
const maxSourceName = 512

// SetHeader writes what concerns the whole batch into h.
func (b *Batch) SetHeader(h http.Header) {
	h.Set(HeaderSource, b.Source)
	if b.Key != "" {
		h.Set(HeaderKey, b.Key)
	}
	if !b.push() {
		h.Set(HeaderGeneration, strconv.FormatUint(b.Generation, 10))
		h.Set(HeaderFrom, strconv.FormatUint(b.From, 10))
		h.Set(HeaderTo, strconv.FormatUint(b.To, 10))
	}
	h.Set(HeaderLines, strconv.FormatUint(b.Lines, 10))
	h.Set(HeaderFailed, strconv.FormatUint(b.Failed, 10))
	h.Set(HeaderSkipped, strconv.FormatUint(b.Skipped, 10))
	h.Set(HeaderLag, strconv.FormatUint(b.Lag, 10))
	if b.Format != "" {
		h.Set(HeaderFormat, b.Format)
		h.Set(HeaderConfidence, strconv.FormatFloat(b.Confidence, 'f', 3, 64))
	}
}

// ReadHeader takes what concerns the whole batch from h into b, which DecodeEvents or ReadRaw made. A header that is
// absent leaves b as it is. Errors wrap ErrRejected.
func (b *Batch) ReadHeader(h http.Header) error {
	if s := h.Get(HeaderSource); s != "" {
		if len(s) > maxSourceName || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return fmt.Errorf("%w: %s: want at most %d bytes without control characters", ErrRejected, HeaderSource, maxSourceName)
		}
		b.Source = s
	}
	for _, f := range []struct {
		name string
		dst  *uint64
	}{
		{HeaderGeneration, &b.Generation},
		{HeaderFrom, &b.From},
		{HeaderTo, &b.To},
		{HeaderLines, &b.Lines},
		{HeaderFailed, &b.Failed},
		{HeaderSkipped, &b.Skipped},
		{HeaderLag, &b.Lag},
	} {
		if s := h.Get(f.name); s != "" {
			v, err := strconv.ParseUint(s, 10, 64)
			if err != nil {
				return fmt.Errorf("%w: %s: %q is no whole number", ErrRejected, f.name, s)
			}
			*f.dst = v
		}
	}
	switch {
	case b.push() && b.Generation != 0, b.To < b.From:
		return fmt.Errorf("%w: generation, from and to go together, and to is not below from", ErrRejected)
	case !b.push() && (b.Generation == 0 || b.Generation != FileGeneration(b.Generation)):
		return fmt.Errorf("%w: %s: want 1 to 2^63-1", ErrRejected, HeaderGeneration)
	}
	b.Key = h.Get(HeaderKey)
	b.Format = h.Get(HeaderFormat)
	if s := h.Get(HeaderConfidence); s != "" {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || !(v >= 0 && v <= 1) {
			return fmt.Errorf("%w: %s: %q: want 0 to 1", ErrRejected, HeaderConfidence, s)
		}
		b.Confidence = v
	}
	return nil
}

// Encodings lists what Decompress understands, for the Accept-Encoding of a 415 answer.
const Encodings = "gzip, zstd, identity"

// Decompress returns the body behind a Content-Encoding: gzip, zstd, identity or none. Reading more than limit bytes
// out of it fails with ErrTooLarge, however small the body was. An unknown encoding is an error wrapping
// ErrRejected. Close the result.
func Decompress(encoding string, r io.Reader, limit int64) (io.ReadCloser, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return &bounded{r: r, left: limit}, nil
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("%w: gzip: %w", ErrRejected, err)
		}
		return &bounded{r: z, left: limit, close: func() { _ = z.Close() }}, nil
	case "zstd":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20),
			zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, fmt.Errorf("%w: zstd: %w", ErrRejected, err)
		}
		return &bounded{r: z, left: limit, close: z.Close}, nil
	}
	return nil, fmt.Errorf("%w: content encoding %q: want one of %s", ErrRejected, encoding, Encodings)
}

// bounded is a reader that fails beyond its limit.
type bounded struct {
	r     io.Reader
	left  int64
	close func()
}

func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}

func (b *bounded) Close() error {
	if b.close != nil {
		b.close()
	}
	return nil
}

func marshalFailure(f *Failure) ([]byte, error) { return json.Marshal(f) }

// RetryAfter reads a Retry-After header in seconds; zero when there is none, at most five minutes.
func RetryAfter(h http.Header) time.Duration {
	s, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || s < 0 {
		return 0
	}
	return min(time.Duration(s)*time.Second, 5*time.Minute)
}
