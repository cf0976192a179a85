package rules

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gatewatch/gatewatch/event"
)

const header = "title: T\nname: t\nlogsource: {category: webserver}\ndetection:\n"

// TestLoadFaults: each fault names file, line and key, and all are reported at once.
func TestLoadFaults(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		_, err := Load(fstest.MapFS{"dir/x.yml": {Data: []byte(text)}}, Options{})
		var faults Faults
		if !errors.As(err, &faults) {
			t.Errorf("want faults %q, got %v\n%s", want, err, text)
			return
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("want %q in:\n%v", w, err)
			}
		}
	}
	f(header+"  sel: {cs-uri|contians: a}\n  condition: sel\n", `dir/x.yml:5: detection.sel.cs-uri|contians: unknown modifier "contians"`)
	f(header+"  sel: {Image: a}\n  condition: sel\n", `unknown field "Image"`)
	f(header+"  sel: {cs-uri: a}\n  condition: sel and other\n", `search identifier "other"`)
	f(header+"  sel: {cs-uri: a}\n  condition: (sel\n", `missing )`)
	f(header+"  sel: {cs-uri|re: '(?=a)'}\n  condition: sel\n", `no look-around`)
	f(header+"  sel: {c-ip|cidr: 10.0.0.0/33}\n  condition: sel\n", `cidr compares`)
	f(header+"  sel: {sc-status|gt: many}\n  condition: sel\n", `compares numbers`)
	f(header+"  sel: {cs-uri|contains|startswith: a}\n  condition: sel\n", `exclude each other`)
	f(header+"  sel: {cs-uri|contains: ''}\n  condition: sel\n", `matches everything`)
	f(header+"  sel: {cs-uri|expand: '%paths%'}\n  condition: sel\n", `placeholder %paths% has no list`)
	f(header+"  sel: {cs-uri: a}\n  condition: sel\nlevel: severe\nstatus: new\ncolour: red\n", `level: "severe"`, `status: "new"`, `colour: unknown key`)
	f(header+"  sel: {cs-uri: a}\n  condition: sel\ngatewatch: {kind: x, sore: 1}\n", `gatewatch.kind: "x"`, `gatewatch.sore: unknown key`)
	f(header+"  sel: {cs-uri|exists: perhaps}\n  condition: sel\n", `dir/x.yml:5: detection.sel.cs-uri|exists: exists: want true or false`)
	f(header+"  sel: {}\n  condition: sel\n", `dir/x.yml:5: detection.sel: an empty selection`)
	f(header+"  sel: []\n  condition: sel\n", `detection.sel: an empty list`)
	f("title: T\ndetection: {sel: {cs-uri: a}, condition: sel}\n", "logsource: missing")
	f("title: T\nlogsource: {category: webserver}\n", "exactly one of detection, correlation and filter")
	f("title: C\ncorrelation: {type: event_count, rules: [gone], timespan: 5x, condition: {gte: 0, lt: 2}}\n",
		`"gone" is not the name`, "timespan", "gte:")
	f("title: C\ncorrelation: {type: value_sum, rules: [], condition: {gte: 1}}\n", "value types need a field", "correlation.rules: missing")
	f(header+"  sel: {cs-uri: a}\n  condition: sel\n---\n"+header+"  sel: {cs-uri: a}\n  condition: sel\n", "already the id of the rule")
	f(header+"  sel: {cs-uri: a}\n  condition: sel\ngatewatch:\n  scenarios: |\n    fires: x\n      00:00 GET\n", "want method, target and status")
	f("a: [", "yaml:")
	f("- a\n", "want a mapping")
}

// TestLayers: a rule of a later layer replaces one of the same id.
func TestLayers(t *testing.T) {
	one := fstest.MapFS{"a.yml": {Data: []byte(header + "  sel: {cs-uri: /a}\n  condition: sel\n")}}
	two := fstest.MapFS{"b.yml": {Data: []byte(strings.Replace(header, "title: T", "title: Other", 1) + "  sel: {cs-uri: /b}\n  condition: sel\n")}}
	set, err := LoadAll(Options{}, one, two)
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Rules()) != 1 || set.Rule("t").Title != "Other" {
		t.Errorf("want the second layer's rule alone, have %d, %q", len(set.Rules()), set.Rule("t").Title)
	}
}

