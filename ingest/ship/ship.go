// Package ship owns the agent's way to the server: an ingest.Sink that posts batches over HTTP and does not give up.
package ship

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/ingest"
)

// EventsPath is where batches are posted, below the server's address.
const EventsPath = "/v1/ingest/events"

// Options configure a Sink. Server and Key are required.
type Options struct {
	Server string // "https://gatewatch.example.com", perhaps with a path
	Key    string // an API key with the role agent

	Client  *http.Client  // nil: one of its own, without a proxy for loopback addresses
	Timeout time.Duration // of one attempt, waiting for the store included; 0: 60 s

	RetryMin, RetryMax time.Duration // pause between attempts; 0: 250 ms and 30 s
	RefusedPause       time.Duration // pause after an answer that only an operator can change; 0: 60 s

	MaxBody int // bytes of a body before compression; larger batches are split; 0: 32 MiB

	Logger     *slog.Logger          // nil: silent
	Registerer prometheus.Registerer // nil: no metrics
}

// Sink posts batches to a server. It is safe for concurrent use.
type Sink struct {
	opt     Options
	url     string
	client  *http.Client
	metrics metrics
	state   state
	encoder *zstd.Encoder // EncodeAll is safe for concurrent use
}

var _ ingest.Sink = (*Sink)(nil)

// New checks the options.
func New(o Options) (*Sink, error) {
	u, err := url.Parse(o.Server) // its error would quote a password
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return nil, errors.New("server address: want http://HOST:PORT or https://HOST without user and password")
	}
	if o.Key == "" {
		return nil, errors.New("ship: an API key with the role agent is required")
	}
	if strings.ContainsFunc(o.Key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("ship: the API key holds a blank or another character that no key has")
	}
	if o.Client == nil {
		o.Client = newClient()
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	if o.RetryMin <= 0 {
		o.RetryMin = 250 * time.Millisecond
	}
	if o.RetryMax <= 0 {
		o.RetryMax = 30 * time.Second
	}
	if o.RefusedPause <= 0 {
		o.RefusedPause = time.Minute
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 32 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("ship: %w", err)
	}
	return &Sink{
		opt: o, url: strings.TrimSuffix(o.Server, "/"), client: o.Client,
		metrics: newMetrics(o.Registerer), encoder: enc,
	}, nil
}

func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:   10 * time.Second,
			MaxIdleConnsPerHost:   16,
			IdleConnTimeout:       90 * time.Second,
			ExpectContinueTimeout: time.Second,
			ForceAttemptHTTP2:     true,
		},
		// The key must not follow a redirect to another host.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close lets go of idle connections.
func (s *Sink) Close() { s.client.CloseIdleConnections() }

// Write implements ingest.Sink. It tries until the server has the batch: it returns nil, an error when ctx ends, or
// ingest.ErrRejected when the server will never take it. A batch that is too large for the server goes in pieces.
func (s *Sink) Write(ctx context.Context, b *ingest.Batch) error {
	body := b.AppendWire(nil)
	if len(body) > s.opt.MaxBody && len(b.Events) > 1 {
		return s.split(ctx, b)
	}
	m := message{path: EventsPath, kind: "application/x-ndjson", body: body, events: len(b.Events), header: func(h http.Header) {
		b.SetHeader(h)
		h.Set(ingest.HeaderNormalized, "1")
	}}
	err := s.deliver(ctx, m)
	if errors.Is(err, ingest.ErrTooLarge) {
		if len(b.Events) > 1 {
			return s.split(ctx, b)
		}
		return fmt.Errorf("%w: %w", ingest.ErrRejected, err)
	}
	return err
}

// split writes b in two halves. A half that is rejected does not keep the other from being stored; the error then says
// how much was.
func (s *Sink) split(ctx context.Context, b *ingest.Batch) error {
	first, second := halves(b)
	err1 := s.Write(ctx, first)
	if err1 != nil && !errors.Is(err1, ingest.ErrRejected) {
		return err1
	}
	err2 := s.Write(ctx, second)
	if err2 != nil && !errors.Is(err2, ingest.ErrRejected) {
		return err2
	}
	return errors.Join(err1, err2)
}

// halves cuts b into two batches whose ranges follow one another. The counts stay with the first.
func halves(b *ingest.Batch) (*ingest.Batch, *ingest.Batch) {
	mid := len(b.Events) / 2
	first, second := *b, *b
	first.Events = append([]event.Event(nil), b.Events[:mid]...)
	second.Events = append([]event.Event(nil), b.Events[mid:]...)
	if b.To > 0 {
		first.To = second.Events[0].Position
		second.From = first.To
	}
	if b.Key != "" {
		first.Key, second.Key = b.Key+".1", b.Key+".2"
	}
	second.Lines, second.Failed, second.Skipped, second.Failures = uint64(len(second.Events)), 0, 0, nil
	first.Lines = b.Lines - min(b.Lines, second.Lines)
	return &first, &second
}

// message is one post.
type message struct {
	path, kind string
	body       []byte
	events     int
	header     func(http.Header) // nil: none of its own
}

