package ship

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// PositionPath is where the position of a generation is asked, below the server's address.
const PositionPath = "/v1/ingest/position"

// Position asks the server for the largest position of a source's generation that it has; some is false when it has none.
func (s *Sink) Position(ctx context.Context, source string, generation uint64) (position uint64, some bool, err error) {
	query := url.Values{"source": {source}, "generation": {strconv.FormatUint(generation, 10)}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(s.opt.Server, "/")+PositionPath+"?"+query.Encode(), nil)
	if err != nil {
		return 0, false, fmt.Errorf("ask for the position: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+s.opt.Key)
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, false, fmt.Errorf("ask for the position: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return 0, false, fmt.Errorf("ask for the position: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return 0, false, fmt.Errorf("ask for the position: the server answers %s", resp.Status)
	}
	var answer struct {
		Position *uint64 `json:"position,string"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, false, fmt.Errorf("ask for the position: %w", err)
	}
	if answer.Position == nil {
		return 0, false, nil
	}
	return *answer.Position, true, nil
}
