package parsers

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatewatch/gatewatch/event"
)

func TestRequestLines(t *testing.T) {
	type want struct{ method, scheme, host, path, query, protocol, line string }
	for in, w := range map[string]want{
		"GET /a/b?x=1&y=/%20 HTTP/1.1":                    {"GET", "", "", "/a/b", "x=1&y=/%20", "HTTP/1.1", ""},
		"GET / HTTP/2.0":                                  {"GET", "", "", "/", "", "HTTP/2.0", ""},
		"GET /?":                                          {"GET", "", "", "/", "", "HTTP/0.9", ""},
		"GET /a b c HTTP/1.0":                             {"GET", "", "", "/a b c", "", "HTTP/1.0", ""},
		"GET /a  HTTP/1.1":                                {"GET", "", "", "/a ", "", "HTTP/1.1", ""},
		"get /a http/1.1":                                 {"get", "", "", "/a", "", "http/1.1", ""},
		"OPTIONS * HTTP/1.1":                              {"OPTIONS", "", "", "*", "", "HTTP/1.1", ""},
		"GET ../../etc/passwd HTTP/1.1":                   {"GET", "", "", "../../etc/passwd", "", "HTTP/1.1", ""},
		"CONNECT x.example:443 HTTP/1.1":                  {"CONNECT", "", "x.example", "", "", "HTTP/1.1", "CONNECT x.example:443 HTTP/1.1"},
		"CONNECT [2001:db8::1]:25 HTTP/1.1":               {"CONNECT", "", "2001:db8::1", "", "", "HTTP/1.1", "CONNECT [2001:db8::1]:25 HTTP/1.1"},
		"GET HTTP://X.Example:80/a?b HTTP/1.1":            {"GET", "http", "x.example", "/a", "b", "HTTP/1.1", "GET HTTP://X.Example:80/a?b HTTP/1.1"},
		"GET http://x.example?q=1 HTTP/1.1":               {"GET", "http", "x.example", "/", "q=1", "HTTP/1.1", "GET http://x.example?q=1 HTTP/1.1"},
		"GET http://u:p@x.example/ HTTP/1.1":              {"GET", "http", "x.example", "/", "", "HTTP/1.1", "GET http://u:p@x.example/ HTTP/1.1"},
		`\x16\x03\x01\x02`:                                {line: `\x16\x03\x01\x02`},
		"HELP":                                            {line: "HELP"},
		"SSH-2.0-Go":                                      {line: "SSH-2.0-Go"},
		"145.ll|'|'|x|'|'|y HTTP/1.1":                     {line: "145.ll|'|'|x|'|'|y HTTP/1.1"},
		"t3 12.1.2":                                       {line: "t3 12.1.2"},
		"GET  HTTP/1.1":                                   {line: "GET  HTTP/1.1"},
		"PRI * HTTP/2.0":                                  {"PRI", "", "", "*", "", "HTTP/2.0", ""},
		"GET /x://y HTTP/1.1":                             {"GET", "", "", "/x://y", "", "HTTP/1.1", ""},
		"POST //evil.example/ HTTP/1.1":                   {"POST", "", "", "//evil.example/", "", "HTTP/1.1", ""},
		"VERSION-CONTROL /a HTTP/1.1":                     {"VERSION-CONTROL", "", "", "/a", "", "HTTP/1.1", ""},
		"GET /" + strings.Repeat("a", 9000) + " HTTP/1.1": {"GET", "", "", "/" + strings.Repeat("a", 9000), "", "HTTP/1.1", ""},
	} {
		var ev event.Event
		ev.Reset()
		fillRequest(in, true, &ev)
		if got := (want{ev.Method, ev.Scheme, ev.Host, ev.Path, ev.Query, ev.Protocol, ev.RequestLine}); got != w {
			t.Errorf("%.60q: got %+v, want %+v", in, got, w)
		}
	}
}

