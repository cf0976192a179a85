package client

import (
	"context"
	"net/http"

	"github.com/gatewatch/gatewatch/rules"
)

// Backtest asks for what a rule would have found in a time of the past.
type Backtest struct {
	Rule string `json:"rule"`
	YAML string `json:"yaml,omitempty"`
	From string `json:"from"`
	To   string `json:"to,omitempty"`
}

// BacktestAnswer is the report and how long it took.
type BacktestAnswer struct {
	rules.BacktestReport
	Seconds         float64 `json:"seconds"`
	EventsPerSecond float64 `json:"events_per_second"`
}

// Backtest plays a rule over the stored events.
func (c *Client) Backtest(ctx context.Context, req Backtest) (BacktestAnswer, error) {
	var out BacktestAnswer
	err := c.do(ctx, http.MethodPost, "/v1/rules/backtest", nil, nil, req, &out)
	return out, err
}
