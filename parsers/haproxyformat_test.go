package parsers

import (
	"strings"
	"testing"

	"github.com/gatewatch/gatewatch/event"
)

// TestHAProxyFormats compiles formats as HAProxy's documentation and its users write them.
func TestHAProxyFormats(t *testing.T) {
	for _, c := range []struct {
		name string
		spec Spec
		line string
		want string
	}{
		{
			"httplog written out",
			Spec{HAProxy: `%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r`, Captures: []string{"Host", "User-Agent"}},
			`203.0.113.9:14853 [10/Mar/2025:13:55:36.120] https-in~ shop/node1 10/0/1/33/44 200 739 - - ---- 12/10/3/1/0 0/0 {shop.example.com|Mozilla/5.0 (X11; Linux)} {} "GET /cart?item=7 HTTP/1.1"`,
			`203.0.113.9 GET shop.example.com /cart item=7 200 739 44 33 Mozilla/5.0 (X11; Linux) shop`,
		},
		{
			"samples",
			Spec{HAProxy: `%[src] [%trg] "%HM %HU %HV" %ST %B %Ta host=%{+Q}[req.hdr(host)] agent=%{+Q}[capture.req.hdr(1)] xff=%{+Q}[capture.req.hdr(0),lower]`, Captures: []string{"X-Forwarded-For", "User-Agent"}},
			`2001:db8::7 [10/Mar/2025:13:55:36 +0000] "POST /login HTTP/2.0" 401 88 12 host="api.example.com:8443" agent="okhttp/4.12.0" xff="203.0.113.9"`,
			`2001:db8::7 POST api.example.com /login  401 88 12 -1 okhttp/4.12.0 `,
		},
		{
			"captures of httplog",
			Spec{Name: "haproxy", Captures: []string{"host", "user-agent"}},
			`203.0.113.9:14853 [10/Mar/2025:13:55:36.120] https-in~ shop/node1 10/0/1/33/44 200 739 - - ---- 12/10/3/1/0 0/0 {shop.example.com:443|curl/8.5.0} {} "GET /cart?item=7 HTTP/1.1"`,
			`203.0.113.9 GET shop.example.com /cart item=7 200 739 44 34 curl/8.5.0 shop`,
		},
		{
			"what must not stand in a log is encoded",
			Spec{Name: "haproxy", Captures: []string{"host", "user-agent"}},
			`203.0.113.9:14853 [10/Mar/2025:13:55:36.120] fe shop/node1 10/0/1/33/44 200 739 - - ---- 12/10/3/1/0 0/0 {a.example.com|x (#22y#22) #23#7C#0A} {} "GET /a#22b?c=#23#x HTTP/1.1"`,
			`203.0.113.9 GET a.example.com /a"b c=##x 200 739 44 34 x ("y") #|#0A shop`,
		},
		{
			"captures inside syslog",
			Spec{Name: "syslog+haproxy", Captures: []string{"user-agent"}},
			`<134>Mar 10 13:55:36 lb-1 haproxy[31]: 203.0.113.9:14853 [10/Mar/2025:13:55:36.120] fe shop/node1 10/0/1/33/44 200 739 - - ---- 12/10/3/1/0 0/0 {curl/8.5.0} "GET / HTTP/1.1"`,
			`203.0.113.9 GET  /  200 739 44 34 curl/8.5.0 shop`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := New(c.spec, Options{})
			if err != nil {
				t.Fatal(err)
			}
			var ev event.Event
			ev.Reset()
			if err := p.Parse(c.line, &ev); err != nil {
				t.Fatal(err)
			}
			got := strings.Join([]string{
				ev.ClientIP.String(), ev.Method, ev.Host, ev.Path, ev.Query, formatInt(int64(ev.Status)), formatInt(ev.BytesOut),
				formatInt(int64(ev.DurationMS)), formatInt(int64(ev.UpstreamMS)), ev.UserAgent, ev.Service,
			}, " ")
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestHAProxyFormatFaults: what cannot work is told when the configuration loads.
func TestHAProxyFormatFaults(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{HAProxy: `%ci %zz`}, "no variable"},
		{Spec{HAProxy: `%ci %r`}, "no time"},
		{Spec{HAProxy: `%ci [%tr] %[src`}, "without ]"},
		{Spec{Name: "combined", Captures: []string{"host"}}, "captures go with haproxy"},
		{Spec{Name: "haproxy", Captures: []string{""}}, "captures[0]"},
	} {
		if err := c.spec.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.spec, err, c.want)
		}
	}
}
