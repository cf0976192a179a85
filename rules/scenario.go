package rules

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// Scenario is a short story with an expectation: requests that must fire the rule, or must not. It is written as text:
//
//	fires: twelve wrong passwords in a minute
//	  00:00 x12 every 5s  203.0.113.7  POST /login 401
//	quiet: one person who forgot theirs
//	  00:00 x3 every 20s  203.0.113.7  POST /login 401  ua="Mozilla/5.0 Firefox/128.0"
//	  01:30               203.0.113.7  POST /login 200
//
// A line of requests is: a time (MM:SS or HH:MM:SS since the story's start), xN and every D for repetitions, the
// client's address (203.0.113.1 if left out), method, target and status, then name=value for further fields of the
// event (user, ua, referer, host, route, bytes_out, duration_ms ...). {n} stands for the number of the repetition.
// For a rule about single events "fires" means that every request matches and "quiet" that none does; for a
// correlation, that it raises a finding or none.
type Scenario struct {
	Name   string
	Fires  bool
	Events []event.Event
	Line   int // of its first line, in the rule file
}

// scenarioStart is when every story begins: a Tuesday.
var scenarioStart = time.Date(2026, 3, 3, 10, 0, 0, 0, time.UTC)

// maxRepeat bounds the repetitions of one line.
const maxRepeat = 100_000

// ParseScenarios reads scenarios in their text form.
func ParseScenarios(text string) ([]Scenario, error) {
	var all []Scenario
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if name, ok := strings.CutPrefix(line, "fires:"); ok {
			all = append(all, Scenario{Name: strings.TrimSpace(name), Fires: true, Line: i + 1})
			continue
		}
		if name, ok := strings.CutPrefix(line, "quiet:"); ok {
			all = append(all, Scenario{Name: strings.TrimSpace(name), Line: i + 1})
			continue
		}
		if len(all) == 0 {
			return nil, fmt.Errorf("line %d: want fires: or quiet: before the requests", i+1)
		}
		events, err := parseRequests(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		last := &all[len(all)-1]
		last.Events = append(last.Events, events...)
	}
	for i := range all {
		sortEvents(all[i].Events)
		for j := range all[i].Events {
			all[i].Events[j].Position = uint64(j)
		}
		if len(all[i].Events) == 0 {
			return nil, fmt.Errorf("line %d: %q has no requests", all[i].Line, all[i].Name)
		}
	}
	return all, nil
}

