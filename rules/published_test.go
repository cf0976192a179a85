package rules

import (
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gatewatch/gatewatch/event"
)

// published are rules in the shapes that published web and proxy rules have: keys, field names, lists, modifiers.
var published = []struct {
	name   string
	rule   string
	hit    func(*event.Event) // nil: nothing can match
	miss   func(*event.Event)
	remark string // that loading it makes; empty: none
}{
	{
		name: "keywords and a method",
		rule: `
status: test
description: |
  Words of a shell in a request,
  over two lines
references:
    - https://example.com/a
author: Somebody (Somewhere), Another
date: 2019/02/19
modified: 2022-11-18
tags: [attack.persistence, attack.t1505.003, cve.2019-0001, detection.emerging-threats]
logsource: {category: webserver, definition: 'Requirements: the query string is logged'}
detection:
    selection_method: {cs-method: 'GET'}
    selection_keywords:
        # a comment
        - '=net%20user'
        - '=cmd+/c+'
    condition: all of selection_*
fields: [client_ip, vhost, url]
falsepositives: [Wikis]
level: high`,
		hit:  func(ev *event.Event) { ev.Query = "x=net%20user" },
		miss: func(ev *event.Event) { ev.Query, ev.Method = "x=net%20user", "POST" },
	},
	{
		name: "lists of maps, filters, wildcards, escapes",
		rule: `
related:
    - {id: 953b895e-5cc9-454b-b183-7f3db555452e, type: obsoletes}
logsource: {category: proxy}
detection:
    selection_a:
        - c-uri|contains: ['/shell?cmd=', '\?manifest=x']
        - c-useragent: ['*EvilBot/?.0*', 'Mozilla/4.0 (compatible; MSIE 6.0;Windows NT 5.1)']
    filter_main_ours:
        cs-host|endswith: ['.example.com']
    filter_optional_agent:
        c-useragent|startswith: Monitor/
    condition: 1 of selection_* and not 1 of filter_main_* and not 1 of filter_optional_*
level: medium`,
		hit:  func(ev *event.Event) { ev.UserAgent, ev.Host = "x EvilBot/3.0 y", "shop.example.org" },
		miss: func(ev *event.Event) { ev.UserAgent, ev.Host = "x EvilBot/3.0 y", "shop.example.com" },
	},
	{
		name: "a query that ends, numbers as list",
		rule: `
logsource: {category: webserver, product: windows, service: iis}
detection:
    selection:
        cs-uri-query|contains: '~1'
        cs-uri-query|endswith: 'a.aspx'
        cs-method: [GET, OPTIONS]
        sc-status: [200, 301]
    condition: selection`,
		hit:  func(ev *event.Event) { ev.Query = "/x~1/a.aspx" },
		miss: func(ev *event.Event) { ev.Query, ev.Status = "/x~1/a.aspx", 404 },
	},
	{
		name: "a regular expression with doubled backslashes",
		rule: `
logsource: {category: proxy}
detection:
    selection:
        c-uri|re: '\.(zip|htm)\?d=[0-9]{1,3}\.[0-9]{1,3}'
    condition: selection`,
		hit:  func(ev *event.Event) { ev.Path, ev.Query = "/a.zip", "d=10.20" },
		miss: func(ev *event.Event) { ev.Path, ev.Query = "/a.zip", "d=x" },
	},
	{
		name: "extension, base64, exists, null, cidr of both kinds",
		rule: `
logsource: {category: proxy}
detection:
    selection:
        c-uri-extension: [exe, ps1]
        c-uri-query|base64offset|contains: ['/bin/bash', 'whoami']
        cs-username: null
        cs-cookie|exists: false
    networks:
        src_ip|cidr: ['203.0.113.0/24', '2001:db8::/32']
    condition: selection and networks`,
		hit: func(ev *event.Event) {
			ev.Path, ev.Query, ev.ClientIP = "/a.PS1", "p=eHh3aG9hbWk=", netip.MustParseAddr("2001:db8::7")
		},
		miss: func(ev *event.Event) {
			ev.Path, ev.Query, ev.ClientIP = "/a.PS1", "p=eHh3aG9hbWk=", netip.MustParseAddr("2001:db9::7")
		},
	},
	{
		name: "or of a list of conditions, underscore, no of",
		rule: `
logsource: {category: webserver}
detection:
    _hidden: {cs-uri-stem: /c}
    one: {cs-uri-stem: /a}
    two: {cs-uri-query|contains|all: [x=1, y=2]}
    condition:
        - one and two
        - (one or _hidden) and not 1 of them`,
		hit:  func(ev *event.Event) { ev.Path = "/c" },
		miss: func(ev *event.Event) { ev.Path = "/a" },
	},
	{
		name: "dashes, time, not equal, fieldref",
		rule: `
logsource: {category: webserver}
detection:
    selection:
        cs-uri-query|contains|windash: 'run=x -enc -w'
        time|hour|gte: 9
        sc-status|neq: 404
        cs-referer|fieldref|contains: cs-uri-stem
    condition: selection`,
		hit: func(ev *event.Event) {
			ev.Query, ev.Path, ev.Referer = "run=x+/enc+-w", "/tool", "https://example.com/tool"
		},
		miss: func(ev *event.Event) {
			ev.Query, ev.Path, ev.Referer = "run=x+/enc+-w", "/tool", "https://example.com/"
		},
	},
	{
		name: "a product's access log",
		rule: `
logsource: {product: apache, service: access}
detection:
    selection: {cs-uri-stem: /a}
    condition: selection`,
		hit:  func(ev *event.Event) { ev.Path = "/a" },
		miss: func(ev *event.Event) { ev.Path = "/b" },
	},
	{
		name: "a body that no access log has",
		rule: `
logsource: {category: proxy}
detection:
    selection_url: {cs-uri|contains: /post.srf}
    selection_body: {cs-body|contains: KMSI=on}
    condition: selection_url and selection_body`,
		remark: "cannot work on access logs: it can never be true",
	},
	{
		name: "an error log",
		rule: `
logsource: {service: apache-error, product: linux}
detection:
    keywords: [segfault]
    condition: keywords`,
		remark: "left out: it asks for an error log",
	},
	{
		name: "another log",
		rule: `
logsource: {category: process_creation, product: windows}
detection:
    selection: {Image|endswith: '\cmd.exe'}
    condition: selection`,
		remark: "left out: it cannot work on access logs",
	},
	{
		name: "an aggregation that Sigma 2 has not",
		rule: `
logsource: {category: webserver}
detection:
    a: {cs-uri-stem: /a}
    timeframe: 10m
    condition: a | near b`,
		remark: "left out: its aggregation (near b)",
	},
}

