package rules

import (
	"testing"
	"testing/fstest"
)

// TestComparisons goes through single comparisons as published rules write them.
func TestComparisons(t *testing.T) {
	f := func(comparison, hit, miss string) {
		t.Helper()
		text := "title: T\nname: t\nlogsource: {category: webserver}\ndetection:\n  s:\n    " + comparison + "\n  condition: s\n"
		set, err := Load(fstest.MapFS{"r.yml": {Data: []byte(text)}}, Options{})
		if err != nil {
			t.Errorf("%s: %v", comparison, err)
			return
		}
		for i, line := range []string{miss, hit} {
			ev := sent(t, line)
			if set.NewMatcher().Match(&ev); len(ev.Signatures) != i {
				t.Errorf("%s: %s: matches %v", comparison, line, ev.Signatures)
			}
		}
	}
	// Expressions, also those without a literal that could pick events.
	f(`cs-uri-query|re: '^[a-z]{3}[0-9]+$'`, "GET /?abc12", "GET /?ab12")
	f(`cs-uri-query|re: '^\d+$'`, "GET /?12", "GET /?a")
	f(`cs-uri-stem|re: '(?i)\.ASPX[a-z]'`, "GET /x.aspxq", "GET /x.asp")
	f(`cs-uri-stem|re|i: '(foo|bar)?x$'`, "GET /fooX", "GET /y")
	f(`c-uri|re: '/[0-9]{1,3}\.php\?[a-z]=.'`, "GET /12.php?a=1", "GET /a.php?a=1")
	f(`cs-method|re: '^(GET|HEAD)$'`, "GET /", "POST /")
	f(`sc-status|re: '^4\d\d$'`, "GET / 404", "GET /")
	f(`c-ip|re: '^10\.'`, "GET / ip=10.1.1.1", "GET / ip=11.1.1.1")
	// Numbers, addresses and words that YAML takes for something else.
	f(`sc-status|gte: '400'`, "GET / 404", "GET /")
	f(`c-ip|startswith: ['10.', '2001:db8:']`, "GET / ip=2001:db8::1", "GET / ip=11.1.1.1")
	f(`cs-username: 7`, "GET / user=7", "GET / user=8")
	f(`cs-username: true`, "GET / user=True", "GET / user=yes")
	f(`cs-user-agent: ''`, "GET /", "GET / ua=x")
	// Spaces and encodings in texts.
	f(`cs-user-agent|endswith: ' '`, "GET / ua=x_", "GET / ua=x")
	f(`cs-uri-query|contains: ' and 1=1'`, "GET /?a=1+and+1=1", "GET /?a")
	f(`cs-uri-query|contains: '%20and%201=1'`, "GET /?a=1%20and%201=1", "GET /?a")
	f(`cs-uri-stem|contains: 'Ä'`, "GET /xä", "GET /xa")
	f(`cs-uri-stem: '/a??b'`, "GET /axxb", "GET /axb")
	f(`cs-uri-query|base64offset|contains: ['http://', 'https://']`, "GET /?u=aHR0cDovL2E=", "GET /?u=aHR0")
	f(`cs-uri-query|contains|cased|windash: '-Enc'`, "GET /?/Enc", "GET /?/enc")
	f(`cs-host|endswith: ['.evil.example', 'bad.example']`, "GET / host=a.EVIL.example", "GET / host=evil.example")
	f(`cs-uri-query|contains|all: x`, "GET /?x", "GET /?y")
	f(`'|all': [a1, b2]`, "GET /a1?b2", "GET /a1")
}