func TestTimes(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	for _, c := range []struct {
		in   string
		unit unit
		want string // RFC 3339, or empty: not a time
	}{
		{"10/Mar/2025:13:55:36 +0000", unitCLF, "2025-03-10T13:55:36Z"},
		{"[10/Mar/2025:13:55:36 -0730]", unitCLF, "2025-03-10T21:25:36Z"},
		{"10/Mar/2025:13:55:36.250", unitCLF, "2025-03-10T12:55:36.25Z"},
		{" 9/Mar/2025:13:55:36 +0100", unitCLF, "2025-03-09T12:55:36Z"},
		{"31/Dec/2016:23:59:60 +0000", unitCLF, "2016-12-31T23:59:59Z"},
		{"29/Feb/2024:00:00:00 +0000", unitCLF, "2024-02-29T00:00:00Z"},
		{"29/Feb/2025:00:00:00 +0000", unitCLF, ""},
		{"31/Apr/2025:00:00:00 +0000", unitCLF, ""},
		{"10/Mai/2025:13:55:36 +0000", unitCLF, ""},
		{"10/Mar/2025:24:55:36 +0000", unitCLF, ""},
		{"10/Mar/2025:13:55:36 +9900", unitCLF, ""},
		{"", unitCLF, ""},
		{"2025-03-10T13:55:36.123456789+01:00", unitAuto, "2025-03-10T12:55:36.123456789Z"},
		{"2025-03-10 13:55:36,5", unitAuto, "2025-03-10T12:55:36.5Z"},
		{"2025/03/10 13:55:36", unitAuto, "2025-03-10T12:55:36Z"},
		{"2025-03-10T13:55:36+0000", unitAuto, "2025-03-10T13:55:36Z"},
		{"2025-03-10T13:55:36 UTC", unitAuto, "2025-03-10T13:55:36Z"},
		{"2025-13-10T13:55:36Z", unitAuto, ""},
		{"1741614936", unitAuto, "2025-03-10T13:55:36Z"},
		{"1741614936.5", unitAuto, "2025-03-10T13:55:36.5Z"},
		{"1741614936500", unitAuto, "2025-03-10T13:55:36.5Z"},
		{"1741614936500000", unitAuto, "2025-03-10T13:55:36.5Z"},
		{"1741614936500000000", unitAuto, "2025-03-10T13:55:36.5Z"},
		{"1.7416149365e9", unitAuto, "2025-03-10T13:55:36Z"},
		{"1741614936500", unitMilli, "2025-03-10T13:55:36.5Z"},
		{"Mon, 10 Mar 2025 13:55:36 GMT", unitAuto, "2025-03-10T13:55:36Z"},
		{"Mar 10 13:55:36", unitAuto, ""}, // no year
		{"Mon Mar 10 13:55:36.120456 2025", unitApache, "2025-03-10T12:55:36.120456Z"},
		{"yesterday", unitAuto, ""},
	} {
		cl := clock{loc: berlin}
		for range 2 { // the second time from memory
			got, err := cl.parse(c.in, c.unit)
			switch {
			case c.want == "" && err == nil:
				t.Errorf("%q is read as %s", c.in, got)
			case c.want != "" && (err != nil || got.Format(time.RFC3339Nano) != c.want):
				t.Errorf("%q: got %s, %v, want %s", c.in, got.Format(time.RFC3339Nano), err, c.want)
			}
		}
	}
	cl := clock{year: 2025}
	if got, err := cl.parse("Mar 10 13:55:36", unitAuto); err != nil || got.Format(time.RFC3339) != "2025-03-10T13:55:36Z" {
		t.Errorf("with a year given: %s, %v", got, err)
	}
	cl = clock{year: 2024}
	for _, c := range [][2]string{ // a log goes on over New Year, and a line may come late
		{"Dec 31 23:59:58", "2024-12-31"},
		{"Jan  1 00:00:01", "2025-01-01"},
		{"Dec 31 23:59:59", "2024-12-31"},
		{"Jan  1 00:00:02", "2025-01-01"},
		{"May  3 00:00:00", "2025-05-03"},
		{"Sep  3 00:00:00", "2025-09-03"},
		{"Jan  2 00:00:00", "2026-01-02"},
	} {
		if got, err := cl.parse(c[0], unitAuto); err != nil || got.Format(time.DateOnly) != c[1] {
			t.Errorf("%s: %s, %v, want %s", c[0], got, err, c[1])
		}
	}
}

