package baseline

import "time"

// Job is one recomputation as people and the store see it. It is a value: each change is a new revision.
type Job struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"` // "baseline_recompute"
	State      JobState  `json:"state"`
	Reason     string    `json:"reason"`   // "schedule", "request", "interrupted"
	Stage      string    `json:"stage"`    // "snapshot", "learn endpoints", …
	Progress   float64   `json:"progress"` // 0 to 1
	Error      string    `json:"error,omitempty"`
	Result     string    `json:"result,omitempty"` // the version that it made
	Snapshot   *Snapshot `json:"snapshot,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
	Revision   uint64    `json:"revision"`
}

// JobKind is the kind of the jobs of this package.
const JobKind = "baseline_recompute"

// JobState says how a job stands.
type JobState string

// The states of a job. An interrupted job's process ended before it; its work is taken up by a new job with the same
// snapshot.
const (
	JobRunning     JobState = "running"
	JobSucceeded   JobState = "succeeded"
	JobFailed      JobState = "failed"
	JobInterrupted JobState = "interrupted"
	JobCancelled   JobState = "cancelled"
)

// Over reports whether nothing more will happen to the job.
func (s JobState) Over() bool { return s != JobRunning }
