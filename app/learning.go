package app

import (
	"context"
	"errors"
	"slices"

	"github.com/gatewatch/gatewatch/api"
	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/store"
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

// Cancel implements api.Baselines.
func (l learning) Cancel(ctx context.Context, id string) (api.Job, error) {
	if !l.runner.Cancel(id) {
		if _, err := l.Job(ctx, id); err != nil {
			return api.Job{}, err
		}
		return api.Job{}, api.ErrOver
	}
	l.runner.Wait()
	return l.Job(ctx, id)
}

// Accept implements api.Baselines.
func (l learning) Accept(ctx context.Context, a baseline.Acceptance) (baseline.Acceptance, api.Job, error) {
	a.At = l.effective()
	if err := l.store.AppendAcceptance(ctx, a); err != nil {
		return a, api.Job{}, err
	}
	j, err := l.Recompute(ctx, a.By)
	if errors.Is(err, api.ErrBusy) {
		select {
		case l.pending <- struct{}{}:
		default: // one is wanted already
		}
		return a, api.Job{}, nil
	}
	return a, j, err
}

// Accepted implements api.Baselines.
func (l learning) Accepted(ctx context.Context) ([]baseline.Acceptance, error) {
	byPeople, err := l.store.Acceptances(ctx)
	if err != nil {
		return nil, err
	}
	list := baseline.Accepted(l.current(), byPeople, l.cfg.Snapshot(l.asOf(), l.asOf(), liveGeneration).From())
	slices.Reverse(list)
	return list, nil
}

// Diff implements api.Baselines.
func (l learning) Diff(ctx context.Context, from, to string, limit int) (baseline.Diff, error) {
	if from == "" || to == "" {
		list, err := l.Versions(ctx)
		if err != nil {
			return baseline.Diff{}, err
		}
		at := 0
		if to != "" {
			at = slices.IndexFunc(list, func(m baseline.Meta) bool { return m.Version == to })
		}
		if at < 0 || at >= len(list) || from == "" && at+1 >= len(list) {
			return baseline.Diff{}, api.ErrNoVersion
		}
		to = list[at].Version
		if from == "" {
			from = list[at+1].Version
		}
	}
	a, err := l.version(ctx, from)
	if err != nil {
		return baseline.Diff{}, err
	}
	b, err := l.version(ctx, to)
	if err != nil {
		return baseline.Diff{}, err
	}
	return baseline.Compare(a, b, limit), nil
}

func (l learning) version(ctx context.Context, version string) (*baseline.Model, error) {
	if last := l.current(); last != nil && last.Version == version {
		return last, nil
	}
	m, err := l.store.LoadModel(ctx, version)
	if errors.Is(err, store.ErrNotFound) {
		return nil, api.ErrNoVersion
	}
	return m, err
}

// RollBack implements api.Baselines: the version is stored before the stream gets it, as every other.
func (l learning) RollBack(ctx context.Context, r baseline.RollBack) (baseline.Meta, error) {
	old, err := l.version(ctx, r.To)
	if err != nil {
		return baseline.Meta{}, err
	}
	r.At = l.effective()
	m, err := old.RolledBack(r)
	if err != nil {
		return baseline.Meta{}, err
	}
	if err := l.store.SaveModel(ctx, m); err != nil {
		return baseline.Meta{}, err
	}
	l.publish(m)
	l.log.Info("baselines rolled back", "to", r.To, "version", m.Version, "by", r.By, "hold", r.Hold)
	return m.Meta(), nil
}

func job(j baseline.Job) api.Job {
	return api.Job{
		ID: j.ID, Kind: j.Kind, Status: string(j.State), RequestedBy: j.Reason, StartedAt: j.StartedAt, FinishedAt: j.FinishedAt,
		Progress: j.Progress, Detail: j.Stage, Error: j.Error, Version: j.Result,
	}
}
