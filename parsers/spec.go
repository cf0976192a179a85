package parsers

import (
	"fmt"
	"regexp"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Spec says which format a source has: the name of one in the table, "auto", or a definition of the user's own.
// At most one of the fields is set; the zero Spec is "auto".
type Spec struct {
	Name   string `yaml:"name,omitempty"`   // a format's name or alias, "auto", or a wrapper and what is in it: "syslog+haproxy"
	Nginx  string `yaml:"nginx,omitempty"`  // the string of nginx's log_format
	Apache string `yaml:"apache,omitempty"` // the string of Apache's LogFormat
	Envoy  string `yaml:"envoy,omitempty"`  // a format string of Envoy's
	// HAProxy is the string of HAProxy's log-format.
	HAProxy string `yaml:"haproxy,omitempty"`
	// Captures names the request headers that HAProxy captures, in the order of its "capture request header" lines: with
	// the name haproxy (or a wrapper around it), and for %hr and capture.req.hdr(n) in HAProxy.
	Captures []string          `yaml:"captures,omitempty"`
	Regexp   string            `yaml:"regexp,omitempty"` // RE2 syntax with groups named like event fields: (?P<client_ip>\S+)
	W3C      string            `yaml:"w3c,omitempty"`    // the names of a #Fields line, for logs without one: CloudFront's real-time logs
	JSON     map[string]string `yaml:"json,omitempty"`   // event field to dotted path: client_ip: request.remote
}

// autoName is the name of the format that is recognised from the lines themselves.
const autoName = "auto"

// ParseSpec reads a format as it stands on a command line: a name, or a pattern, which contains nginx's $variables or
// Apache's, Envoy's or HAProxy's %directives.
func ParseSpec(s string) Spec {
	switch {
	case strings.Contains(s, "%ci") || strings.Contains(s, "%[src]"):
		return Spec{HAProxy: s}
	case strings.Contains(s, "(?P<") || strings.Contains(s, "(?<"):
		return Spec{Regexp: s}
	case strings.Contains(s, "$"):
		return Spec{Nginx: s}
	case strings.Contains(s, "%START_TIME"):
		return Spec{Envoy: s}
	case strings.Contains(s, "%"):
		return Spec{Apache: s}
	}
	return Spec{Name: s}
}

// UnmarshalYAML reads a plain string as ParseSpec does, or a mapping with one of the keys name, nginx, apache,
// envoy, haproxy, regexp, w3c, json; captures goes with name and haproxy.
func (s *Spec) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*s = ParseSpec(node.Value)
		return nil
	}
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: a format is a name or a mapping with one of name, nginx, apache, envoy, haproxy, regexp, w3c, json", node.Line)
	}
	for i := 0; i < len(node.Content); i += 2 {
		switch key := node.Content[i]; key.Value {
		case "name", "nginx", "apache", "envoy", "haproxy", "captures", "regexp", "w3c", "json":
		default:
			return fmt.Errorf("line %d: format has no key %q: name, nginx, apache, envoy, haproxy, captures, regexp, w3c and json are known", key.Line, key.Value)
		}
	}
	type plain Spec
	return node.Decode((*plain)(s))
}

// MarshalYAML writes a name as a plain string.
func (s Spec) MarshalYAML() (any, error) {
	if s.Nginx == "" && s.Apache == "" && s.Envoy == "" && s.HAProxy == "" && s.Regexp == "" && s.W3C == "" && len(s.JSON) == 0 && len(s.Captures) == 0 {
		return s.String(), nil
	}
	type plain Spec
	return plain(s), nil
}

// String returns the name, or the kind of the definition.
func (s Spec) String() string {
	switch {
	case s.Nginx != "":
		return "nginx pattern"
	case s.Apache != "":
		return "apache pattern"
	case s.Envoy != "":
		return "envoy pattern"
	case s.HAProxy != "":
		return "haproxy pattern"
	case s.Regexp != "":
		return "regexp"
	case s.W3C != "":
		return "w3c fields"
	case len(s.JSON) > 0:
		return "json mapping"
	case s.Name == "":
		return autoName
	}
	return s.Name
}

// Validate says what is wrong with the spec and where; nil when New will accept it.
func (s Spec) Validate() error {
	_, err := New(s, Options{})
	return err
}

