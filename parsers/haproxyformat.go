package parsers

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// haproxyVars says what the variables of HAProxy's log-format mean (docs.haproxy.org/3.0/configuration.html#8.2.6).
// Times without a zone are in that of the machine.
var haproxyVars = map[string]column{
	"ci": {slotClient, 0, 1}, "cp": {}, "bi": {}, "bp": {}, "fi": {}, "fp": {}, "si": {}, "sp": {},
	"t": {slotTime, unitCLF, 2}, "tr": {slotTime, unitCLF, 3}, "T": {slotTime, unitCLF, 4}, "trg": {slotTime, unitCLF, 5},
	"Tl": {slotTime, unitCLF, 4}, "trl": {slotTime, unitCLF, 5}, "Ts": {slotTime, unitSec, 1}, "ms": {slotFrac, unitMilli, 1},
	"f": {}, "ft": {}, "b": {slotService, 0, 1}, "be_name": {slotService, 0, 1}, "s": {slotUpstream, 0, 1},
	"TR": {}, "Tw": {}, "Tc": {}, "Th": {}, "Ti": {}, "Tq": {}, "Td": {}, "Tu": {},
	"Tr": {slotUpTime, unitMilli, 1}, "Ta": {slotDuration, unitMilli, 2}, "Tt": {slotDuration, unitMilli, 1},
	"ST": {slotStatus, 0, 1}, "B": {slotBytesOut, 0, 1}, "U": {slotBytesIn, 0, 1}, "CC": {}, "CS": {}, "tsc": {slotMessage, 0, 2}, "ts": {slotMessage, 0, 1},
	"ac": {}, "fc": {}, "bc": {}, "sc": {}, "rc": {}, "sq": {}, "bq": {}, "lc": {}, "rt": {}, "pid": {}, "H": {}, "o": {},
	"hr": {}, "hs": {}, "hrl": {}, "hsl": {},
	"r": {slotRequest, 0, 1}, "HM": {slotMethod, 0, 1}, "HU": {slotTarget, 0, 1}, "HP": {slotPath, 0, 1}, "HPO": {slotPath, 0, 1},
	"HQ": {slotQuery, 0, 1}, "HV": {slotProtocol, 0, 1}, "ID": {slotRequestID, 0, 1}, "sslv": {slotTLS, 0, 1}, "sslc": {},
}

// haproxySamples says what sample expressions mean, without their converters.
var haproxySamples = map[string]column{
	"src": {slotClient, 0, 1}, "path": {slotPath, 0, 1}, "pathq": {slotTarget, 0, 1}, "url": {slotTarget, 0, 1}, "query": {slotQuery, 0, 1},
	"method": {slotMethod, 0, 1}, "capture.req.method": {slotMethod, 0, 1}, "capture.req.uri": {slotTarget, 0, 1},
	"capture.req.ver": {slotProtocol, 0, 1}, "status": {slotStatus, 0, 1}, "txn.status": {slotStatus, 0, 1}, "ssl_fc_sni": {slotHost, 0, 1},
	"ssl_fc_protocol": {slotTLS, 0, 1}, "unique-id": {slotRequestID, 0, 1}, "bytes_out": {slotBytesOut, 0, 1}, "bytes_in": {slotBytesIn, 0, 1},
	"be_name": {slotService, 0, 1}, "http_auth_user": {slotUser, unitBasic, 1}, "accept_date": {slotTime, unitAuto, 1},
	"request_date": {slotTime, unitAuto, 2}, "txn.timer.total": {slotDuration, unitMilli, 2}, "base": {slotURL, 0, 0},
}

// newHAProxyPattern compiles the string of HAProxy's log-format directive.
func newHAProxyPattern(format string, captures []string, o Options) (Parser, error) {
	p, err := compileHAProxy("haproxy", format, captures)
	if err != nil {
		return nil, fmt.Errorf("format: haproxy: %w", err)
	}
	return p.parser(o), nil
}

// haproxyFormat is a format string on the way to a pattern.
type haproxyFormat struct {
	builder
	captures []string
	quote    bool // %{+Q}o: all values stand in quotes
}

func compileHAProxy(name, format string, captures []string) (pattern, error) {
	b := &haproxyFormat{builder: builder{p: pattern{name: name, finish: haproxyFormatFinish}}, captures: captures}
	for i := 0; i < len(format); {
		switch c := format[i]; {
		case c == '\\' && i+1 < len(format):
			b.lit(string(format[i+1]))
			i += 2
		case c != '%':
			b.lit(string(c))
			i++
		case strings.HasPrefix(format[i:], "%%"):
			b.lit("%")
			i += 2
		default:
			n, err := b.variable(format[i:])
			if err != nil {
				return pattern{}, fmt.Errorf("character %d: %w", i+1, err)
			}
			i += n
		}
	}
	return b.done()
}

