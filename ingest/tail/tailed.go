package tail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/gatewatch/gatewatch/ingest"
)

// incarnation is an open file that holds a generation.
type incarnation struct {
	gen     *generation
	content *content
	info    os.FileInfo
	path    string

	live  bool      // at the log's own path; else rotated away
	quiet time.Time // when it was last seen to grow, or was opened or rotated
	retry time.Time // a broken archive: when to try again
	size  uint64    // when last looked at
}

// tailed follows one log through its rotations. All but stats and wanted belongs to the goroutine of run.
type tailed struct {
	f      *Follower
	src    *Source
	path   string
	source string
	stats  stats

	cp      *checkpoint
	dirty   bool // cp is ahead of the disk
	saved   time.Time
	atStart bool // the log was there when the follower first looked and has no checkpoint
	lines   ingest.LineReader
	primed  bool

	live     *incarnation
	rotated  []*incarnation // oldest first
	follow   *live          // nil: the live file is not at its end, or there is none
	known    map[string]seenFile
	scanAt   time.Time // when to look at the siblings next
	scanEnd  time.Time // until when to look often
	problems map[trouble]string

	mu     sync.Mutex
	wanted map[string]bool // rotated files that a glob asks for
}

func newTailed(f *Follower, src *Source, path string) *tailed {
	t := &tailed{
		f: f, src: src, path: path, source: sourceName(src.Name, path), atStart: f.first && f.opt.FromEnd,
		known: map[string]seenFile{}, wanted: map[string]bool{}, problems: map[trouble]string{},
	}
	t.stats.s = Status{Source: t.source, Path: path}
	return t
}

func (t *tailed) want(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wanted[path] = true
}

func (t *tailed) wants(path string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.wanted[path]
}

// run follows the log until ctx ends. An error says that it can never be followed.
func (t *tailed) run(ctx context.Context) error {
	parser, err := t.src.NewParser()
	if err != nil {
		return fmt.Errorf("source %q: %w", t.src.Name, err)
	}
	t.lines = ingest.LineReader{Parser: parser, Normalizer: t.f.opt.Normalizer, Service: t.src.Service}
	if !t.loadCheckpoint(ctx) {
		return nil
	}
	defer t.stop()
	t.look()
	if err := t.resend(ctx); err != nil {
		return nil //nolint:nilerr // ctx ended
	}
	poll := time.NewTicker(t.f.opt.Poll)
	defer poll.Stop()
	for {
		if err := t.work(ctx); err != nil {
			return nil //nolint:nilerr // ctx ended
		}
		select {
		case <-ctx.Done():
			return nil
		case <-poll.C:
			t.look()
		case line, open := <-t.follow.lines():
			if err := t.gather(ctx, line, open); err != nil {
				return nil //nolint:nilerr // ctx ended
			}
		}
	}
}

// work reads everything that is there: what was rotated first, then the live file unless it is being followed at its
// end.
func (t *tailed) work(ctx context.Context) error {
	for i := 0; i < len(t.rotated); {
		inc := t.rotated[i]
		done, err := t.drain(ctx, inc)
		if err != nil {
			return err
		}
		if !done {
			i++
			continue
		}
		inc.content.close()
		t.rotated = append(t.rotated[:i], t.rotated[i+1:]...)
	}
	if t.live != nil && t.follow == nil {
		how, err := t.pump(ctx, t.live, false)
		if err != nil {
			return err
		}
		if how == atEnd {
			t.startFollowing()
		}
	}
	t.settle()
	return nil
}

// drain reads what is left of a rotated file and tells whether it is finished.
func (t *tailed) drain(ctx context.Context, inc *incarnation) (done bool, err error) {
	now := t.f.opt.Now()
	if now.Before(inc.retry) {
		return false, nil
	}
	how, err := t.pump(ctx, inc, false)
	switch {
	case err != nil:
		return false, err
	case how == changed:
		t.logger().Warn("a rotated log changed under its name; what it had is gone", "path", inc.path)
		return true, nil
	case how == broken && now.Sub(inc.info.ModTime()) < time.Minute:
		inc.retry = now.Add(retryBroken) // perhaps it is still being written
		return false, nil
	case how == broken:
		t.logger().Error("a rotated log is broken; the rest of it is passed over", "path", inc.path)
	case inc.content.archive == nil && !t.isOver(inc):
		return false, nil
	default:
		if _, err := t.pump(ctx, inc, true); err != nil {
			return false, err
		}
	}
	inc.gen.Done, t.dirty = true, true
	t.recovered(troubleRotated)
	return true, nil
}

