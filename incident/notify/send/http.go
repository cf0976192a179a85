package send

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// What bounds an exchange.
const (
	sendTimeout  = 15 * time.Second
	maxAnswer    = 64 << 10 // bytes that are read of an answer
	maxQuoted    = 200      // bytes of it that an error quotes
	maxRetryWait = time.Hour
)

// poster sends JSON over HTTP. It follows no redirect: a receiver cannot send it elsewhere.
type poster struct{ client *http.Client }

// newPoster returns a poster that trusts the system's certificates, and those of caFile when there is one.
func newPoster(caFile string) (*poster, error) {
	t, err := tlsConfig(caFile)
	if err != nil {
		return nil, err
	}
	return &poster{&http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: t, ForceAttemptHTTP2: true,
			MaxIdleConns: 2, IdleConnTimeout: 30 * time.Second, TLSHandshakeTimeout: 10 * time.Second,
			DisableCompression: true, MaxResponseHeaderBytes: maxAnswer,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       sendTimeout,
	}}, nil
}

// tlsConfig trusts the system's certificates and those of the file.
func tlsConfig(caFile string) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	if t.RootCAs, err = x509.SystemCertPool(); err != nil {
		t.RootCAs = x509.NewCertPool()
	}
	if !t.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no PEM certificate", caFile)
	}
	return t, nil
}

// post sends body to the address and returns nil when the receiver took it. The address itself may be a secret, and so may
// headers: errors name neither.
func (p *poster) post(ctx context.Context, address string, header http.Header, body []byte) error {
	secrets := []string{address}
	for _, values := range header {
		secrets = append(secrets, values...)
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return errors.New("the address is not a URL")
	}
	req.Header = header
	req.Header.Set("User-Agent", "Gatewatch")
	if req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := p.client.Do(req)
	if err != nil {
		var wrapped *url.Error // quotes the address
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return errors.New(req.URL.Host + ": " + leaks(err.Error(), secrets...))
	}
	defer func() { _ = res.Body.Close() }()
	answer, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswer)) // only for the error's text
	return p.judge(res, req.URL.Host, leaks(quoted(answer), secrets...))
}

// judge says what an answer means: 2xx is taken; 400, 410, 413 and 422 are about this message; all else may pass.
func (p *poster) judge(res *http.Response, host, answer string) error {
	if res.StatusCode/100 == 2 {
		return nil
	}
	err := fmt.Errorf("%s answered %d", host, res.StatusCode)
	if res.StatusCode/100 == 3 {
		err = fmt.Errorf("%w: redirects are not followed; configure the address that it leads to", err)
	}
	if answer != "" {
		err = fmt.Errorf("%w: %s", err, answer)
	}
	switch res.StatusCode {
	case http.StatusBadRequest, http.StatusGone, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return &RefusedError{err}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if wait := retryAfter(res.Header); wait > 0 {
			return &LaterError{err, min(wait, maxRetryWait)}
		}
	}
	return err
}

// retryAfter is how long the receiver wants to be left alone (RFC 9110, section 10.2.3): seconds, or a date, which is held
// against the receiver's own clock. 0 when it does not say.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if s, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(s, 0), int(maxRetryWait/time.Second))) * time.Second
	}
	until, err := http.ParseTime(text)
	now, bad := http.ParseTime(h.Get("Date"))
	if err != nil || bad != nil {
		return 0
	}
	return max(until.Sub(now), 0)
}

// quoted is the beginning of an answer as one printable line.
func quoted(b []byte) string {
	if len(b) > maxQuoted {
		b = b[:maxQuoted]
	}
	return strings.TrimSpace(plain(strings.ToValidUTF8(string(b), "")))
}

// plain replaces control characters, line breaks and those that turn the direction of writing among them, so that nothing
// out of a log can forge a line, a header or the look of a word.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ', r >= 0x7f && r < 0xa0, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff:
			return ' '
		}
		return r
	}, s)
}

// checkURL reads a URL that is the operator's own.
func checkURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Hostname() == "" || u.Fragment != "" || u.Opaque != "" {
		return nil, errors.New("want a URL such as https://hooks.example.com/services/T000")
	}
	return u, nil
}
