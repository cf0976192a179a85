package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/gatewatch/gatewatch/ingest/pseudonym"
)

// Identity returns what is sealed under a pseudonym. The key needs the role admin.
func (c *Client) Identity(ctx context.Context, name string) (pseudonym.Sealed, error) {
	var out pseudonym.Sealed
	err := c.do(ctx, http.MethodGet, "/v1/privacy/identities/"+url.PathEscape(name), nil, nil, nil, &out)
	return out, err
}

// NewErasure asks to take an identity out.
type NewErasure struct {
	Kind   string `json:"kind"` // user or client_ip
	Value  string `json:"value"`
	Reason string `json:"reason"`
	// Incidents are further incidents that go as a whole.
	Incidents []string `json:"incidents,omitempty"`
}

// Erasure is a receipt; see the server's api.Erasure.
type Erasure struct {
	ID          string            `json:"id"`
	Kind        string            `json:"kind"`
	Subject     string            `json:"subject"`
	Reason      string            `json:"reason"`
	Actor       string            `json:"actor"`
	RequestedAt time.Time         `json:"requested_at"`
	FinishedAt  time.Time         `json:"finished_at"`
	Names       int               `json:"names"`
	Removed     map[string]uint64 `json:"removed"`
	// Mentions are where the text of others may still name the identity, by table.
	Mentions map[string][]string `json:"mentions"`
}

// Erase takes everything about an identity out of the store and returns the receipt. The key needs the role admin.
func (c *Client) Erase(ctx context.Context, n NewErasure) (Erasure, error) {
	var out Erasure
	err := c.do(ctx, http.MethodPost, "/v1/privacy/erasures", nil, nil, n, &out)
	return out, err
}
