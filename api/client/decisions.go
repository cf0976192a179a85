package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gatewatch/gatewatch/incident/decision"
)

// Decisions returns what counts now. query holds the filters by the REST parameters' names.
func (c *Client) Decisions(ctx context.Context, query url.Values) ([]decision.Decision, error) {
	var list []decision.Decision
	err := c.do(ctx, http.MethodGet, "/v1/decisions", query, nil, nil, &list)
	return list, err
}

// AddDecision makes a decision.
func (c *Client) AddDecision(ctx context.Context, n decision.New) (decision.Decision, error) {
	var d decision.Decision
	err := c.do(ctx, http.MethodPost, "/v1/decisions", nil, nil, n, &d)
	return d, err
}

// EndDecision undoes a decision.
func (c *Client) EndDecision(ctx context.Context, id uint64, reason string) (decision.Decision, error) {
	var d decision.Decision
	query := url.Values{}
	if reason != "" {
		query.Set("reason", reason)
	}
	err := c.do(ctx, http.MethodDelete, "/v1/decisions/"+strconv.FormatUint(id, 10), query, nil, nil, &d)
	return d, err
}
