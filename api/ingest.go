package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/ingest"
	"github.com/gatewatch/gatewatch/parsers"
)

// maxPush bounds a push as it comes over the wire, and (when Deps.Limits does not say) decompressed, in bytes.
const maxPush = 64 << 20

// pushed is what a push answers once the store has it.
type pushed struct {
	Source   string           `json:"source"`
	Lines    uint64           `json:"lines"`
	Events   int              `json:"events"`  // read out of the lines; those that the store had already change nothing
	Failed   uint64           `json:"failed"`  // lines that did not parse
	Skipped  uint64           `json:"skipped"` // lines without a request
	Format   string           `json:"format,omitempty"`
	Failures []ingest.Failure `json:"failures,omitempty"`
}

// body opens the request's body: bounded, decompressed. The caller closes it when the store has what it held.
func (s *Server) body(c echo.Context) (io.ReadCloser, error) {
	if s.deps.Sink == nil {
		return nil, missing("ingest")
	}
	limit := s.deps.Limits.MaxBytes
	if limit <= 0 {
		limit = maxPush
	}
	encoding := c.Request().Header.Get("Content-Encoding")
	r, err := ingest.Decompress(encoding, http.MaxBytesReader(c.Response(), c.Request().Body, maxPush), limit)
	if err == nil {
		if r, err = s.deps.Room.Enter(c.Request().Context(), r); err != nil {
			return nil, bodyFault(err)
		}
		return r, nil
	}
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "gzip", "x-gzip", "zstd":
		return nil, badField("body", "it is not "+encoding)
	}
	c.Response().Header().Set("Accept-Encoding", ingest.Encodings)
	p := problem(http.StatusUnsupportedMediaType, "Content-Encoding: want one of "+ingest.Encodings)
	p.Errors = []FieldError{{"Content-Encoding", "want one of " + ingest.Encodings}}
	return nil, p
}

// bodyFault tells a body that the client broke from one that the decoder refused.
func bodyFault(err error) error {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return fmt.Errorf("%w: more than %d bytes", ingest.ErrTooLarge, large.Limit)
	case errors.Is(err, ingest.ErrBusy):
		return unavailable("other pushes take all the room at the moment; send the same again", err)
	case errors.Is(err, ingest.ErrTooLarge), errors.Is(err, ingest.ErrRejected), errors.Is(err, context.Canceled):
		return err
	}
	return badField("body", "it cannot be read: "+err.Error())
}

// ingestEvents answers POST /v1/ingest/events: NDJSON in the wire form. Events that an agent normalised are taken as they
// are; all others go through the server's own normaliser.
func (s *Server) ingestEvents(c echo.Context) error {
	if err := s.noQuery(c); err != nil {
		return err
	}
	r, err := s.body(c)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	b, err := ingest.DecodeEvents(r, s.deps.Limits)
	if err != nil {
		return bodyFault(err)
	}
	if err := b.ReadHeader(c.Request().Header); err != nil {
		return headerFault(err)
	}
	normalized := c.Request().Header.Get(ingest.HeaderNormalized) == "1" && callerOf(c).role == RoleAgent
	if s.deps.Normalizer != nil && !normalized {
		for i := range b.Events {
			s.deps.Normalizer.Normalize(&b.Events[i])
		}
	}
	out, err := s.write(c, b)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

// headerFault names the header that is not acceptable when the error begins with one.
func headerFault(err error) error {
	text := strings.TrimPrefix(err.Error(), ingest.ErrRejected.Error()+": ")
	name, _, ok := strings.Cut(text, ":")
	if !ok || strings.ContainsRune(name, ' ') {
		name = ingest.HeaderGeneration
	}
	return badField(name, strings.TrimPrefix(text, name+": "))
}

// reading says how the lines of a push are to be read.
type reading struct {
	source, service string
	spec            parsers.Spec
	zone            *time.Location
}

// reading takes the parameters format, source, service and time_zone.
func (p *params) reading() reading {
	r := reading{source: p.text("source"), service: p.text("service")}
	return r.as(p.text("format"), p.text("time_zone"), p.fault)
}

// as adds format and zone, and reports what is wrong with them.
func (r reading) as(format, zone string, fault func(field, detail string)) reading {
	r.spec = parsers.ParseSpec(format)
	var err error
	if r.zone, err = time.LoadLocation(zone); err != nil {
		fault("time_zone", "want an IANA name such as Europe/Berlin")
	}
	if format != "" {
		if err := r.spec.Validate(); err != nil {
			fault("format", err.Error())
		}
	}
	return r
}

// read parses the lines of a body.
func (s *Server) read(body io.Reader, how reading) (*ingest.Batch, error) {
	parser, err := parsers.New(how.spec, parsers.Options{Location: how.zone, WireFields: s.deps.WireFields})
	if err != nil {
		return nil, badField("format", err.Error())
	}
	b, err := ingest.ReadRaw(body, ingest.RawOptions{
		Parser: parser, Normalizer: s.deps.Normalizer, Source: how.source, Service: how.service, Limits: s.deps.Limits,
	})
	if err != nil {
		return nil, bodyFault(err)
	}
	if auto, ok := parser.(*parsers.Auto); ok {
		found := auto.Recognition()
		b.Format, b.Confidence = found.Format, found.Confidence
	}
	return b, nil
}

// ingestRaw answers POST /v1/ingest/raw?format=…&source=…&service=…&time_zone=…: log lines as the gateway wrote them, or
// JSON objects in any of the ways in which senders put several into a body.
func (s *Server) ingestRaw(c echo.Context) error {
	p := s.query(c)
	how := p.reading()
	if err := p.err(); err != nil {
		return err
	}
	r, err := s.body(c)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	b, err := s.read(r, how)
	if err != nil {
		return err
	}
	format, confidence := b.Format, b.Confidence
	if err := b.ReadHeader(c.Request().Header); err != nil {
		return headerFault(err)
	}
	if how.source != "" {
		b.Source = how.source
	}
	if b.Format == "" {
		b.Format, b.Confidence = format, confidence
	}
	out, err := s.write(c, b)
	if err != nil {
		return err
	}
	if out.Lines > 0 && out.Events == 0 && out.Failed > 0 {
		p := problem(http.StatusUnprocessableEntity, "no line was read as a request; "+out.reason())
		p.Errors = []FieldError{{"body", out.reason()}}
		return p
	}
	return c.JSON(http.StatusOK, out)
}

// write hands a batch to the sink and returns what to answer when that has it. A batch without positions is a push: what
// it is stored under is the committer's to choose.
func (s *Server) write(c echo.Context, b *ingest.Batch) (pushed, error) {
	if err := assign(c, b); err != nil {
		return pushed{}, err
	}
	if b.Source == "" {
		b.Source = "push/" + callerOf(c).name
	}
	out := pushed{
		Source: b.Source, Lines: b.Lines, Events: len(b.Events), Failed: b.Failed, Skipped: b.Skipped,
		Format: b.Format, Failures: b.Failures,
	}
	err := s.deps.Sink.Write(c.Request().Context(), b)
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, ingest.ErrRejected), errors.Is(err, ingest.ErrTooLarge), errors.Is(err, context.Canceled):
		return out, err
	}
	return out, unavailable("the store does not take events at the moment; send the same again", err)
}

func (p pushed) reason() string {
	if len(p.Failures) == 0 {
		return "no reason was kept"
	}
	return p.Failures[0].Error
}
