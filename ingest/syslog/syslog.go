// Package syslog receives syslog over UDP, TCP and TLS and hands what gateways log there to the committer.
//
// No syslog sender can be asked to send again, so every message goes into a bounded buffer on disk (ingest/spool) first,
// and is taken out of it when the store has it. When the buffer is full, UDP messages are dropped and counted, and TCP
// senders wait. A message's header (RFC 3164 or 5424) names the host, which makes the source; the line inside is the
// parsers' to read.
package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/gatewatch/gatewatch/ingest"
	"github.com/gatewatch/gatewatch/ingest/spool"
	"github.com/gatewatch/gatewatch/parsers"
)

// Listener is one address to listen at.
type Listener struct {
	Name    string // the source's; a message's source is NAME:HOST
	Network string // "udp", "tcp" or "tls"
	Address string // HOST:PORT
	TLS     *tls.Config
	Service string // of events that name none

	NewParser func() (parsers.Parser, error) // of one host's messages, header included
	Spool     spool.Options
}

// Options configure a Server. Sink is required.
type Options struct {
	Listeners  []Listener
	Sink       ingest.Sink
	Normalizer ingest.Normalizer // nil: events keep their raw material
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time // nil: time.Now
}

// Bounds of what one listener keeps.
const (
	maxConnections = 1024
	maxHosts       = 256 // hosts that are sources of their own; further ones share one
	maxMessage     = 1 << 20
	readBuffer     = 4 << 20 // of a UDP socket
	fullPause      = 50 * time.Millisecond
)

// Server listens at all addresses.
type Server struct {
	opt     Options
	metrics *metrics
	inputs  []*input
}

// input is one listener at work.
type input struct {
	Listener
	server *Server
	log    *slog.Logger
	spool  *spool.Spool
	packet net.PacketConn // udp
	stream net.Listener   // tcp, tls
	hosts  hosts

	mu    sync.Mutex
	conns map[net.Conn]struct{}

	lost atomic.Uint64
}

// New opens the buffers and begins to listen; the messages are read by Run.
func New(o Options) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{opt: o, metrics: newMetrics(o.Registerer)}
	for _, l := range o.Listeners {
		in := &input{Listener: l, server: s, log: o.Logger.With("listener", l.Name), conns: map[net.Conn]struct{}{}}
		in.hosts = newHosts(in)
		s.inputs = append(s.inputs, in)
		if err := in.open(); err != nil {
			return nil, errors.Join(fmt.Errorf("syslog %s: %w", l.Name, err), s.close())
		}
	}
	return s, nil
}

func (in *input) open() (err error) {
	in.Spool.Logger = in.log
	if in.spool, err = spool.Open(in.Spool); err != nil {
		return err
	}
	switch in.Network {
	case "udp":
		in.packet, err = net.ListenPacket("udp", in.Address)
		if u, ok := in.packet.(*net.UDPConn); ok {
			err = u.SetReadBuffer(readBuffer)
		}
	case "tcp":
		in.stream, err = net.Listen("tcp", in.Address)
	case "tls":
		if in.TLS == nil {
			return errors.New("a certificate is needed for TLS")
		}
		in.stream, err = tls.Listen("tcp", in.Address, in.TLS)
	default:
		return fmt.Errorf("%q: want udp, tcp or tls", in.Network)
	}
	return err
}

// Addr returns the address of the listener with a name, nil when there is none.
func (s *Server) Addr(name string) net.Addr {
	for _, in := range s.inputs {
		switch {
		case in.Name != name:
		case in.packet != nil:
			return in.packet.LocalAddr()
		case in.stream != nil:
			return in.stream.Addr()
		}
	}
	return nil
}

// Run receives and ships until ctx ends. What was received by then and is not in the store yet stays in the buffers.
func (s *Server) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		<-ctx.Done()
		for _, in := range s.inputs {
			in.hangUp()
		}
		return nil
	})
	for _, in := range s.inputs {
		group.Go(func() error { return in.receive(ctx) })
		group.Go(func() error { return in.spool.Run(ctx, in.ship) })
		group.Go(func() error { return in.measure(ctx) })
	}
	return errors.Join(group.Wait(), s.close())
}

