package parsers

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gatewatch/gatewatch/event"
)

func TestSpecErrors(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{Name: "nosuch"}, "known are auto"},
		{Spec{Name: "combined", Nginx: "$msec $request"}, "only one"},
		{Spec{Nginx: "$remote_addr $request"}, "no time"},
		{Spec{Nginx: "$msec $remote_port"}, "neither a request"},
		{Spec{Nginx: "$msec $status$request"}, "character 14: nothing stands between status and request"},
		{Spec{Nginx: "$msec ${status $request"}, "${ without }"},
		{Spec{Nginx: "$msec $ $request"}, "character 7: $ without"},
		{Spec{Nginx: "just text"}, "names no variable"},
		{Spec{Apache: "%h %t %Y"}, "character 7: no directive %Y"},
		{Spec{Apache: "%h %{%Q}t"}, "%Q is not supported"},
		{Spec{Apache: "%h %{Referer"}, "%{ without }"},
		{Spec{Apache: "%h %"}, "% without a directive"},
		{Spec{Envoy: "%START_TIME% %REQ(:PATH)"}, "without a closing"},
		{Spec{Regexp: "(?P<client_ip>"}, "missing closing"},
		{Spec{Regexp: "(?P<clientip>.*)"}, `group "clientip" is not a field`},
		{Spec{Regexp: "(?P<client_ip>.*)"}, "no time"},
		{Spec{W3C: "c-ip cs-method cs-uri-stem"}, "w3c: has no time"},
		{Spec{JSON: map[string]string{"when": "t"}}, `"when" is not a field`},
		{Spec{JSON: map[string]string{"time": "t..x", "path": "p"}}, "not a dotted path"},
		{Spec{JSON: map[string]string{"time": "x", "path": "x"}}, "mapped twice"},
		{Spec{Name: "syslog+nosuch"}, "not a format that syslog could carry"},
		{Spec{Name: "combined+caddy"}, "not known"},
	} {
		err := c.spec.Validate()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want an error with %q", c.spec, err, c.want)
		}
	}
	for _, s := range []Spec{{}, {Name: "auto"}, {Name: "nginx"}, {Name: "syslog+haproxy"}, {Nginx: nginxCombinedFormat}} {
		if err := s.Validate(); err != nil {
			t.Errorf("%v: %v", s, err)
		}
	}
}

