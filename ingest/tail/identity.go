package tail

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"
)

// How often the files beside a log are looked at: when something just changed there, and while a generation is
// unfinished and its file is not found.
const (
	scanSoon  = time.Second
	scanOften = time.Minute // after a change, for so long
	scanLate  = 30 * time.Second
)

// seenFile remembers which generation a file beside the log holds, so that it is opened once.
type seenFile struct {
	info os.FileInfo
	gen  *generation // nil: none that is asked for
}

func (t *tailed) logger() *slog.Logger { return t.f.opt.Logger }

// look compares what is on disk with what is open: rotation, truncation, new files, rotated files to finish.
func (t *tailed) look() {
	now := t.f.opt.Now()
	defer func() { t.cp.Seen = now }()
	if t.live != nil {
		t.watch()
	}
	var beside []sibling
	scan := !now.Before(t.scanAt)
	if scan {
		beside = siblings(t.path)
		t.adopt(beside, true)
	}
	if t.live == nil {
		t.openLive()
	}
	if scan {
		t.adopt(beside, false)
		t.scanAt = now.Add(scanLate)
		if t.scanEnd.IsZero() {
			t.scanEnd = now.Add(scanOften)
		}
		if now.Before(t.scanEnd) {
			t.scanAt = now.Add(scanSoon)
		}
	}
	t.checkPace()
}

// changed makes the files beside the log be looked at, now and for a while.
func (t *tailed) changed() {
	now := t.f.opt.Now()
	t.scanAt, t.scanEnd = now, now.Add(scanOften)
	t.stats.update(func(s *Status) { s.Rotations++ })
}

// watch notices that the live file was renamed, replaced or truncated.
func (t *tailed) watch() {
	inc := t.live
	info, err := os.Stat(t.path)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		t.complain(troubleFile, err) // the open file is still read
	case err != nil || !os.SameFile(info, inc.info):
		t.stopFollowing()
		inc.live, inc.quiet = false, t.f.opt.Now()
		t.rotated = append(t.rotated, inc)
		t.live = nil
		t.changed()
		t.logger().Info("log rotated", "path", t.path, "generation", inc.gen.ID, "offset", inc.gen.Offset)
	case !inc.intact(0):
		t.stopFollowing()
		t.truncated(info)
	}
}

// intact tells whether the open file is still the one that was identified, and reaches to end at least.
func (inc *incarnation) intact(end uint64) bool {
	if inc.content.archive != nil {
		return true // never rewritten in place
	}
	size, err := inc.content.size()
	if err != nil || size < max(end, inc.gen.Offset) {
		return false
	}
	head := make([]byte, inc.gen.HeadLen)
	if n, err := inc.content.readAt(head, 0); n < len(head) && (err == nil || errors.Is(err, io.EOF)) {
		return false
	}
	return inc.gen.fits(head)
}

// truncated lets go of a live file whose content was replaced in place. What was not read of the old content is looked
// for in a copy; the new content is another generation.
func (t *tailed) truncated(info os.FileInfo) {
	inc := t.live
	t.live = nil
	t.changed()
	t.logger().Info("log truncated", "path", t.path, "generation", inc.gen.ID, "offset", inc.gen.Offset)
	head, err := inc.content.head()
	inc.content.close()
	if err != nil || !inc.gen.fits(head) {
		return
	}
	// It was cut shorter and keeps its beginning: what is there was read, what comes is new.
	g := t.cp.add(head[:naturalHead(head, true)], inc.gen.Inode)
	g.HeadLen, g.Head = inc.gen.HeadLen, inc.gen.Head
	g.Offset = uint64(info.Size())
	inc.gen.Done, t.dirty = true, true
	t.logger().Warn("the log was cut in its middle; lines written at that moment may be missed", "path", t.path)
}

// openLive opens the file at the log's own path, when there is one with something in it.
func (t *tailed) openLive() {
	c, err := openContent(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		t.complain(troubleFile, err)
		return
	}
	inc, err := t.identify(c, t.path, false)
	if err != nil {
		t.complain(troubleFile, err)
	}
	if inc == nil {
		c.close()
		return
	}
	t.recovered(troubleFile)
	inc.live = c.archive == nil
	if !inc.live {
		t.attach(inc)
		return
	}
	t.live = inc
	t.prime(inc)
}

// identify finds out which generation an open file holds; a new one if none. Nil: too little is there yet, or the
// generation is open elsewhere.
func (t *tailed) identify(c *content, path string, final bool) (*incarnation, error) {
	head, err := c.head()
	if err != nil {
		return nil, err
	}
	info, err := c.file.Stat()
	if err != nil {
		return nil, err
	}
	ino, _ := inode(info)
	g := t.cp.match(head, ino)
	if g != nil && t.heldElsewhere(g, info) {
		g = nil
	}
	if g == nil {
		n := naturalHead(head, final || c.archive != nil)
		if n == 0 {
			return nil, nil
		}
		g = t.cp.add(head[:n], ino)
		if t.atStart && !final && c.archive == nil {
			startAtEnd(g, c, uint64(info.Size()))
		}
		t.atStart = false
		t.dirty = true
	}
	if c.archive == nil {
		g.Inode = ino
	}
	g.Done = false
	return &incarnation{gen: g, content: c, info: info, path: path, quiet: t.f.opt.Now()}, nil
}