// variable adds the variable or sample expression at the start of s and returns its length.
func (b *haproxyFormat) variable(s string) (int, error) {
	i, quote := 1, b.quote
	if i < len(s) && s[i] == '(' { // a name for the variable
		end := strings.IndexByte(s, ')')
		if end < 0 {
			return 0, fmt.Errorf("%%( without )")
		}
		i = end + 1
	}
	if i < len(s) && s[i] == '{' {
		end := strings.IndexByte(s[i:], '}')
		if end < 0 {
			return 0, fmt.Errorf("%%{ without }")
		}
		flags := s[i+1 : i+end]
		quote = (quote || strings.Contains(flags, "+Q")) && !strings.Contains(flags, "-Q")
		i += end + 1
	}
	if i < len(s) && s[i] == '[' {
		end := strings.IndexByte(s[i:], ']')
		if end < 0 {
			return 0, fmt.Errorf("%%[ without ]")
		}
		name := s[i+1 : i+end]
		return i + end + 1, b.add(name, b.sample(name), quote)
	}
	end := i
	for end < len(s) && (isDigit(s[end]) || s[end]|0x20 >= 'a' && s[end]|0x20 <= 'z') {
		end++
	}
	for ; end > i; end-- { // the longest name that is known: %ci is not %c and an i
		name := s[i:end]
		c, known := haproxyVars[name]
		switch {
		case !known:
		case name == "o":
			b.quote = quote
			return end, nil
		case (name == "hr" || name == "hrl") && len(b.captures) > 0:
			return end, b.captured()
		default:
			return end, b.add("%"+name, c, quote)
		}
	}
	return 0, fmt.Errorf("%q is no variable of HAProxy's log-format", s[:min(len(s), 6)])
}

// add adds a field, in quotes or not.
func (b *haproxyFormat) add(name string, c column, quote bool) error {
	if quote {
		b.lit(`"`)
	}
	err := b.field(name, c)
	if quote {
		b.lit(`"`)
	}
	return err
}

// captured adds the block of captured request headers, {a|b}.
func (b *haproxyFormat) captured() error {
	b.lit("{")
	for i, name := range b.captures {
		if i > 0 {
			b.lit("|")
		}
		if err := b.field(name, headerColumns[strings.ToLower(name)]); err != nil {
			return err
		}
		b.p.steps[len(b.p.steps)-1].blanks = true
	}
	b.lit("}")
	return nil
}

// sample says what a sample expression means; nothing when it is not known.
func (b *haproxyFormat) sample(expr string) column {
	expr, _, _ = strings.Cut(expr, ",") // its converters
	fetch, arg, ok := strings.Cut(expr, "(")
	arg = strings.Trim(strings.TrimSuffix(arg, ")"), `"'`)
	if ok {
		switch fetch {
		case "req.hdr", "req.fhdr", "hdr", "fhdr", "req.hdr_ip", "hdr_ip", "req.cook":
			return headerColumns[strings.ToLower(arg)]
		case "capture.req.hdr":
			if n, err := strconv.Atoi(arg); err == nil && n >= 0 && n < len(b.captures) {
				return headerColumns[strings.ToLower(b.captures[n])]
			}
			return column{}
		}
	}
	return haproxySamples[fetch]
}

// haproxyFormatFinish undoes the encoding, and drops the server <NOSRV>, which is none.
func haproxyFormatFinish(r *record, ev *event.Event) error {
	for _, v := range []*string{&ev.Path, &ev.Query, &ev.UserAgent, &ev.Referer, &ev.Host, &ev.RequestLine} {
		*v = unhash(*v)
	}
	if strings.HasPrefix(ev.Upstream, "<") {
		ev.Upstream = ""
	}
	if state, ok := r.get(slotMessage); ok {
		ev.GatewayAction = haproxyAction(state, strconv.Itoa(ev.Status))
	}
	return haproxyFinish(nil, ev)
}

// newHAProxyCaptures makes the parser of the usual formats with names for the captured headers.
func newHAProxyCaptures(s Spec, o Options) (Parser, error) {
	outer, inner, wrapped := strings.Cut(s.Name, "+")
	f, ok := Lookup(outer)
	in := f
	if wrapped {
		in, _ = Lookup(inner)
	}
	if !ok || in.Name != "haproxy" || wrapped && !f.wrapper {
		return nil, fmt.Errorf("format: captures go with haproxy, alone or in a wrapper, not with %q", s.Name)
	}
	var names []column
	for i, c := range s.Captures {
		if c == "" {
			return nil, fmt.Errorf("format: captures[%d]: empty: want the name of a header", i)
		}
		names = append(names, headerColumns[strings.ToLower(c)])
	}
	p := &scanParser{name: "haproxy", finish: haproxyFinish, scan: func(line string, r *record) error {
		if err := scanHAProxy(line, r); err != nil {
			return err
		}
		r.putCaptures(line, names)
		return nil
	}}
	if !wrapped {
		p.rec.clock = o.clock()
		return p, nil
	}
	return wrapOne(f.Name, o, func(o Options) (Parser, error) {
		p.rec.clock = o.clock()
		return p, nil
	})
}

// putCaptures reads the first block of captured headers, {a|b}, which stands before the request line.
func (r *record) putCaptures(line string, names []column) {
	open := strings.Index(line, " {")
	quote := strings.Index(line, ` "`)
	if open < 0 || quote >= 0 && quote < open {
		return
	}
	block, _, ok := strings.Cut(line[open+2:], "} ")
	if !ok {
		return
	}
	for _, c := range names {
		var v string
		v, block, _ = strings.Cut(block, "|")
		if c.slot != slotNone {
			r.put(c.slot, c.unit, c.rank, unhash(v))
		}
	}
}
