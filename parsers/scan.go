package parsers

import (
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// scanParser reads a format for which a function was written by hand. scan puts the line's values into the record and
// returns ErrNoRequest or an error for lines without an event; finish, when there is one, corrects the filled event.
type scanParser struct {
	name    string
	escapes bool
	scan    func(line string, r *record) error
	finish  func(r *record, ev *event.Event) error
	rec     record
}

// Parse implements Parser.
func (p *scanParser) Parse(line string, ev *event.Event) error {
	if line = trimEnd(line); line == "" {
		return ErrNoRequest
	}
	p.rec.reset()
	p.rec.escaped = p.escapes && strings.IndexByte(line, '\\') >= 0
	if err := p.scan(line, &p.rec); err != nil {
		return err
	}
	ev.Format = p.name
	if err := p.rec.fill(ev); err != nil {
		return err
	}
	if p.finish != nil {
		return p.finish(&p.rec, ev)
	}
	return nil
}

// scanFormat makes a row of the table from a scanning function that fills the given slots.
func scanFormat(f Format, p scanParser, slots ...slot) Format {
	var has uint64
	for _, s := range slots {
		has |= 1 << s
	}
	f.Fields = merged(f.Fields, slotFields(has))
	f.New = func(o Options) (Parser, error) {
		c := p
		c.name = f.Name
		c.rec.clock = o.clock()
		return &c, nil
	}
	return f
}

// alternatives is a format with several layouts, the more specific ones first. A line is read with the first that fits
// it cleanly, else with the first that fits loosely.
type alternatives struct {
	all    []*patternParser
	finish func(r *record, ev *event.Event) error
	loose  bool
}

// Parse implements Parser.
func (p *alternatives) Parse(line string, ev *event.Event) error {
	far, loose := 0, -1
	var refused error
	for i, one := range p.all {
		fits, err := one.read(line, ev)
		switch {
		case fits && err == nil && !one.loose:
			p.loose = false
			return p.done(one, ev)
		case fits && err == nil && loose < 0:
			loose = i
		case fits && err != nil && refused == nil:
			refused = err
		case !fits && one.fail.at > p.all[far].fail.at:
			far = i
		}
		ev.Reset()
	}
	switch {
	case loose >= 0:
		p.loose = true
		if err := p.all[loose].Parse(line, ev); err != nil {
			return err
		}
		return p.done(p.all[loose], ev)
	case refused != nil:
		return refused
	}
	fail := p.all[far].fail
	return &fail
}

func (p *alternatives) done(one *patternParser, ev *event.Event) error {
	if p.finish == nil {
		return nil
	}
	return p.finish(&one.rec, ev)
}

func (p *alternatives) fittedLoosely() bool { return p.loose }

// textFormat makes a row of the table from one or more layouts in compileText's syntax.
func textFormat(f Format, finish func(*record, *event.Event) error, layouts ...string) Format {
	var patterns []pattern
	var failed error
	fields := map[string]bool{}
	for _, l := range layouts {
		p, err := compileText(f.Name, l)
		if err != nil {
			failed = err
		}
		for _, name := range p.fields() {
			fields[name] = true
		}
		patterns = append(patterns, p)
	}
	f.Fields = merged(f.Fields, inOrder(fields))
	f.New = func(o Options) (Parser, error) {
		if failed != nil {
			return nil, failed
		}
		a := &alternatives{finish: finish}
		for _, p := range patterns {
			a.all = append(a.all, p.parser(o))
		}
		return a, nil
	}
	return f
}

// absoluteByDesign clears what fill notes about absolute targets, for formats that always log the whole URL: there it
// says nothing about the client.
func absoluteByDesign(_ *record, ev *event.Event) error {
	if ev.Path != "" {
		ev.RequestLine = ""
	}
	return nil
}

// tokens cuts a line at blanks; a token in double quotes or square brackets is one and loses them.
type tokens struct {
	s  string
	at int // bytes read
}

// next returns the next token and whether there was one.
func (t *tokens) next() (string, bool) {
	s := t.s[t.at:]
	i := 0
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	s = s[i:]
	t.at += i
	if s == "" {
		return "", false
	}
	switch s[0] {
	case '"':
		for end := 1; end < len(s); end++ {
			if s[end] == '"' && !escapedAt(s, end) && (end+1 == len(s) || s[end+1] == ' ' || s[end+1] == '\t') {
				t.at += end + 1
				return s[1:end], true
			}
		}
	case '[':
		// An address in brackets goes on with its port: [2001:db8::7]:443.
		if end := strings.IndexByte(s, ']'); end > 0 && (end+1 == len(s) || s[end+1] == ' ' || s[end+1] == '\t') {
			t.at += end + 1
			return s[1:end], true
		}
	}
	end := strings.IndexAny(s, " \t")
	if end < 0 {
		end = len(s)
	}
	t.at += end
	return s[:end], true
}

// fill reads as many tokens as into has places.
func (t *tokens) fill(into []string) int {
	for i := range into {
		v, ok := t.next()
		if !ok {
			return i
		}
		into[i] = v
	}
	return len(into)
}
