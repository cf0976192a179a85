package send

import (
	"fmt"
	"net"
	"net/mail"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/incident/ocsf"
)

// Target is where and how a channel sends. Type decides which of the other members it takes; the rest stay empty.
type Target struct {
	// Type is webhook, slack, teams, pagerduty, opsgenie, email or syslog.
	Type string `yaml:"type"`

	// URL is where an HTTP channel posts. PagerDuty and Opsgenie have defaults.
	URL Secret `yaml:"url"`
	// Headers are sent along by a webhook.
	Headers map[string]Secret `yaml:"headers"`
	// Secret signs a webhook: 24 to 64 random bytes in base64, with or without the prefix whsec_.
	Secret Secret `yaml:"secret"`
	// Body is a template for a webhook's body, in place of the documented one.
	Body string `yaml:"body"`
	// RoutingKey is PagerDuty's integration key (Events API v2).
	RoutingKey Secret `yaml:"routing_key"`
	// APIKey is Opsgenie's API integration key.
	APIKey Secret `yaml:"api_key"`

	// Address is a mail server's HOST:PORT, or a syslog receiver: udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT.
	Address string `yaml:"address"`
	// Encryption of mail: starttls (the default), tls, or none.
	Encryption string `yaml:"encryption"`
	// Username and Password log in to the mail server.
	Username string `yaml:"username"`
	Password Secret `yaml:"password"`
	// From and To are mail addresses.
	From string   `yaml:"from"`
	To   []string `yaml:"to"`
	// Format is what a syslog message or a webhook holds: cef (syslog's default) or ocsf; a webhook's default is its own.
	Format string `yaml:"format"`

	// Title and Text are templates for what people read. See docs/notifications.md.
	Title string `yaml:"title"`
	Text  string `yaml:"text"`
	// CAFile holds further certificates (PEM) that may vouch for the receiver.
	CAFile string `yaml:"ca_file"`
}

// Options are what a sender is built with besides its Target.
type Options struct {
	Now  func() time.Time // nil: time.Now
	OCSF *ocsf.Mapper     // nil: one without version and detectors
}

// sort is a type of target: the members that it takes and how its sender is made.
type sort struct {
	needs []string
	takes []string
	build func(Target, Options) (Sender, error)
}

// sorts is the table of all types.
var sorts = map[string]sort{
	"webhook":   {[]string{"url"}, []string{"headers", "secret", "body", "format", "title", "text", "ca_file"}, newWebhook},
	"slack":     {[]string{"url"}, []string{"title", "text", "ca_file"}, newSlack},
	"teams":     {[]string{"url"}, []string{"title", "text", "ca_file"}, newTeams},
	"pagerduty": {[]string{"routing_key"}, []string{"url", "title", "ca_file"}, newPagerDuty},
	"opsgenie":  {[]string{"api_key"}, []string{"url", "title", "text", "ca_file"}, newOpsgenie},
	"email":     {[]string{"address", "from", "to"}, []string{"encryption", "username", "password", "title", "text", "ca_file"}, newEmail},
	"syslog":    {[]string{"address"}, []string{"format", "ca_file"}, newSyslog},
}

