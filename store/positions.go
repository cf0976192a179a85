package store

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// positionsSQL reads what is stored of each source: from the events themselves (the projection answers it from a few
// rows a part), and from what was sealed before retention took events.
const positionsSQL = `SELECT source, generation, max(position), max(ingested_at)
FROM
(
    SELECT source, generation, max(position) AS position, max(ingested_at) AS ingested_at
    FROM events GROUP BY source, generation
    UNION ALL
    SELECT source, generation, max(position), max(ingested_at)
    FROM source_positions GROUP BY source, generation
)
GROUP BY source, generation
ORDER BY source, generation`

// Positions calls each for every stored (source, generation) with its largest position, and returns the newest
// IngestedAt, zero when nothing is stored. It is derived from the events, so it cannot disagree with them, whatever was
// killed when.
func (s *Store) Positions(
	ctx context.Context, each func(source string, generation, position uint64),
) (newest time.Time, err error) {
	rows, err := s.conn.Query(ctx, positionsSQL)
	if err != nil {
		return time.Time{}, wrap("read positions", err)
	}
	err = scanAll(rows, func() error {
		var (
			source               string
			generation, position uint64
			at                   time.Time
		)
		if err := rows.Scan(&source, &generation, &position, &at); err != nil {
			return err
		}
		if at.After(newest) {
			newest = at.UTC()
		}
		each(source, generation, position)
		return nil
	})
	if err != nil {
		return time.Time{}, wrap("read positions", err)
	}
	return newest, nil
}

// SealPositions copies the positions of the stored events to where retention does not reach. InsertEvents does it about
// once a day, as ingestion's own stamps count, which is more often than events expire.
func (s *Store) SealPositions(ctx context.Context) error {
	return wrap("seal positions", s.conn.Exec(ctx, `INSERT INTO source_positions (source, generation, position, events, ingested_at)
SELECT source, generation, max(position), count(), max(ingested_at) FROM events GROUP BY source, generation`))
}

// sealEvery is how often positions are sealed, in time of the stamps.
const sealEvery = 12 * time.Hour

// sealing remembers when positions were sealed last.
type sealing struct {
	mu   sync.Mutex
	last time.Time
}

// due reports whether it is time, and if so takes now as the time at which it was done.
func (s *sealing) due(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.last.IsZero() && now.Sub(s.last) < sealEvery {
		return false
	}
	s.last = now
	return true
}

// sealIfDue seals the positions about twice a day. The block is stored already, so a failure is told and tried again
// with the next turn; positions remain exact as long as the events are there.
func (s *Store) sealIfDue(ctx context.Context, now time.Time) {
	if s.cfg.Retention.eventsDays() == KeepForever || !s.sealing.due(now) {
		return
	}
	if err := s.SealPositions(ctx); err != nil {
		s.logger.Warn("positions of the sources could not be sealed; the next try is due in a while",
			slog.Duration("after", sealEvery), slog.Any("error", err))
	}
}
