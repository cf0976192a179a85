// Package ingest owns the way of events into the store: the batch, the sink that takes it, the committer that makes
// large blocks of many small batches and acknowledges them once they are stored, and the wire form that agents and
// others push.
//
// Following files is ingest/tail, the agent's HTTP client is ingest/ship, enrichment ingest/enrich and ingest/route.
// It knows neither SQL nor detectors: the store, the rules and whoever listens to stored blocks are handed in.
package ingest

import (
	"context"
	"errors"

	"github.com/gatewatch/gatewatch/event"
)

// Batch holds events of one generation of one source, in ascending order of position.
type Batch struct {
	Source     string
	Generation uint64
	// From and To are the byte range [From, To) of the file that the batch covers, junk and half-lines included.
	// Both are zero for a push that has no positions; the committer then gives it a generation and positions.
	From, To uint64

	Events []event.Event // ascending Position; owned by the sink once Write was called

	Lines    uint64    // lines read, empty ones included
	Failed   uint64    // lines that did not parse
	Skipped  uint64    // lines that carry no request
	Failures []Failure // a bounded sample of the failed lines

	Format     string  // the parser that read the lines, when all were read by one
	Confidence float64 // how sure the recognition of the format was, 0..1; 0 when it was configured
	Lag        uint64  // bytes of the source that were not yet read when the batch was closed

	// Key is the idempotency key of a push without positions: a repeat under the same key is dropped.
	Key string
}

// Failure is one line that did not parse.
type Failure struct {
	LineNumber uint64 `json:"line_number,omitempty"` // 1-based, within the push; 0 for a line of a file
	Position   uint64 `json:"position,omitempty"`    // byte offset, for a line of a file
	Line       string `json:"line,omitempty"`        // at most MaxFailureLine bytes, secrets replaced
	Error      string `json:"error"`
}

// Bounds on what is kept of failed lines.
const (
	MaxFailures    = 10  // failures kept of one batch
	MaxFailureLine = 256 // bytes kept of one failed line
)

// push tells whether b came without positions.
func (b *Batch) push() bool { return b.From == 0 && b.To == 0 }

// fail counts a failed line and keeps it while there is room.
func (b *Batch) fail(f Failure) {
	b.Failed++
	if len(b.Failures) < MaxFailures {
		b.Failures = append(b.Failures, f)
	}
}

// Sink takes batches.
type Sink interface {
	// Write returns nil only when the store has the batch. Writing the same range, or the same key, again changes
	// nothing. Any error that is not ErrRejected is worth a retry with the same batch. Write owns b.Events even when
	// it fails: a retry decodes them again.
	Write(ctx context.Context, b *Batch) error
}

// Errors of sinks and decoders. Test with errors.Is.
var (
	// ErrRejected says that the batch will never be accepted: a retry is useless.
	ErrRejected = errors.New("batch rejected")
	// ErrTooLarge says that a body, decompressed, is beyond its limit.
	ErrTooLarge = errors.New("body too large")
	// ErrClosed is returned by a committer that is stopping; what was not acknowledged is not stored.
	ErrClosed = errors.New("ingest is stopping")
)

// Normalizer makes a parsed event fit to leave the machine: identity and client address from the raw material in
// Wire, secrets replaced, Wire cleared. ingest/enrich implements it.
type Normalizer interface {
	Normalize(ev *event.Event)
}

// LineRedactor is implemented by a Normalizer that can also replace the secrets in a line that did not parse.
// Without it no part of such a line is kept.
type LineRedactor interface {
	RedactLine(line string) string
}
