package baseline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// ErrBusy says that a recomputation is running already.
var ErrBusy = errors.New("a recomputation of the baselines is running")

// Books keeps models and jobs; the store implements it.
type Books interface {
	// SaveModel stores a model: all of it or, as far as readers can see, nothing. Saving it again changes nothing.
	SaveModel(ctx context.Context, m *Model) error
	// SaveJob appends a revision of a job.
	SaveJob(ctx context.Context, j Job) error
	// LoadJobs returns the latest revision of every job of the kind, the newest job first.
	LoadJobs(ctx context.Context, kind string, limit int) ([]Job, error)
}

// RunnerOptions says what a Runner works with. All but Log, Publish and Now are required.
type RunnerOptions struct {
	Config  Config
	History History
	Books   Books
	// Snapshot records what is to be learned from now.
	Snapshot func(ctx context.Context) (Snapshot, error)
	// Publish takes a model that has been stored; nil: nobody waits for it.
	Publish func(*Model)
	// Leases keeps servers on one store apart; nil: there is one server. Holder names this one, the same after a restart.
	Leases Leases
	Holder string
	// LeaseTime is the length of a lease, 2 minutes by default.
	LeaseTime time.Duration
	// Now is the wall clock of the jobs' times; nil leaves them zero. It does not enter a model.
	Now func() time.Time
	Log *slog.Logger
}

// Runner recomputes baselines, one at a time. It is safe for concurrent use.
type Runner struct {
	opts RunnerOptions

	mu      sync.Mutex
	current *Job
	cancel  context.CancelFunc
	done    chan struct{}
}

// NewRunner returns an idle Runner.
func NewRunner(opts RunnerOptions) *Runner {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = func() time.Time { return time.Time{} }
	}
	if opts.LeaseTime == 0 {
		opts.LeaseTime = leaseTime
	}
	return &Runner{opts: opts}
}

// Current returns the running job, nil when there is none.
func (r *Runner) Current() *Job {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current == nil {
		return nil
	}
	j := *r.current
	return &j
}

// Start begins a recomputation in the background and returns its job; it runs until ctx ends. ErrBusy when one runs.
func (r *Runner) Start(ctx context.Context, reason string) (Job, error) {
	return r.start(ctx, reason, nil)
}

// Recompute is Start and Wait.
func (r *Runner) Recompute(ctx context.Context, reason string) (Job, error) {
	return r.run(ctx, reason, nil)
}

// Cancel stops the running recomputation, when it is the job of that id; it reports whether it was. The job has ended when
// Wait returns.
func (r *Runner) Cancel(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current == nil || r.current.ID != id {
		return false
	}
	r.cancel()
	return true
}

// Wait returns when no recomputation is running.
func (r *Runner) Wait() {
	r.mu.Lock()
	done := r.done
	r.mu.Unlock()
	if done != nil {
		<-done
	}
}

// Resume runs the newest job that an ended process left running again, with the snapshot that it had recorded. Call it once,
// before Start and before a Scheduler runs. While another server recomputes nothing is left over, and nothing is done.
func (r *Runner) Resume(ctx context.Context) error {
	_, release, err := r.hold(ctx)
	if errors.Is(err, ErrBusy) {
		return nil
	}
	if err != nil {
		return err
	}
	left, err := r.left(ctx)
	release()
	if err != nil || len(left) == 0 || left[0].Snapshot == nil {
		return err
	}
	if _, err = r.run(ctx, "interrupted", left[0].Snapshot); errors.Is(err, ErrBusy) {
		return nil
	}
	return err
}

// left returns the jobs that are said to run although nobody runs them, the newest first. Only who holds the lease can say.
func (r *Runner) left(ctx context.Context) ([]Job, error) {
	jobs, err := r.opts.Books.LoadJobs(ctx, JobKind, 100)
	if err != nil {
		return nil, fmt.Errorf("load jobs: %w", err)
	}
	return slices.DeleteFunc(jobs, func(j Job) bool { return j.State.Over() }), nil
}

// bury marks the jobs that their processes did not survive as interrupted.
func (r *Runner) bury(ctx context.Context) error {
	jobs, err := r.left(ctx)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		j.State, j.FinishedAt = JobInterrupted, r.opts.Now()
		j.Revision++
		if err := r.opts.Books.SaveJob(ctx, j); err != nil {
			return fmt.Errorf("save interrupted job %s: %w", j.ID, err)
		}
	}
	return nil
}

// DoneSince reports whether a recomputation began for the given reason at or after t and succeeded, on whichever server.
func (r *Runner) DoneSince(ctx context.Context, reason string, t time.Time) (bool, error) {
	const looked = 20
	jobs, err := r.opts.Books.LoadJobs(ctx, JobKind, looked)
	if err != nil {
		return false, fmt.Errorf("load jobs: %w", err)
	}
	return slices.ContainsFunc(jobs, func(j Job) bool {
		return j.Reason == reason && j.State == JobSucceeded && !j.CreatedAt.Before(t)
	}), nil
}