func (s *Server) close() error {
	var faults []error
	for _, in := range s.inputs {
		in.hangUp()
		if in.spool != nil {
			faults = append(faults, in.spool.Close())
		}
	}
	return errors.Join(faults...)
}

// hangUp closes all sockets, which ends their readers.
func (in *input) hangUp() {
	if in.packet != nil {
		_ = in.packet.Close() // a second close is no fault
	}
	if in.stream != nil {
		_ = in.stream.Close()
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for c := range in.conns {
		_ = c.Close()
	}
}

func (in *input) receive(ctx context.Context) error {
	if in.packet != nil {
		return in.packets(ctx)
	}
	return in.accept(ctx)
}

// packets reads datagrams. One holds a message, or several on lines of their own.
func (in *input) packets(ctx context.Context) error {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := in.packet.ReadFrom(buf)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("syslog %s: receive: %w", in.Name, err)
		}
		peer := addressOf(from)
		for line := range strings.SplitSeq(string(buf[:n]), "\n") {
			if line = strings.TrimRight(line, "\r\x00"); line != "" {
				in.store(ctx, peer, line, false)
			}
		}
	}
}

// accept serves connections.
func (in *input) accept(ctx context.Context) error {
	var conns errgroup.Group
	conns.SetLimit(maxConnections)
	for {
		c, err := in.stream.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return conns.Wait()
			}
			in.log.Warn("a connection was not accepted", "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(fullPause):
			}
			continue
		}
		in.mu.Lock()
		in.conns[c] = struct{}{}
		in.mu.Unlock()
		conns.Go(func() error {
			in.serve(ctx, c)
			return nil
		})
	}
}

func (in *input) serve(ctx context.Context, c net.Conn) {
	defer func() {
		_ = c.Close()
		in.mu.Lock()
		delete(in.conns, c)
		in.mu.Unlock()
	}()
	peer := addressOf(c.RemoteAddr())
	frames := newFrames(c)
	for ctx.Err() == nil {
		line, err := frames.next()
		if line != "" && !in.store(ctx, peer, line, true) {
			return
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && ctx.Err() == nil {
				in.server.metrics.broken.WithLabelValues(in.Name).Inc()
				in.log.Debug("a connection ended", "peer", peer, "err", err)
			}
			return
		}
	}
}

// store puts a message into the buffer. When that is full the message is dropped, or the sender waits.
func (in *input) store(ctx context.Context, peer, line string, wait bool) bool {
	in.server.metrics.received.WithLabelValues(in.Name).Inc()
	record := encode(in.server.opt.Now(), peer, line)
	for {
		err := in.spool.Append(record)
		switch {
		case err == nil:
			return true
		case wait && errors.Is(err, spool.ErrFull):
			select {
			case <-ctx.Done():
				in.lose("stopping")
				return false
			case <-time.After(fullPause):
			}
			continue
		case errors.Is(err, spool.ErrFull):
			in.lose("full")
		case errors.Is(err, spool.ErrRecord):
			in.lose("too large")
		default:
			in.lose("disk")
			in.log.Error("a message cannot be kept", "err", err)
		}
		return true
	}
}

// lose counts a message that is not kept.
func (in *input) lose(reason string) {
	in.server.metrics.dropped.WithLabelValues(in.Name, reason).Inc()
	in.lost.Add(1)
}

// Lost returns how many messages were not kept since the start, by listener.
func (s *Server) Lost() map[string]uint64 {
	m := make(map[string]uint64, len(s.inputs))
	for _, in := range s.inputs {
		m[in.Name] = in.lost.Load()
	}
	return m
}

// measure keeps the gauges.
func (in *input) measure(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		bytes, _ := in.spool.Stats()
		in.server.metrics.waiting.WithLabelValues(in.Name).Set(float64(bytes))
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// addressOf is the peer's address without its port.
func addressOf(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}
