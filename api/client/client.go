// Package client speaks Gatewatch's REST from Go: the command line uses it, and so may other programs.
//
// It knows the wire, not the server: it imports the nouns that travel (incident) and nothing of the server's.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client talks to one server. It is safe for concurrent use.
type Client struct {
	base string
	key  string
	http *http.Client
}

// timeout bounds one request.
const timeout = 60 * time.Second

// New returns a client of the server at base (http://127.0.0.1:8642) under an API key.
func New(base, key string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("server %q: want a URL like http://127.0.0.1:8642", base)
	}
	return &Client{base: strings.TrimSuffix(base, "/"), key: key, http: &http.Client{Timeout: timeout}}, nil
}

// NewSocket returns a client of the admin socket at path. It needs no key: who can open the socket is its owner.
func NewSocket(path string) *Client {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}}
	return &Client{base: "http://admin", http: &http.Client{Transport: transport, Timeout: timeout}}
}

// Error is what the server answered instead: an RFC 9457 problem.
type Error struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	// RequestID finds the request in the server's log.
	RequestID string `json:"request_id"`
}

// Error says what the server said.
func (e *Error) Error() string {
	text := e.Detail
	if text == "" {
		text = e.Title
	}
	return fmt.Sprintf("the server answered %d: %s", e.Status, text)
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 20

// do sends one request with a JSON body (nil: none) and decodes the answer into out (nil: dropped).
func (c *Client) do(ctx context.Context, method, path string, query url.Values, header http.Header, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		r.Header.Set("Authorization", "Bearer "+c.key)
	}
	res, err := c.http.Do(r)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return fmt.Errorf("no answer from the server at %s: %w", c.base, err)
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	if res.StatusCode/100 != 2 {
		e := &Error{}
		if json.Unmarshal(answer, e) != nil || e.Status == 0 { // a proxy in between answers in its own words
			e = &Error{Status: res.StatusCode, Title: http.StatusText(res.StatusCode)}
		}
		return e
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("decode the server's answer: %w", err)
	}
	return nil
}
