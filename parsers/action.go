package parsers

import (
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// actionWords says what the words of gateways' columns mean for event.GatewayAction, in small letters. What is not here
// (allow, pass, via_upstream) says nothing.
var actionWords = map[string]string{
	// Our own.
	event.ActionWAFBlock: event.ActionWAFBlock, event.ActionWAFAlert: event.ActionWAFAlert, event.ActionWAFNotice: event.ActionWAFNotice,
	event.ActionRateLimit: event.ActionRateLimit, event.ActionDelay: event.ActionDelay, event.ActionChallenge: event.ActionChallenge,
	event.ActionDeny: event.ActionDeny,
	// nginx, $limit_req_status and $limit_conn_status.
	"rejected": event.ActionRateLimit, "delayed": event.ActionDelay,
	// AWS WAF (action) and CloudFront (x-edge-result-type, x-edge-detailed-result-type).
	"block": event.ActionWAFBlock, "count": event.ActionWAFNotice, "captcha": event.ActionChallenge,
	"limitexceeded": event.ActionRateLimit, "clientgeoblocked": event.ActionDeny,
	// Cloudflare (SecurityAction and the older names).
	"jschallenge": event.ActionChallenge, "managedchallenge": event.ActionChallenge, "managed_challenge": event.ActionChallenge,
	"js_challenge": event.ActionChallenge, "challengefailed": event.ActionWAFBlock, "jschallengefailed": event.ActionWAFBlock,
	"drop": event.ActionWAFBlock, "connectionclose": event.ActionWAFBlock, "connection_close": event.ActionWAFBlock,
	"log": event.ActionWAFAlert, "simulate": event.ActionWAFAlert, "ban": event.ActionRateLimit,
	// Azure (action of the firewall logs): a rule that matched adds to a score, and another rule speaks the verdict.
	"blocked": event.ActionWAFBlock, "detected": event.ActionWAFAlert, "alerted": event.ActionWAFAlert, "matched": event.ActionWAFNotice, "anomalyscoring": event.ActionWAFNotice,
	"jschallengeissued": event.ActionChallenge, "jschallengeblock": event.ActionWAFBlock, "captchachallenge": event.ActionChallenge,
	// Google Cloud Armor (configuredAction, statusDetails).
	"throttle": event.ActionRateLimit, "rate_based_ban": event.ActionRateLimit, "google_recaptcha": event.ActionChallenge,
	"denied_by_security_policy": event.ActionWAFBlock, "body_denied_by_security_policy": event.ActionWAFBlock,
	"denied": event.ActionDeny,
	// Envoy (response flags and response code details).
	"rl": event.ActionRateLimit, "ratelimited": event.ActionRateLimit, "local_rate_limited": event.ActionRateLimit,
	"request_rate_limited": event.ActionRateLimit, "uaex": event.ActionDeny, "unauthorizedexternalservice": event.ActionDeny,
	"ext_authz_denied": event.ActionDeny, "rbac_access_denied": event.ActionDeny, "rbac_access_denied_matched_policy": event.ActionDeny,
}

// actionName turns what a gateway's column says into an event's gateway_action, "" when it says nothing of the kind. Of
// several words, separated by commas, the most telling counts. With unitPreview the gateway only says what it would do;
// unitFirewall is a message of ModSecurity's, unitSeverity the severity of a rule that matched.
func actionName(v string, u unit) string {
	switch u {
	case unitFirewall:
		return firewallWord(v)
	case unitSeverity:
		if minorSeverity(v) {
			return event.ActionWAFNotice
		}
		return event.ActionWAFAlert
	}
	best := ""
	for v != "" {
		word := v
		if i := strings.IndexByte(v, ','); i >= 0 {
			word, v = v[:i], v[i+1:]
		} else {
			v = ""
		}
		best = stronger(best, actionWord(word))
	}
	if u == unitPreview && (best == event.ActionWAFBlock || best == event.ActionDeny) {
		return event.ActionWAFAlert
	}
	return best
}

var actionOrder = event.Actions()

// stronger returns the more telling of two actions, either of which may be "".
func stronger(a, b string) string {
	for _, known := range actionOrder {
		if a == known || b == known {
			return known
		}
	}
	return ""
}

func actionWord(word string) string {
	word = strings.Trim(word, " ")
	if i := strings.IndexByte(word, '['); i > 0 { // Envoy: rbac_access_denied_matched_policy[ns[…]-policy[…]]
		word = word[:i]
	}
	var buf [40]byte
	if len(word) > len(buf) {
		return ""
	}
	return actionWords[string(appendLower(buf[:0], word))]
}

// appendLower appends s in small letters (ASCII), without an allocation where dst has the room.
func appendLower(dst []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// putFirewall takes from a message what ModSecurity or Coraza did (github.com/owasp-modsecurity/ModSecurity, Reference
// Manual: "Access denied …" where a disruptive action ran, "Warning." where none did), by the rule's severity, in words or
// as in syslog: WARNING (4) and lower are remarks. It reports whether one of them spoke.
func (r *record) putFirewall(message string) bool {
	at := -1
	for _, name := range []string{"ModSecurity: ", "Coraza: ", "mod_security: "} {
		if at = strings.Index(message, name); at >= 0 {
			at += len(name)
			break
		}
	}
	if at < 0 {
		return false
	}
	r.put(slotAction, unitFirewall, 1, message[at:])
	return true
}

func firewallWord(message string) string {
	switch {
	case strings.HasPrefix(message, "Access denied"):
		return event.ActionWAFBlock
	case !strings.HasPrefix(message, "Warning"):
		return ""
	case minorSeverity(label(message, `[severity "`)):
		return event.ActionWAFNotice
	}
	return event.ActionWAFAlert
}

func minorSeverity(v string) bool {
	switch strings.ToUpper(v) {
	case "WARNING", "NOTICE", "INFO", "DEBUG", "4", "5", "6", "7":
		return true
	}
	return false
}

// messageAction is a text in an error log's message and what it says the gateway did.
type messageAction struct{ text, action string }

// actionOf returns what a message says the gateway did, or "".
func actionOf(message string, known []messageAction) string {
	for _, k := range known {
		if strings.Contains(message, k.text) {
			return k.action
		}
	}
	return ""
}

// nginxActions are messages of nginx's limit and access modules, and of well-known modules beside them (NAXSI, CrowdSec's and
// other Lua bouncers). A dry run refuses nothing.
var nginxActions = []messageAction{
	{"limiting requests, dry run", ""},
	{"limiting connections, dry run", ""},
	{"delaying request, dry run", ""},
	{"limiting requests, excess: ", event.ActionRateLimit},
	{"limiting connections by zone ", event.ActionRateLimit},
	{"delaying request, excess: ", event.ActionDelay},
	{"access forbidden by rule", event.ActionDeny},
	{"access forbidden by geo", event.ActionDeny},
	{"with 'captcha' (by ", event.ActionChallenge},
	{"with 'ban' (by ", event.ActionDeny},
}

// naxsiAction reads NAXSI's report (github.com/wargio/naxsi, NAXSI_FMT): it blocks with block=1 outside of learning mode, newer ones
// with config=block.
func naxsiAction(message string) string {
	_, report, ok := strings.Cut(message, "NAXSI_FMT: ")
	switch {
	case !ok:
		return ""
	case strings.Contains(report, "&learning=0&") && strings.Contains(report, "&block=1"), strings.Contains(report, "&config=block"), strings.Contains(report, "&config=drop"):
		return event.ActionWAFBlock
	}
	return event.ActionWAFAlert
}

// apacheActions are messages of Apache's modules: mod_qos (mod-qos.sourceforge.net, the numbers of its messages),
// mod_evasive, mod_authz.
var apacheActions = []messageAction{
	{"mod_qos(040)", event.ActionWAFBlock},
	{"mod_qos(041)", event.ActionWAFBlock},
	{"mod_qos(042)", event.ActionWAFBlock},
	{"mod_qos(043)", event.ActionWAFBlock},
	{"mod_qos(045)", event.ActionWAFBlock},
	{"mod_qos(046)", event.ActionWAFBlock},
	{"mod_qos(010)", event.ActionRateLimit},
	{"mod_qos(011)", event.ActionRateLimit},
	{"mod_qos(012)", event.ActionRateLimit},
	{"mod_qos(013)", event.ActionRateLimit},
	{"mod_qos(030)", event.ActionRateLimit},
	{"mod_qos(031)", event.ActionRateLimit},
	{"mod_qos(034)", event.ActionRateLimit},
	{"mod_qos(060)", event.ActionRateLimit},
	{"mod_qos(066)", event.ActionRateLimit},
	{"mod_qos(067)", event.ActionRateLimit},
	{"[evasive20:error]", event.ActionRateLimit},
	{"[evasive24:error]", event.ActionRateLimit},
	{"client denied by server configuration", event.ActionDeny},
}
