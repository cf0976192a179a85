package parsers

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// envelope is a line that carries a line of another format.
type envelope struct {
	message string // the line inside
	program string // who wrote it, for syslog
	stream  string // stdout or stderr, for containers
	partial bool   // the message goes on in the next line
	when    outerTime
}

// opener takes a line out of its envelope, or says with a fieldError that it has none.
type opener func(line string, e *envelope) error

// maxJoined bounds a message that comes in parts.
const maxJoined = 1 << 20

// wrapParser reads envelopes with one opener and what is inside with another parser: one for each program that
// writes, since a syslog stream mixes them. The time inside counts: it is the request's, the envelope's is that of the
// shipping. It stands in for a line that has no time of its own.
type wrapParser struct {
	open   opener
	inner  func() Parser
	env    envelope
	parts  map[string]string // by stream: the parts of a message so far
	inners map[string]*wrapped
	last   *wrapped // the one that read the last line
	when   *outerTime
}

// wrapped is the parser of one program's lines.
type wrapped struct {
	parser Parser
	reads  bool // has read a request
}

// requestMarks are characters of which every line of a known format holds one. A line without any, of a program that has
// not logged a request yet in a stream in which others do, need not be tried with every format.
const requestMarks = "\"{[=#|\t"

// mayBeRequest says so of a line; one without the marks may be Squid's, a complaint of lighttpd's, hold a bare METHOD /path,
// or say that a login failed.
func mayBeRequest(line string) bool {
	if strings.ContainsAny(line, requestMarks) {
		return true
	}
	for _, s := range []string{" TCP_", "(mod_", "GET /", "POST /", "HEAD /", "PUT /", "DELETE /", "OPTIONS /"} {
		if strings.Contains(line, s) {
			return true
		}
	}
	_, failed := loginFailure(line)
	return failed
}

// maxPrograms bounds the programs that a wrapParser keeps apart; further ones share one parser.
const maxPrograms = 16

func newWrapParser(open opener, inner func() Parser) *wrapParser {
	return &wrapParser{open: open, inner: inner, parts: map[string]string{}, inners: map[string]*wrapped{}}
}

// Parse implements Parser.
func (p *wrapParser) Parse(line string, ev *event.Event) error {
	if line = trimEnd(line); line == "" {
		return ErrNoRequest
	}
	p.env = envelope{}
	if err := p.open(line, &p.env); err != nil {
		return err
	}
	if p.when != nil {
		*p.when = p.env.when
	}
	message, err := p.join()
	if err != nil {
		return err
	}
	w := p.parserOf(p.env.program)
	if !w.reads && p.last != nil && !mayBeRequest(message) {
		if _, recognising := w.parser.(*Auto); recognising {
			return ErrNoRequest
		}
	}
	if err = w.parser.Parse(message, ev); err == nil {
		w.reads, p.last = true, w
		return nil
	}
	if !w.reads && p.last != nil {
		// Another program's line in a stream that has gateways too.
		return ErrNoRequest
	}
	return err
}

// parserOf returns the parser of a program's lines.
func (p *wrapParser) parserOf(program string) *wrapped {
	w := p.inners[program]
	if w != nil {
		return w
	}
	if len(p.inners) >= maxPrograms {
		if w = p.inners[""]; w != nil {
			return w
		}
		program = ""
	}
	w = &wrapped{parser: p.inner()}
	p.inners[strings.Clone(program)] = w
	return w
}

// join puts the parts of a message together. The strings are copies: a part's line is gone when the next comes.
func (p *wrapParser) join() (string, error) {
	before, has := p.parts[p.env.stream]
	if !has && !p.env.partial {
		return p.env.message, nil
	}
	if len(before)+len(p.env.message) > maxJoined {
		delete(p.parts, p.env.stream)
		return "", bad("a message in parts grew over 1 MB")
	}
	whole := before + p.env.message
	if !p.env.partial {
		delete(p.parts, p.env.stream)
		return whole, nil
	}
	if len(p.parts) < 8 || has {
		p.parts[strings.Clone(p.env.stream)] = strings.Clone(whole)
	}
	return "", ErrNoRequest
}

func (p *wrapParser) forget() { clear(p.parts) }

