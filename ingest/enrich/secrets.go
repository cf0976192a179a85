package enrich

import "strings"

const maxName = 64 // bytes of a parameter's name that are looked at

// secrecy says what a parameter's name says about its value.
type secrecy uint8

const (
	notSecret     secrecy = iota
	secret                // always replaced
	maybeSecret           // a secret by this name has no syntax in it; what has is left visible, it may be an attack
	secretInLogin         // an authorization code, when it comes with a state
	secretHeader          // a header: all of its value in a raw line, as maybeSecret when it is a parameter
)

// secretNames tells secret parameters by name, letters and digits only, in lower case.
type secretNames struct {
	exact map[string]secrecy
}

// exactNames are whole names.
var exactNames = map[string]secrecy{
	"key": maybeSecret, "sid": maybeSecret, "pin": maybeSecret, "code": secretInLogin,
	"pass": secret, "pwd": secret, "pw": secret, "passwd": secret, "passcode": secret, "passwort": secret, "motdepasse": secret,
	"auth": secret, "authorization": secretHeader, "proxyauthorization": secretHeader, "cookie": secretHeader,
	"setcookie": secretHeader, "xapikey": secret, "bearer": secret, "oauth": secret, "otp": secret, "totp": secret,
	"sig": secret, "hmac": secret, "session": secret, "sess": secret, "jsessionid": secret, "phpsessid": secret,
	"connectsid": secret, "cftoken": secret, "cfid": secret, "authkey": secret, "appkey": secret, "licensekey": secret,
	"samlresponse": secret, "samlrequest": secret, "assertion": secret, "awsaccesskeyid": secret, "subscriptionkey": secret,
	"cvv": secret, "cvc": secret, "cardnumber": secret, "creditcard": secret, "ssn": secret, "verifier": secret,
	"codeverifier": secret, "invitecode": secret, "resetcode": secret, "magic": secret, "cred": secret, "creds": secret,
}

// partNames make every name that contains one of them secret.
var partNames = [...]string{
	"password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "privatekey", "secretkey", "signature",
	"credential", "sessionid", "sessid", "jwt",
}

// plainNames contain one of partNames and are not secret.
var plainNames = map[string]bool{
	"tokens": true, "maxtokens": true, "maxoutputtokens": true, "maxcompletiontokens": true, "tokentype": true,
	"tokentypehint": true, "pagetoken": true, "nextpagetoken": true, "nexttoken": true, "continuationtoken": true,
	"signatureversion": true, "signaturemethod": true, "tokenizer": true,
}

func newSecretNames(more []string) *secretNames {
	n := &secretNames{exact: make(map[string]secrecy, len(exactNames)+len(more))}
	for name, kind := range exactNames {
		n.exact[name] = kind
	}
	for _, name := range more {
		n.exact[foldName(name)] = secret
	}
	return n
}

// kind judges a parameter's name as it stands in a URL: percent-encoded, with brackets, in any case.
func (n *secretNames) kind(name string) secrecy {
	var buf [maxName]byte
	low := fold(buf[:0], name)
	if kind, ok := n.exact[string(low)]; ok {
		return kind
	}
	if len(low) < 3 || plainNames[string(low)] {
		return notSecret
	}
	for _, part := range partNames {
		if len(low) >= len(part) && strings.Contains(string(low), part) {
			return secret
		}
	}
	// user[pass], data.key: the last part decides, too.
	if i := lastPart(name); i > 0 {
		low = fold(buf[:0], name[i:])
		return n.exact[string(low)]
	}
	return notSecret
}

// lastPart is where the last part of a name of several begins, 0 when it has only one.
func lastPart(name string) int {
	at := strings.LastIndexAny(strings.TrimRight(name, "]"), "[.") + 1
	for i := at; i+3 < len(name); i++ {
		if name[i] == '%' && name[i+1] == '5' && name[i+2]|0x20 == 'b' {
			at = i + 3
		}
	}
	return at
}

// fold appends the letters and digits of name to b, decoded once and in lower case, as far as b has room.
func fold(b []byte, name string) []byte {
	for i := 0; i < len(name) && len(b) < cap(b); i++ {
		c := name[i]
		if c == '%' && i+2 < len(name) {
			if v, ok := unhexPair(name[i+1], name[i+2]); ok {
				c = v
				i += 2
			}
		}
		switch {
		case c >= 'A' && c <= 'Z':
			b = append(b, c+'a'-'A')
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			b = append(b, c)
		}
	}
	return b
}

func foldName(name string) string {
	var buf [maxName]byte
	return string(fold(buf[:0], name))
}

func unhexPair(a, b byte) (byte, bool) {
	hi, lo := unhex(a), unhex(b)
	return hi<<4 | lo, hi < 16 && lo < 16
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
