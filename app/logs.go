package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/ingest/enrich"
	"github.com/gatewatch/gatewatch/ingest/logfile"
	"github.com/gatewatch/gatewatch/parsers"
)

// lineParser is a source's parser: one configured format, or one that is recognised.
type lineParser struct {
	parsers.Parser
	auto  *parsers.Auto
	fixed string
}

func newLineParser(spec parsers.Spec, o parsers.Options) (*lineParser, error) {
	if s := spec.String(); s == "" || s == "auto" {
		auto := parsers.NewAuto(o)
		return &lineParser{Parser: auto, auto: auto}, nil
	}
	p, err := parsers.New(spec, o)
	if err != nil {
		return nil, err
	}
	return &lineParser{Parser: p, fixed: spec.String()}, nil
}

func (p *lineParser) parse(line logfile.Line, ev *event.Event) error {
	if line.Cut {
		return fmt.Errorf("the line is longer than %d bytes", logfile.MaxLine)
	}
	return p.Parse(line.Text, ev)
}

func (p *lineParser) recognition() parsers.Recognition {
	if p.auto == nil {
		return parsers.Recognition{Format: p.fixed, Confidence: 1}
	}
	return p.auto.Recognition()
}

func (p *lineParser) name() string { return p.recognition().Format }

// logStats says what was read of one log.
type logStats struct {
	Path            string
	Format          string
	Confidence      float64
	Lines, Parsed   uint64
	Failed, Skipped uint64
	FirstFailure    string
	First, Last     time.Time
	Fields          event.FieldSet
	TruncatedBy     string // why the file ended early, empty when it did not
}

// logReader parses one log in a goroutine of its own and hands out its events in slabs.
type logReader struct {
	stats  logStats
	start  time.Time // of the first event, for the order of opening
	slabs  chan []*event.Event
	cur    []*event.Event
	failed error
}

const slabEvents = 256

// logMerge merges several logs into one stream that is about in order of time: rotated files one after the other,
// files of several gateways side by side. At most those files are open whose time has come.
type logMerge struct {
	opts    logMergeOptions
	waiting []*logReader // by start
	active  []*logReader
	done    []*logReader
	group   *errgroup.Group
	ctx     context.Context //nolint:containedctx // the merge lives exactly as long as one Run of its caller
}

type logMergeOptions struct {
	Paths      []string
	Format     parsers.Spec
	Parse      parsers.Options
	Normalizer *enrich.Normalizer
	Service    string
	Stdin      io.Reader
	Read       func(delta int64) // progress in bytes on disk; nil: none
}

// logReorderLimit is how many events each of several logs may hold back to be in order for the merge.
const logReorderLimit = 20_000

// openLogs finds out when each log begins. A log in which nothing can be parsed is an error that names it.
func openLogs(ctx context.Context, group *errgroup.Group, o logMergeOptions) (*logMerge, error) {
	m := &logMerge{opts: o, group: group, ctx: ctx}
	seen := map[string]bool{}
	var faults []error
	for _, path := range o.Paths {
		if seen[path] {
			faults = append(faults, fmt.Errorf("%s is named twice", path))
			continue
		}
		seen[path] = true
		r := &logReader{stats: logStats{Path: path}}
		if path != "-" {
			start, err := firstTime(path, o)
			if err != nil {
				faults = append(faults, err)
				continue
			}
			r.start = start
		}
		m.waiting = append(m.waiting, r)
	}
	slices.SortStableFunc(m.waiting, func(a, b *logReader) int { return a.start.Compare(b.start) })
	return m, errors.Join(faults...)
}

// firstTime is when a log begins: the earliest time of its first events, of which some may have a wrong clock; zero when
// the log is empty.
func firstTime(path string, o logMergeOptions) (time.Time, error) {
	const enough = 20_000 // lines of junk before the first event
	const sure = 64       // events
	file, err := logfile.Open(path, nil)
	if err != nil {
		return time.Time{}, err
	}
	defer func() { _ = file.Close() }() // it was only read
	p, err := newLineParser(o.Format, o.Parse)
	if err != nil {
		return time.Time{}, err
	}
	var ev event.Event
	var first time.Time
	var last error
	for n, parsed := 0, 0; parsed < sure; n++ {
		line, err := file.Next()
		switch {
		case err != nil && (parsed > 0 || n == 0 && errors.Is(err, io.EOF)):
			return first, nil // what is wrong with the file is told when it is read in earnest
		case err != nil && !errors.Is(err, io.EOF):
			return time.Time{}, fmt.Errorf("%s: %w", path, err)
		case parsed == 0 && (err != nil || n == enough):
			return time.Time{}, fmt.Errorf("%s: none of its first %d lines is a request that can be read (%w); "+
				"see `gatewatch parse --explain %s`, or name the format with --format", path, n, orErr(last), path)
		}
		ev.Reset()
		switch err := p.parse(line, &ev); {
		case err == nil:
			parsed++
			if first.IsZero() || ev.Time.Before(first) {
				first = ev.Time
			}
		case !errors.Is(err, parsers.ErrNoRequest):
			last = err
		}
	}
	return first, nil
}

