package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/ingest"
)

// Positions knows up to where sources are stored; *ingest.Committer.
type Positions interface {
	Position(ctx context.Context, source string, generation uint64) (position uint64, some bool, err error)
}

var _ Positions = (*ingest.Committer)(nil)

// ingestPosition answers GET /v1/ingest/position?source=…&generation=…: where to go on with a log that was sent in part.
func (s *Server) ingestPosition(c echo.Context) error {
	p := s.query(c)
	source, generation := p.text("source"), p.text("generation")
	number, err := strconv.ParseUint(generation, 10, 64)
	if err != nil {
		p.fault("generation", "want a whole number")
	}
	if source == "" {
		p.fault("source", "want the name of a source")
	}
	if err := p.err(); err != nil {
		return err
	}
	if s.deps.Positions == nil {
		return missing("ingest")
	}
	position, some, err := s.deps.Positions.Position(c.Request().Context(), source, number)
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return err
		}
		return unavailable("the store did not answer", err)
	}
	answer := map[string]any{"source": source, "generation": generation}
	if some {
		answer["position"] = strconv.FormatUint(position, 10)
	}
	return c.JSON(http.StatusOK, answer)
}