// parseRequests reads one line of requests.
func parseRequests(line string) ([]event.Event, error) {
	words, err := splitWords(line)
	if err != nil {
		return nil, err
	}
	at, err := parseOffset(words[0])
	if err != nil {
		return nil, err
	}
	words = words[1:]
	count, every := 1, time.Second
	client := "203.0.113.1"
	for len(words) > 0 {
		w := words[0]
		if n, err := strconv.Atoi(strings.TrimPrefix(w, "x")); strings.HasPrefix(w, "x") && err == nil && n > 0 && n <= maxRepeat {
			count = n
		} else if w == "every" && len(words) > 1 {
			if every, err = time.ParseDuration(words[1]); err != nil {
				return nil, fmt.Errorf("every %s: %w", words[1], err)
			}
			words = words[1:]
		} else if strings.ContainsAny(w, ".:") && !strings.HasPrefix(w, "/") {
			client = w
		} else {
			break
		}
		words = words[1:]
	}
	events := make([]event.Event, count)
	for n := range events {
		number := strings.NewReplacer("{n}", strconv.Itoa(n+1))
		ev := &events[n]
		ev.Reset()
		ev.Source, ev.Service, ev.Format = "scenario", "shop", "scenario"
		ev.Time = scenarioStart.Add(at + time.Duration(n)*every)
		if ev.ClientIP, err = netip.ParseAddr(number.Replace(client)); err != nil {
			return nil, fmt.Errorf("client %q: %w", client, err)
		}
		if err := fillRequest(ev, words, number); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// fillRequest reads method, target, status and further fields.
func fillRequest(ev *event.Event, words []string, number *strings.Replacer) error {
	if len(words) < 3 {
		return fmt.Errorf("want method, target and status, found %q", strings.Join(words, " "))
	}
	ev.Method = words[0]
	ev.Path, ev.Query, _ = strings.Cut(number.Replace(words[1]), "?")
	status, err := strconv.Atoi(words[2])
	if err != nil {
		return fmt.Errorf("status %q: want a number", words[2])
	}
	ev.Status = status
	ev.UserAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
	ev.Protocol = "HTTP/1.1"
	for _, w := range words[3:] {
		name, value, ok := strings.Cut(w, "=")
		if !ok {
			return fmt.Errorf("%q: want name=value", w)
		}
		if err := setField(ev, name, number.Replace(value)); err != nil {
			return err
		}
	}
	return nil
}

func setField(ev *event.Event, name, value string) error {
	texts := map[string]*string{
		"user": &ev.User, "ua": &ev.UserAgent, "user_agent": &ev.UserAgent, "referer": &ev.Referer, "host": &ev.Host,
		"route": &ev.Route, "session": &ev.Session, "service": &ev.Service, "auth_scheme": &ev.AuthScheme,
		"scheme": &ev.Scheme, "protocol": &ev.Protocol, "ua_family": &ev.UAFamily, "country": &ev.Country,
		"tls_version": &ev.TLSVersion, "request_line": &ev.RequestLine, "method": &ev.Method,
		"gateway_action": &ev.GatewayAction,
	}
	if to, ok := texts[name]; ok {
		*to = value
		if name == "request_line" {
			ev.Method, ev.Path, ev.Query = "", "", ""
		}
		return nil
	}
	if name == "object" {
		ev.ObjectIDs = append(ev.ObjectIDs, value)
		return nil
	}
	if name == "is_bot" {
		ev.IsBot = value == "true"
		return nil
	}
	f, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return fmt.Errorf("%s=%s: want a field of the event and its value", name, value)
	}
	switch name {
	case "bytes_in":
		ev.BytesIn = int64(f)
	case "bytes_out":
		ev.BytesOut = int64(f)
	case "duration_ms":
		ev.DurationMS = f
	case "upstream_ms":
		ev.UpstreamMS = f
	default:
		return fmt.Errorf("unknown field %q", name)
	}
	return nil
}

// splitWords splits at white space; a word may hold a "quoted part".
func splitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	quoted, some := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && quoted && i+1 < len(line) && line[i+1] == '"':
			i++
			word.WriteByte('"')
		case c == '"':
			quoted, some = !quoted, true
		case (c == ' ' || c == '\t') && !quoted:
			if some {
				words = append(words, word.String())
				word.Reset()
			}
			some = false
		default:
			word.WriteByte(c)
			some = true
		}
	}
	if quoted {
		return nil, fmt.Errorf("a quote is not closed")
	}
	if some {
		words = append(words, word.String())
	}
	return words, nil
}

// parseOffset reads MM:SS or HH:MM:SS.
func parseOffset(s string) (time.Duration, error) {
	parts := strings.Split(s, ":")
	if len(parts) != 2 && len(parts) != 3 {
		return 0, fmt.Errorf("time %q: want MM:SS or HH:MM:SS", s)
	}
	var seconds int
	for _, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 || n > 99 {
			return 0, fmt.Errorf("time %q: want MM:SS or HH:MM:SS", s)
		}
		seconds = seconds*60 + n
	}
	return time.Duration(seconds) * time.Second, nil
}

// Run plays the scenario against the rule of that id in the set and says what went wrong, if anything.
func (sc *Scenario) Run(s *Set, id string) error {
	r := s.Rule(id)
	if r == nil {
		return fmt.Errorf("no rule %q", id)
	}
	m := s.NewMatcher()
	w := s.NewWindows(WindowOptions{})
	matches := 0
	var findings []detect.Finding
	emit := func(f detect.Finding) {
		if f.Detector == r.ID && f.Revision == 1 {
			findings = append(findings, f)
		}
	}
	for i := range sc.Events {
		ev := sc.Events[i]
		m.Match(&ev)
		hit := matched(&ev, r.ID)
		if hit {
			matches++
		}
		if r.Correlation == nil && hit != sc.Fires {
			return fmt.Errorf("request %d, %s: matched %v, want %v (signatures %v)", i+1, request(&ev), hit, sc.Fires, ev.Signatures)
		}
		w.Observe(&ev, emit)
	}
	switch {
	case r.Correlation == nil:
	case sc.Fires && len(findings) == 0:
		return fmt.Errorf("raised nothing over %d requests, want a finding", len(sc.Events))
	case !sc.Fires && len(findings) > 0:
		return fmt.Errorf("raised %q, want nothing", findings[0].Explanation)
	}
	return nil
}