// fittedLoosely says so of the line inside.
func (p *wrapParser) fittedLoosely() bool {
	if p.last == nil {
		return false
	}
	l, ok := p.last.parser.(looseParser)
	return ok && l.fittedLoosely()
}

// Recognition returns what the lines inside were recognised as.
func (p *wrapParser) Recognition() Recognition {
	if p.last != nil {
		if a, ok := p.last.parser.(*Auto); ok {
			return a.Recognition()
		}
	}
	return Recognition{}
}

// openerOf returns the opener of a wrapper.
func openerOf(name string) opener {
	switch name {
	case "syslog":
		return openSyslog
	case "cri":
		return openCRI
	case "compose":
		return openCompose
	case "docker":
		return openJSON("docker", dockerTree)
	case "journald":
		return openJSON("journald", journaldTree)
	default:
		return openJSON("message", messageTree)
	}
}

// NewWrapped makes the parser of a wrapper ("syslog") around lines of any spec, auto included.
func NewWrapped(wrapper string, inside Spec, o Options) (Parser, error) {
	f, ok := Lookup(wrapper)
	if !ok || !f.wrapper {
		return nil, fmt.Errorf("format: %q is not a wrapper", wrapper)
	}
	if inside.String() == autoName {
		return f.New(o)
	}
	if in, ok := Lookup(inside.Name); strings.Contains(inside.Name, "+") || ok && in.wrapper {
		return nil, fmt.Errorf("format: %q is not a format that %s could carry", inside.Name, wrapper)
	}
	return wrapOne(f.Name, o, func(o Options) (Parser, error) { return New(inside, o) })
}

// wrapOne makes the parser of a wrapper around the lines of one parser, whatever program writes them.
func wrapOne(name string, o Options, inside func(Options) (Parser, error)) (Parser, error) {
	o.outer = &outerTime{}
	p, err := inside(o)
	if err != nil {
		return nil, err
	}
	w := newWrapParser(openerOf(name), func() Parser { return p })
	w.when = o.outer
	return w, nil
}

// wrapFormat makes a row of the table of a wrapper; the inside is recognised.
func wrapFormat(f Format) Format {
	f.wrapper = true
	f.Family = "wrapper"
	f.Fields = append([]string(nil), fieldOrder...)
	f.New = func(o Options) (Parser, error) {
		o.outer = &outerTime{}
		w := newWrapParser(openerOf(f.Name), func() Parser {
			inner := NewAuto(o)
			inner.inside = true
			return inner
		})
		w.when = o.outer
		return w, nil
	}
	return f
}

// jsonEnvelope are the nodes of a JSON envelope and the marks that it needs.
type jsonEnvelope func() (root *jsonNode, need uint32)

func envelopeTree(marks []string, columns map[string]column) jsonEnvelope {
	return func() (*jsonNode, uint32) {
		s := jsonSpec{columns: columns, marks: marks}
		return s.tree(Options{})
	}
}

// The trees of the JSON envelopes.
var (
	dockerTree = envelopeTree([]string{"log", "stream"}, map[string]column{
		"log": {slotMessage, 0, 1}, "stream": {slotService, 0, 1}, "time": {slotTime, unitNone, 1},
	})
	journaldTree = envelopeTree([]string{"MESSAGE", "__REALTIME_TIMESTAMP"}, map[string]column{
		"MESSAGE": {slotMessage, 0, 1}, "SYSLOG_IDENTIFIER": {slotUser, 0, 2}, "_COMM": {slotUser, 0, 1},
		"__REALTIME_TIMESTAMP": {slotTime, unitMicro, 1},
	})
	messageTree = envelopeTree(nil, map[string]column{
		"message": {slotMessage, 0, 3}, "log": {slotMessage, 0, 2}, "msg": {slotMessage, 0, 1}, "event.original": {slotMessage, 0, 4},
		"@timestamp": {slotTime, unitAuto, 4}, "timestamp": {slotTime, unitAuto, 3}, "time": {slotTime, unitAuto, 2}, "date": {slotTime, unitAuto, 1},
		"line": {slotMessage, 0, 0}, "_raw": {slotMessage, 0, 3}, "@message": {slotMessage, 0, 3}, "textPayload": {slotMessage, 0, 3},
	})
)

