package event

// What a gateway says it did about a request beside answering it (GatewayAction). The words are those of OCSF's
// dispositions (security control profile), told apart by who spoke: a firewall, a limit, or a rule of access.
const (
	ActionWAFBlock  = "waf_block"  // a web application firewall stopped the request
	ActionWAFAlert  = "waf_alert"  // a firewall called it an attack and did not stop it, or does not say that it did
	ActionWAFNotice = "waf_notice" // a firewall's rule of low severity, or one that only counts, matched
	ActionRateLimit = "rate_limit" // refused by a limit of requests or connections
	ActionDelay     = "delay"      // held back by such a limit, then served
	ActionChallenge = "challenge"  // answered with a CAPTCHA or another challenge in place of the content
	ActionDeny      = "deny"       // refused by a rule of access: an address list, a policy, an external authorisation
)

// Actions lists the values of GatewayAction, the most telling first.
func Actions() []string {
	return []string{
		ActionWAFBlock, ActionWAFAlert, ActionRateLimit, ActionDeny, ActionChallenge, ActionDelay, ActionWAFNotice,
	}
}
