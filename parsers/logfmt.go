package parsers

import (
	"strings"
	"sync"

	"github.com/gatewatch/gatewatch/event"
)

// logfmtTree holds the known names, with those that Tyk's access log has beside them.
var logfmtTree = sync.OnceValue(func() *jsonNode {
	spec := jsonSpec{columns: genericNames(), fold: true}
	root, _ := spec.tree(Options{})
	return root
})

// logfmt reads key=value pairs: Tyk's access log, which is of the logger logrus, and Go services.
func logfmt() Format {
	return Format{
		Name: "logfmt", Title: "logfmt with known names (Tyk access log, Go services)", Family: "logfmt", general: true,
		Definition: "tyk.io/docs/api-management/logs/access-logs; brandur.org/logfmt; the names are those of JSON",
		Fields:     (&jsonSpec{columns: genericNames()}).fields(),
		Samples: []string{
			`time="2025-03-10T13:55:36Z" level=info api_id=a1 api_key="****6789" api_name=items api_version="Not Versioned" client_ip="203.0.113.9" host="api.example.com:8080" latency_total=62 latency_upstream=60 method=GET org_id=o1 path="/items/7" prefix=access-log protocol=HTTP/1.1 remote_addr="10.0.0.2:63251" status=200 upstream_addr="http://items.internal/7" user_agent="curl/8.5.0"`,
			`ts=2025-03-10T13:55:37.250Z level=info msg="request \"done\"" ip=2001:db8::5 method=POST url="/v2/orders?dry=1" status=201 bytes=88 duration=12.5ms ua="okhttp/4.12.0"`,
			`time="2025-03-10T13:55:38Z" level=info msg="gateway started" prefix=main`,
		},
		New: func(o Options) (Parser, error) {
			root := logfmtTree()
			if len(o.WireFields) > 0 {
				root, _ = (&jsonSpec{columns: genericNames(), fold: true}).tree(o)
			}
			p := &logfmtParser{root: root}
			p.rec.clock = o.clock()
			return p, nil
		},
	}
}

// logfmtParser reads lines of key=value and key="quoted value".
type logfmtParser struct {
	root *jsonNode
	rec  record
}

// Parse implements Parser.
func (p *logfmtParser) Parse(line string, ev *event.Event) error {
	if line = trimEnd(line); line == "" {
		return ErrNoRequest
	}
	p.rec.reset()
	p.rec.lenient = true
	if err := p.pairs(line); err != nil {
		return err
	}
	const request = 1<<slotRequest | 1<<slotMethod | 1<<slotTarget | 1<<slotURL | 1<<slotPath
	if p.rec.has&request == 0 {
		if p.rec.has&(1<<slotTime) == 0 {
			return &fieldError{what: "key=value without a time and without a request", at: 1}
		}
		return ErrNoRequest
	}
	if err := prepareGeneric(&p.rec); err != nil {
		return err
	}
	if key, ok := p.rec.get(slotAPIKey); ok && (strings.Contains(key, "***") || strings.Trim(key, "0") == "") {
		p.rec.has &^= 1 << slotAPIKey // Tyk masks keys and writes zeros for none: many callers would be one
	}
	ev.Format = "logfmt"
	return p.rec.fill(ev)
}

// pairs puts the line's values into the record.
func (p *logfmtParser) pairs(line string) error {
	for at := 0; at < len(line); {
		if line[at] == ' ' || line[at] == ',' && at > 0 && line[at-1] == '"' { // F5 separates with commas
			at++
			continue
		}
		eq := strings.IndexAny(line[at:], "= \"")
		if eq <= 0 || line[at+eq] != '=' {
			return &fieldError{what: "want key=value", at: at}
		}
		key := line[at : at+eq]
		at += eq + 1
		value, escaped, next := logfmtValue(line, at)
		if next < 0 {
			return &fieldError{what: "a quoted value does not end", at: at}
		}
		at = next
		if n := p.root.child(key); n != nil && n.wanted() {
			if escaped {
				value = unescape(value)
			}
			if n.slot != slotNone {
				p.rec.put(n.slot, n.unit, n.rank, value)
			}
			if n.wire != "" && value != "" && value != "-" {
				p.rec.keep(n.wire, value)
			}
		}
	}
	return nil
}

// logfmtValue cuts the value that begins at at, and says where the next pair begins; -1 when a quote is not closed.
func logfmtValue(line string, at int) (value string, escaped bool, next int) {
	if at < len(line) && line[at] == '"' {
		for end := at + 1; end < len(line); end++ {
			switch line[end] {
			case '\\':
				escaped = true
				end++
			case '"':
				return line[at+1 : end], escaped, end + 1
			}
		}
		return "", false, -1
	}
	end := strings.IndexByte(line[at:], ' ')
	if end < 0 {
		return line[at:], false, len(line)
	}
	return line[at : at+end], false, at + end
}
