package pseudonym

import (
	"context"
	"fmt"

	"github.com/gatewatch/gatewatch/ingest"
)

// Keeper makes sealed identities durable.
type Keeper interface {
	KeepIdentities(ctx context.Context, list []Sealed) error
}

// Sink stores the identities of a batch before the batch, so that what is acknowledged can be reversed.
type Sink struct {
	maker  *Maker
	keeper Keeper
	next   ingest.Sink
}

// NewSink returns next when there is nothing to seal.
func NewSink(m *Maker, k Keeper, next ingest.Sink) ingest.Sink {
	if m == nil || m.recipient == nil {
		return next
	}
	return &Sink{maker: m, keeper: k, next: next}
}

// Write implements ingest.Sink.
func (s *Sink) Write(ctx context.Context, b *ingest.Batch) error {
	if list := s.maker.Pending(); len(list) > 0 {
		if err := s.keeper.KeepIdentities(ctx, list); err != nil {
			return fmt.Errorf("keep the sealed identities: %w", err)
		}
		s.maker.Stored(list)
	}
	return s.next.Write(ctx, b)
}
