package send

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// verify is the receiver of docs/notifications.md; a test holds the two the same.
func verify(secret string, h http.Header, body []byte) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	at, bad := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil || bad != nil || time.Since(time.Unix(at, 0)).Abs() > 5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.%s", h.Get("webhook-id"), at, body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return hmac.Equal([]byte(want), []byte(h.Get("webhook-signature")))
}

// block returns the first code block of a language on the page.
func block(t *testing.T, language string) string {
	t.Helper()
	page, err := os.ReadFile("../../../docs/notifications.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(page)
	if m == nil {
		t.Fatalf("no block in %s", language)
	}
	return string(m[1])
}

// The receivers that the page shows believe what is sent, and nothing that was touched.
func TestReceiversOfThePage(t *testing.T) {
	own, err := os.ReadFile("docs_test.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(own), block(t, "go")) {
		t.Error("the page's receiver in Go is not the one that is tested here")
	}
	h := newHook(t)
	s, err := New(Target{Type: "webhook", URL: Secret(h.URL), Secret: signingSecret}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), message(2, true)); err != nil {
		t.Fatal(err)
	}
	r := h.requests()[0]
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Log("without python3 the page's receiver in Python is not tried")
	}
	for name, c := range map[string]struct {
		secret string
		change func(http.Header) []byte
		want   bool
	}{
		"as it came":   {signingSecret, func(http.Header) []byte { return r.body }, true},
		"another body": {signingSecret, func(http.Header) []byte { return append(r.body, ' ') }, false},
		"another id":   {signingSecret, func(h http.Header) []byte { h.Set("webhook-id", "msg_x"); return r.body }, false},
		"another time": {signingSecret, func(h http.Header) []byte {
			h.Set("webhook-timestamp", strconv.FormatInt(time.Now().Unix()-1000, 10))
			return r.body
		}, false},
		"another key":  {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", func(http.Header) []byte { return r.body }, false},
		"never signed": {signingSecret, func(h http.Header) []byte { h.Set("webhook-signature", ""); return r.body }, false},
		"another version": {signingSecret, func(h http.Header) []byte {
			h.Set("webhook-signature", "v0"+h.Get("webhook-signature")[2:])
			return r.body
		}, false},
	} {
		header := r.header.Clone()
		body := c.change(header)
		if got := verify(c.secret, header, body); got != c.want {
			t.Errorf("%s: Go says %v", name, got)
		}
		if python == "" {
			continue
		}
		cmd := exec.Command(python, "-c", block(t, "python")+"import sys\nprint(verify(sys.argv[1], {'webhook-id': sys.argv[2], "+
			"'webhook-timestamp': sys.argv[3], 'webhook-signature': sys.argv[4]}, sys.stdin.buffer.read()))",
			c.secret, header.Get("webhook-id"), header.Get("webhook-timestamp"), header.Get("webhook-signature"))
		cmd.Stdin = strings.NewReader(string(body))
		out, err := cmd.CombinedOutput()
		if want := map[bool]string{true: "True", false: "False"}[c.want]; err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("%s: Python says %s, %v", name, out, err)
		}
	}
}
