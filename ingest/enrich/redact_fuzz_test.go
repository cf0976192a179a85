package enrich

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatewatch/gatewatch/event"
)

var anyJWT = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}`)

// FuzzRedact holds that no JWT and no value of a secret parameter survives, whatever stands around it, and that a
// second pass changes nothing.
func FuzzRedact(f *testing.F) {
	f.Add("a=1", "b=2", "s3cr3tvalue")
	f.Add("next=https%3A%2F%2Fx%3Fa%3D1", "%26", "s3cr3tvalue")
	f.Add("q='%20or%201=1;", "#x", "s3cr3t.value")
	f.Add("://a:b@c/%zz%25", "@:%40", "s3cr3tvalue")
	f.Fuzz(func(t *testing.T, before, after, value string) {
		if strings.ContainsAny(value, "&#%=@:/?;\x00\"' \t,)") || len(value) < 8 || strings.Contains(before+after+Marker, value) {
			t.Skip()
		}
		n := normalizer(t, Config{})
		token := jwt(`{"sub":"` + "kim" + `"}`)
		for _, name := range []string{"token", "access_token", "password", "user[password]", "X-Amz-Signature", "api_key"} {
			ev := event.Event{
				Query:   before + "&" + name + "=" + value + "&" + after,
				Referer: "https://x.example/?" + before + "&" + name + "=" + value + "&" + after,
				Path:    "/" + after + "/" + token + "/x", UserAgent: before + " " + token,
				RequestLine: "GET /?" + name + "=" + value + " " + token,
			}
			n.Normalize(&ev)
			for _, s := range []string{ev.Query, ev.Referer, ev.RequestLine} {
				if strings.Contains(s, value) {
					t.Errorf("the value of %s survives in %q", name, s)
				}
			}
			for _, s := range []string{ev.Path, ev.UserAgent, ev.RequestLine} {
				if anyJWT.MatchString(s) {
					t.Errorf("a JWT survives in %q", s)
				}
			}
			again := ev
			n.Normalize(&again)
			if again.Query != ev.Query || again.Path != ev.Path {
				t.Errorf("a second pass makes %q of %q, %q of %q", again.Query, ev.Query, again.Path, ev.Path)
			}
		}
	})
}

func TestOtherParametersAreLeftAlone(t *testing.T) {
	n := normalizer(t, Config{})
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[a-z0-9'"<>()+ .*/-]{0,30}`).Draw(t, "value")
		name := rapid.SampledFrom([]string{"id", "q", "file", "url", "page", "cmd"}).Draw(t, "name")
		ev := event.Event{Query: "token=abcdefgh&" + name + "=" + value + "&sort=1"}
		n.Normalize(&ev)
		if want := "token=[redacted]&" + name + "=" + value + "&sort=1"; ev.Query != want {
			t.Fatalf("%q, want %q", ev.Query, want)
		}
	})
}

func FuzzClient(f *testing.F) {
	f.Add("1.2.3.4, 10.0.0.1")
	f.Add("for=\"[::1]:1\";by=x, unknown")
	f.Fuzz(func(t *testing.T, header string) {
		ev := event.Event{ClientIP: addr("10.0.0.1"), Wire: event.Wire{ForwardedFor: header, Authorization: header, Cookie: header}}
		normalizer(t, Config{}).Normalize(&ev)
		if !ev.ClientIP.IsValid() || ev.ClientIP.Zone() != "" {
			t.Errorf("client %v", ev.ClientIP)
		}
		if len(ev.User) > maxUser+8 {
			t.Errorf("a user of %d bytes", len(ev.User))
		}
	})
}
