package engine

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Options are how clickhouse-go reaches the engine. They stay valid until Stop; each call gives a copy that the caller
// may change. A request that the engine cannot answer fails with ErrUnavailable.
func (s *Supervisor) Options() *clickhouse.Options {
	return &clickhouse.Options{
		Protocol:     clickhouse.HTTP,
		Addr:         []string{s.Addr()},
		Auth:         clickhouse.Auth{Database: "default", Username: adminUser, Password: s.token},
		DialTimeout:  5 * time.Second,
		ReadTimeout:  time.Hour, // for the first byte of an answer; contexts bound statements
		MaxOpenConns: s.opts.Config.Sessions,
		MaxIdleConns: 8,
		TransportFunc: func(t *http.Transport) (http.RoundTripper, error) {
			t.Proxy = nil
			return &transport{t}, nil
		},
	}
}

// DSN is the same as one string, token included: never log it. Errors of a connection opened with it are the plain
// transport's.
func (s *Supervisor) DSN() string {
	u := url.URL{Scheme: "http", User: url.UserPassword(adminUser, s.token), Host: s.Addr(), Path: "/default"}
	return u.String()
}

// transport gives the failures of a dead or dying engine their type.
type transport struct{ *http.Transport }

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.Transport.RoundTrip(req)
	if err != nil {
		return nil, unavailable(req.Context(), err)
	}
	if resp.ContentLength != 0 {
		resp.Body = &body{resp.Body, req.Context()}
	}
	return resp, nil
}

type body struct {
	io.ReadCloser
	ctx context.Context
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = unavailable(b.ctx, err)
	}
	return n, err
}

// unavailable types a failure of the connection; the caller's own cancellation stays what it is.
func unavailable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	return &UnavailableError{Cause: err}
}