// openJSON opens JSON envelopes whose message is a string.
func openJSON(name string, tree jsonEnvelope) opener {
	root, need := tree()
	var scan jsonScanner
	var rec record
	return func(line string, e *envelope) error {
		rec.reset()
		if err := scan.scan(line, root, &rec); err != nil {
			return err
		}
		if name == "journald" {
			if text, ok := journalBytes(line); ok {
				rec.put(slotMessage, unitNone, 9, text)
				scan.marks |= need
			}
		}
		v, ok := rec.get(slotMessage)
		if !ok || scan.marks&need != need {
			return &fieldError{what: "JSON, but without the keys of " + name, at: 1}
		}
		e.message = v
		if when, ok := rec.get(slotTime); ok {
			e.when = outerTime{when, rec.unit[slotTime]}
		}
		e.program, _ = rec.get(slotUser)
		if name == "docker" {
			e.stream, _ = rec.get(slotService)
			e.partial = !strings.HasSuffix(v, "\n")
		}
		return nil
	}
}

// journalBytes returns the message that journald writes as a list of bytes, because it holds some that are no text: what
// a client may send on purpose.
func journalBytes(line string) (string, bool) {
	_, rest, ok := strings.Cut(line, `"MESSAGE":[`)
	if !ok {
		if _, rest, ok = strings.Cut(line, `"MESSAGE" : [`); !ok {
			return "", false
		}
	}
	end := strings.IndexByte(rest, ']')
	if end < 0 {
		return "", false
	}
	text := make([]byte, 0, end/4)
	for number := range strings.SplitSeq(rest[:end], ",") {
		n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 8)
		if err != nil {
			return "", false
		}
		text = append(text, byte(n))
	}
	return string(text), true
}

// openCRI opens the log lines of containerd and CRI-O: time, stream, F or P (full or partial), message.
func openCRI(line string, e *envelope) error {
	first := strings.IndexByte(line, ' ')
	if first < 20 || first > 40 || line[4] != '-' || line[10] != 'T' {
		return bad("want a time and stdout or stderr")
	}
	rest, ok := strings.CutPrefix(line[first+1:], "stdout ")
	e.stream = "stdout"
	if !ok {
		if rest, ok = strings.CutPrefix(line[first+1:], "stderr "); !ok {
			return &fieldError{what: "want stdout or stderr after the time", at: first}
		}
		e.stream = "stderr"
	}
	if len(rest) < 2 || rest[1] != ' ' || (rest[0] != 'F' && rest[0] != 'P') {
		return &fieldError{what: "want F or P after the stream", at: first + 8}
	}
	e.partial, e.message, e.when.value = rest[0] == 'P', rest[2:], line[:first]
	return nil
}

// openCompose opens what docker compose logs prints: the container's name, blanks, a bar and the message.
func openCompose(line string, e *envelope) error {
	i := strings.IndexByte(line, '|')
	if i < 2 || i > 100 || i+2 > len(line) || line[i-1] != ' ' {
		return bad("want a container's name and a bar")
	}
	name := strings.TrimRight(line[:i], " ")
	if strings.ContainsAny(name, ` "[{`) {
		return bad("want a container's name and a bar")
	}
	e.program = name
	e.message = strings.TrimPrefix(line[i+1:], " ")
	return nil
}

// openSyslog opens RFC 5424 and RFC 3164 messages, as sent and as rsyslog and syslog-ng write them to files.
func openSyslog(line string, e *envelope) error {
	rest := line
	if rest[0] == '<' {
		end := strings.IndexByte(rest, '>')
		if end < 2 || end > 4 {
			return bad("want <priority>")
		}
		rest = rest[end+1:]
		if after, ok := strings.CutPrefix(rest, "1 "); ok {
			return openRFC5424(line, after, e)
		}
	}
	if after, ok := strings.CutPrefix(rest, "1 "); ok && len(after) > 20 && after[4] == '-' && after[10] == 'T' { // written without the priority
		return openRFC5424(line, after, e)
	}
	n, ok := syslogTime(rest)
	if !ok {
		if openTag(rest, e) || rest != line && openBare(rest, e) {
			return nil
		}
		return &fieldError{what: "want a syslog time", at: len(line) - len(rest)}
	}
	e.when.value = rest[:n]
	rest = strings.TrimLeft(rest[n:], " ")
	// HOST TAG[PID]: MESSAGE, or TAG[PID]: MESSAGE as HAProxy sends it.
	for range 2 {
		word, after, ok := strings.Cut(rest, " ")
		if !ok {
			break
		}
		if tag, ok := strings.CutSuffix(word, ":"); ok && tag != "" {
			e.program, _, _ = strings.Cut(tag, "[")
			e.message = strings.TrimLeft(after, " ")
			return nil
		}
		if tag, message, ok := strings.Cut(rest, ":"); ok && tag != "" && strings.IndexByte(word, ':') > 0 && strings.IndexByte(word, '=') > len(tag) && isToken(tag) {
			e.program, e.message = tag, message // ASM:key="value"
			return nil
		}
		rest = after
	}
	return &fieldError{what: "want a host and a program with a colon after the syslog time", at: n}
}