// TestSpecParses reads lines with formats of the user's own.
func TestSpecParses(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		line string
		want string // method path status client time, and what else is given
	}{
		{
			Spec{Nginx: `$time_iso8601|$remote_addr|$scheme://$host$request_uri|$request_method|$status|$request_time|$upstream_response_time|"$http_user_agent"`},
			`2025-03-10T13:55:36+01:00|203.0.113.9|https://shop.example.com/a/b?c=d|GET|200|0.250|0.100, 0.050|"curl/8 (x \x22y\x22)"`,
			`GET /a/b 200 203.0.113.9 2025-03-10T12:55:36Z host=shop.example.com query=c=d ms=250 up=150 agent=curl/8 (x "y")`,
		},
		{
			Spec{W3C: "timestamp c-ip sc-status cs-method cs-uri-stem time-taken cs-user-agent cs-uri-query"},
			"1741614936.250\t203.0.113.9\t404\tGET\t/x\t0.150\tcurl%2F8%20(x)\ty=z",
			`GET /x 404 203.0.113.9 2025-03-10T13:55:36.25Z query=y=z ms=150 agent=curl/8 (x)`,
		},
		{
			Spec{Apache: `%h [%{%d/%b/%Y %T}t.%{msec_frac}t %{%z}t] "%r" %>s`}, // the manual's example
			`203.0.113.9 [10/Mar/2025 13:55:36.250 +0100] "GET /x HTTP/1.1" 404`,
			`GET /x 404 203.0.113.9 2025-03-10T12:55:36.25Z`,
		},
		{
			Spec{Nginx: `$msec $remote_addr "$request_method $uri$is_args$args" $status`},
			`1741614936.250 203.0.113.9 "GET /x?y=z" 404`,
			`GET /x 404 203.0.113.9 2025-03-10T13:55:36.25Z query=y=z`,
		},
		{
			Spec{Nginx: `[$time_local] $remote_addr ${request_method} $request_uri $status $http_tenant`},
			`[10/Mar/2025:13:55:36 +0000] 203.0.113.9 GET /x 200 acme`,
			`GET /x 200 203.0.113.9 2025-03-10T13:55:36Z field=acme`,
		},
		{
			Spec{Apache: `%{%d/%b/%Y %T}t.%{msec_frac}t %a %{c}a "%m %U%q %H" %>s %B %D "%{X-Forwarded-For}i" %{Tenant}i`},
			`10/Mar/2025 13:55:36.250 203.0.113.9 10.0.0.1 "GET /x?y HTTP/1.1" 200 0 34057 "203.0.113.9" acme`,
			`GET /x 200 203.0.113.9 2025-03-10T13:55:36.25Z query=y ms=34.057`,
		},
		{
			Spec{Apache: `%t %h %{Host}i "%r" %s %T`},
			`[10/Mar/2025:13:55:36 +0000] 203.0.113.9 Shop.Example.COM:443 "GET /x HTTP/1.1" 200 2`,
			`GET /x 200 203.0.113.9 2025-03-10T13:55:36Z host=shop.example.com ms=2000`,
		},
		{
			Spec{Envoy: `%START_TIME(%s.%3f)% %DOWNSTREAM_REMOTE_ADDRESS% %REQ(:METHOD)% %REQ(:PATH):256% %RESPONSE_CODE%`},
			`1741614936.250 203.0.113.9:5000 GET /x?y 200`,
			`GET /x 200 203.0.113.9 2025-03-10T13:55:36.25Z query=y`,
		},
		{
			Spec{Regexp: `^(?P<client_ip>\S+) (?P<time_ms>\d+) (?P<method>\w+) (?P<target>\S+) (?P<status>\d+) (?P<duration_us>\d+)`},
			`203.0.113.9 1741614936250 GET /x?y 200 1500 and more`,
			`GET /x 200 203.0.113.9 2025-03-10T13:55:36.25Z query=y ms=1.5`,
		},
		{
			Spec{JSON: map[string]string{"time": "at", "client_ip": "from.addr", "url": "http.full", "method": "http.verb", "status": "out.code", "duration_ns": "took"}},
			`{"at":"2025-03-10T13:55:36Z","from":{"addr":"203.0.113.9"},"http":{"full":"https://a.example/x?y","verb":"GET"},"out.code":200,"took":1500000,"other":{"deep":[1,2,{"a":"b"}]}}`,
			`GET /x 200 203.0.113.9 2025-03-10T13:55:36Z host=a.example query=y ms=1.5`,
		},
	} {
		p, err := New(c.spec, Options{WireFields: []string{"http_tenant"}})
		if err != nil {
			t.Errorf("%+v: %v", c.spec, err)
			continue
		}
		var ev event.Event
		ev.Reset()
		if err := p.Parse(c.line, &ev); err != nil {
			t.Errorf("%s: %v", c.line, err)
			continue
		}
		if got := brief(&ev); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.line, got, c.want)
		}
	}
}

// brief writes what TestSpecParses compares.
func brief(ev *event.Event) string {
	parts := []string{ev.Method, ev.Path, formatInt(int64(ev.Status)), ev.ClientIP.String(), ev.Time.Format(time.RFC3339Nano)}
	add := func(name, v string) {
		if v != "" {
			parts = append(parts, name+"="+v)
		}
	}
	add("host", ev.Host)
	add("query", ev.Query)
	if ev.DurationMS >= 0 {
		add("ms", trimFloat(ev.DurationMS))
	}
	if ev.UpstreamMS >= 0 {
		add("up", trimFloat(ev.UpstreamMS))
	}
	add("agent", ev.UserAgent)
	add("field", ev.Wire.Fields["http_tenant"])
	return strings.Join(parts, " ")
}

func trimFloat(f float64) string {
	s := strings.TrimRight(strings.TrimRight(time.Duration(f*1e6).String(), "s"), "m")
	if ms := f; ms == float64(int64(ms)) {
		return formatInt(int64(ms))
	}
	return s
}

