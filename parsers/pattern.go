package parsers

import (
	"fmt"
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// column says what a variable of a log format means. A column without slot is read over.
type column struct {
	slot slot
	unit unit
	rank uint8
}

// step reads one field: everything up to a literal, or to the end of the line when there is none.
type step struct {
	column
	name   string // the variable, for errors and event.Wire.Fields
	until  string // the literal that follows
	quoted bool   // the field stands between double quotes
	keep   bool   // the literal belongs to the next field ($host$request_uri)
	list   bool   // several values separated by ", " and " : "
	blanks bool   // the value may hold blanks
	check  bool   // the literal alone does not keep blanks out
	wire   bool   // to be kept in event.Wire.Fields
}

// pattern is a compiled text format: literals and fields in turn.
type pattern struct {
	name    string
	prefix  string
	steps   []step
	escapes bool // the format escapes with backslashes
	layouts []string
	finish  func(*record, *event.Event) error // corrects the event; nil for most
}

// patternParser reads lines of one pattern.
type patternParser struct {
	pattern
	rec   record
	fail  fieldError // why the last line did not fit
	loose bool       // the last line only fitted when quotes inside values were taken as they are
}

func (p pattern) parser(o Options) *patternParser {
	pp := &patternParser{pattern: p}
	pp.rec.clock = o.clock()
	pp.rec.clock.layouts = p.layouts
	pp.steps = append([]step(nil), p.steps...)
	for i := range pp.steps {
		for _, f := range o.WireFields {
			if strings.EqualFold(f, pp.steps[i].name) {
				pp.steps[i].wire = true
				pp.steps[i].name = f
			}
		}
	}
	return pp
}

var _ Parser = (*patternParser)(nil)

// Parse implements Parser.
func (p *patternParser) Parse(line string, ev *event.Event) error {
	fits, err := p.read(line, ev)
	if fits {
		return err
	}
	fail := p.fail
	return &fail
}

// read is Parse without an error of its own for a line that does not fit: p.fail says why, until the next line.
func (p *patternParser) read(line string, ev *event.Event) (fits bool, err error) {
	line = trimEnd(line)
	if line == "" {
		return true, ErrNoRequest
	}
	p.rec.reset()
	p.rec.escaped = p.escapes && strings.IndexByte(line, '\\') >= 0
	if !p.scan(line, &p.rec) {
		return false, nil
	}
	ev.Format = p.name
	if err := p.rec.fill(ev); err != nil || p.finish == nil {
		return true, err
	}
	return true, p.finish(&p.rec, ev)
}

// trimEnd cuts blanks and line ends off the end.
func trimEnd(line string) string {
	for line != "" && line[len(line)-1] <= ' ' {
		line = line[:len(line)-1]
	}
	return line
}

// scan reads the fields of line into r and reports whether the whole line fitted.
func (p *patternParser) scan(line string, r *record) bool {
	p.loose = false
	if !strings.HasPrefix(line, p.prefix) {
		return p.miss(fieldError{until: p.prefix})
	}
	rest := line[len(p.prefix):]
	for i := range p.steps {
		st := &p.steps[i]
		var v string
		switch st.until {
		case "":
			v, rest = rest, ""
			if !st.blanks && strings.IndexByte(v, ' ') >= 0 {
				return p.miss(fieldError{what: "a value with blanks where one word is wanted", at: len(line) - len(v)})
			}
		default:
			end := st.end(rest, &p.loose, i == len(p.steps)-1)
			if end < 0 {
				return p.miss(fieldError{what: st.name, until: st.until, at: len(line) - len(rest)})
			}
			v = rest[:end]
			if st.check && strings.IndexByte(v, ' ') >= 0 {
				return p.miss(fieldError{what: "a value with blanks where one word is wanted", at: len(line) - len(rest)})
			}
			if !st.keep {
				end += len(st.until)
			}
			rest = rest[end:]
		}
		if st.slot != slotNone {
			r.put(st.slot, st.unit, st.rank, v)
		}
		if st.wire && v != "" && v != "-" {
			r.keep(st.name, v)
		}
	}
	if rest != "" {
		return p.miss(fieldError{what: "more columns than the format has", at: len(line) - len(rest)})
	}
	return true
}

// miss notes why the line does not fit.
func (p *patternParser) miss(why fieldError) bool {
	p.fail = why
	return false
}

// end finds where the field that starts s ends, or -1. A quote after a backslash belongs to the value; so does, when
// nothing else fits, a quote that the rest of the literal does not follow.
func (st *step) end(s string, loose *bool, last bool) int {
	if st.quoted {
		return st.quotedEnd(s, loose, last)
	}
	end := strings.Index(s, st.until)
	if !st.list || st.until[0] != ' ' {
		return end
	}
	for end > 0 && (s[end-1] == ',' || strings.HasPrefix(s[end:], " : ") || s[end-1] == ':') {
		next := strings.Index(s[end+1:], st.until)
		if next < 0 {
			return -1
		}
		end += 1 + next
	}
	return end
}

func (st *step) quotedEnd(s string, loose *bool, last bool) int {
	for at := 0; ; {
		i := strings.IndexByte(s[at:], '"')
		if i < 0 {
			return -1
		}
		at += i
		if !escapedAt(s, at) {
			if strings.HasPrefix(s[at:], st.until) && (!last || len(s) == at+len(st.until)) {
				return at
			}
			*loose = true
		}
		at++
	}
}

// escapedAt says whether an odd number of backslashes stands before s[i].
func escapedAt(s string, i int) bool {
	n := 0
	for i > 0 && s[i-1] == '\\' {
		i--
		n++
	}
	return n&1 == 1
}

// keep stores a further variable for the normaliser.
func (r *record) keep(name, v string) {
	if r.fields == nil {
		r.fields = make(map[string]string, 2)
	}
	r.fields[name] = r.text(v)
}

// fields lists the event fields that the pattern can carry.
func (p *pattern) fields() []string {
	var has uint64
	for _, st := range p.steps {
		has |= 1 << st.slot
	}
	return slotFields(has)
}

// builder gathers literals and fields into a pattern and checks that they can be told apart.
type builder struct {
	p       pattern
	literal strings.Builder
}

func (b *builder) lit(s string) { b.literal.WriteString(s) }

// field ends the literal so far and begins a field.
func (b *builder) field(name string, c column) error {
	lit := b.take()
	if n := len(b.p.steps); n == 0 {
		b.p.prefix = lit
	} else {
		prev := &b.p.steps[n-1]
		if lit == "" {
			if c.slot != slotTarget && c.slot != slotPath {
				return fmt.Errorf("nothing stands between %s and %s", prev.name, name)
			}
			lit, prev.keep = "/", true
		}
		prev.until = lit
		prev.quoted = prev.quoted && lit[0] == '"'
		prev.check = !prev.blanks && lit != " "
	}
	st := step{column: c, name: name}
	st.quoted = strings.HasSuffix(lit, `"`) && !strings.HasSuffix(lit, `\"`)
	st.list = c.slot == slotUpTime || c.slot == slotUpstream || c.slot == slotForward ||
		strings.HasPrefix(name, "upstream_")
	st.blanks = st.list || c.slot == slotAgent || c.slot == slotReferer || c.slot == slotUser || c.slot == slotTime ||
		c.slot == slotRequest || c.slot == slotNone || c.slot == slotCookie || c.slot == slotAuth
	b.p.steps = append(b.p.steps, st)
	return nil
}

func (b *builder) take() string {
	s := b.literal.String()
	b.literal.Reset()
	return s
}

// done ends the pattern and checks that an event can come of it.
func (b *builder) done() (pattern, error) {
	lit := b.take()
	n := len(b.p.steps)
	if n == 0 {
		return pattern{}, fmt.Errorf("names no variable")
	}
	last := &b.p.steps[n-1]
	last.until = strings.TrimRight(lit, " \t")
	last.quoted = last.quoted && last.until != "" && last.until[0] == '"'
	var has uint64
	for _, st := range b.p.steps {
		has |= 1 << st.slot
	}
	return b.p, needColumns(has)
}
