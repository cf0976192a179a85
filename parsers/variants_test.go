package parsers

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gatewatch/gatewatch/event"
)

// TestVariants reads lines as gateways write them besides the samples: columns that newer versions add, address forms,
// units and quirks. A line is recognised by itself, and the values named must be those; "" says that a value is absent.
func TestVariants(t *testing.T) {
	for _, tc := range []struct {
		name, format, line string
		want               map[string]any
	}{
		{
			"ALB with an IPv6 client, a Lambda's error and a connection trace", "aws_alb",
			`https 2025-03-10T13:55:36.186641Z app/lb/50dc6c495c0c9188 [2001:db8::42]:2817 - -1 -1 -1 502 - 34 366 "GET https://www.example.com:443/?x=%22a b%22 HTTP/1.1" "Mozilla \"x\" y" - - arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/my-targets/73e2 "Root=1-58" "-" "-" 0 2025-03-10T13:55:36.364000Z "forward" "-" "LambdaInvalidResponse" "-" "-" "-" "-" TID_1234abcd`,
			map[string]any{"client_ip": "2001:db8::42", "status": 502, "duration_ms": "", "host": "www.example.com", "path": "/", "query": "x=%22a b%22", "user_agent": `Mozilla "x" y`, "service": "my-targets"},
		},
		{
			"API Gateway CSV with the extended request id", "aws_apigateway",
			`203.0.113.9,-,anna,10/Mar/2025:13:55:37 +0000,GET,/items/{id},HTTP/1.1,200,512,c6af9ac6-7b61-11e6-9a41-93e8deadbeef,JKJaXmPLvHcESHA=`,
			map[string]any{"request_id": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef", "route": "/items/{id}", "user": "anna"},
		},
		{
			"API Gateway XML over several blanks", "aws_apigateway_xml",
			`<request id="c6af"> \  <ip>203.0.113.9</ip> \ <caller>-</caller> \ <user>-</user> \ <requestTime>10/Mar/2025:13:55:37 +0000</requestTime> \ <httpMethod>GET</httpMethod> \ <resourcePath>/a</resourcePath> \ <status>200</status> \ <protocol>HTTP/1.1</protocol> \ <responseLength>5</responseLength> \ </request>`,
			map[string]any{"client_ip": "203.0.113.9", "path": "/a", "route": "", "user": "", "status": 200, "bytes_out": 5},
		},
		{
			"common with a duration is no API Gateway", "spring",
			`203.0.113.8 - bob [01/May/2024:10:00:00 +0200] "POST /app?x=y HTTP/1.1" 302 - 45`,
			map[string]any{"request_id": "", "duration_ms": 45, "bytes_out": ""},
		},
		{
			"Front Door, the newer generation", "azure_frontdoor",
			`{"time":"2025-03-10T10:01:02.1234567Z","category":"FrontDoorAccessLog","properties":{"trackingReference":"0abc","httpMethod":"GET","httpVersion":"2.0.0.0","requestUri":"https://www.example.com:443/a/b?x=1","requestBytes":"1100","responseBytes":"4321","clientIp":"203.0.113.44","socketIp":"203.0.113.44","timeToFirstByte":"0.065","timeTaken":"0.070","securityProtocol":"TLSv1.3","httpStatusCode":"200","originIp":"10.0.0.4:443","hostName":"www.example.com"}}`,
			map[string]any{"protocol": "HTTP/2.0", "duration_ms": 70, "bytes_in": 1100, "upstream": "10.0.0.4:443"},
		},
		{
			"Application Gateway version 1 appends server variables to the query", "azure_appgateway",
			`{"time":"2025-03-10T19:27:38Z","operationName":"ApplicationGatewayAccess","properties":{"clientIP":"203.0.113.97","httpMethod":"GET","requestUri":"/setup.php","requestQuery":"a=b&X-AzureApplicationGateway-CACHE-HIT=0&SERVER-ROUTED=10.4.0.4&X-AzureApplicationGateway-LOG-ID=874f&SERVER-STATUS=404","httpStatus":404,"httpVersion":"HTTP/1.0","receivedBytes":65,"sentBytes":553,"timeTaken":205,"sslEnabled":"off"}}`,
			map[string]any{"query": "a=b", "upstream": "10.4.0.4", "duration_ms": 205, "scheme": "http"},
		},
		{
			"HAProxy behind its program's name alone", "haproxy",
			`haproxy[18113]: 127.0.0.1:34548 [15/Oct/2003:15:18:55.798] px-http px-http/<NOSRV> -1/-1/-1/-1/8490 408 -1 - - cR-- 2/2/2/0/0 0/0 "<BADREQ>"`,
			map[string]any{"status": 408, "request_line": "<BADREQ>", "bytes_out": "", "method": ""},
		},
		{
			"HAProxy, an IPv4 client on an IPv6 socket, captured headers", "haproxy",
			`::ffff:203.0.113.9:5000 [06/Feb/2024:12:14:14.655] https~ api/s1 0/0/0/16/+16 200 +154 - - ---- 5/5/1/1/0 0/0 {a b|c} "OPTIONS * HTTP/1.1"`,
			map[string]any{"client_ip": "203.0.113.9", "path": "*", "bytes_out": 154, "duration_ms": 16},
		},
		{
			"syslog without a time", "combined",
			`<134>nginx: 203.0.113.9 - - [05/Nov/2024:10:00:00 +0100] "GET /f HTTP/2" 200 5 "-" "curl"`,
			map[string]any{"path": "/f", "protocol": "HTTP/2.0", "client_ip": "203.0.113.9"},
		},
		{
			"journald writes what is no text as bytes", "combined",
			`{"__REALTIME_TIMESTAMP":"1714557600000000","_COMM":"nginx","MESSAGE":` + asNumbers("203.0.113.9 - - [05/Nov/2024:10:00:00 +0100] \"GET /\xff HTTP/1.1\" 200 5 \"-\" \"c\"") + `}`,
			map[string]any{"client_ip": "203.0.113.9", "status": 200, "method": "GET"},
		},
		{
			"ECS with a small method", "json",
			`{"@timestamp":"2024-05-01T10:00:00.000Z","source":{"ip":"203.0.113.9"},"http":{"request":{"method":"get"},"response":{"status_code":404},"version":"1.1"},"url":{"original":"/a?b=1"},"event":{"duration":1500000}}`,
			map[string]any{"method": "GET", "duration_ms": 1.5, "protocol": "HTTP/1.1", "query": "b=1"},
		},
		{
			"Gravitee writes methods as numbers, and -1 for what it does not know", "gravitee",
			`{"type":"v4-metrics","@timestamp":"2024-05-01T10:00:00Z","api-id":"a","api-name":"Echo","request-id":"r","http-method":3,"uri":"/echo?x=1","status":200,"remote-address":"203.0.113.3","host":"h:8082","gateway-response-time-ms":12,"endpoint-response-time-ms":-1,"response-content-length":-1,"user-agent":"curl"}`,
			map[string]any{"method": "GET", "upstream_ms": "", "bytes_out": "", "duration_ms": 12, "host": "h"},
		},
		{
			"a quoted user", "common",
			`203.0.113.9 "-" "-" [01/May/2024:10:00:00 +0000] "GET /a HTTP/1.1" 200 512`,
			map[string]any{"user": "", "path": "/a"},
		},
		{
			"small letters in a request line are the client's", "combined",
			`203.0.113.9 - - [01/May/2024:10:00:00 +0200] "get / http/1.1" 200 0 "-" "-"`,
			map[string]any{"method": "get", "protocol": "http/1.1"},
		},
		{
			"a port behind a bracketed authority", "combined",
			`203.0.113.9 - - [01/May/2024:10:00:00 +0200] "CONNECT [2001:db8::1]:443 HTTP/1.1" 405 0 "-" "-"`,
			map[string]any{"host": "2001:db8::1", "path": "", "method": "CONNECT"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := NewAuto(Options{})
			var ev event.Event
			ev.Reset()
			if err := p.Parse(tc.line, &ev); err != nil {
				t.Fatal(err)
			}
			var got map[string]any
			if err := json.Unmarshal(ev.AppendJSON(nil), &got); err != nil {
				t.Fatal(err)
			}
			tc.want["format"] = tc.format
			for name, want := range tc.want {
				have, has := got[name]
				if want == "" && has || want != "" && fmt.Sprint(have) != fmt.Sprint(want) {
					t.Errorf("%s: got %v, want %v", name, have, want)
				}
			}
		})
	}
}

// asNumbers writes bytes as journald does.
func asNumbers(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, ",%d", s[i])
	}
	return "[" + b.String()[1:] + "]"
}

// TestRequestMarks: the wrappers pass over lines without these characters, so each sample that is a request holds one.
func TestRequestMarks(t *testing.T) {
	for _, f := range Formats() {
		for _, line := range f.Samples {
			if !mayBeRequest(line) {
				t.Errorf("%s: a sample holds none of %q: %s", f.Name, requestMarks, line)
			}
		}
	}
}
