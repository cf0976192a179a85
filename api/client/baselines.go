package client

import (
	"context"
	"net/http"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
)

// Job is a batch job as the server shows it.
type Job struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"`
	Status     string    `json:"status"` // running, succeeded, failed
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
	Progress   float64   `json:"progress"` // 0..1
	Detail     string    `json:"detail,omitempty"`
	Error      string    `json:"error,omitempty"`
	Version    string    `json:"version,omitempty"` // of the model that it published
}

// Baselines returns the published models, the newest first.
func (c *Client) Baselines(ctx context.Context) ([]baseline.Meta, error) {
	var answer struct {
		Baselines []baseline.Meta `json:"baselines"`
	}
	err := c.do(ctx, http.MethodGet, "/v1/baselines", nil, nil, nil, &answer)
	return answer.Baselines, err
}

// Recompute begins a recomputation of the baselines and returns its job.
func (c *Client) Recompute(ctx context.Context) (Job, error) {
	var j Job
	err := c.do(ctx, http.MethodPost, "/v1/baselines/recompute", nil, nil, nil, &j)
	return j, err
}

// Job returns one job.
func (c *Client) Job(ctx context.Context, id string) (Job, error) {
	var j Job
	err := c.do(ctx, http.MethodGet, "/v1/jobs/"+id, nil, nil, nil, &j)
	return j, err
}
