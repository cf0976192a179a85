package rules

import (
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gatewatch/gatewatch/event"
)

// sent fills an event from "METHOD target status", and what follows: ua=, ref=, ip=, user=, host=.
func sent(t *testing.T, line string) event.Event {
	t.Helper()
	var ev event.Event
	ev.Reset()
	ev.Time, ev.Status = scenarioStart, 200
	words := strings.Split(line, " ")
	ev.Method = words[0]
	ev.Path, ev.Query, _ = strings.Cut(words[1], "?")
	for _, word := range words[2:] {
		key, value, _ := strings.Cut(word, "=")
		value = strings.ReplaceAll(value, "_", " ")
		switch key {
		case "ua":
			ev.UserAgent = value
		case "ref":
			ev.Referer = value
		case "ip":
			ev.ClientIP = netip.MustParseAddr(value)
		case "user":
			ev.User = value
		case "host":
			ev.Host = value
		case "404", "401", "500":
			ev.Status = map[string]int{"404": 404, "401": 401, "500": 500}[key]
		default:
			t.Fatalf("%s: %s?", line, word)
		}
	}
	return ev
}

// shapes are detections in the odder shapes of published rules, with requests that they match and others that they do not.
var shapes = []struct {
	name, detection string
	hit, miss       []string
}{
	{
		"list of maps, one with several keys", `
    selection:
        - cs-uri-stem: /a
          cs-method: POST
        - cs-uri-query|contains: evil
    condition: selection`,
		[]string{"POST /a", "GET /b?x=evil"},
		[]string{"GET /a", "POST /b"},
	},
	{
		"keywords, all of them", `
    keywords:
        '|all':
            - union
            - select
    condition: keywords`,
		[]string{"GET /?q=union+select", "GET /union ua=x_select"},
		[]string{"GET /?q=union"},
	},
	{
		"keywords with wildcards, and one word", `
    words: 'wget*http'
    more: ['${jndi:', 'cmd.exe?/c']
    condition: words or more`,
		[]string{"GET /?x=wget+-q+http://h", "GET /?x=${jndi:ldap://h}", "GET / ua=cmd.exe_/c"},
		[]string{"GET /?x=http+wget"},
	},
	{
		"absent, in a list", `
    selection:
        cs-referer: [null, '-', '']
        cs-user-agent: null
    condition: selection`,
		[]string{"GET /"},
		[]string{"GET / ua=x", "GET / ref=y"},
	},
	{
		"anything, as long as there is something", `
    selection: {cs-uri-query: '*', cs-referer: '?*'}
    condition: selection`,
		[]string{"GET /?a ref=x"},
		[]string{"GET / ref=x", "GET /?a"},
	},
	{
		"numbers as text, as numbers, as patterns", `
    selection: {sc-status: ['404', 500, '40*']}
    condition: selection`,
		[]string{"GET / 404", "GET / 500", "GET / 401"},
		[]string{"GET /"},
	},
	{
		"expressions, all of them, with flags inside", `
    selection:
        cs-uri-query|re|all: ['(?i)SELECT', 'a[0-9]{2,}']
    condition: selection`,
		[]string{"GET /?q=select+a12", "GET /?q=a99SeLeCt"},
		[]string{"GET /?q=select+a1", "GET /?q=a12"},
	},
	{
		"escapes", `
    selection:
        cs-uri-query|contains: ['x=\*', 'y=\?z', 'c:\\windows', '\\\\host\\*\\share']
    condition: selection`,
		[]string{"GET /?x=*", "GET /?y=?z", `GET /?c:\windows`, `GET /?\\host\any\share`},
		[]string{"GET /?x=a", "GET /?y=az", `GET /?\\host\share`},
	},
	{
		"one of a pattern, none of another, in parentheses", `
    selection_a: {cs-uri-stem|startswith: /admin}
    selection_b: {cs-uri-stem|endswith: .bak}
    filter_main_a: {c-ip|cidr: [10.0.0.0/8, 192.0.2.7]}
    filter_optional_b: {cs-user-agent|contains: Monitor}
    condition: (1 of selection_* and not (1 of filter_main_* or 1 of filter_optional_*)) and not (cs_none or not all of selection_a*)
    cs_none: {cs-method: TRACE}`,
		[]string{"GET /admin ip=192.0.2.8", "GET /admin/a.bak"},
		[]string{"GET /admin ip=10.1.2.3", "GET /admin ip=192.0.2.7", "GET /a.bak", "GET /admin ua=Monitor", "TRACE /admin"},
	},
	{
		"words of a condition in capitals, any of", `
    sel1: {cs-uri-stem: /a}
    sel2: {cs-uri-stem: /b}
    condition: ANY OF sel* AND NOT sel2`,
		[]string{"GET /a"},
		[]string{"GET /b", "GET /c"},
	},
	{
		"dashes, in parts", `
    selection:
        cs-uri-query|windash|contains|all: [' -nop', ' -enc']
    condition: selection`,
		[]string{"GET /?c=powershell+/nop+-enc", "GET /?c=powershell+-nop+/enc"},
		[]string{"GET /?c=powershell+-nop"},
	},
	{
		"encodings after each other", `
    selection:
        cs-uri-query|wide|base64offset|contains: 'IEX'
    condition: selection`,
		[]string{"GET /?p=SQBFAFgA", "GET /?p=YUkARQBYAA=="},
		[]string{"GET /?p=SUVY"},
	},
	{
		"fields against each other", `
    selection: {cs-referer|fieldref|endswith: cs-uri-stem}
    other: {cs-username|fieldref: cs-host}
    condition: 1 of them`,
		[]string{"GET /x ref=http://h/x", "GET / user=shop host=SHOP"},
		[]string{"GET /x ref=http://h/y", "GET /"},
	},
	{
		"what logs do not carry, told apart from what they carry", `
    selection: {cs-uri-stem: /login, cs-cookie|exists: false}
    filter: {dst_ip|cidr: 10.0.0.0/8}
    condition: selection and not filter`,
		[]string{"POST /login"},
		[]string{"POST /x"},
	},
	{
		"patterns in capitals, cased", `
    selection: {cs-uri-query|contains|cased: 'SeLeCt'}
    condition: selection`,
		[]string{"GET /?SeLeCt"},
		[]string{"GET /?select"},
	},
	{
		"a placeholder among networks, expressions and texts", `
    a: {c-ip|cidr|expand: '%ours%'}
    b: {cs-uri-stem|expand|startswith: ['/%folders%/', /fixed/]}
    c: {cs-user-agent|re|expand: '^%agents%/[0-9]'}
    condition: 1 of them`,
		[]string{"GET / ip=10.9.9.9", "GET / ip=192.0.2.1", "GET /adm/x", "GET /fixed/x", "GET / ua=bot/1"},
		[]string{"GET / ip=10.10.9.9", "GET /adm", "GET / ua=bot/x"},
	},
	{
		"not equal to any of a list", `
    selection: {cs-method|neq: [GET, POST]}
    condition: selection`,
		[]string{"PUT /"},
		[]string{"GET /", "POST /"},
	},
}