// matches loads one selection and says whether it matches the event.
func matches(t *testing.T, selection string, fill func(*event.Event)) bool {
	t.Helper()
	set, err := Load(fstest.MapFS{"x.yml": {Data: []byte(header + selection)}}, Options{
		Placeholders: map[string][]string{"admins": {"root", "admin"}},
	})
	if err != nil {
		t.Fatalf("%s: %v", selection, err)
	}
	var ev event.Event
	ev.Reset()
	ev.Method, ev.Path, ev.Status = "GET", "/", 200
	ev.Time = scenarioStart
	fill(&ev)
	set.NewMatcher().Match(&ev)
	return len(ev.Signatures) == 1
}

// TestSemantics goes through modifiers and conditions.
func TestSemantics(t *testing.T) {
	f := func(selection, path, query string, want bool) {
		t.Helper()
		got := matches(t, selection, func(ev *event.Event) { ev.Path, ev.Query = path, query })
		if got != want {
			t.Errorf("%s on %s?%s: %v, want %v", selection, path, query, got, want)
		}
	}
	sel := func(s string) string { return "  sel: {" + s + "}\n  condition: sel\n" }
	f(sel("cs-uri-stem: /Admin"), "/admin", "", true) // case does not matter
	f(sel("cs-uri-stem|cased: /Admin"), "/admin", "", false)
	f(sel("cs-uri-stem|cased: /Admin"), "/Admin", "", true)
	f(sel("cs-uri-stem: /a*z"), "/abcz", "", true)
	f(sel("cs-uri-stem: '/a?z'"), "/abcz", "", false)
	f(sel(`cs-uri-stem: '/a\*z'`), "/a*z", "", true)
	f(sel(`cs-uri-stem: '/a\*z'`), "/abz", "", false)
	f(sel("cs-uri-stem|startswith: [/x, /ad]"), "/admin", "", true)
	f(sel("cs-uri-stem|endswith: .php"), "/a.PHP", "", true)
	f(sel("cs-uri-stem|endswith: .php"), "/a.php5", "", false)
	f(sel("cs-uri-query|contains|all: [a=1, b=2]"), "/", "b=2&a=1", true)
	f(sel("cs-uri-query|contains|all: [a=1, b=2]"), "/", "a=1", false)
	f(sel("c-uri|contains: 'x?y'"), "/x", "y", true)
	f(sel("cs-uri-query|re: 'a=\\d+$'"), "/", "a=12", true)
	f(sel("cs-uri-query|re: 'A='"), "/", "a=12", false) // re minds case
	f(sel("cs-uri-query|re|i: 'A='"), "/", "a=12", true)
	f(sel("cs-uri-query|base64offset|contains: /bin/sh"), "/", "p=eHgvYmluL3NoIHk=", true)
	f(sel("cs-uri-query|base64|contains: /bin/sh"), "/", "p=L2Jpbi9zaA==", true)
	f(sel("cs-uri-query|windash|contains: ' -d'"), "/", "a+/d", true)
	f(sel("cs-uri-query|wide|base64offset|contains: ab"), "/", "YQBiAA==", true)
	f(sel("cs-uri-query|exists: false"), "/", "", true)
	f(sel("cs-uri-query: null"), "/", "a=1", false)
	f(sel("cs-referer: '-'"), "/", "", true) // logs write an absent field so
	f(sel("sc-status|gte: 200"), "/", "", true)
	f(sel("sc-status|lt: 200"), "/", "", false)
	f(sel("sc-status: [404, 200]"), "/", "", true)
	f(sel("sc-status|startswith: 2"), "/", "", true)
	f(sel("cs-uri-stem|expand: '/%admins%'"), "/root", "", true)
	f(sel("cs-uri-query|fieldref|contains: cs-method"), "/", "m=get", true)
	f(sel("cs-uri-stem|neq: /a"), "/b", "", true)
	f("  one: {cs-uri-stem: /a}\n  two: {cs-uri-query: b}\n  condition: 1 of them\n", "/a", "", true)
	f("  one: {cs-uri-stem: /a}\n  two: {cs-uri-query: b}\n  condition: all of them\n", "/a", "", false)
	f("  s_1: {cs-uri-stem: /a}\n  s_2: {cs-uri-query: b}\n  f: {cs-method: POST}\n  condition: 1 of s_* and not f\n", "/a", "", true)
	f("  a: {cs-uri-stem: /a}\n  b: {cs-uri-stem: /b}\n  c: {cs-method: POST}\n  condition: a or b and c\n", "/a", "", true)
	f("  a: {cs-uri-stem: /a}\n  b: {cs-uri-stem: /b}\n  c: {cs-method: POST}\n  condition: (a or b) and c\n", "/a", "", false)
	f("  words: ['etc/passwd', whoami]\n  condition: words\n", "/x", "f=/etc/passwd", true)
	f("  l:\n    - cs-uri-stem: /a\n    - cs-uri-stem: /b\n  condition: l\n", "/b", "", true)

	ip := func(addr string) func(*event.Event) {
		return func(ev *event.Event) { ev.ClientIP = netip.MustParseAddr(addr) }
	}
	if !matches(t, sel("c-ip|cidr: 203.0.113.0/24"), ip("203.0.113.9")) || matches(t, sel("c-ip|cidr: 203.0.113.0/24"), ip("198.51.100.9")) {
		t.Error("cidr")
	}
	if !matches(t, sel("c-ip: '203.0.113.*'"), ip("203.0.113.9")) {
		t.Error("address by pattern")
	}
}