// heldElsewhere tells whether g is the generation of another file that still exists: then a file that begins alike is
// another log, not a copy. A generation whose own file is gone is free for whoever has its content.
func (t *tailed) heldElsewhere(g *generation, info os.FileInfo) bool {
	for _, inc := range t.rotated {
		if inc.gen != g || os.SameFile(inc.info, info) {
			continue
		}
		if now, err := inc.content.file.Stat(); err == nil {
			if _, links := inode(now); links > 0 {
				return true
			}
		}
		t.release(inc)
		return false
	}
	for path, s := range t.known {
		if s.gen != g || os.SameFile(s.info, info) {
			continue
		}
		if at, err := os.Stat(path); err == nil && os.SameFile(at, s.info) {
			if ino, _ := inode(at); ino == g.Inode {
				return true
			}
		}
	}
	return false
}

// release closes a rotated incarnation whose generation goes on in another file.
func (t *tailed) release(gone *incarnation) {
	gone.content.close()
	for i, inc := range t.rotated {
		if inc == gone {
			t.rotated = append(t.rotated[:i], t.rotated[i+1:]...)
			return
		}
	}
}

// startAtEnd passes over what is there; a begun line is passed over too.
func startAtEnd(g *generation, c *content, size uint64) {
	var last [1]byte
	if size == 0 {
		return
	}
	n, _ := c.readAt(last[:], size-1) // a failed read counts as a begun line
	g.Offset, g.Skipping = size, n == 0 || last[0] != '\n'
}

// adopt looks for generations among the rotated files: those that are not finished, those that came and went while
// nobody looked, and those that a glob asks for. exact restricts it to files that are the ones that were open, by
// inode; copies and archives are for the second round.
func (t *tailed) adopt(beside []sibling, exact bool) {
	for _, s := range beside {
		if !t.isOpen(s.info) && !t.settled(s) {
			t.consider(s, exact)
		}
	}
	if exact {
		return
	}
	for path := range t.known { // forget what is gone
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			delete(t.known, path)
		}
	}
}

// settled tells whether s was looked at before, did not change, and holds nothing that is still to be read.
func (t *tailed) settled(s sibling) bool {
	was, ok := t.known[s.path]
	if !ok || !os.SameFile(was.info, s.info) || was.info.Size() != s.info.Size() || !was.info.ModTime().Equal(s.info.ModTime()) {
		return false
	}
	if was.gen == nil {
		return t.f.opt.FromEnd || !t.wants(s.path) // when it was written was judged then
	}
	return was.gen.Done || t.isHeld(was.gen)
}

// asked tells whether a rotated file of unknown content is to be read: a glob asks for it, or it was written and
// rotated while nobody looked.
func (t *tailed) asked(s sibling) bool {
	if t.wants(s.path) && !t.f.opt.FromEnd {
		return true
	}
	return !t.cp.Seen.IsZero() && s.info.ModTime().After(t.cp.Seen.Add(-clockGrain))
}

// clockGrain is how much earlier than the clock says a file's time of modification may be.
const clockGrain = time.Second

func (t *tailed) isOpen(info os.FileInfo) bool {
	for _, inc := range t.rotated {
		if os.SameFile(inc.info, info) {
			return true
		}
	}
	return t.live != nil && os.SameFile(t.live.info, info)
}

func (t *tailed) isHeld(g *generation) bool {
	for _, inc := range t.rotated {
		if inc.gen == g {
			return true
		}
	}
	return t.live != nil && t.live.gen == g
}

// consider opens one rotated file if something in it is still to be read.
func (t *tailed) consider(s sibling, exact bool) {
	c, err := openContent(s.path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			t.complain(troubleRotated, err)
		}
		return
	}
	head, err := c.head()
	if err != nil || len(head) == 0 {
		c.close() // an archive that is being written, or an empty file: the next look tells
		return
	}
	ino, _ := inode(s.info)
	g := t.cp.match(head, ino)
	same := g != nil && c.archive == nil && g.Inode == ino
	if exact && !same {
		c.close()
		return
	}
	switch {
	case g == nil && t.asked(s):
		t.open(c, s)
	case g == nil || t.isHeld(g), g.Done && (!same || uint64(s.info.Size()) <= g.Offset):
		t.known[s.path] = seenFile{s.info, g}
		c.close()
	default:
		t.open(c, s)
	}
}

// open attaches a rotated file.
func (t *tailed) open(c *content, s sibling) {
	inc, err := t.identify(c, s.path, true)
	if err != nil || inc == nil {
		c.close()
		return
	}
	t.known[s.path] = seenFile{s.info, inc.gen}
	t.attach(inc)
	t.logger().Info("rotated log found", "path", s.path, "generation", inc.gen.ID, "offset", inc.gen.Offset)
}

// attach queues a rotated file for reading, by age.
func (t *tailed) attach(inc *incarnation) {
	at := len(t.rotated)
	for at > 0 && t.rotated[at-1].info.ModTime().After(inc.info.ModTime()) {
		at--
	}
	t.rotated = append(t.rotated, nil)
	copy(t.rotated[at+1:], t.rotated[at:])
	t.rotated[at] = inc
	t.prime(inc)
}

// prime shows the file's first lines to the parser: a recognising one decides by them, and formats that declare their
// columns in the file need the declaration.
func (t *tailed) prime(inc *incarnation) {
	head := make([]byte, 64<<10)
	n, err := inc.content.readAt(head, 0)
	if n == 0 && err != nil {
		return
	}
	head = head[:n]
	if p, ok := t.lines.Parser.(interface{ Prime([]string) error }); ok && !t.primed {
		if lines := completeLines(head); len(lines) > 0 {
			t.primed = p.Prime(lines) == nil // else the lines themselves tell later
		}
		return
	}
	t.declare(head)
}

func completeLines(head []byte) []string {
	var lines []string
	for len(lines) < 64 {
		line, rest, ok := bytes.Cut(head, []byte{'\n'})
		if !ok {
			break
		}
		lines = append(lines, string(bytes.TrimSuffix(line, []byte{'\r'})))
		head = rest
	}
	return lines
}
