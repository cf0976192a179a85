package ingest

import (
	"context"
	"fmt"
)

// Position returns the largest position of a source's generation that is stored; some is false when there is none. It waits
// for what is on its way, so that whoever resumes behind it leaves nothing out.
func (c *Committer) Position(ctx context.Context, source string, generation uint64) (position uint64, some bool, err error) {
	if err := c.waitStarted(ctx); err != nil {
		return 0, false, err
	}
	st, known, err := c.streams.look(ctx, source, generation)
	if err != nil || !known {
		return 0, false, err
	}
	defer st.release()
	if blk := st.pending(); blk != nil {
		select {
		case <-blk.done:
			if blk.err != nil {
				return 0, false, blk.err
			}
		case <-ctx.Done():
			return 0, false, fmt.Errorf("wait for the store: %w", ctx.Err())
		}
	}
	return st.pos.max, st.pos.some, nil
}

// look is acquire for a generation that is known; it makes none.
func (s *streams) look(ctx context.Context, name string, generation uint64) (st *stream, known bool, err error) {
	s.mu.Lock()
	src := s.sources[name]
	known = src != nil && src.gens[generation] != nil
	s.mu.Unlock()
	if !known {
		return nil, false, nil
	}
	st, err = s.acquire(ctx, name, generation)
	return st, err == nil, err
}
