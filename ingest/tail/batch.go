package tail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
	"unsafe"

	"github.com/cenkalti/backoff/v5"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/ingest"
	"github.com/gatewatch/gatewatch/parsers"
)

// span is a batch that was read and where it ends.
type span struct {
	batch    *ingest.Batch
	skipping bool // To lies within an overlong line
	cut      uint64
}

// declare feeds the comment lines at the head of a file to the parser.
func (t *tailed) declare(head []byte) {
	var ev event.Event
	for len(head) > 0 && head[0] == '#' {
		line, rest, ok := bytes.Cut(head, []byte{'\n'})
		if !ok {
			return
		}
		ev.Reset()
		_ = t.lines.Parser.Parse(string(bytes.TrimSuffix(line, []byte{'\r'})), &ev) // a comment: nothing to count
		head = rest
	}
}

// outcome says why pump stopped.
type outcome int

const (
	atEnd   outcome = iota // no further complete line
	changed                // the file no longer is what it was
	broken                 // it cannot be read on
)

// pump reads inc to its end, batch by batch. final says that a begun last line is all there will be of it. An error says
// that ctx ended.
func (t *tailed) pump(ctx context.Context, inc *incarnation, final bool) (outcome, error) {
	kind := troubleRotated
	if inc.live {
		kind = troubleFile
	}
	for {
		sp, err := t.readNext(inc, final)
		switch {
		case errors.Is(err, errChanged):
			return changed, nil
		case err != nil:
			t.complain(kind, fmt.Errorf("%s: %w", inc.path, err))
			return broken, nil
		case sp == nil:
			t.recovered(kind)
			return atEnd, nil
		}
		if err := t.send(ctx, inc, sp); err != nil {
			return atEnd, err
		}
	}
}

var errChanged = errors.New("the file changed in place")

// readNext reads the next batch of inc; nil when there is no complete line.
func (t *tailed) readNext(inc *incarnation, final bool) (*span, error) {
	g := inc.gen
	if size, err := inc.content.size(); err == nil && size != inc.size {
		inc.size, inc.quiet = size, t.f.opt.Now()
	}
	want := t.f.opt.BatchBytes
	if inc.content.archive == nil {
		if !inc.intact(0) {
			return nil, errChanged
		}
		if inc.size <= g.Offset {
			return nil, nil
		}
		want = int(min(uint64(want), inc.size-g.Offset))
	}
	buf := make([]byte, want)
	n, err := inc.content.readAt(buf, g.Offset)
	ended := errors.Is(err, io.EOF) || (inc.content.archive == nil && uint64(n) == inc.size-g.Offset)
	switch {
	case n > 0: // a broken archive gives what came before the break first
	case err == nil || errors.Is(err, io.EOF):
		return nil, nil
	default:
		return nil, err
	}
	sp := t.cut(inc, buf[:n], g.Offset, g.Skipping, final && ended, t.f.opt.BatchLines)
	if sp.batch.To == g.Offset {
		return nil, nil
	}
	if !inc.intact(sp.batch.To) {
		return nil, errChanged // what was read may belong to another incarnation
	}
	return sp, nil
}

// cut makes a batch of the lines in data, which stands at offset off.
func (t *tailed) cut(inc *incarnation, data []byte, off uint64, skipping, last bool, maxLines int) *span {
	b := &ingest.Batch{Source: t.source, Generation: inc.gen.ID, From: off}
	b.Events = make([]event.Event, 0, min(bytes.Count(data, []byte{'\n'})+1, t.f.opt.BatchLines))
	sp := &span{batch: b}
	split := splitter{maxLine: t.f.opt.MaxLine, maxLines: maxLines}
	used, skip := split.split(data, skipping, last, func(at int, text []byte, cut bool) {
		if cut {
			sp.cut++
		}
		// The batch owns data: nothing writes to it again.
		t.readLine(b, unsafe.String(unsafe.SliceData(text), len(text)), off+uint64(at))
	})
	b.To, sp.skipping = off+uint64(used), skip
	t.describe(b, inc)
	return sp
}

func (t *tailed) readLine(b *ingest.Batch, line string, position uint64) {
	t.lines.Read(b, line, ingest.Failure{Position: position}, position)
}

// describe adds what the server reports about the source.
func (t *tailed) describe(b *ingest.Batch, inc *incarnation) {
	if inc.size > b.To {
		b.Lag = inc.size - b.To
	}
	r, ok := t.lines.Parser.(interface{ Recognition() parsers.Recognition })
	if !ok {
		return
	}
	rec := r.Recognition()
	b.Format, b.Confidence = rec.Format, rec.Confidence
	t.stats.update(func(s *Status) { s.Format, s.Confidence, s.Fields = rec.Format, rec.Confidence, rec.Fields })
}