// TestClockMemory checks that remembered times never leak into others.
func TestClockMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var cl clock
		for range 20 {
			at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "s"), 0)
			zone := time.FixedZone("", rapid.IntRange(-50, 56).Draw(t, "zone")*900)
			clf := at.In(zone).Format("02/Jan/2006:15:04:05 -0700")
			iso := at.In(zone).Add(123 * time.Millisecond).Format("2006-01-02T15:04:05.000Z07:00")
			if got, err := cl.parse(clf, unitCLF); err != nil || !got.Equal(at) {
				t.Fatalf("%s: %s, %v", clf, got, err)
			}
			if got, err := cl.parse(iso, unitAuto); err != nil || !got.Equal(at.Add(123*time.Millisecond)) {
				t.Fatalf("%s: %s, %v", iso, got, err)
			}
		}
	})
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"203.0.113.9": "203.0.113.9", "203.0.113.9:4711": "203.0.113.9", "[2001:db8::1]:80": "2001:db8::1", "2001:db8::1": "2001:db8::1",
		"[::1]": "::1", "fe80::1%eth0": "fe80::1", "::ffff:203.0.113.9": "203.0.113.9", "[fe80::1%25eth0]:443": "fe80::1",
		"": "", "-": "", "example.com": "", "1.2.3": "", "1.2.3.4.5": "", "256.1.1.1": "", "1.2.3.1000": "", "1..2.3": "", "1.2.3.": "",
		"[::1": "", "1:2": "", "unix:": "", "203.0.113.9, 10.0.0.1": "",
	} {
		a, ok := parseIP(in)
		if ok != (want != "") || (ok && a.String() != want) {
			t.Errorf("%q: got %v %v, want %q", in, a, ok, want)
		}
	}
	for in, want := range map[string]string{
		"203.0.113.9, 10.0.0.1": "203.0.113.9", "198.51.100.1, 203.0.113.9": "203.0.113.9", "10.0.0.2,10.0.0.1": "10.0.0.1",
		"unknown, 203.0.113.9, 192.168.0.1": "203.0.113.9", "junk": "invalid IP", "": "invalid IP",
	} {
		if a, _ := clientOf(in); a.String() != want {
			t.Errorf("chain %q: got %v, want %s", in, a, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[0-9]{1,4}(\.[0-9]{0,4}){0,4}`).Draw(t, "address")
		want, err := netip.ParseAddr(s)
		got, ok := parseIPv4(s)
		// netip refuses leading zeros; logs do not write them, and reading them as decimal does no harm.
		if err == nil && (!ok || got != want) {
			t.Fatalf("%q: got %v %v, want %v", s, got, ok, want)
		}
	})
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		in   string
		unit unit
		want float64 // negative: not readable or absent
	}{
		{"0.034", unitSec, 34},
		{"0.057", unitSec, 57},
		{"12", unitMilli, 12},
		{"34057", unitMicro, 34.057},
		{"34057313", unitNano, 34.057313},
		{"1.5ms", unitGo, 1.5},
		{"200µs", unitGo, 0.2},
		{"1m2.5s", unitGo, 62500},
		{"0.034057s", unitGo, 34.057},
		{"0.5", unitAuto, 500},
		{"205", unitAuto, 205},
		{"1.25ms", unitAuto, 1.25},
		{"12 ms", unitGo, 12},
		{"", unitSec, -1},
		{"abc", unitSec, -1},
		{"NaN", unitSec, -1},
		{"1e400", unitSec, -1},
		{".", unitSec, -1},
	} {
		got, ok := parseMillis(c.in, c.unit)
		if ok != (c.want >= 0) || (ok && math.Abs(got-c.want) > 1e-9) {
			t.Errorf("%q: got %v %v, want %v", c.in, got, ok, c.want)
		}
	}
	for in, want := range map[string]float64{
		"0.010, 0.020": 30, "0.010, - : 0.005": 15, "-": -1, "0.1": 100, "0.6, 0.602": 1202, "0.001 0.030 0.003": 34, "-1": -1,
	} {
		if got, ok := sumMillis(in, unitSec); ok != (want >= 0) || (ok && math.Abs(got-want) > 1e-9) {
			t.Errorf("sum of %q: got %v %v, want %v", in, got, ok, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[0-9]{1,8}(\.[0-9]{0,6})?`).Draw(t, "number")
		want, err := strconv.ParseFloat(s, 64)
		got, ok := parseFloat(s)
		if err != nil || !ok || got != want {
			t.Fatalf("%q: got %v %v, want %v %v", s, got, ok, want, err)
		}
	})
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		`plain`: "plain", `\x22\x5C\xe4`: "\"\\\xe4", `\"a\\b\/`: `"a\b/`, `\n\t\r\b\f\v`: "\n\t\r\b\f\v", `\u00e4\u20ac`: "ä€",
		`\ud83d\ude00`: "😀", `\ud83d`: "\ufffd", `\q\`: `\q\`, `\x2`: `\x2`, `\xzz`: `\xzz`, `\u12`: `\u12`,
	} {
		if got := unescape(in); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"a%20b": "a b", "a+b": "a+b", "%": "%", "%2": "%2", "%zz": "%zz", "%E4%": "\xe4%"} {
		if got := unpercent(in, false); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}
