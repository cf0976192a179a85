package parsers

import (
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// squid is Squid's own access log.
func squid() Format {
	return scanFormat(Format{
		Name: "squid", Title: "Squid (native access log)", Family: "squid", Fields: []string{"host"},
		Definition: "wiki.squid-cache.org/Features/LogFormat (squid); squid-cache.org/Doc/config/logformat",
		Samples: []string{
			`1741614936.120    103 203.0.113.9 TCP_MISS/200 4567 GET http://www.example.com/a?x=1 anna HIER_DIRECT/198.51.100.5 text/html`,
			`1741614937.000      0 2001:db8::7 TCP_DENIED/403 3912 CONNECT mail.example.com:25 - HIER_NONE/- text/html`,
		},
	}, scanParser{scan: scanSquid, finish: squidFinish},
		slotTime, slotDuration, slotClient, slotStatus, slotBytesOut, slotMethod, slotTarget, slotUser, slotUpstream, slotAction)
}

// squidFinish clears what fill notes about absolute targets and CONNECT: of a proxy everybody asks for them.
func squidFinish(_ *record, ev *event.Event) error {
	ev.RequestLine = ""
	return nil
}

// scanSquid reads: time elapsed client result/status size method URL user hierarchy/peer type.
func scanSquid(line string, r *record) error {
	var v [9]string
	t := tokens{s: line}
	if !isDigit(line[0]) || t.fill(v[:]) < 9 {
		return bad("want nine columns, the first a time in seconds")
	}
	result, status, ok := strings.Cut(v[3], "/")
	_, peer, okPeer := strings.Cut(v[8], "/")
	if !ok || !okPeer || strings.IndexByte(result, '_') < 0 && result != "NONE" {
		return &fieldError{what: "want result/status and hierarchy/peer", at: 12}
	}
	r.put(slotTime, unitSec, 1, v[0])
	r.put(slotDuration, unitMilli, 1, v[1])
	r.put(slotClient, unitNone, 1, v[2])
	if status != "000" {
		r.put(slotStatus, unitNone, 1, status)
	}
	r.put(slotBytesOut, unitNone, 1, v[4])
	r.put(slotMethod, unitNone, 1, v[5])
	r.put(slotTarget, unitNone, 1, v[6])
	r.put(slotUser, unitNone, 1, v[7])
	r.put(slotUpstream, unitNone, 1, peer)
	if strings.HasPrefix(result, "TCP_DENIED") {
		r.put(slotAction, unitNone, 1, event.ActionDeny)
	}
	return nil
}