func (r *Runner) run(ctx context.Context, reason string, s *Snapshot) (Job, error) {
	j, err := r.start(ctx, reason, s)
	if err != nil {
		return Job{}, err
	}
	r.Wait()
	jobs, err := r.opts.Books.LoadJobs(context.WithoutCancel(ctx), JobKind, 100)
	if err != nil {
		return Job{}, fmt.Errorf("load jobs: %w", err)
	}
	for _, done := range jobs {
		if done.ID == j.ID {
			return done, nil
		}
	}
	return Job{}, fmt.Errorf("job %s is not in the store", j.ID)
}

func (r *Runner) start(ctx context.Context, reason string, s *Snapshot) (Job, error) {
	r.mu.Lock()
	if r.current != nil {
		r.mu.Unlock()
		return Job{}, ErrBusy
	}
	done := make(chan struct{})
	j := &Job{Kind: JobKind, State: JobRunning, Reason: reason, Stage: "snapshot"}
	ctx, r.cancel = context.WithCancel(ctx)
	r.current, r.done = j, done
	r.mu.Unlock()

	finish := func() {
		r.mu.Lock()
		r.cancel()
		r.current = nil
		r.mu.Unlock()
		close(done)
	}
	held, release, err := r.hold(ctx)
	if err != nil {
		finish()
		return Job{}, err
	}
	first, err := r.begin(held, s)
	if err != nil {
		release()
		finish()
		return Job{}, err
	}
	go func() {
		defer finish()
		defer release()
		r.work(held, *first.Snapshot)
	}()
	return first, nil
}

// begin records the job with its snapshot; nil: one of now.
func (r *Runner) begin(ctx context.Context, s *Snapshot) (Job, error) {
	if err := r.bury(ctx); err != nil {
		return Job{}, err
	}
	if s == nil {
		snap, err := r.opts.Snapshot(ctx)
		if err != nil {
			return Job{}, fmt.Errorf("take a snapshot: %w", err)
		}
		s = &snap
	}
	at := r.opts.Now()
	r.change(func(j *Job) {
		j.ID = "job_" + s.Version() + "_" + at.UTC().Format("20060102T150405.000000000")
		j.Snapshot, j.CreatedAt, j.StartedAt = s, at, at
	})
	if err := r.save(ctx); err != nil {
		return Job{}, err
	}
	return *r.Current(), nil
}

// work learns, stores and publishes, and records how it went.
func (r *Runner) work(ctx context.Context, s Snapshot) {
	held := ctx
	model, err := r.learn(ctx, s)
	// The outcome is recorded also when the job was cancelled; its context is over then.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	r.change(func(j *Job) {
		j.FinishedAt = r.opts.Now()
		switch {
		case err == nil:
			j.State, j.Stage, j.Progress, j.Result = JobSucceeded, "done", 1, model.Version
		case errors.Is(err, context.Canceled):
			j.State, j.Error = JobCancelled, "cancelled"
			if cause := context.Cause(held); errors.Is(cause, ErrLeaseLost) {
				j.State, j.Error = JobFailed, cause.Error()
			}
		default:
			j.State, j.Error = JobFailed, err.Error()
		}
	})
	if serr := r.save(ctx); serr != nil {
		r.opts.Log.Error("baseline job not recorded", "error", serr)
	}
	if err != nil {
		r.opts.Log.Error("baselines not recomputed", "error", err)
		return
	}
	endpoints, actors := model.Counts()
	r.opts.Log.Info("baselines recomputed", "version", model.Version, "events", model.Events,
		"endpoints", endpoints, "actors", actors, "effective_from", model.EffectiveFrom)
	if r.opts.Publish != nil {
		r.opts.Publish(model)
	}
}

func (r *Runner) learn(ctx context.Context, s Snapshot) (*Model, error) {
	h := staged{r.opts.History, func(stage string, progress float64) {
		r.change(func(j *Job) { j.Stage, j.Progress = stage, progress })
		if err := r.save(ctx); err != nil {
			r.opts.Log.Warn("baseline job's progress not recorded", "error", err)
		}
	}}
	model, err := Recompute(ctx, r.opts.Config, h, s)
	if err != nil {
		return nil, err
	}
	h.reached("save", 0.9)
	if err := r.opts.Books.SaveModel(ctx, model); err != nil {
		return nil, fmt.Errorf("save the model: %w", err)
	}
	return model, nil
}

func (r *Runner) change(f func(*Job)) {
	r.mu.Lock()
	f(r.current)
	r.current.Revision++
	r.mu.Unlock()
}

func (r *Runner) save(ctx context.Context) error {
	if err := r.opts.Books.SaveJob(ctx, *r.Current()); err != nil {
		return fmt.Errorf("save job: %w", err)
	}
	return nil
}

// staged tells how far a history has been read.
type staged struct {
	History
	reached func(stage string, progress float64)
}

func (h staged) Endpoints(ctx context.Context, s Snapshot, fn func(EndpointHours) error) error {
	h.reached("learn endpoints", 0.05)
	return h.History.Endpoints(ctx, s, fn)
}

func (h staged) Actors(ctx context.Context, s Snapshot, fn func(ActorHours) error) error {
	h.reached("learn users and clients", 0.35)
	return h.History.Actors(ctx, s, fn)
}

func (h staged) Objects(ctx context.Context, s Snapshot, fn func(ObjectHours) error) error {
	h.reached("learn objects", 0.65)
	return h.History.Objects(ctx, s, fn)
}
