package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
)

// SaveJob implements baseline.Books: it appends a revision.
func (s *Store) SaveJob(ctx context.Context, j baseline.Job) error {
	snapshot := ""
	if j.Snapshot != nil {
		b, err := json.Marshal(j.Snapshot)
		if err != nil {
			return fmt.Errorf("save job: encode snapshot: %w", err)
		}
		snapshot = string(b)
	}
	batch, err := s.conn.PrepareBatch(ctx, `INSERT INTO jobs
(id, kind, state, reason, stage, progress, error, result, snapshot, created_at, started_at, finished_at, revision)`)
	if err != nil {
		return wrap("save job", err)
	}
	defer func() { _ = batch.Close() }() // after Send it does nothing
	if err := batch.Append(j.ID, j.Kind, string(j.State), j.Reason, j.Stage, j.Progress, j.Error, j.Result, snapshot,
		storable(j.CreatedAt), storable(j.StartedAt), storable(j.FinishedAt), j.Revision); err != nil {
		return wrap("save job", err)
	}
	return wrap("save job", batch.Send())
}

// LoadJobs implements baseline.Books.
func (s *Store) LoadJobs(ctx context.Context, kind string, limit int) ([]baseline.Job, error) {
	st := newStatement()
	st.add("kind = " + st.param("String", kind))
	var list []baseline.Job
	var j baseline.Job
	var state, snapshot string
	sql := `SELECT id, kind, state, reason, stage, progress, error, result, snapshot, created_at, started_at, finished_at, revision
FROM jobs FINAL` + st.clause() + fmt.Sprintf("\nORDER BY created_at DESC, id DESC LIMIT %d", limit)
	err := s.each(ctx, "load jobs", sql, st.params, []any{
		&j.ID, &j.Kind, &state, &j.Reason, &j.Stage, &j.Progress, &j.Error, &j.Result, &snapshot,
		&j.CreatedAt, &j.StartedAt, &j.FinishedAt, &j.Revision,
	}, func() error {
		j.State, j.Snapshot = baseline.JobState(state), nil
		if snapshot != "" {
			j.Snapshot = &baseline.Snapshot{}
			if err := json.Unmarshal([]byte(snapshot), j.Snapshot); err != nil {
				return fmt.Errorf("snapshot of job %s: %w", j.ID, err)
			}
		}
		job := j
		job.CreatedAt, job.StartedAt, job.FinishedAt = stored(j.CreatedAt), stored(j.StartedAt), stored(j.FinishedAt)
		list = append(list, job)
		return nil
	})
	return list, err
}

// storable and stored write "not yet" as the beginning of Unix time, which a column of times can hold.
func storable(t time.Time) time.Time {
	if t.IsZero() {
		return earliest
	}
	return t.UTC()
}

func stored(t time.Time) time.Time {
	if t.Equal(earliest) {
		return time.Time{}
	}
	return t.UTC()
}