const retryBroken = 5 * time.Second

// isOver tells whether nobody writes to a rotated file any more: it was quiet for the grace time and its successor is
// in use, or it was quiet for long.
func (t *tailed) isOver(inc *incarnation) bool {
	quiet := t.f.opt.Now().Sub(inc.quiet)
	return quiet > 120*t.f.opt.Grace || quiet > t.f.opt.Grace && t.live != nil && t.live != inc
}

// settle saves the checkpoint when all is read and the last save is a while ago.
func (t *tailed) settle() {
	now := t.f.opt.Now()
	if t.dirty && now.Sub(t.saved) > time.Second {
		_ = t.save() // reported there; what is sent next waits for it
	}
	t.report()
}

// stop closes everything; the checkpoint says where to go on.
func (t *tailed) stop() {
	t.stopFollowing()
	if t.dirty {
		_ = t.save() // reported there; the store drops what is sent again
	}
	for _, inc := range t.rotated {
		inc.content.close()
	}
	if t.live != nil {
		t.live.content.close()
	}
}

// loadCheckpoint reads the checkpoint, again and again while the disk refuses.
func (t *tailed) loadCheckpoint(ctx context.Context) bool {
	for {
		cp, fresh, err := t.f.store.load(t.source, t.path)
		switch {
		case err == nil:
			t.cp, t.atStart = cp, t.atStart && fresh
			return true
		case cp != nil:
			t.logger().Error("the log is read again from its beginning; the server drops what it has", "path", t.path, "err", err)
			t.cp, t.atStart = cp, false
			return true
		}
		t.complain(troubleCheckpoint, err)
		if !pause(ctx, time.Second) {
			return false
		}
	}
}

// save writes the checkpoint.
func (t *tailed) save() error {
	err := t.f.store.save(t.cp)
	if err != nil {
		t.complain(troubleCheckpoint, fmt.Errorf("%w; nothing is sent before it is on disk", err))
		return err
	}
	t.recovered(troubleCheckpoint)
	t.dirty, t.saved = false, t.f.opt.Now()
	return nil
}

// trouble is a kind of problem; each is logged when it comes, changes and goes.
type trouble int

const (
	troubleFile       trouble = iota // the log itself cannot be read
	troubleRotated                   // a rotated file cannot be read
	troubleCheckpoint                // the checkpoint cannot be written
	troubleSink                      // the sink does not take a batch
)

// complain logs a problem once and keeps it in the report until recovered is called.
func (t *tailed) complain(kind trouble, err error) {
	text := err.Error()
	if errors.Is(err, os.ErrPermission) {
		text += " (run as a user, or in the group, that may read it)"
	}
	if t.problems[kind] == text {
		return
	}
	t.problems[kind] = text
	t.logger().Error("a log cannot be followed for now; trying again", "path", t.path, "err", text)
	t.stats.update(func(s *Status) { s.Problem = text })
}

func (t *tailed) recovered(kind trouble) {
	if t.problems[kind] == "" {
		return
	}
	delete(t.problems, kind)
	left := ""
	for _, text := range t.problems {
		left = text
	}
	t.logger().Info("a problem with a log is over", "path", t.path)
	t.stats.update(func(s *Status) { s.Problem = left })
}

// report brings the status up to date.
func (t *tailed) report() {
	var lag uint64
	for _, inc := range t.rotated {
		lag += inc.lag()
	}
	if t.live != nil {
		lag += t.live.lag()
	}
	t.stats.update(func(s *Status) {
		s.LagBytes = lag
		if t.live != nil {
			s.Generation, s.Offset = t.live.gen.ID, t.live.gen.Offset
		}
	})
}

func (inc *incarnation) lag() uint64 {
	if inc.size < inc.gen.Offset {
		return 0
	}
	return inc.size - inc.gen.Offset
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