// openTag opens a message whose header was cut down to the program, as journalctl and HAProxy's manual show it:
// "haproxy[674]: …".
func openTag(line string, e *envelope) bool {
	tag, message, ok := strings.Cut(line, "]: ")
	program, pid, has := strings.Cut(tag, "[")
	if !ok || !has || program == "" || pid == "" || len(pid) > 10 || strings.Trim(pid, "0123456789") != "" || strings.ContainsAny(program, " \t\"") {
		return false
	}
	e.program, e.message = program, message
	return true
}

// openBare opens a message that has a priority and no time: with a program before a colon, or nothing else (HAProxy's
// formats short and priority).
func openBare(line string, e *envelope) bool {
	line = strings.TrimLeft(line, " ")
	if tag, message, ok := strings.Cut(line, ": "); ok && len(tag) <= 48 && !strings.ContainsAny(tag, ` "[{:`) {
		e.program, line = tag, message
	}
	e.message = line
	return line != ""
}

// openRFC5424 reads what follows the version: TIMESTAMP HOST APP PROCID MSGID STRUCTURED-DATA MESSAGE.
func openRFC5424(line, rest string, e *envelope) error {
	for i := range 5 {
		word, after, ok := strings.Cut(rest, " ")
		if !ok {
			return &fieldError{what: "want seven parts of RFC 5424", at: len(line) - len(rest)}
		}
		switch {
		case word == "-":
		case i == 0:
			e.when.value = word
		case i == 2:
			e.program = word
		}
		rest = after
	}
	switch {
	case strings.HasPrefix(rest, "- "):
		rest = rest[2:]
	case strings.HasPrefix(rest, "["):
		end := structuredEnd(rest)
		if end < 0 {
			return &fieldError{what: "structured data without an end", at: len(line) - len(rest)}
		}
		rest = strings.TrimPrefix(rest[end:], " ")
	case rest == "-":
		return ErrNoRequest
	} // else without structured data, as Heroku's drains send it
	e.message = strings.TrimPrefix(rest, "\ufeff")
	return nil
}

// structuredEnd finds where the structured data [id k="v"]… end; quotes and brackets in values are escaped.
func structuredEnd(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case ']':
			if !quoted && (i+1 == len(s) || s[i+1] != '[') {
				return i + 1
			}
		}
	}
	return -1
}

// syslogTime returns the length of the time at the start of s: "Mar 10 13:55:36", the same with a year or a fraction,
// or RFC 3339.
func syslogTime(s string) (int, bool) {
	if len(s) > 20 && s[4] == '-' && s[10] == 'T' {
		n := strings.IndexByte(s, ' ')
		return n, n >= 19 && n < 40
	}
	if len(s) < 16 || monthOf(s[:3]) == 0 || s[3] != ' ' || s[6] != ' ' {
		return 0, false
	}
	if _, ok := digits2(s[4:6]); !ok {
		return 0, false
	}
	at := 7
	if len(s) > 21 && isDigit(s[7]) && isDigit(s[10]) && s[11] == ' ' { // a year
		at = 12
	}
	if _, ok := clockSeconds(s[at:]); !ok {
		return 0, false
	}
	n := at + 8
	for n < len(s) && (s[n] == '.' || isDigit(s[n])) {
		n++
	}
	return n, true
}
