package parsers

import (
	"errors"
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// Auto is a parser that finds the format out: from the first lines, and again after a burst of failures. Once a format
// is chosen, a line that it does not read is tried with the other formats of the same family, so that files with
// mixed lines are read line by line. What it chooses depends on the lines alone.
type Auto struct {
	opts   Options
	all    *candidates
	inside bool  // a wrapper, so that no further one is looked for
	chosen int   // index into all, -1 while unknown
	family []int // the other formats of the family, the last successful one first

	sample   []string // recent lines, cloned, for recognition
	lines    int      // lines seen until the choice is settled
	failures int      // consecutive
	retryAt  int      // failures at which to recognise again
	rec      Recognition
	err      error
}

const (
	settleLines  = 64 // the choice is looked over at 2, 4, 8 ... lines up to here
	burst        = 8  // consecutive failures that make Auto look again
	maxAutoLines = 64 // lines kept for recognition
)

// NewAuto returns a parser that recognises its format.
func NewAuto(o Options) *Auto { return &Auto{opts: o, chosen: -1, retryAt: 1} }

// Recognition returns what was recognised; its Format is empty while nothing was.
func (a *Auto) Recognition() Recognition { return a.rec }

// Prime looks at lines ahead of Parse, for callers that have the head of a file. It returns Recognize's error.
func (a *Auto) Prime(lines []string) error {
	a.sample = a.sample[:0]
	for _, l := range lines[:min(len(lines), maxAutoLines)] {
		a.remember(l)
	}
	a.lines = len(a.sample)
	return a.look()
}

// Parse implements Parser.
func (a *Auto) Parse(line string, ev *event.Event) error {
	if trimEnd(line) == "" {
		return ErrNoRequest
	}
	if a.lines < settleLines {
		a.lines++
		a.remember(line)
		if a.lines&(a.lines-1) == 0 { // 1, 2, 4, 8 ...
			_ = a.look() // Parse below reports the line's own error
		}
	}
	err := a.read(line, ev)
	if err == nil || errors.Is(err, ErrNoRequest) {
		a.failures = 0
		a.retryAt = burst
		return err
	}
	a.failures++
	if a.lines >= settleLines {
		a.remember(line)
	}
	if a.failures >= a.retryAt {
		a.retryAt *= 2
		before := a.chosen
		if a.look() == nil && a.chosen != before {
			ev.Reset()
			if err = a.read(line, ev); err == nil || errors.Is(err, ErrNoRequest) {
				a.failures = 0
			}
		}
	}
	return err
}

// read tries the chosen format, then its family.
func (a *Auto) read(line string, ev *event.Event) error {
	if a.chosen < 0 {
		if a.err == nil {
			return bad("the format is not recognised yet")
		}
		return a.err
	}
	err := a.all.parsers[a.chosen].Parse(line, ev)
	if err == nil || errors.Is(err, ErrNoRequest) {
		return err
	}
	for n, i := range a.family {
		ev.Reset()
		e := a.all.parsers[i].Parse(line, ev)
		if e == nil || errors.Is(e, ErrNoRequest) {
			copy(a.family[1:n+1], a.family[:n])
			a.family[0] = i
			return e
		}
	}
	ev.Reset()
	return err
}

// remember keeps a copy of line among the last ones.
func (a *Auto) remember(line string) {
	if len(line) > maxSampleLine {
		return
	}
	if len(a.sample) == maxAutoLines {
		copy(a.sample, a.sample[1:])
		a.sample = a.sample[:maxAutoLines-1]
	}
	a.sample = append(a.sample, strings.Clone(line))
}

// look recognises the format of the lines at hand and chooses it.
func (a *Auto) look() error {
	if a.all == nil {
		if a.all, a.err = newCandidates(a.opts, !a.inside); a.err != nil {
			return a.err
		}
	}
	rec, err := a.all.recognize(a.sample)
	if err != nil {
		if a.chosen < 0 {
			a.rec, a.err = rec, err
		}
		return err
	}
	a.rec, a.err = rec, nil
	for i, f := range a.all.formats {
		if f.Name == rec.Format {
			a.chosen = i
		}
	}
	a.family = a.family[:0]
	for i, f := range a.all.formats {
		if i != a.chosen && f.Family == a.all.formats[a.chosen].Family {
			a.family = append(a.family, i)
		}
	}
	return nil
}
