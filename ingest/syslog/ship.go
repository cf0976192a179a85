package syslog

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatewatch/gatewatch/ingest"
	"github.com/gatewatch/gatewatch/ingest/spool"
)

// encode writes a buffer's record: when it came (ns since 1970), the peer's address behind its length, the message.
func encode(at time.Time, peer, line string) []byte {
	if len(peer) > 255 {
		peer = peer[:255]
	}
	b := make([]byte, 0, 9+len(peer)+len(line))
	b = binary.LittleEndian.AppendUint64(b, uint64(at.UnixNano()))
	b = append(b, byte(len(peer)))
	b = append(b, peer...)
	return append(b, line...)
}

var errRecord = errors.New("a record of the buffer is too short")

func decode(b []byte) (at time.Time, peer, line string, err error) {
	if len(b) < 9 || len(b) < 9+int(b[8]) {
		return at, "", "", errRecord
	}
	at = time.Unix(0, int64(binary.LittleEndian.Uint64(b)))
	n := 9 + int(b[8])
	return at, string(b[9:n]), string(b[n:]), nil
}

// shipped is one source's part of a chunk.
type shipped struct {
	batch  *ingest.Batch
	reader *ingest.LineReader
}

// ship parses a chunk of messages and has them stored. Only what the store does not take is worth another attempt.
func (in *input) ship(ctx context.Context, chunk spool.Chunk) error {
	parts := map[string]*shipped{}
	var order []*shipped
	var oldest time.Time
	for _, rec := range chunk.Records {
		at, peer, line, err := decode(rec.Data)
		if err != nil {
			in.log.Error("the buffer holds what is no message", "err", err)
			continue
		}
		if oldest.IsZero() {
			oldest = at
		}
		name, reader, err := in.hosts.of(peer, line)
		if err != nil {
			return err
		}
		p := parts[name]
		if p == nil {
			p = &shipped{reader: reader, batch: &ingest.Batch{
				Source: name, Generation: chunk.Generation, From: chunk.From, To: chunk.To,
			}}
			parts[name] = p
			order = append(order, p)
		}
		p.reader.Read(p.batch, line, ingest.Failure{Position: rec.Position}, rec.Position)
	}
	bytes, _ := in.spool.Stats()
	group, gctx := errgroup.WithContext(ctx)
	for _, p := range order {
		p.batch.Lag = uint64(max(0, bytes-int64(chunk.To-chunk.From)))
		group.Go(func() error {
			err := in.server.opt.Sink.Write(gctx, p.batch)
			if errors.Is(err, ingest.ErrRejected) || errors.Is(err, ingest.ErrTooLarge) {
				in.log.Error("a batch was refused", "source", p.batch.Source, "err", err)
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if !oldest.IsZero() {
		in.server.metrics.lag.WithLabelValues(in.Name).Set(in.server.opt.Now().Sub(oldest).Seconds())
	}
	return nil
}

// hosts knows the reader of each host's messages.
type hosts struct {
	in   *input
	mu   sync.Mutex
	by   map[string]*ingest.LineReader
	head *header
}

func newHosts(in *input) hosts {
	return hosts{in: in, by: map[string]*ingest.LineReader{}, head: newHeader()}
}

// of returns the source and the reader of a message: of the host that its header names, else of its peer.
func (h *hosts) of(peer, line string) (string, *ingest.LineReader, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	host := h.head.host(line)
	if host == "" {
		host = peer
	}
	if h.by[host] == nil && len(h.by) >= maxHosts {
		host = "(other)"
	}
	r := h.by[host]
	if r == nil {
		parser, err := h.in.NewParser()
		if err != nil {
			return "", nil, err
		}
		r = &ingest.LineReader{Parser: parser, Normalizer: h.in.server.opt.Normalizer, Service: h.in.Service}
		h.by[strings.Clone(host)] = r
	}
	return h.in.Name + ":" + host, r, nil
}
