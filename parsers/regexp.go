package parsers

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// regexpParser reads lines by a regular expression of the user's own with named groups. RE2 matches in linear time,
// so that no line can stall it; it is still several times slower than a pattern.
type regexpParser struct {
	re      *regexp.Regexp
	columns []column
	rec     record
}

func newRegexp(expr string, o Options) (Parser, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, fmt.Errorf("format: regexp: %w", err)
	}
	columns, err := compileGroups(re)
	if err != nil {
		return nil, fmt.Errorf("format: regexp: %w", err)
	}
	p := &regexpParser{re: re, columns: columns}
	p.rec.clock = o.clock()
	return p, nil
}

// Parse implements Parser.
func (p *regexpParser) Parse(line string, ev *event.Event) error {
	line = trimEnd(line)
	if line == "" {
		return ErrNoRequest
	}
	at := p.re.FindStringSubmatchIndex(line)
	if at == nil {
		return bad("the regular expression does not match")
	}
	p.rec.reset()
	p.rec.escaped = strings.IndexByte(line, '\\') >= 0
	for i, c := range p.columns {
		if c.slot != slotNone && at[2*i] >= 0 {
			p.rec.put(c.slot, c.unit, c.rank, line[at[2*i]:at[2*i+1]])
		}
	}
	ev.Format = "regexp"
	return p.rec.fill(ev)
}