// deliver posts one message until the server decides about it.
func (s *Sink) deliver(ctx context.Context, m message) error {
	m.body = s.encoder.EncodeAll(m.body, make([]byte, 0, len(m.body)/8))
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = s.opt.RetryMin, s.opt.RetryMax
	wait.Reset()
	for {
		err := s.post(ctx, m)
		if err == nil {
			s.metrics.sent(m.events, len(m.body))
			s.state.reached(s.opt.Logger)
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("ship batch: %w", ctx.Err())
		}
		var answer *answerError
		pause := wait.NextBackOff()
		if errors.As(err, &answer) {
			switch answer.verdict() {
			case rejected:
				s.metrics.rejections.Inc()
				return fmt.Errorf("%w: %w", ingest.ErrRejected, err)
			case tooLarge:
				return fmt.Errorf("%w: %w", ingest.ErrTooLarge, err)
			case refused:
				pause = s.opt.RefusedPause
			}
			pause = max(pause, answer.after)
		}
		s.metrics.retries.Inc()
		s.state.failed(s.opt.Logger, err, s.opt.Server)
		if !sleep(ctx, pause) {
			return fmt.Errorf("ship batch: %w", ctx.Err())
		}
	}
}

// post makes one attempt.
func (s *Sink) post(ctx context.Context, m message) error {
	ctx, cancel := context.WithTimeout(ctx, s.opt.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+m.path, bytes.NewReader(m.body))
	if err != nil {
		return err
	}
	if m.header != nil {
		m.header(req.Header)
	}
	req.Header.Set("Authorization", "Bearer "+s.opt.Key)
	req.Header.Set("Content-Type", m.kind)
	req.Header.Set("Content-Encoding", "zstd")
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // read only
	text, err := io.ReadAll(io.LimitReader(res.Body, 4<<10))
	if res.StatusCode/100 == 2 {
		return nil // the status says that the batch is stored; the body only repeats it
	}
	if err != nil {
		text = nil
	}
	return &answerError{status: res.StatusCode, detail: detail(text), after: ingest.RetryAfter(res.Header)}
}

// answerError is an answer of the server that is no success.
type answerError struct {
	status int
	detail string
	after  time.Duration
}

func (e *answerError) Error() string {
	text := fmt.Sprintf("the server answers %d %s", e.status, http.StatusText(e.status))
	if e.detail != "" {
		text += ": " + e.detail
	}
	switch e.status {
	case http.StatusUnauthorized:
		text += " (is the key right, and not revoked?)"
	case http.StatusForbidden:
		text += " (the key needs the role agent, and has to be for the services of the events)"
	}
	return text
}

// verdict is what an answer means for the batch.
type verdict int

const (
	again    verdict = iota // the server's trouble: try again
	refused                 // an operator must act: try again slowly
	tooLarge                // send it in pieces
	rejected                // the batch is at fault
)

func (e *answerError) verdict() verdict {
	switch e.status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return rejected
	case http.StatusRequestEntityTooLarge:
		return tooLarge
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusConflict, http.StatusTooEarly:
		return again
	}
	if e.status < 500 { // a wrong key, a wrong address, a redirect
		return refused
	}
	return again
}

// detail takes the message out of a problem+json answer, else the beginning of its text.
func detail(body []byte) string {
	var problem struct{ Title, Detail string }
	if json.Unmarshal(body, &problem) == nil && problem.Title+problem.Detail != "" {
		if problem.Detail != "" {
			return problem.Detail
		}
		return problem.Title
	}
	text := strings.ToValidUTF8(strings.TrimSpace(string(body)), "\ufffd")
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "…"
	}
	return text
}

// state logs when the way to the server breaks, breaks differently, and is whole again.
type state struct {
	mu     sync.Mutex
	reason string
	since  time.Time
}

func (s *state) failed(log *slog.Logger, err error, server string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reason := kind(err)
	if s.reason == reason {
		log.Debug("still not shipped", "server", server, "err", err)
		return
	}
	if s.reason == "" {
		s.since = time.Now()
	}
	s.reason = reason
	log.Error("batches cannot be shipped; trying again, nothing is lost", "server", server, "err", err)
}

func (s *state) reached(log *slog.Logger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason == "" {
		return
	}
	s.reason = ""
	log.Info("batches are shipped again", "after", time.Since(s.since).Round(time.Second))
}

// kind tells failures apart coarsely, so that a changing port number or message is not a new state.
func kind(err error) string {
	var answer *answerError
	if errors.As(err, &answer) {
		return fmt.Sprint(answer.status)
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return "timeout"
	}
	return "unreachable"
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

type metrics struct {
	events, bytes, retries, rejections prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := metrics{
		events:     counter("gatewatch_ship_events_total", "Events that the server acknowledged."),
		bytes:      counter("gatewatch_ship_bytes_total", "Compressed bytes of acknowledged batches."),
		retries:    counter("gatewatch_ship_retries_total", "Attempts that failed and were repeated."),
		rejections: counter("gatewatch_ship_rejections_total", "Batches or pieces of batches that the server rejected."),
	}
	if reg != nil {
		reg.MustRegister(m.events, m.bytes, m.retries, m.rejections)
	}
	return m
}

func (m metrics) sent(events, bytes int) {
	m.events.Add(float64(events))
	m.bytes.Add(float64(bytes))
}
