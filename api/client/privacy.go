package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/gatewatch/gatewatch/ingest/pseudonym"
)

// Identity returns what is sealed under a pseudonym. The key needs the role admin.
func (c *Client) Identity(ctx context.Context, name string) (pseudonym.Sealed, error) {
	var out pseudonym.Sealed
	err := c.do(ctx, http.MethodGet, "/v1/privacy/identities/"+url.PathEscape(name), nil, nil, nil, &out)
	return out, err
}