func TestOddShapes(t *testing.T) {
	for _, s := range shapes {
		set, err := Load(fstest.MapFS{"r.yml": {Data: []byte("title: T\nname: t\nlogsource: {category: webserver}\ndetection:" + s.detection + "\nlevel: low\n")}}, Options{
			Placeholders: map[string][]string{"ours": {"10.9.0.0/16", "192.0.2.1"}, "folders": {"adm", "root"}, "agents": {"bot", "spider"}},
		})
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		check := func(lines []string, want int) {
			for _, line := range lines {
				ev := sent(t, line)
				if set.NewMatcher().Match(&ev); len(ev.Signatures) != want {
					t.Errorf("%s: %s: matches %v", s.name, line, ev.Signatures)
				}
			}
		}
		check(s.hit, 1)
		check(s.miss, 0)
	}
}

// TestHeads: what stands around a detection, in all the forms that published files have.
func TestHeads(t *testing.T) {
	const rest = "\ndetection: {s: {cs-uri-stem: /a}, condition: s}\n"
	for _, head := range []string{
		"title: T\nid: 0f1e1a86-7b0e-4b4b-b5a5-6b7e2c1f1d01\nlogsource: {category: webserver}\ndate: 2024-03-01\nmodified: 2024/03/02\nauthor: [A, B]\nfalsepositives: Unknown\nreferences: https://example.com",
		"title: 'T: with a colon'\nlogsource: {product: nginx, service: nginx}\ndate: 2024-3-1\ntags: attack.initial-access\nrelated:\nfields:\n    - c-ip\ndescription:\nstatus: unsupported",
		"title: T\nlogsource: {product: apache}\nlicense: MIT\ntaxonomy: sigma\nscope: [server]\nlevel: informational\nfalsepositives:\n    - A\n    - B",
	} {
		set, err := Load(fstest.MapFS{"r.yml": {Data: []byte(head + rest)}}, Options{})
		if err != nil || len(set.Rules()) != 1 {
			t.Errorf("%v in\n%s", err, head)
		}
	}
}

