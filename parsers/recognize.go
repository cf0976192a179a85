package parsers

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// Score is how well one format reads a sample of lines.
type Score struct {
	Format string `json:"format"`
	// Match is the share of lines read, 0 to 1. A line counts less than 1 that fits only loosely (0.6), lacks a client's
	// address (0.7), or is read by a general format (0.8).
	Match  float64 `json:"match"`
	Fields int     `json:"fields"` // different event fields found
	Reason string  `json:"reason"` // for people
}

// Recognition is the outcome of looking at a sample of lines.
type Recognition struct {
	Format     string   `json:"format"`
	Inside     string   `json:"inside,omitempty"` // the format inside a wrapper such as syslog
	Confidence float64  `json:"confidence"`       // 0..1: the winner's Match
	Scores     []Score  `json:"scores"`           // every format, best first
	Fields     []string `json:"fields"`           // the event fields that the sample carries, under the winner
}

// maxSample bounds the lines that recognition looks at, maxSampleLine how much of each.
const (
	maxSample     = 200
	maxSampleLine = 64 << 10
)

// looseParser is a parser that can tell whether the last line fitted cleanly.
type looseParser interface{ fittedLoosely() bool }

func (p *patternParser) fittedLoosely() bool { return p.loose }

// Recognize tells which format lines have. When none reads any line, the error names the nearest format and why it
// does not fit.
func Recognize(lines []string) (Recognition, error) {
	c, err := newCandidates(Options{}, true)
	if err != nil {
		return Recognition{}, err
	}
	r, err := c.recognize(lines)
	if err == nil && len(r.Fields) == 0 {
		return r, fmt.Errorf("recognise the format: these lines look like %s, but none carries a request", r.Format)
	}
	return r, err
}

// candidates holds one parser of each format.
type candidates struct {
	formats []Format
	parsers []Parser
}

// newCandidates makes the parsers of the table; inside a wrapper, without wrappers.
func newCandidates(o Options, wrappers bool) (*candidates, error) {
	c := &candidates{}
	for _, f := range Formats() {
		if f.wrapper && !wrappers {
			continue
		}
		c.formats = append(c.formats, f)
		p, err := f.New(o)
		if err != nil {
			return nil, fmt.Errorf("format %s: %w", f.Name, err)
		}
		c.parsers = append(c.parsers, p)
	}
	return c, nil
}

// forgetful parsers carry state from line to line, which a new sample must not find.
type forgetful interface{ forget() }

// trial is how one format did on a sample.
type trial struct {
	index   int
	points  float64 // 1 a line
	fields  map[string]bool
	filled  int // fields over all lines
	lines   int
	skipped int
	near    int // the farthest byte that fitted in a line that failed
	err     error
}

func (c *candidates) recognize(lines []string) (Recognition, error) {
	if len(lines) > maxSample {
		lines = lines[:maxSample]
	}
	trials := make([]trial, len(c.parsers))
	for i := range c.parsers {
		trials[i] = c.try(i, lines)
	}
	sort.SliceStable(trials, func(i, j int) bool {
		a, b := &trials[i], &trials[j]
		if d := c.weight(a) - c.weight(b); d > 1e-9 || d < -1e-9 {
			return d > 0
		}
		return a.filled > b.filled
	})
	r := Recognition{Scores: make([]Score, 0, len(trials))}
	for i := range trials {
		r.Scores = append(r.Scores, c.score(&trials[i]))
	}
	best := &trials[0]
	if best.points == 0 {
		return r, c.nothing(trials)
	}
	r.Format = c.formats[best.index].Name
	r.Confidence = r.Scores[0].Match
	if w, ok := c.parsers[best.index].(*wrapParser); ok {
		r.Inside = w.Recognition().Format
	}
	r.Fields = inOrder(best.fields)
	return r, nil
}

// weight is by what formats are ranked. A general format reads most lines of its family, and the family's other
// formats read them better, each its own: it wins only where these read less than half of what it reads.
func (c *candidates) weight(t *trial) float64 {
	if c.formats[t.index].last {
		return t.points * 0.2
	}
	if c.formats[t.index].general {
		return t.points * 0.5 / generalPoints
	}
	return t.points
}

// generalPoints is what a line counts that a general format reads.
const generalPoints = 0.8

// try reads the sample with format i.
func (c *candidates) try(i int, lines []string) trial {
	t := trial{index: i, fields: map[string]bool{}}
	if p, ok := c.parsers[i].(forgetful); ok {
		p.forget()
	}
	var ev event.Event
	for _, line := range lines {
		if trimEnd(line) == "" {
			continue
		}
		if len(line) > maxSampleLine {
			continue
		}
		t.lines++
		ev.Reset()
		err := c.parsers[i].Parse(line, &ev)
		switch {
		case errors.Is(err, ErrNoRequest):
			t.skipped++
		case err != nil:
			var fe *fieldError
			if errors.As(err, &fe) && fe.at >= t.near {
				t.near = fe.at
			}
			t.err = err
		default:
			t.points++
			if l, ok := c.parsers[i].(looseParser); ok && l.fittedLoosely() {
				t.points -= 0.4
			} else if !ev.ClientIP.IsValid() && ev.Wire.ForwardedFor == "" {
				t.points -= 0.3 // what should be the client is no address: probably another column
			} else if strings.ContainsAny(ev.Host, `<>"()`) {
				t.points -= 0.2 // what should be the host is the header of another envelope
			}
			before := len(t.fields)
			seen(&ev, t.fields)
			t.filled += len(t.fields) - before
		}
	}
	if c.formats[i].general {
		t.points *= generalPoints
	}
	// Lines that a format knows but that carry no request speak for it, a little.
	t.points += 0.01 * float64(t.skipped)
	return t
}

func (c *candidates) score(t *trial) Score {
	s := Score{Format: c.formats[t.index].Name, Fields: len(t.fields)}
	if t.lines > t.skipped {
		s.Match = min(1, t.points/float64(t.lines-t.skipped))
	} else if t.skipped > 0 {
		s.Match = 0.5
	}
	switch {
	case t.err == nil && t.points > 0:
		s.Reason = fmt.Sprintf("reads every line, %d fields", len(t.fields))
	case t.err != nil:
		s.Reason = t.err.Error()
	default:
		s.Reason = "no lines"
	}
	return s
}

// nothing is the error for a sample that no format reads.
func (c *candidates) nothing(trials []trial) error {
	near := &trials[0]
	for i := range trials {
		if trials[i].lines == 0 {
			return errors.New("recognise the format: no lines to look at")
		}
		if trials[i].near > near.near {
			near = &trials[i]
		}
	}
	return fmt.Errorf("recognise the format: no known format reads these lines; the nearest is %s: %w", c.formats[near.index].Name, near.err)
}
