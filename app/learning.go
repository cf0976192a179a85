package app

import (
	"context"
	"errors"

	"github.com/gatewatch/gatewatch/api"
	"github.com/gatewatch/gatewatch/baseline"
)

// learning shows a learner to REST.
type learning struct{ *learner }

var _ api.Baselines = learning{}

const listedVersions = 100

// Versions implements api.Baselines.
func (l learning) Versions(ctx context.Context) ([]baseline.Meta, error) {
	return l.store.ModelVersions(ctx, liveGeneration, listedVersions)
}

// Recompute implements api.Baselines. The job outlives the request.
func (l learning) Recompute(ctx context.Context, actor string) (api.Job, error) {
	j, err := l.runner.Start(context.WithoutCancel(ctx), "request of "+actor)
	if errors.Is(err, baseline.ErrBusy) {
		return api.Job{}, api.ErrBusy
	}
	return job(j), err
}

// Jobs implements api.Baselines.
func (l learning) Jobs(ctx context.Context, limit int) ([]api.Job, error) {
	stored, err := l.store.LoadJobs(ctx, baseline.JobKind, limit)
	if err != nil {
		return nil, err
	}
	list := make([]api.Job, len(stored))
	for i, j := range stored {
		list[i] = job(j)
	}
	return list, nil
}

// Job implements api.Baselines.
func (l learning) Job(ctx context.Context, id string) (api.Job, error) {
	const searched = 1000
	list, err := l.Jobs(ctx, searched)
	if err != nil {
		return api.Job{}, err
	}
	for _, j := range list {
		if j.ID == id {
			return j, nil
		}
	}
	return api.Job{}, api.ErrNoJob
}

func job(j baseline.Job) api.Job {
	return api.Job{
		ID: j.ID, Kind: j.Kind, Status: string(j.State), RequestedBy: j.Reason, StartedAt: j.StartedAt, FinishedAt: j.FinishedAt,
		Progress: j.Progress, Detail: j.Stage, Error: j.Error, Version: j.Result,
	}
}
