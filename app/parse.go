package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/ingest"
	"github.com/gatewatch/gatewatch/ingest/enrich"
	"github.com/gatewatch/gatewatch/ingest/logfile"
	"github.com/gatewatch/gatewatch/ingest/route"
	"github.com/gatewatch/gatewatch/parsers"
	"github.com/gatewatch/gatewatch/rules"
)

// ParseOptions configure Parse.
type ParseOptions struct {
	Path    string // a file, "-" for In
	Format  parsers.Spec
	Options parsers.Options
	Explain bool // name the recognised format, its score and what the log lacks
	Detect  bool // add route, signatures and attack_score, judged one request at a time
	In      io.Reader
	Out     io.Writer // one event a line
	Err     io.Writer // failed lines, explanation, summary
}

// ErrNothingParsed says that no line of the log was understood.
var ErrNothingParsed = errors.New("no line was parsed")

// Parse prints one normalised event a line to Out, every line that does not parse as one JSON object to Err, and a
// summary at the end. It returns ErrNothingParsed when there was no event.
func Parse(ctx context.Context, o ParseOptions) error {
	file, err := logfile.Open(o.Path, o.In)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	p, err := newLineParser(o.Format, o.Options)
	if err != nil {
		return err
	}
	norm, err := enrich.NewNormalizer(enrich.Config{}, enrich.NormalizerOptions{})
	if err != nil {
		return err
	}
	run := &parseRun{ParseOptions: o, parser: p, norm: norm, out: bufio.NewWriterSize(o.Out, 64<<10)}
	if o.Detect || o.Explain {
		set, err := rules.Builtin()
		if err != nil {
			return err
		}
		run.infos = detectorInfos(set)
		if o.Detect {
			run.match = set.NewMatcher()
			run.enrich = enrich.NewEnricher(enrich.Options{Routes: route.Alone{}})
		}
	}
	err = run.lines(ctx, file)
	if flushErr := run.out.Flush(); err == nil && flushErr != nil {
		err = fmt.Errorf("write events: %w", flushErr)
	}
	run.summary()
	if err == nil && run.parsed == 0 {
		err = ErrNothingParsed
	}
	return err
}

type parseRun struct {
	ParseOptions
	parser *lineParser
	norm   *enrich.Normalizer
	enrich *enrich.Enricher
	match  *rules.Matcher
	infos  []detect.Info
	out    *bufio.Writer
	buf    []byte

	total, parsed, failed, skipped uint64
	seen                           event.FieldSet
}

func (r *parseRun) lines(ctx context.Context, file *logfile.Reader) error {
	var ev event.Event
	for {
		if r.total%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		line, err := file.Next()
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", r.Path, err)
		}
		r.total++
		ev.Reset()
		switch err := r.parser.parse(line, &ev); {
		case errors.Is(err, parsers.ErrNoRequest):
			r.skipped++
		case err != nil:
			r.failed++
			if err := r.report(line, err); err != nil {
				return err
			}
		default:
			r.parsed++
			ev.Source, ev.Position = r.Path, line.Offset
			if err := r.print(&ev); err != nil {
				return err
			}
		}
	}
}

func (r *parseRun) print(ev *event.Event) error {
	r.norm.Normalize(ev)
	if r.match != nil {
		r.enrich.Enrich(ev)
		r.match.Match(ev)
	}
	r.seen.Add(ev)
	r.buf = append(ev.AppendJSON(r.buf[:0]), '\n')
	if _, err := r.out.Write(r.buf); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	return nil
}

func (r *parseRun) report(line logfile.Line, cause error) error {
	text := line.Text
	if len(text) > ingest.MaxFailureLine {
		text = text[:ingest.MaxFailureLine]
	}
	b, err := json.Marshal(struct {
		Error      string `json:"error"`
		LineNumber uint64 `json:"line_number"`
		Line       string `json:"line"`
	}{cause.Error(), line.Number, r.norm.RedactLine(strings.ToValidUTF8(text, "\ufffd"))})
	if err != nil {
		return err
	}
	if _, err := r.Err.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("write failures: %w", err)
	}
	return nil
}

// summary closes stderr; a failed write there has nowhere to be told.
func (r *parseRun) summary() {
	rec := r.parser.recognition()
	if r.Explain {
		explain(r.Err, rec, r.seen, r.infos)
	}
	_, _ = fmt.Fprintf(r.Err, "%d lines: %d parsed, %d failed, %d without a request; format %s\n",
		r.total, r.parsed, r.failed, r.skipped, orUnknown(r.parser.name()))
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