// TestDecoding: a value is found however it is encoded.
func TestDecoding(t *testing.T) {
	for _, query := range []string{
		"f=../etc/passwd", "f=%2e%2e%2fetc%2fpasswd", "f=%252e%252e%252fetc%252fpasswd", "f=..%c0%afetc%c0%afpasswd",
		"f=%u002e%u002e%u002fetc/passwd", "f=&#46;&#x2e;&sol;etc/passwd", `f=\u002e\u002e/etc/passwd`,
		"f=%ef%bc%8e%ef%bc%8e/etc/passwd", "f=Li4vZXRjL3Bhc3N3ZA==", "f=../e'tc/pas\"swd",
	} {
		if !matches(t, "  sel: {cs-uri-query|contains: ../etc/passwd}\n  condition: sel\n", func(ev *event.Event) { ev.Query = query }) {
			t.Errorf("not found in %s", query)
		}
	}
	if matches(t, "  sel: {cs-uri-query|contains: ../etc/passwd}\n  condition: sel\n", func(ev *event.Event) { ev.Query = "f=etc/passwd" }) {
		t.Error("found where it is not")
	}
}

// TestFilter: a Sigma filter narrows the rules that it names.
func TestFilter(t *testing.T) {
	set := load(t, header+"  sel: {cs-uri-stem: /a}\n  condition: sel\n---\ntitle: F\nlogsource: {category: webserver}\n"+
		"filter: {rules: [t], ours: {cs-method: HEAD}, condition: not ours}\n")
	m := set.NewMatcher()
	for method, want := range map[string]int{"GET": 1, "HEAD": 0} {
		var ev event.Event
		ev.Reset()
		ev.Path, ev.Method = "/a", method
		if m.Match(&ev); len(ev.Signatures) != want {
			t.Errorf("%s: %v", method, ev.Signatures)
		}
	}
}

// TestCollection: the old form of collections, where a first document gives keys to those after it.
func TestCollection(t *testing.T) {
	set := load(t, "action: global\ntitle: G\nlogsource: {category: proxy}\ndetection: {condition: sel}\n---\n"+
		"name: one\ndetection: {sel: {c-uri: /a}}\n---\nname: two\ndetection: {sel: {c-uri: /b}}\n")
	if len(set.Rules()) != 2 {
		t.Fatalf("%d rules, want 2", len(set.Rules()))
	}
}

// FuzzMatch: no request makes the matcher panic or grow without bound, and matching again says the same.
func FuzzMatch(f *testing.F) {
	set, err := Builtin()
	if err != nil {
		f.Fatal(err)
	}
	f.Add("/a/%2e%2e/%c0%af", "q=%u0027&x=PHNjcmlwdD4=", "Mozilla/5.0", "https://example.com/?a=1")
	f.Add("", "&&=;&#x;&#99999999999;%", "\\u{}\\x", "\xff\xfe")
	m := set.NewMatcher()
	f.Fuzz(func(t *testing.T, path, query, agent, referer string) {
		var ev event.Event
		ev.Reset()
		ev.Path, ev.Query, ev.UserAgent, ev.Referer, ev.Method = path, query, agent, referer, "GET"
		m.Match(&ev)
		first := strings.Join(ev.Signatures, " ")
		fresh := set.NewMatcher()
		fresh.Match(&ev)
		if again := strings.Join(ev.Signatures, " "); again != first {
			t.Fatalf("%q, then %q", first, again)
		}
		if ev.AttackScore < 0 || ev.AttackScore > 1 {
			t.Fatalf("score %v", ev.AttackScore)
		}
	})
}

// FuzzLoad: no rule file makes the loader panic.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(header + "  sel: {cs-uri|re: 'a'}\n  condition: not (sel or 1 of s*)\n"))
	f.Add([]byte(windowRules))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = Load(fstest.MapFS{"x.yml": {Data: data}}, Options{})
	})
}
