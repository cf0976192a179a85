package ship

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gatewatch/gatewatch/ingest/pseudonym"
)

// IdentitiesPath is where sealed identities are posted, below the server's address.
const IdentitiesPath = "/v1/ingest/identities"

// MaxIdentities is how many go into one post.
const MaxIdentities = 1000

var _ pseudonym.Keeper = (*Sink)(nil)

// KeepIdentities implements pseudonym.Keeper: it tries until the server has them, as Write does.
func (s *Sink) KeepIdentities(ctx context.Context, list []pseudonym.Sealed) error {
	for some := range slices.Chunk(list, MaxIdentities) {
		body, err := json.Marshal(map[string]any{"identities": some})
		if err != nil {
			return fmt.Errorf("encode identities: %w", err)
		}
		if err := s.deliver(ctx, message{path: IdentitiesPath, kind: "application/json", body: body}); err != nil {
			return err
		}
	}
	return nil
}
