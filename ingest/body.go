package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unsafe"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/parsers"
)

// Limits bound one push. The zero value means the defaults.
type Limits struct {
	MaxBytes  int64 // of the decompressed body; 0: 64 MiB
	MaxEvents int   // 0: 50,000
	MaxLine   int   // bytes of a line; longer ones are counted as failed; 0: 1 MiB
}

const maxEvents = 50_000

func (l *Limits) setDefaults() {
	if l.MaxBytes <= 0 {
		l.MaxBytes = 64 << 20
	}
	if l.MaxEvents <= 0 {
		l.MaxEvents = maxEvents
	}
	if l.MaxLine <= 0 {
		l.MaxLine = 1 << 20
	}
}

// DecodeEvents reads a push of events in the wire form (NDJSON; see Batch.AppendWire) from a decompressed body. A bad
// line is counted in the batch; errors are about the body as a whole: ErrTooLarge when it is beyond the limits, else the
// reader's. The caller fills in what came with the headers (Batch.ReadHeader), and normalises the events unless an agent
// has done so.
func DecodeEvents(r io.Reader, l Limits) (*Batch, error) {
	l.setDefaults()
	text, err := readBody(r, l.MaxBytes)
	if err != nil {
		return nil, err
	}
	b := &Batch{Events: make([]event.Event, 0, eventsIn(text, l.MaxEvents))}
	for number := uint64(1); len(text) > 0; number++ {
		line := cutNewline(&text)
		b.Lines++
		switch {
		case line == "":
			b.Skipped++
			continue
		case len(line) > l.MaxLine:
			b.fail(Failure{LineNumber: number, Error: fmt.Sprintf("%d bytes: the limit is %d", len(line), l.MaxLine)})
			continue
		case len(b.Events) == l.MaxEvents:
			return nil, fmt.Errorf("%w: more than %d events", ErrTooLarge, l.MaxEvents)
		}
		b.Events = append(b.Events, event.Event{})
		ev := &b.Events[len(b.Events)-1]
		ev.Reset()
		var f Failure
		if err := decodeLine(line, ev, &f); err != nil {
			b.Events = b.Events[:len(b.Events)-1]
			if !errors.Is(err, errFailureLine) {
				f = Failure{LineNumber: number, Error: err.Error()}
			}
			b.fail(f)
		}
	}
	return b, nil
}

// RawOptions say how raw lines are read.
type RawOptions struct {
	Parser     parsers.Parser
	Normalizer Normalizer // nil: events keep their raw material; for tests and `gatewatch parse`
	Source     string     // as the normaliser shall see it; the batch carries it too
	Service    string     // of events that name none
	Limits     Limits
}

// ReadRaw reads a push of raw log lines, or of JSON objects in a list or one after the other, from a decompressed body.
// Errors are as for DecodeEvents.
func ReadRaw(r io.Reader, o RawOptions) (*Batch, error) {
	o.Limits.setDefaults()
	text, err := readBody(r, o.Limits.MaxBytes)
	if err != nil {
		return nil, err
	}
	rs := newRecords(text)
	b := &Batch{Source: o.Source, Events: make([]event.Event, 0, rs.count(o.Limits.MaxEvents))}
	rd := LineReader{Parser: o.Parser, Normalizer: o.Normalizer, Service: o.Service}
	for number := uint64(1); ; number++ {
		line, more := rs.next()
		if !more {
			return b, nil
		}
		if len(line) > o.Limits.MaxLine {
			b.Lines++
			b.fail(Failure{LineNumber: number, Error: fmt.Sprintf("%d bytes: the limit is %d", len(line), o.Limits.MaxLine)})
			continue
		}
		if len(b.Events) == o.Limits.MaxEvents {
			return nil, fmt.Errorf("%w: more than %d events", ErrTooLarge, o.Limits.MaxEvents)
		}
		rd.Read(b, line, Failure{LineNumber: number}, number-1)
	}
}

// LineReader turns lines into events of a batch: parse, normalise, count. It is not safe for concurrent use.
type LineReader struct {
	Parser     parsers.Parser
	Normalizer Normalizer // may be nil
	Service    string     // of events that name none
}

// Read parses line and appends its event to b at position, or counts it. where names the line in a failure; its Line
// and Error are filled in here. Strings of the event alias line.
func (rd *LineReader) Read(b *Batch, line string, where Failure, position uint64) {
	b.Lines++
	b.Events = append(b.Events, event.Event{})
	ev := &b.Events[len(b.Events)-1]
	ev.Reset()
	err := rd.Parser.Parse(line, ev)
	if err == nil {
		ev.Source, ev.Generation, ev.Position = b.Source, b.Generation, position
		if ev.Service == "" {
			ev.Service = rd.Service
		}
		if rd.Normalizer != nil {
			rd.Normalizer.Normalize(ev)
		}
		return
	}
	b.Events = b.Events[:len(b.Events)-1]
	if errors.Is(err, parsers.ErrNoRequest) {
		b.Skipped++
		return
	}
	where.Error = err.Error()
	if len(b.Failures) < MaxFailures {
		if red, ok := rd.Normalizer.(LineRedactor); ok {
			where.Line = cutLine(red.RedactLine(line[:min(len(line), 4*MaxFailureLine)]))
		}
	}
	b.fail(where)
}

// readBody reads all of r, at most limit bytes, into a string that nothing else refers to.
func readBody(r io.Reader, limit int64) (string, error) {
	var buf bytes.Buffer
	n, err := buf.ReadFrom(io.LimitReader(r, limit+1))
	if err != nil {
		return "", fmt.Errorf("read body: %w", err)
	}
	if n > limit {
		return "", fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	return unsafe.String(unsafe.SliceData(buf.Bytes()), buf.Len()), nil // the buffer is never written again
}

// cutNewline takes the first line off text, without its line end.
func cutNewline(text *string) string {
	line, rest, _ := strings.Cut(*text, "\n")
	*text = rest
	return strings.TrimSuffix(line, "\r")
}

func eventsIn(text string, limit int) int {
	return min(strings.Count(text, "\n")+1, limit)
}