// New makes the parser of a spec.
func New(s Spec, o Options) (Parser, error) {
	set := 0
	for _, is := range []bool{s.Name != "", s.Nginx != "", s.Apache != "", s.Envoy != "", s.HAProxy != "", s.Regexp != "", s.W3C != "", len(s.JSON) > 0} {
		if is {
			set++
		}
	}
	if set > 1 {
		return nil, fmt.Errorf("format: only one of name, nginx, apache, envoy, haproxy, regexp, w3c and json may be given")
	}
	switch {
	case s.Nginx != "":
		return compiled("nginx", s.Nginx, compileNginx, o)
	case s.Apache != "":
		return compiled("apache", s.Apache, compileApache, o)
	case s.Envoy != "":
		return compiled("envoy", s.Envoy, compileEnvoy, o)
	case s.HAProxy != "":
		return newHAProxyPattern(s.HAProxy, s.Captures, o)
	case s.Regexp != "":
		return newRegexp(s.Regexp, o)
	case s.W3C != "":
		return newW3C(s.W3C, o)
	case len(s.JSON) > 0:
		return newJSONMapping(s.JSON, o)
	case s.Name == "" || s.Name == autoName:
		return NewAuto(o), nil
	}
	outer, inner, wrapped := strings.Cut(s.Name, "+")
	f, ok := Lookup(outer)
	if len(s.Captures) > 0 {
		return newHAProxyCaptures(s, o)
	}
	if ok && wrapped && f.wrapper {
		in, ok := Lookup(inner)
		if !ok || in.wrapper {
			return nil, fmt.Errorf("format: %q is not a format that %s could carry", inner, outer)
		}
		return wrapOne(f.Name, o, in.New)
	}
	if !ok || wrapped {
		return nil, fmt.Errorf("format: %q is not known; known are auto, %s", s.Name, strings.Join(names(), ", "))
	}
	return f.New(o)
}

// compiled makes the parser of a format string.
func compiled(name, format string, compile func(name, format string) (pattern, error), o Options) (Parser, error) {
	p, err := compile(name, format)
	if err != nil {
		return nil, fmt.Errorf("format: %s: %w", name, err)
	}
	return p.parser(o), nil
}

// fieldColumns are the names that a regular expression's groups and a JSON mapping's keys may have: those of the event
// and a few that say how a value is written.
var fieldColumns = map[string]column{
	"time":           {slotTime, unitAuto, 1},
	"time_s":         {slotTime, unitSec, 1},
	"time_ms":        {slotTime, unitMilli, 1},
	"time_us":        {slotTime, unitMicro, 1},
	"time_ns":        {slotTime, unitNano, 1},
	"date":           {slotDate, 0, 1},
	"clock":          {slotClock, 0, 1},
	"client_ip":      {slotClient, 0, 1},
	"peer_ip":        {slotPeer, 0, 1},
	"forwarded_for":  {slotForward, 0, 1},
	"user":           {slotUser, 0, 1},
	"request":        {slotRequest, 0, 1},
	"method":         {slotMethod, 0, 1},
	"target":         {slotTarget, 0, 1},
	"url":            {slotURL, 0, 1},
	"path":           {slotPath, 0, 1},
	"query":          {slotQuery, 0, 1},
	"protocol":       {slotProtocol, 0, 1},
	"scheme":         {slotScheme, 0, 1},
	"host":           {slotHost, 0, 1},
	"status":         {slotStatus, 0, 1},
	"bytes_out":      {slotBytesOut, 0, 1},
	"bytes_in":       {slotBytesIn, 0, 1},
	"duration_s":     {slotDuration, unitSec, 1},
	"duration_ms":    {slotDuration, unitMilli, 1},
	"duration_us":    {slotDuration, unitMicro, 1},
	"duration_ns":    {slotDuration, unitNano, 1},
	"upstream_s":     {slotUpTime, unitSec, 1},
	"upstream_ms":    {slotUpTime, unitMilli, 1},
	"upstream_us":    {slotUpTime, unitMicro, 1},
	"upstream_ns":    {slotUpTime, unitNano, 1},
	"referer":        {slotReferer, 0, 1},
	"user_agent":     {slotAgent, 0, 1},
	"tls_version":    {slotTLS, 0, 1},
	"request_id":     {slotRequestID, 0, 1},
	"upstream":       {slotUpstream, 0, 1},
	"gateway_action": {slotAction, 0, 1},
	"service":        {slotService, 0, 1},
	"route":          {slotRoute, 0, 1},
	"authorization":  {slotAuth, 0, 1},
	"cookie":         {slotCookie, 0, 1},
	"api_key":        {slotAPIKey, 0, 1},
}

func knownFields() string {
	var names []string
	for n := range fieldColumns {
		names = append(names, n)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}

// needColumns checks that an event can come of a set of slots.
func needColumns(has uint64) error {
	if has&(1<<slotTime) == 0 && has&(1<<slotDate|1<<slotClock) != 1<<slotDate|1<<slotClock {
		return fmt.Errorf("has no time, without which a line cannot be an event")
	}
	const enough = 1<<slotRequest | 1<<slotTarget | 1<<slotPath | 1<<slotURL | 1<<slotClient | 1<<slotPeer | 1<<slotForward | 1<<slotStatus
	if has&enough == 0 {
		return fmt.Errorf("has neither a request nor a client nor a status")
	}
	return nil
}

// compileGroups maps the named groups of re to columns.
func compileGroups(re *regexp.Regexp) ([]column, error) {
	columns := make([]column, re.NumSubexp()+1)
	var has uint64
	for i, name := range re.SubexpNames() {
		if name == "" {
			continue
		}
		c, ok := fieldColumns[name]
		if !ok {
			return nil, fmt.Errorf("group %q is not a field; known are %s", name, knownFields())
		}
		columns[i] = c
		has |= 1 << c.slot
	}
	return columns, needColumns(has)
}