// TestFoldersOfAllKinds: what cannot work on access logs is left out with what stands on it, and said; the rest runs.
func TestFoldersOfAllKinds(t *testing.T) {
	set := load(t, `
title: Process
id: 5a1b4b6c-0000-4000-8000-000000000001
name: process
logsource: {category: process_creation, product: windows}
detection: {s: {Image|endswith: \cmd.exe}, condition: s}
---
title: Request
name: request
logsource: {category: webserver}
detection: {s: {cs-uri-stem: /a}, condition: s}
---
title: Both
name: both
correlation: {type: temporal, rules: [request, 5a1b4b6c-0000-4000-8000-000000000001], group-by: [User], timespan: 1m}
---
title: After both
name: after-both
correlation: {type: event_count, rules: [both], group-by: [c-ip], timespan: 1m, condition: {gte: 2}}
---
title: Ours
logsource: {category: process_creation, product: windows}
filter: {rules: [process], ours: {ParentImage|endswith: \setup.exe}, condition: not ours}
---
title: Ours on the web
logsource: {category: webserver}
filter: {rules: [process, request], ours: {cs-method: HEAD}, condition: not ours}
`)
	if len(set.Rules()) != 1 || set.Rule("request") == nil {
		t.Errorf("%d rules, want request alone", len(set.Rules()))
	}
	for want, times := range map[string]int{
		"correlation.rules: left out: it stands on": 2, "logsource: left out": 2, `filter.rules: "process" was left out`: 1,
	} {
		if strings.Count(set.Warnings().Error(), want) != times {
			t.Errorf("want %q %d times in\n%v", want, times, set.Warnings())
		}
	}
	head, get := sent(t, "HEAD /a"), sent(t, "GET /a")
	m := set.NewMatcher()
	m.Match(&head)
	m.Match(&get)
	if len(head.Signatures) != 0 || len(get.Signatures) != 1 {
		t.Errorf("%v, %v: the filter is not applied", head.Signatures, get.Signatures)
	}
}

// TestLists: placeholders stand in documents of their own; those of a later layer take the place of former ones.
func TestLists(t *testing.T) {
	rule := "title: T\nname: t\nlogsource: {category: webserver}\ndetection: {s: {cs-username|expand: '%admins%'}, condition: s}\n"
	one := fstest.MapFS{"a.yml": {Data: []byte(rule + "---\nplaceholders:\n  admins: [root]\n")}}
	two := fstest.MapFS{"b.yml": {Data: []byte("placeholders:\n  admins:\n    - alice\n")}}
	set, err := LoadAll(Options{}, one, two)
	if err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string]int{"root": 0, "alice": 1} {
		ev := sent(t, "GET / user="+user)
		if set.NewMatcher().Match(&ev); len(ev.Signatures) != want {
			t.Errorf("%s: %v", user, ev.Signatures)
		}
	}
	two["c.yml"] = two["b.yml"]
	if _, err := LoadAll(Options{}, one, two); err == nil || !strings.Contains(err.Error(), "c.yml:2: placeholders.admins: there is a list of that name already at b.yml:2") {
		t.Errorf("%v", err)
	}
}

// TestRepeatedDocuments: the old form of collections, where a document takes over what the one before it said.
func TestRepeatedDocuments(t *testing.T) {
	set := load(t, "title: One\nname: one\nlogsource: {category: proxy}\ndetection: {sel: {c-uri: /a}, condition: sel}\n---\n"+
		"action: repeat\nname: two\ndetection: {sel: {c-uri: /b}}\n---\naction: repeat\nname: three\ndetection: {sel: {c-uri: /c}}\n")
	m := set.NewMatcher()
	for target, want := range map[string]string{"/a": "one", "/b": "two", "/c": "three"} {
		ev := sent(t, "GET "+target)
		if m.Match(&ev); strings.Join(ev.Signatures, " ") != want {
			t.Errorf("%s: %v, want %s", target, ev.Signatures, want)
		}
	}
}

// TestCorrelationsByAnyName refers to rules by name, id and slug of the title, with several bounds and aliases.
func TestCorrelationsByAnyName(t *testing.T) {
	set := load(t, `
title: Named
name: named
id: 5a1b4b6c-0000-4000-8000-000000000002
logsource: {category: webserver}
detection: {s: {cs-uri-stem: /a}, condition: s}
---
title: By its Title
logsource: {category: webserver}
detection: {s: {cs-uri-stem: /b}, condition: s}
---
title: C
name: c
correlation:
  type: value_count
  rules: [5a1b4b6c-0000-4000-8000-000000000002, by-its-title]
  group-by: [who]
  aliases: {who: {named: cs-username, by-its-title: session}}
  timespan: 90s
  condition: {field: c-ip, gte: 2, lt: 10, neq: 5}
`)
	c := set.Rule("c").Correlation
	if strings.Join(c.Rules, " ") != "named by-its-title" || len(c.Bounds) != 3 || !c.Closing || set.Rule("named").Raises() {
		t.Errorf("%+v", c)
	}
	for v, want := range map[float64]bool{1: false, 2: true, 5: false, 9: true, 10: false} {
		if boundsHold(c.Bounds, v) != want {
			t.Errorf("%v: %v", v, !want)
		}
	}
}
