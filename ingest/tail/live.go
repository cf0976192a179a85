package tail

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/nxadm/tail"

	"github.com/gatewatch/gatewatch/ingest"
)

// maxBehind is how far the library may fall behind the file before the rest is read in large pieces: many lines, or one
// that never ends, which the library would gather in memory.
const maxBehind = 4 << 20

// stalled is how long the file may be ahead without a line from the library.
const stalled = time.Second

// live follows the end of a file with nxadm/tail. The library's own handling of rotation is not used: it moves to a new
// file without finishing the old one. It is given the file that is already open, so that it can neither follow
// another one nor lose it to a rename.
type live struct {
	tail *tail.Tail
	end  uint64 // behind the last line that was taken
	// behind is when the file was first seen to be ahead of the library, since it last gave a line.
	behind time.Time
}

// lines returns the channel of lines; nil, which blocks for ever, when nothing is followed.
func (l *live) lines() <-chan *tail.Line {
	if l == nil {
		return nil
	}
	return l.tail.Lines
}

// startFollowing hands the live file, read to its end, to the library.
func (t *tailed) startFollowing() {
	inc := t.live
	if inc.gen.Skipping || inc.lag() > maxBehind {
		return // within an overlong line
	}
	name := inc.path
	if runtime.GOOS == "linux" {
		if self := fmt.Sprintf("/proc/self/fd/%d", inc.content.file.Fd()); exists(self) {
			name = self
		}
	}
	tl, err := tail.TailFile(name, tail.Config{
		Location:      &tail.SeekInfo{Offset: int64(inc.gen.Offset), Whence: io.SeekStart},
		Follow:        true,
		MustExist:     true,
		Poll:          true, // inotify sees nothing on network and some container file systems
		CompleteLines: true,
		Logger:        log.New(io.Discard, "", 0), // it logs every reopen of a truncated file; this room does
	})
	if err != nil {
		t.logger().Debug("follow without the library", "path", t.path, "err", err) // every look reads on
		return
	}
	if info, err := os.Stat(name); err != nil || !os.SameFile(info, inc.info) {
		_ = tl.Stop() // the name went to another file in between
		return
	}
	t.follow = &live{tail: tl, end: inc.gen.Offset}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// stopFollowing ends the library's work; what it read ahead is read again.
func (t *tailed) stopFollowing() {
	if t.follow == nil {
		return
	}
	_ = t.follow.tail.Stop() // its error is the reason why it stopped; the file is read on without it
	t.follow = nil
}

// checkPace takes the file back from the library when it falls behind or does not notice that the file grew.
func (t *tailed) checkPace() {
	if t.live == nil {
		return
	}
	if size, err := t.live.content.size(); err == nil && size != t.live.size {
		t.live.size, t.live.quiet = size, t.f.opt.Now()
	}
	if t.follow == nil {
		return
	}
	if t.live.lag() == 0 {
		t.follow.behind = time.Time{}
		return
	}
	now := t.f.opt.Now()
	if t.follow.behind.IsZero() {
		t.follow.behind = now
	}
	if t.live.lag() > maxBehind || now.Sub(t.follow.behind) > stalled {
		t.stopFollowing()
	}
}

// gather makes a batch of line and those that follow it at once, and sends it.
func (t *tailed) gather(ctx context.Context, line *tail.Line, open bool) error {
	inc := t.live
	b := &ingest.Batch{Source: t.source, Generation: inc.gen.ID, From: inc.gen.Offset, To: inc.gen.Offset}
	sp := &span{batch: b}
	linger := time.NewTimer(t.f.opt.Linger)
	defer linger.Stop()
	fits := true
	for room := t.f.opt.BatchBytes; open; {
		if fits = t.take(sp, line); !fits {
			break
		}
		room -= len(line.Text) + 1
		if room <= 0 || b.Lines >= uint64(t.f.opt.BatchLines) {
			break
		}
		select {
		case line, open = <-t.follow.lines():
			continue
		case <-linger.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		break
	}
	t.follow.end, t.follow.behind = b.To, time.Time{}
	if b.To > b.From && inc.intact(b.To) {
		if size, err := inc.content.size(); err == nil {
			inc.size = size
		}
		t.describe(b, inc)
		if err := t.send(ctx, inc, sp); err != nil {
			return err
		}
	}
	if !open || !fits || inc.gen.Offset != t.follow.end {
		t.stopFollowing() // the library lost the file, or its lines do not fit: read on without it
	}
	return nil
}

// take adds a line of the library to the batch if it continues it byte for byte.
func (t *tailed) take(sp *span, line *tail.Line) bool {
	b := sp.batch
	if line == nil || line.Err != nil || uint64(line.SeekInfo.Offset) != b.To+uint64(len(line.Text))+1 {
		return false
	}
	text := strings.TrimLeft(line.Text, "\x00") // as splitter does
	at := b.To + uint64(len(line.Text)-len(text))
	if text = strings.TrimSuffix(text, "\r"); len(text) > t.f.opt.MaxLine {
		text = text[:t.f.opt.MaxLine]
		sp.cut++
	}
	t.readLine(b, text, at)
	b.To = uint64(line.SeekInfo.Offset)
	return true
}
