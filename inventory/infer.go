package inventory

import (
	"slices"
	"strings"
	"unicode"
)

// Inference is what the words of an endpoint say about it, with the words.
type Inference struct {
	Type        Type
	Data        []string // classes of data, sorted
	Sensitivity Sensitivity
	Reasons     []string // "payment: invoice", sorted
}

// class is a kind of data, how sensitive it is, and the words that tell of it, in the singular.
type class struct {
	name        string
	sensitivity Sensitivity
	words       []string
}

// classes are looked for in the words of routes, parameters and operations. What a word means depends on the API: these
// are the usual meanings, and people override them.
var classes = []class{
	{"administration", High, []string{
		"admin", "administrator", "administration", "backoffice", "root", "sudo", "superuser", "permission", "role", "privilege", "impersonate",
		"actuator", "debug", "console", "backup", "restore", "migration", "audit",
	}},
	{"credentials", High, []string{
		"login", "signin", "logon", "auth", "authenticate", "authentication", "authorize", "oauth", "oauth2", "oidc", "sso", "saml", "token", "jwt",
		"password", "passwd", "pwd", "passphrase", "secret", "credential", "apikey", "otp", "totp", "mfa", "2fa", "pin", "session", "refresh",
		"recovery", "certificate",
	}},
	{"government_id", High, []string{"ssn", "passport", "kyc", "nationalid", "taxid", "driverlicense", "identitydocument", "socialsecurity"}},
	{"health", High, []string{
		"patient", "medical", "medication", "diagnosis", "prescription", "clinical", "treatment", "allergy", "vaccination", "hospital", "doctor",
	}},
	{"payment", High, []string{
		"payment", "pay", "card", "creditcard", "cvv", "cvc", "iban", "bic", "bank", "billing", "invoice", "checkout", "refund", "payout",
		"transfer", "withdrawal", "deposit", "wallet", "transaction", "charge", "salary", "payroll", "balance", "ledger",
	}},
	{"communication", Medium, []string{"message", "chat", "mail", "inbox", "conversation", "comment", "ticket", "call", "sms"}},
	{"content", Medium, []string{"upload", "download", "export", "attachment", "document", "file", "dump"}},
	{"location", Medium, []string{"location", "geo", "gps", "lat", "lon", "latitude", "longitude", "tracking", "trip"}},
	{"orders", Medium, []string{"order", "cart", "basket", "purchase", "shipment", "subscription", "booking", "reservation", "quote", "contract"}},
	{"personal", Medium, []string{
		"user", "account", "profile", "customer", "client", "member", "contact", "address", "email", "phone", "mobile", "person", "people",
		"employee", "staff", "me", "self", "firstname", "lastname", "surname", "birthdate", "birthday", "dob", "gender", "subscriber", "guest",
		"applicant", "candidate", "student", "tenant",
	}},
	{"reports", Medium, []string{"report", "statistic", "stat", "analytic", "insight", "revenue"}},
}

// types are the words that tell for whom an endpoint is; the first that matches wins.
var typeWords = []struct {
	is    Type
	words []string
}{
	{Internal, []string{
		"internal", "intern", "private", "admin", "administrator", "backoffice", "actuator", "metric", "debug", "healthz", "health", "healthcheck",
		"readyz", "livez", "ready", "live", "heartbeat", "ping", "prometheus", "pprof", "server-status",
	}},
	{Partner, []string{"partner", "webhook", "callback", "b2b", "edi", "affiliate", "reseller", "supplier", "vendor", "merchant", "integration"}},
}

// Infer reads the words of a route and of the parameters that belong to it.
func Infer(route string, parameters []string) Inference {
	in := Inference{Type: Public, Sensitivity: Low}
	seen := map[string]bool{}
	note := func(what, word string) {
		if r := what + ": " + word; !seen[r] {
			seen[r] = true
			in.Reasons = append(in.Reasons, r)
		}
	}
	words := wordsOf(route)
	for _, t := range typeWords {
		if in.Type != Public {
			break
		}
		for _, w := range words {
			if slices.Contains(t.words, w) {
				in.Type = t.is
				note(string(t.is), w)
				break
			}
		}
	}
	for _, p := range parameters {
		words = append(words, wordsOf(p)...)
	}
	for _, c := range classes {
		for _, w := range words {
			if !slices.Contains(c.words, w) {
				continue
			}
			note(c.name, w)
			if !slices.Contains(in.Data, c.name) {
				in.Data = append(in.Data, c.name)
			}
			if c.sensitivity.rank() > in.Sensitivity.rank() {
				in.Sensitivity = c.sensitivity
			}
		}
	}
	slices.Sort(in.Data)
	slices.Sort(in.Reasons)
	return in
}

// wordsOf cuts a name at everything that is no letter or digit and where camelCase changes, and returns its words in lower
// case and the singular; each segment is also a word as a whole, so that apiKey is apikey too.
func wordsOf(name string) (words []string) {
	for _, segment := range strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("/{}.:?&=,;()[]*", r) }) {
		var parts []string
		var word strings.Builder
		end := func() {
			if word.Len() > 0 {
				parts = append(parts, word.String())
				word.Reset()
			}
		}
		lower := false
		for _, r := range segment {
			switch {
			case !unicode.IsLetter(r) && !unicode.IsDigit(r):
				end()
			default:
				if lower && unicode.IsUpper(r) {
					end()
				}
				word.WriteRune(unicode.ToLower(r))
			}
			lower = unicode.IsLower(r) || unicode.IsDigit(r)
		}
		end()
		for _, p := range parts {
			words = append(words, singular(p))
		}
		if len(parts) > 1 {
			words = append(words, singular(strings.Join(parts, "")))
		}
	}
	return words
}

// singular takes the plural off English words, well enough for the words of the table.
func singular(w string) string {
	switch {
	case len(w) > 4 && strings.HasSuffix(w, "ies"):
		return w[:len(w)-3] + "y"
	case len(w) > 5 && (strings.HasSuffix(w, "sses") || strings.HasSuffix(w, "xes") || strings.HasSuffix(w, "ches")):
		return w[:len(w)-2]
	case len(w) > 3 && strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") && !strings.HasSuffix(w, "us") && !strings.HasSuffix(w, "is"):
		return w[:len(w)-1]
	}
	return w
}