// TestPublishedShapes: rules load as they are published, and those that cannot work say so.
func TestPublishedShapes(t *testing.T) {
	for _, p := range published {
		set, err := Load(fstest.MapFS{"r.yml": {Data: []byte("title: T\nid: 7ff9db12-1b94-4a79-ba68-a2402c5d6729" + p.rule)}}, Options{})
		if err != nil {
			t.Errorf("%s: %v", p.name, err)
			continue
		}
		if remarks := set.Warnings().Error(); p.remark == "" && remarks != "" || !strings.Contains(remarks, p.remark) {
			t.Errorf("%s: remarks %q, want %q", p.name, remarks, p.remark)
		}
		matches := func(fill func(*event.Event)) bool {
			var ev event.Event
			ev.Reset()
			ev.Method, ev.Path, ev.Status, ev.Time = "GET", "/", 200, scenarioStart
			fill(&ev)
			set.NewMatcher().Match(&ev)
			return len(ev.Signatures) > 0
		}
		if p.hit != nil && (!matches(p.hit) || matches(p.miss)) {
			t.Errorf("%s: hit %v, miss %v", p.name, matches(p.hit), matches(p.miss))
		}
	}
}

// TestAggregationsOfSigma1 become correlations.
func TestAggregationsOfSigma1(t *testing.T) {
	f := func(condition string, want CorrelationType, bound Bound, field string, by ...string) {
		t.Helper()
		set := load(t, "title: T\nid: t-id\nlogsource: {category: webserver}\nlevel: high\ndetection:\n  sel: {sc-status: 404}\n  timeframe: 10m\n  condition: "+condition+"\n")
		c := set.Rule("t-id").Correlation
		if c == nil || c.Type != want || c.Bounds[0] != bound || c.Field != field || strings.Join(c.GroupBy, " ") != strings.Join(by, " ") {
			t.Errorf("%s: %+v", condition, c)
		}
		if set.Rule("t-id-event").Raises() || set.Rule("t-id").Level != "high" {
			t.Errorf("%s: the events raise, or the level is lost", condition)
		}
	}
	f("sel | count() by c-ip > 10", EventCount, Bound{"gt", 10}, "", "c-ip")
	f("sel | count(cs-uri-stem) by c-ip, cs-host >= 5", ValueCount, Bound{"gte", 5}, "path", "c-ip", "cs-host")
	f("sel | sum(sc-bytes) by c-ip > 1000", ValueSum, Bound{"gt", 1000}, "bytes_out", "c-ip")
	f("1 of sel* | count() < 3", EventCount, Bound{"lt", 3}, "")
}