func orErr(err error) error {
	if err == nil {
		return errors.New("no line carries a request")
	}
	return err
}

// next returns the next event, nil at the end of all logs. The event is the caller's.
func (m *logMerge) next() (*event.Event, error) {
	for {
		best, err := m.earliest()
		if err != nil {
			return nil, err
		}
		if best == nil && len(m.waiting) == 0 {
			return nil, nil
		}
		if len(m.waiting) > 0 && (best == nil || !m.waiting[0].start.After(best.cur[0].Time)) {
			m.activate()
			continue
		}
		ev := best.cur[0]
		best.cur = best.cur[1:]
		return ev, nil
	}
}

// earliest returns the active log whose next event is the earliest, and retires those that ended.
func (m *logMerge) earliest() (best *logReader, err error) {
	for i := 0; i < len(m.active); {
		r := m.active[i]
		if len(r.cur) == 0 {
			slab, ok := <-r.slabs
			if !ok {
				if r.failed != nil {
					return nil, r.failed
				}
				m.done = append(m.done, r)
				m.active = slices.Delete(m.active, i, i+1)
				continue
			}
			r.cur = slab
		}
		if best == nil || event.Compare(r.cur[0], best.cur[0]) < 0 {
			best = r
		}
		i++
	}
	return best, nil
}

func (m *logMerge) activate() {
	r := m.waiting[0]
	m.waiting = m.waiting[1:]
	r.slabs = make(chan []*event.Event, 2)
	m.active = append(m.active, r)
	m.group.Go(func() error {
		defer close(r.slabs)
		r.failed = r.run(m.ctx, m.opts)
		return r.failed
	})
}

func (r *logReader) run(ctx context.Context, o logMergeOptions) error {
	file, err := logfile.Open(r.stats.Path, o.Stdin)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	p, err := newLineParser(o.Format, o.Parse)
	if err != nil {
		return err
	}
	out := &slabs{to: r.slabs}
	if len(o.Paths) > 1 { // a clock that jumps must not put one log before or behind the others
		out.reorder = detect.NewReorder(reorderDelay, logReorderLimit)
	}
	var told int64
	for more := true; more; {
		slab := make([]event.Event, 0, slabEvents)
		slab, more = r.fill(file, p, o, slab)
		if err := out.send(ctx, slab, !more); err != nil {
			return err
		}
		if read := file.BytesRead(); o.Read != nil && read != told {
			o.Read(read - told)
			told = read
		}
	}
	rec := p.recognition()
	r.stats.Format, r.stats.Confidence = rec.Format, rec.Confidence
	return nil
}

// slabs hands events out, in order when there is a reorder.
type slabs struct {
	to      chan<- []*event.Event
	reorder *detect.Reorder
	ready   []*event.Event
}

func (s *slabs) send(ctx context.Context, slab []event.Event, last bool) error {
	take := func(ev *event.Event) { s.ready = append(s.ready, ev) }
	for i := range slab {
		if s.reorder == nil {
			take(&slab[i])
		} else {
			s.reorder.Push(&slab[i], take)
		}
	}
	if last && s.reorder != nil {
		s.reorder.Flush(take)
	}
	if len(s.ready) == 0 {
		return nil
	}
	select {
	case s.to <- s.ready:
		s.ready = make([]*event.Event, 0, slabEvents)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fill parses lines until the slab is full or the file ends. A file that breaks off (a truncated archive) gives what
// could be read and is named in the report.
func (r *logReader) fill(file *logfile.Reader, p *lineParser, o logMergeOptions, slab []event.Event) (_ []event.Event, more bool) {
	s := &r.stats
	for len(slab) < cap(slab) {
		line, err := file.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				s.TruncatedBy = err.Error()
			}
			return slab, false
		}
		s.Lines++
		slab = slab[:len(slab)+1]
		ev := &slab[len(slab)-1]
		ev.Reset()
		if err := p.parse(line, ev); err != nil {
			slab = slab[:len(slab)-1]
			if errors.Is(err, parsers.ErrNoRequest) {
				s.Skipped++
				continue
			}
			s.Failed++
			if s.FirstFailure == "" {
				s.FirstFailure = fmt.Sprintf("line %d: %v", line.Number, err)
			}
			continue
		}
		s.Parsed++
		ev.Source, ev.Position = s.Path, line.Offset
		if ev.Service == "" {
			ev.Service = o.Service
		}
		o.Normalizer.Normalize(ev)
		s.note(ev)
	}
	return slab, true
}

func (s *logStats) note(ev *event.Event) {
	s.Fields.Add(ev)
	if s.First.IsZero() || ev.Time.Before(s.First) {
		s.First = ev.Time
	}
	if ev.Time.After(s.Last) {
		s.Last = ev.Time
	}
}
