package parsers

import (
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// caddy is the structured access log of Caddy 2.
func caddy() Format {
	return jsonFormat(Format{
		Name: "caddy", Title: "Caddy JSON, with its Coraza firewall", Fields: []string{"scheme", "gateway_action"},
		Definition: "caddyserver.com/docs/logging#structured-logs and caddyserver.com/docs/caddyfile/directives/log",
		Samples: []string{
			`{"level":"info","ts":1741614936.1234567,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"10.0.0.2","remote_port":"44790","client_ip":"203.0.113.9","proto":"HTTP/2.0","method":"GET","host":"shop.example.com:8443","uri":"/cart?item=7","headers":{"X-Forwarded-For":["203.0.113.9, 10.0.0.1"],"User-Agent":["Mozilla/5.0"],"Referer":["https://shop.example.com/"],"Cookie":["REDACTED"]},"tls":{"resumed":false,"version":772,"cipher_suite":4865,"proto":"h2","server_name":"shop.example.com"}},"bytes_read":12,"user_id":"anna","duration":0.034056,"size":512,"status":200,"resp_headers":{"Server":["Caddy"]}}`,
			`{"level":"error","ts":"2025-03-10T13:55:37.500Z","logger":"http.log.access","msg":"handled request","request":{"remote_addr":"198.51.100.4:46944","proto":"HTTP/1.1","method":"GET","host":"shop.example.com","uri":"/private","headers":{"User-Agent":["curl/8.5.0"]}},"duration":"1.2ms","size":0,"status":401}`,
			`{"level":"debug","ts":1741614938.05,"logger":"http.handlers.reverse_proxy","msg":"selected upstream","dial":"app:8080","total_upstreams":1}`,
			`{"level":"error","ts":1741614936.12,"logger":"http.handlers.waf","msg":"[client \"203.0.113.9\"] Coraza: Access denied (phase 2). Inbound Anomaly Score Exceeded (Total Score: 5) [file \"/rules/949.conf\"] [line \"7\"] [id \"949110\"] [severity \"emergency\"] [hostname \"\"] [uri \"/login?next=/\"] [unique_id \"ZejqEsaPeNyWfRKL\"]\n"}`,
			`{"level":"info","ts":1741614937.12,"logger":"http.handlers.rate_limit","msg":"rate limit exceeded","zone":"api","wait":1.5,"remote_ip":"203.0.113.9"}`,
		},
	}, caddySpec([]string{"logger", "ts"}))
}

// caddySpec are the keys of Caddy's access log.
func caddySpec(marks []string) jsonSpec {
	return jsonSpec{
		marks:  marks,
		foldAt: []string{"request.headers"},
		columns: map[string]column{
			"ts": {slotTime, unitAuto, 1}, "logger": {}, "request.remote_ip": {slotPeer, 0, 2}, "request.remote_addr": {slotPeer, 0, 1},
			"request.client_ip": {slotClient, 0, 1}, "request.proto": {slotProtocol, 0, 1}, "request.method": {slotMethod, 0, 1},
			"request.host": {slotHost, 0, 1}, "request.uri": {slotTarget, 0, 1}, "request.tls.version": {slotTLS, 0, 1},
			"request.tls.server_name": {}, "msg": {slotMessage, 0, 1}, "remote_ip": {slotPeer, 0, 0}, "request.headers.X-Forwarded-For": {slotForward, 0, 1},
			"request.headers.User-Agent": {slotAgent, 0, 1}, "request.headers.Referer": {slotReferer, 0, 1},
			"request.headers.Authorization": {slotAuth, 0, 1}, "request.headers.Cookie": {slotCookie, 0, 1},
			"request.headers.X-Api-Key": {slotAPIKey, 0, 1}, "request.headers.X-Request-Id": {slotRequestID, 0, 1},
			"bytes_read": {slotBytesIn, 0, 1}, "user_id": {slotUser, unitBasic, 1}, "duration": {slotDuration, unitSec, 1},
			"size": {slotBytesOut, 0, 1}, "status": {slotStatus, 0, 1}, "uuid": {slotRequestID, 0, 0},
		},
		prepare: caddyPrepare, finish: caddyFinish,
	}
}

// caddyPrepare reads what modules log of a request without the request itself: the firewall Coraza
// (github.com/corazawaf/coraza-caddy; messages as in coraza types.MatchedRule.ErrorLog) and the limits of
// github.com/mholt/caddy-ratelimit. Other messages without a request say nothing.
func caddyPrepare(r *record) error {
	message, _ := r.get(slotMessage)
	r.has &^= 1 << slotMessage
	if r.has&(1<<slotMethod) != 0 {
		return nil
	}
	if rest, ok := strings.CutPrefix(message, `[client "`); ok {
		addr, rest, _ := strings.Cut(rest, `"`)
		r.put(slotClient, unitNone, 2, addr)
		r.putModSecurity(rest)
		r.has |= 1 << slotMessage
	} else if message == "rate limit exceeded" {
		r.put(slotAction, unitNone, 1, event.ActionRateLimit)
		r.has |= 1 << slotMessage
	}
	return nil
}

// caddyConsole is the same access log in Caddy's console encoding: time, level, logger and message separated by tabs,
// then the rest as JSON.
func caddyConsole() Format {
	spec := caddySpec([]string{"request.method", "status"})
	root, need := spec.tree(Options{})
	var slots []slot
	for _, c := range spec.columns {
		slots = append(slots, c.slot)
	}
	f := scanFormat(Format{
		Name: "caddy_console", Title: "Caddy console encoding", Family: "caddy", Fields: []string{"scheme"},
		Definition: "caddyserver.com/docs/caddyfile/directives/log#console",
		Samples: []string{
			"2025/03/10 13:55:36.120\tINFO\thttp.log.access.log0\thandled request\t{\"request\": {\"remote_ip\": \"203.0.113.9\", \"client_ip\": \"203.0.113.9\", \"proto\": \"HTTP/1.1\", \"method\": \"GET\", \"host\": \"shop.example.com\", \"uri\": \"/cart?item=7\", \"headers\": {\"User-Agent\": [\"curl/8.5.0\"]}}, \"bytes_read\": 0, \"user_id\": \"\", \"duration\": 0.034, \"size\": 512, \"status\": 200}",
			"2025/03/10 13:55:37.000\tINFO\ttls.cache.maintenance\tstarted background certificate maintenance\t{\"cache\": \"0xc0\"}",
		},
	}, scanParser{finish: caddyFinish}, slots...)
	f.New = func(o Options) (Parser, error) {
		var scan jsonScanner
		p := &scanParser{name: f.Name, finish: caddyFinish}
		p.rec.clock = o.clock()
		p.scan = func(line string, r *record) error {
			if len(line) < 30 || line[4] != '/' || line[10] != ' ' {
				return bad("want a time and tabs")
			}
			when, rest, ok := strings.Cut(line, "\t")
			start := strings.Index(rest, "\t{")
			if !ok || start < 0 {
				return &fieldError{what: "want columns separated by tabs, the last one JSON", at: 19}
			}
			if err := scan.scan(rest[start+1:], root, r); err != nil {
				return err
			}
			if scan.marks&need != need {
				return ErrNoRequest
			}
			r.put(slotTime, unitNone, 9, when)
			return nil
		}
		return p, nil
	}
	return f
}

// caddyFinish tells the scheme by the TLS section and drops what Caddy has redacted.
func caddyFinish(_ *record, ev *event.Event) error {
	if ev.Scheme == "" && ev.Method != "" {
		ev.Scheme = "http"
		if ev.TLSVersion != "" {
			ev.Scheme = "https"
		}
	}
	if ev.Wire.Cookie == "REDACTED" {
		ev.Wire.Cookie = ""
	}
	if ev.Wire.Authorization == "REDACTED" {
		ev.Wire.Authorization = ""
	}
	return nil
}