// send records the batch's exact range on disk, writes it to the sink until the sink has it, and moves on. An error says
// that ctx ended.
func (t *tailed) send(ctx context.Context, inc *incarnation, sp *span) error {
	b := sp.batch
	if b.Lines == 0 { // NUL bytes or the rest of an overlong line: nothing to tell the server
		t.acknowledge(inc, sp)
		return nil
	}
	t.cp.Pending = &pending{Source: b.Source, Generation: b.Generation, From: b.From, To: b.To, Skipping: sp.skipping}
	t.dirty = true
	wait := newBackoff()
	for t.save() != nil {
		if !pause(ctx, wait.NextBackOff()) {
			return ctx.Err()
		}
	}
	counts := *b // Write owns b
	for {
		err := t.f.opt.Sink.Write(ctx, b)
		if err == nil {
			t.recovered(troubleSink)
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, ingest.ErrRejected) {
			t.logger().Error("the server rejects a batch; it is passed over", "source", b.Source,
				"generation", b.Generation, "from", b.From, "to", b.To, "err", err)
			t.stats.update(func(s *Status) { s.Rejected += uint64(len(counts.Events)) })
			break
		}
		t.complain(troubleSink, err)
		if !pause(ctx, wait.NextBackOff()) {
			return ctx.Err()
		}
		again, rerr := t.reread(inc, t.cp.Pending)
		if rerr != nil {
			t.cp.Pending, t.dirty = nil, true // the next look finds out what became of the file
			return nil
		}
		b = again.batch
	}
	t.stats.update(func(s *Status) {
		s.Lines += counts.Lines
		s.Parsed += uint64(len(counts.Events))
		s.Failed += counts.Failed
		s.Skipped += counts.Skipped
		s.Cut += sp.cut
		s.LastRead = t.f.opt.Now()
	})
	t.acknowledge(inc, sp)
	return nil
}

// acknowledge moves inc behind the span; the disk learns of it with the next save.
func (t *tailed) acknowledge(inc *incarnation, sp *span) {
	g := inc.gen
	g.Offset, g.Skipping = sp.batch.To, sp.skipping
	t.cp.Pending, t.dirty = nil, true
	if g.HeadLen < headSize && g.Offset > uint64(g.HeadLen) { // know the file by more of its beginning
		head := make([]byte, min(g.Offset, headSize))
		if n, _ := inc.content.readAt(head, 0); n == len(head) && g.fits(head) {
			g.HeadLen, g.Head = n, fingerprint(head)
		}
	}
}

// resend sends the range again that was pending when the process ended.
func (t *tailed) resend(ctx context.Context) error {
	p := t.cp.Pending
	if p == nil {
		return nil
	}
	inc := t.holder(p.Generation)
	if inc == nil {
		t.logger().Warn("the file of an unacknowledged batch is gone; whether the server has it is unknown",
			"path", t.path, "generation", p.Generation, "from", p.From, "to", p.To)
		t.cp.Pending, t.dirty = nil, true
		return nil
	}
	if p.From != inc.gen.Offset {
		t.cp.Pending, t.dirty = nil, true // acknowledged after all: cannot be, but the offset decides
		return nil
	}
	sp, err := t.reread(inc, p)
	if err != nil {
		t.logger().Warn("an unacknowledged batch cannot be read again as it was", "path", inc.path, "err", err)
		t.cp.Pending, t.dirty = nil, true
		return nil
	}
	return t.send(ctx, inc, sp)
}

// holder returns the open file of a generation.
func (t *tailed) holder(id uint64) *incarnation {
	for _, inc := range t.rotated {
		if inc.gen.ID == id {
			return inc
		}
	}
	if t.live != nil && t.live.gen.ID == id {
		return t.live
	}
	return nil
}

// reread reads exactly the range of p.
func (t *tailed) reread(inc *incarnation, p *pending) (*span, error) {
	buf := make([]byte, p.To-p.From)
	if n, err := inc.content.readAt(buf, p.From); n < len(buf) {
		return nil, err
	}
	if size, err := inc.content.size(); err == nil {
		inc.size = size
	}
	sp := t.cut(inc, buf, p.From, inc.gen.Skipping, true, 0)
	sp.batch.Source, sp.skipping = p.Source, p.Skipping
	return sp, nil
}

func newBackoff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = 100*time.Millisecond, 5*time.Second
	b.Reset()
	return b
}
