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
	inside bool        // a wrapper, so that no further one is looked for
	trial  *candidates // the parsers that recognition tries samples with

	chosen Format
	parser Parser         // of chosen, nil while unknown
	family []familyParser // the other formats of the family, the last successful one first

	sample   []string // recent lines, cloned, for recognition; the line at hand is the last
	lines    int      // lines seen until the choice is settled
	failures int      // consecutive
	doubts   int      // consecutive lines that nothing read cleanly
	retryAt  int      // failures at which to recognise again
	rec      Recognition
	err      error
}

// familyParser is made when it is first needed.
type familyParser struct {
	format Format
	parser Parser
}

const (
	settleLines  = 64  // the choice is looked over at 2, 4, 8 ... lines up to here
	burst        = 8   // consecutive failures that make Auto look again
	maxAutoLines = 64  // lines kept for recognition
	lookAgain    = 256 // failures in a row after which Auto looks again, at the most
)

// NewAuto returns a parser that recognises its format.
func NewAuto(o Options) *Auto { return &Auto{opts: o, retryAt: 1} }

// Recognition returns what was recognised; its Format is empty while nothing was. For lines inside syslog and other
// wrappers, Inside says what they are.
func (a *Auto) Recognition() Recognition {
	r := a.rec
	if w, ok := a.parser.(*wrapParser); ok {
		r.Inside = w.Recognition().Format
	}
	return r
}

// Prime looks at lines ahead of Parse, for callers that have the head of a file. It returns Recognize's error.
func (a *Auto) Prime(lines []string) error {
	a.sample = a.sample[:0]
	for _, l := range lines[:min(len(lines), maxAutoLines)] {
		a.remember(l)
	}
	a.lines = len(a.sample)
	return a.look(nil)
}

// Parse implements Parser.
func (a *Auto) Parse(line string, ev *event.Event) error {
	if trimEnd(line) == "" {
		return ErrNoRequest
	}
	if a.lines < settleLines {
		a.lines++
		a.remember(line)
		if a.parser == nil || a.lines&(a.lines-1) == 0 { // until there is a choice, then at 1, 2, 4, 8 ...
			_ = a.look(a.before(line)) // read reports the line's own error
		}
		if a.lines == settleLines {
			a.trial, a.sample = nil, nil
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
	if a.failures < a.retryAt {
		return err
	}
	a.retryAt += min(a.retryAt, lookAgain)
	was := a.chosen.Name
	if a.look(a.before(line)) == nil && a.chosen.Name != was {
		ev.Reset()
		if err = a.read(line, ev); err == nil || errors.Is(err, ErrNoRequest) {
			a.failures = 0
		}
	}
	return err
}

// before returns the sample without the line at hand.
func (a *Auto) before(line string) []string {
	if n := len(a.sample); n > 0 && a.sample[n-1] == line {
		return a.sample[:n-1]
	}
	return a.sample
}

// read tries the chosen format, then its family. A reading that looks wrong stands only when no other is clean.
func (a *Auto) read(line string, ev *event.Event) error {
	if a.parser == nil {
		if a.err == nil {
			return bad("the format is not recognised yet")
		}
		return a.err
	}
	err := a.parser.Parse(line, ev)
	if errors.Is(err, ErrNoRequest) || err == nil && (a.doubts >= maxDoubts || !doubtful(a.parser, ev)) {
		return err
	}
	second := a.parser // reads the line, though not cleanly
	if err != nil {
		second = nil
	}
	for n := range a.family {
		f := &a.family[n]
		if f.parser == nil {
			p, e := f.format.New(a.opts)
			if e != nil {
				return e
			}
			f.parser = p
		}
		ev.Reset()
		e := f.parser.Parse(line, ev)
		if errors.Is(e, ErrNoRequest) && second == nil || e == nil && !doubtful(f.parser, ev) {
			a.doubts = 0
			if first := *f; !first.format.general {
				copy(a.family[1:n+1], a.family[:n])
				a.family[0] = first
			}
			return e
		}
		if e == nil && second == nil {
			second = f.parser
		}
	}
	ev.Reset()
	if second == nil {
		return err
	}
	a.doubts++
	return second.Parse(line, ev)
}

// maxDoubts is how many lines without a clean reading Auto tries with the whole family before it takes them for this
// log's way (a log of host names instead of addresses).
const maxDoubts = 32

// doubtful says that a reading may be of the wrong columns: it fitted loosely, or the client is no address.
func doubtful(p Parser, ev *event.Event) bool {
	if _, ok := p.(*wrapParser); ok {
		return false // the parser inside has looked for itself
	}
	if l, ok := p.(looseParser); ok && l.fittedLoosely() {
		return true
	}
	return !ev.ClientIP.IsValid() && ev.Wire.ForwardedFor == ""
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

// look recognises the format of the lines at hand. A parser that is newly chosen reads the lines before, which may
// hold what it must know (#Fields).
func (a *Auto) look(before []string) error {
	if a.trial == nil {
		if a.trial, a.err = newCandidates(a.opts, !a.inside); a.err != nil {
			return a.err
		}
	}
	rec, err := a.trial.recognize(a.sample)
	if err != nil {
		if a.parser == nil {
			a.rec, a.err = rec, err
		}
		return err
	}
	a.rec, a.err = rec, nil
	if a.parser != nil && a.chosen.Name == rec.Format {
		return nil
	}
	return a.choose(rec.Format, before)
}

// choose makes the parser of a format.
func (a *Auto) choose(name string, before []string) error {
	a.family = a.family[:0]
	for _, f := range a.trial.formats {
		if f.Name == name {
			a.chosen = f
		}
	}
	for _, f := range a.trial.formats {
		if f.Name != name && f.Family == a.chosen.Family {
			a.family = append(a.family, familyParser{format: f})
		}
	}
	p, err := a.chosen.New(a.opts)
	if err != nil {
		return err
	}
	var ev event.Event
	for _, line := range before {
		ev.Reset()
		_ = p.Parse(line, &ev) // for its state alone
	}
	a.parser = p
	return nil
}