// Types lists the types of target.
func Types() []string {
	names := make([]string, 0, len(sorts))
	for name := range sorts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// New returns the sender of a target that Validate finds no fault with.
func New(t Target, o Options) (Sender, error) {
	s, ok := sorts[t.Type]
	if !ok {
		return nil, fmt.Errorf("type %q: want one of %s", t.Type, strings.Join(Types(), ", "))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OCSF == nil {
		o.OCSF = ocsf.NewMapper("", nil)
	}
	return s.build(t, o)
}

// Validate returns every fault; key is the target's own in the configuration. Environment variables and files that the
// target refers to must be there; their values are never told.
func (t Target) Validate(key string) (faults []error) {
	fault := func(member, format string, args ...any) {
		faults = append(faults, fmt.Errorf(key+"."+member+": "+format, args...))
	}
	s, ok := sorts[t.Type]
	if !ok {
		fault("type", "%q: want one of %s", t.Type, strings.Join(Types(), ", "))
		return faults
	}
	for name, given := range t.given() {
		switch {
		case given && name != "type" && !slices.Contains(s.needs, name) && !slices.Contains(s.takes, name):
			fault(name, "a channel of type %s has none", t.Type)
		case !given && slices.Contains(s.needs, name):
			fault(name, "empty: a channel of type %s wants it", t.Type)
		}
	}
	if len(faults) > 0 {
		slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
		return faults
	}
	for member, bad := range t.values() {
		fault(member, "%w", bad)
	}
	if len(faults) == 0 { // what only the whole shows: templates, certificates
		if _, err := New(t, Options{}); err != nil {
			faults = append(faults, fmt.Errorf("%s.%w", key, err))
		}
	}
	return faults
}

// given tells of every member, by its name in the configuration, whether it has a value.
func (t Target) given() map[string]bool {
	v := reflect.ValueOf(t)
	out := make(map[string]bool, v.NumField())
	for i := range v.NumField() {
		f := v.Field(i)
		out[v.Type().Field(i).Tag.Get("yaml")] = !f.IsZero() && (f.Kind() != reflect.Map && f.Kind() != reflect.Slice || f.Len() > 0)
	}
	return out
}

// values returns the faults of single members by name.
func (t Target) values() map[string]error {
	bad := map[string]error{}
	secrets := map[string]Secret{"url": t.URL, "secret": t.Secret, "routing_key": t.RoutingKey, "api_key": t.APIKey, "password": t.Password}
	for name, s := range t.Headers {
		secrets["headers."+name] = s
		if !token(name) {
			bad["headers"] = fmt.Errorf("%q: want the name of an HTTP header", name)
		}
	}
	for member, s := range secrets {
		if s == "" {
			continue
		}
		v, err := s.Reveal()
		if err == nil && member == "url" {
			_, err = checkURL(v)
		}
		if err == nil && member == "secret" {
			_, err = signingKey(v)
		}
		if err == nil && plain(v) != v {
			err = fmt.Errorf("it holds control characters")
		}
		if err != nil {
			bad[member] = err
		}
	}
	for i, a := range append(slices.Clone(t.To), t.From) {
		if _, err := mail.ParseAddress(a); err != nil && a != "" {
			member := "from"
			if i < len(t.To) {
				member = fmt.Sprintf("to[%d]", i)
			}
			bad[member] = fmt.Errorf("%q: want a mail address", a)
		}
	}
	if t.Type == "email" {
		if !hostPort(t.Address) {
			bad["address"] = fmt.Errorf("%q: want the mail server's HOST:PORT", t.Address)
		}
		if !slices.Contains([]string{"", encryptStartTLS, encryptTLS, encryptNone}, t.Encryption) {
			bad["encryption"] = fmt.Errorf("%q: want starttls, tls or none", t.Encryption)
		}
		if (t.Username == "") != (t.Password == "") {
			bad["username"] = fmt.Errorf("username and password go together")
		}
		if t.Username != "" && t.Encryption == encryptNone {
			bad["encryption"] = fmt.Errorf("none: a password is not sent in the clear; want starttls or tls")
		}
	}
	if t.Type == "syslog" {
		if scheme, address, ok := strings.Cut(t.Address, "://"); !ok || !slices.Contains([]string{"udp", "tcp", "tls"}, scheme) || !hostPort(address) {
			bad["address"] = fmt.Errorf("%q: want udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT", t.Address)
		}
	}
	if formats := map[string][]string{"syslog": {"", formatCEF, formatOCSF}, "webhook": {"", formatOCSF}}[t.Type]; formats != nil && !slices.Contains(formats, t.Format) {
		bad["format"] = fmt.Errorf("%q: want %s", t.Format, strings.Join(formats[1:], " or "))
	}
	return bad
}

func hostPort(text string) bool {
	host, port, err := net.SplitHostPort(text)
	return err == nil && host != "" && port != ""
}

// token accepts the characters of a header's name (RFC 9110).
func token(s string) bool {
	for _, r := range s {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) {
			return false
		}
	}
	return s != ""
}