func TestSpecYAML(t *testing.T) {
	for in, want := range map[string]Spec{
		"format: combined":                         {Name: "combined"},
		"format: auto":                             {Name: "auto"},
		"format: '$remote_addr [$time_local]'":     {Nginx: "$remote_addr [$time_local]"},
		"format: '%h %t'":                          {Apache: "%h %t"},
		"format: {nginx: '$msec $request'}":        {Nginx: "$msec $request"},
		"format: {apache: '%h'}":                   {Apache: "%h"},
		"format: {json: {client_ip: a.b}}":         {JSON: map[string]string{"client_ip": "a.b"}},
		"format: {regexp: '(?P<client_ip>.*)'}":    {Regexp: "(?P<client_ip>.*)"},
		"format: '[%START_TIME%] %RESPONSE_CODE%'": {Envoy: "[%START_TIME%] %RESPONSE_CODE%"},
	} {
		var c struct{ Format Spec }
		if err := yaml.Unmarshal([]byte(in), &c); err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		got := c.Format
		if got.Name != want.Name || got.Nginx != want.Nginx || got.Apache != want.Apache || got.Envoy != want.Envoy ||
			got.Regexp != want.Regexp || len(got.JSON) != len(want.JSON) {
			t.Errorf("%s: got %+v", in, got)
		}
		out, err := yaml.Marshal(c)
		var again struct{ Format Spec }
		if err != nil || yaml.Unmarshal(out, &again) != nil || again.Format.String() != got.String() {
			t.Errorf("%s: written as %s, %v", in, out, err)
		}
	}
	for _, in := range []string{"format: {ngnix: x}", "format: [a]", "format: {json: 7}"} {
		var c struct{ Format Spec }
		if err := yaml.Unmarshal([]byte(in), &c); err == nil {
			t.Errorf("%s is accepted", in)
		}
	}
}

// TestBadLines checks that what is not of a format is an error that names the place and does not quote the line.
func TestBadLines(t *testing.T) {
	const secret = "s3cr3t"
	for _, line := range []string{
		`203.0.113.9 - - [99/Mar/2025:13:55:36 +0000] "GET /?key=` + secret + ` HTTP/1.1" 200 1 "-" "-"`,
		`203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] "GET /?key=` + secret + ` HTTP/1.1" ` + secret + ` 1 "-" "-"`,
		`203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] "GET /?key=` + secret,
		secret,
		`{"time":"` + secret + `","method":"` + secret + `"}`,
		`{"time":1741614936,"method":"GET","path":"` + secret + `"}]`,
		`{"time":1741614936,"method":"GET","status":200`,
		`2025/03/10 13:55:36 [error] ` + secret,
	} {
		for _, name := range []string{"combined", "json", "nginx_error", "haproxy", "clf_like", "w3c", "aws_alb"} {
			f, _ := Lookup(name)
			p, err := f.New(Options{})
			if err != nil {
				t.Fatal(err)
			}
			var ev event.Event
			ev.Reset()
			err = p.Parse(line, &ev)
			if err == nil {
				t.Errorf("%s reads %s", name, line)
			} else if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error quotes the line: %v", name, err)
			}
		}
	}
	_, err := Recognize([]string{"what is this", secret})
	if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "nearest") {
		t.Errorf("unknown lines: %v", err)
	}
	if _, err = Recognize(nil); err == nil {
		t.Error("no lines are recognised")
	}
	if _, err = Recognize([]string{`{"level":"info","ts":1741614936.1,"msg":"started"}`}); err == nil {
		t.Error("a log without requests is recognised")
	}
}

// TestLongLines checks lines of 1 MB: read when they are well formed, refused quickly when not.
func TestLongLines(t *testing.T) {
	long := strings.Repeat("a", 1<<20)
	quotes := strings.Repeat(`\"`, 1<<19)
	for _, line := range []string{
		`203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] "GET /` + long + ` HTTP/1.1" 200 1 "-" "-"`,
		`203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 1 "-" "` + quotes + `"`,
		`203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 1 "-" "` + strings.Repeat(`\`, 1<<20) + `"`,
		`{"time":1741614936,"method":"GET","path":"/` + long + `","status":200}`,
		`{"time":1741614936,"method":"GET","path":"` + quotes + `","status":200}`,
		`2025/03/10 13:55:36 [error] 1#1: *1 ` + strings.Repeat(", client: 203.0.113.9, server: x", 1<<15) + `, client: 203.0.113.9, server: s, request: "GET / HTTP/1.1", host: "h"`,
		long, quotes, strings.Repeat("[", 1<<20), strings.Repeat(`"`, 1<<20), `{"a":` + strings.Repeat("[", 1<<20), strings.Repeat(" [", 1<<19),
	} {
		for _, f := range Formats() {
			p, err := f.New(Options{})
			if err != nil {
				t.Fatal(err)
			}
			var ev event.Event
			ev.Reset()
			err = p.Parse(line, &ev)
			if err == nil && ev.Time.IsZero() && !errors.Is(err, ErrNoRequest) {
				t.Errorf("%s: an event without time", f.Name)
			}
		}
	}
}
