package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
)

// Job is a batch job as the server shows it.
type Job struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"`
	Status     string    `json:"status"` // running, succeeded, failed, cancelled, interrupted
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

// Jobs returns the newest jobs, the newest first.
func (c *Client) Jobs(ctx context.Context) ([]Job, error) {
	var answer struct {
		Jobs []Job `json:"jobs"`
	}
	err := c.do(ctx, http.MethodGet, "/v1/jobs", nil, nil, nil, &answer)
	return answer.Jobs, err
}

// CancelJob ends a running job and returns it as it ended.
func (c *Client) CancelJob(ctx context.Context, id string) (Job, error) {
	var j Job
	err := c.do(ctx, http.MethodPost, "/v1/jobs/"+url.PathEscape(id)+"/cancel", nil, nil, nil, &j)
	return j, err
}

// Accepting says what is normal, since when (zero: since the newest incident about it began), and why.
type Accepting struct {
	Entity  detect.Entity `json:"entity"`
	Service string        `json:"service,omitempty"` // of an endpoint
	Measure string        `json:"measure,omitempty"` // requests by default
	Since   time.Time     `json:"since,omitzero"`
	Reason  string        `json:"reason"`
}

// AcceptedChange is what the server accepted; the job that learns it is nil when it follows one that is under way.
type AcceptedChange struct {
	Accepted baseline.Acceptance `json:"accepted"`
	Job      *Job                `json:"job,omitempty"`
}

// AcceptChange accepts a lasting change.
func (c *Client) AcceptChange(ctx context.Context, a Accepting) (AcceptedChange, error) {
	var out AcceptedChange
	err := c.do(ctx, http.MethodPost, "/v1/baselines/accept", nil, nil, a, &out)
	return out, err
}

// DiffBaselines compares two versions; an empty to is the newest one, an empty from the one before to.
func (c *Client) DiffBaselines(ctx context.Context, from, to string, limit int) (baseline.Diff, error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	for name, version := range map[string]string{"from": from, "to": to} {
		if version != "" {
			query.Set(name, version)
		}
	}
	var d baseline.Diff
	err := c.do(ctx, http.MethodGet, "/v1/baselines/diff", query, nil, nil, &d)
	return d, err
}

// RollBackBaselines puts a version into effect again; no scheduled recomputation replaces it for so many hours.
func (c *Client) RollBackBaselines(ctx context.Context, version, reason string, holdHours int) (baseline.Meta, error) {
	in := struct {
		Version   string `json:"version"`
		Reason    string `json:"reason"`
		HoldHours int    `json:"hold_hours"`
	}{version, reason, holdHours}
	var m baseline.Meta
	err := c.do(ctx, http.MethodPost, "/v1/baselines/rollback", nil, nil, in, &m)
	return m, err
}
