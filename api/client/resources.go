package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gatewatch/gatewatch/incident"
)

// Page is one page of incidents.
type Page struct {
	Incidents  []*incident.Incident `json:"incidents"`
	Total      int                  `json:"total"`
	NextCursor string               `json:"next_cursor"`
}

// Incidents returns a page of incidents. query holds the filters by the REST parameters' names.
func (c *Client) Incidents(ctx context.Context, query url.Values) (Page, error) {
	var p Page
	err := c.do(ctx, http.MethodGet, "/v1/incidents", query, nil, nil, &p)
	return p, err
}

// Incident returns one incident with its findings and evidence.
func (c *Client) Incident(ctx context.Context, id string) (*incident.Incident, error) {
	var inc incident.Incident
	if err := c.do(ctx, http.MethodGet, "/v1/incidents/"+url.PathEscape(id), nil, nil, nil, &inc); err != nil {
		return nil, err
	}
	return &inc, nil
}

// PatchIncident changes an incident that is still at version (incident.AnyVersion: whatever it is).
func (c *Client) PatchIncident(ctx context.Context, id string, version uint64, p incident.Patch) (*incident.Incident, error) {
	h := http.Header{}
	if version != incident.AnyVersion {
		h.Set("If-Match", `"`+strconv.FormatUint(version, 10)+`"`)
	}
	var inc incident.Incident
	if err := c.do(ctx, http.MethodPatch, "/v1/incidents/"+url.PathEscape(id), nil, h, p, &inc); err != nil {
		return nil, err
	}
	return &inc, nil
}

// Key is an API key as the server describes it. Secret is only there in the answer to its creation.
type Key struct {
	ID            string    `json:"id"`
	Name          string    `json:"name"`
	Role          string    `json:"role"`
	Services      []string  `json:"services,omitempty"` // that it is for; empty: all
	RatePerSecond float64   `json:"rate_per_second,omitempty"`
	Prefix        string    `json:"prefix"`
	CreatedAt     time.Time `json:"created_at"`
	CreatedBy     string    `json:"created_by"`
	ExpiresAt     time.Time `json:"expires_at,omitzero"`
	RevokedAt     time.Time `json:"revoked_at,omitzero"`
	LastUsed      time.Time `json:"last_used,omitzero"`
	Secret        string    `json:"key,omitempty"`
}

// Keys returns all keys.
func (c *Client) Keys(ctx context.Context) ([]Key, error) {
	var out struct {
		Keys []Key `json:"keys"`
	}
	err := c.do(ctx, http.MethodGet, "/v1/keys", nil, nil, nil, &out)
	return out.Keys, err
}

// NewKey is what a key is made of.
type NewKey struct {
	Name          string    `json:"name"`
	Role          string    `json:"role"`
	Services      []string  `json:"services,omitempty"`        // none: all
	RatePerSecond float64   `json:"rate_per_second,omitempty"` // 0: as configured
	ExpiresAt     time.Time `json:"expires_at,omitzero"`       // zero: never
}

// CreateKey makes a key.
func (c *Client) CreateKey(ctx context.Context, n NewKey) (Key, error) {
	var k Key
	err := c.do(ctx, http.MethodPost, "/v1/keys", nil, nil, n, &k)
	return k, err
}

// RevokeKey ends a key.
func (c *Client) RevokeKey(ctx context.Context, id string) (Key, error) {
	var k Key
	err := c.do(ctx, http.MethodDelete, "/v1/keys/"+url.PathEscape(id), nil, nil, nil, &k)
	return k, err
}
