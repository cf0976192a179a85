// Package api serves REST: echo handlers, one file a resource, the OpenAPI contract, keys with roles, and the audit of
// who changed and read what.
//
// It holds no state but the keys': incidents belong to incident.Manager, events to the store, batches to the sink. It
// never imports the store; what it needs of it are the interfaces of this file.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/incident/decision"
	"github.com/gatewatch/gatewatch/incident/exception"
	"github.com/gatewatch/gatewatch/incident/notify"
	"github.com/gatewatch/gatewatch/ingest"
	"github.com/gatewatch/gatewatch/inventory"
	"github.com/gatewatch/gatewatch/inventory/policy"
	"github.com/gatewatch/gatewatch/rules"
)

// Deps are what the server stands on. Incidents, Store and Keys are required; a resource whose dependency is nil
// answers 501.
type Deps struct {
	Config    Config
	Incidents Incidents
	Store     Store
	Keys      *Keys

	Sink       ingest.Sink
	Sources    Sources
	Positions  Positions
	Normalizer ingest.Normalizer // for pushes that no agent normalised
	// Asker names clients and users of /v1/check as Normalizer does, and leaves no trace of them. Nil: Normalizer.
	Asker      ingest.Normalizer
	Limits     ingest.Limits
	Room       *ingest.Room // of all pushes together; nil: ingest.DefaultRoom
	WireFields []string     // of logs that the normaliser asks for; see parsers.Options

	Decisions Decisions
	// Notifications are the channels and their outbox.
	Notifications Notifications
	// Exceptions are the suppressions and allowlists.
	Exceptions *exception.Registry
	Inventory  *inventory.Catalogue
	Identities Identities
	Policies   *policy.Registry
	Erasures   Erasures
	Baselines  Baselines
	Behaviour  Behaviour
	Rules      RuleBook
	Detectors  func() []detect.Info // all, rules included

	// Ready says whether the server can do its work, with the reason when it cannot. Nil: Store.Ping decides alone.
	Ready func(ctx context.Context) error
	// Console answers everything outside /v1 that the server does not know; nil: nothing does.
	Console http.Handler

	Version  string
	Logger   *slog.Logger         // nil: discard
	Registry *prometheus.Registry // /metrics; nil: an own one
	Now      func() time.Time     // nil: time.Now
}

// RuleBook holds the rules that run.
type RuleBook interface {
	// Set is what runs now.
	Set() *rules.Set
	// Reload reads the folders of rules again. Rules with faults are rules.Faults, and change nothing.
	Reload(ctx context.Context) (rules.Reloaded, error)
}

// Incidents is *incident.Manager.
type Incidents interface {
	List(f incident.Filter, sort, cursor string, limit int) (incident.Page, error)
	Get(ctx context.Context, id string) (*incident.Incident, error)
	Patch(ctx context.Context, id string, version uint64, p incident.Patch, actor string) (*incident.Incident, error)
	AddNote(ctx context.Context, id, text, actor string) (*incident.Incident, error)
	Changes(after uint64, limit int) ([]incident.Published, <-chan struct{})
	LastSeq() uint64
	Security(since, until time.Time, services event.Services) incident.Security
}

var _ Incidents = (*incident.Manager)(nil)

// Decisions is *decision.Book.
type Decisions interface {
	List(f decision.Filter) []decision.Decision
	OfIncident(id string) []decision.Decision
	Changes(bouncer string, startup bool, f decision.Filter) decision.Delta
	Acknowledge(d decision.Delta)
	Add(ctx context.Context, n decision.New, author string) (decision.Decision, error)
	End(ctx context.Context, id uint64, actor, why string) (decision.Decision, error)
	EndProtected(ctx context.Context, actor string) (int, error)
	Policies() (list []decision.Policy, mode string, left int)
	Check(client netip.Addr, user string, within event.Services) (decision.Under, bool)
	Get(id uint64) (decision.Decision, error)
	CheckFails() string
}

var _ Decisions = (*decision.Book)(nil)

// Notifications is *notify.Notifier.
type Notifications interface {
	List(f notify.Filter, limit int) []notify.Entry
	Channels() []notify.ChannelState
	Test(ctx context.Context, channel string) error
	Retry(ctx context.Context, channel string, ids []string) (int, error)
}

var _ Notifications = (*notify.Notifier)(nil)

// Store is what the server asks of *store.Store.
type Store interface {
	Ping(ctx context.Context) error
	EventFinder
	Reproducer
	AuditStore
	AnswerStore
}

// EventFinder finds stored events.
type EventFinder interface {
	// FindEvents returns up to limit events in [from, to) (zero: no bound) of the services within that meet every condition,
	// newest first, beginning after the place before (nil: the newest), and the place to go on from (nil: that was all).
	FindEvents(
		ctx context.Context, from, to time.Time, where []detect.Condition, within event.Services, before *event.Place, limit int,
	) ([]*event.Event, *event.Place, error)
}

// Reproducer takes a measure again.
type Reproducer interface {
	// Reproduce returns the statement, its parameters, the number, and how many events the measure's conditions select now.
	Reproduce(ctx context.Context, m detect.Measure) (sql string, params map[string]string, value float64, events uint64, err error)
}

// AuditStore keeps the audit. See store.Store.
type AuditStore interface {
	AppendAudit(ctx context.Context, id string, at time.Time, actor, role, action, target, remote, detail string) error
	Audit(ctx context.Context, from, to time.Time, beforeID string, limit int,
		each func(id string, at time.Time, actor, role, action, target, remote, detail string) error) error
}

// Sources is *ingest.Sources.
type Sources interface {
	Report() []ingest.SourceReport
	Fields() map[string]bool
}

var _ Sources = (*ingest.Sources)(nil)

// Baselines is what is learned, and the job that learns it.
type Baselines interface {
	// Versions returns what is stored of every published model, the newest first.
	Versions(ctx context.Context) ([]baseline.Meta, error)
	// Recompute begins a recomputation in the name of actor and returns its job. ErrBusy when one is under way.
	Recompute(ctx context.Context, actor string) (Job, error)
	// Jobs returns the newest limit jobs, the newest first.
	Jobs(ctx context.Context, limit int) ([]Job, error)
	// Job returns one job, ErrNoJob when there is none of that id.
	Job(ctx context.Context, id string) (Job, error)
	// Cancel ends a running job and returns how it ended; ErrNoJob when there is none of that id, ErrOver when it does not
	// run on this server.
	Cancel(ctx context.Context, id string) (Job, error)
	// Accept keeps what a.By accepts, completed with the time, and begins a recomputation that learns it; while one is under
	// way the next follows it, and the job is empty.
	Accept(ctx context.Context, a baseline.Acceptance) (baseline.Acceptance, Job, error)
	// Accepted returns what counts as accepted now, by people and by learning, the newest first.
	Accepted(ctx context.Context) ([]baseline.Acceptance, error)
	// Diff compares two versions, the newest when to is empty, the one before to when from is; ErrNoVersion when there is none.
	Diff(ctx context.Context, from, to string, limit int) (baseline.Diff, error)
	// RollBack puts a version into effect again; r.To, r.By, r.Reason and r.Hold are set. ErrNoVersion when there is none.
	RollBack(ctx context.Context, r baseline.RollBack) (baseline.Meta, error)
}

// Behaviour is what was observed and what is expected, hour by hour, in [from, to).
type Behaviour interface {
	// EndpointSeries is about an endpoint under all names that its route had, the present one first, or about a service.
	EndpointSeries(ctx context.Context, names []baseline.EndpointKey, from, to time.Time) (baseline.Series, error)
	// ActorSeries is about a user or client, with what is known of it: nil when it was hardly ever seen.
	ActorSeries(ctx context.Context, k baseline.ActorKey, from, to time.Time) (baseline.Series, *baseline.Actor, error)
	// ActorSets is what a user or client was seen with in the window that is learned from, by the sets' names.
	ActorSets(ctx context.Context, k baseline.ActorKey) (map[string][]baseline.SetMember, error)
	// Newest is the present in event time: behind imported history that is where the history ends.
	Newest() time.Time
}

// Errors of Baselines.
var (
	ErrBusy      = errors.New("a recomputation is under way")
	ErrNoJob     = errors.New("no such job")
	ErrOver      = errors.New("the job does not run here: it is over, or another server runs it")
	ErrNoVersion = errors.New("no such version of the baselines")
)

// Job is a batch job's state.
type Job struct {
	ID          string    `json:"id"`
	Kind        string    `json:"kind"`   // "baseline_recompute"
	Status      string    `json:"status"` // running, succeeded, failed, cancelled, interrupted
	RequestedBy string    `json:"requested_by"`
	StartedAt   time.Time `json:"started_at"`
	FinishedAt  time.Time `json:"finished_at,omitzero"`
	Progress    float64   `json:"progress"` // 0..1
	Detail      string    `json:"detail,omitempty"`
	Error       string    `json:"error,omitempty"`
	Version     string    `json:"version,omitempty"` // of the model that it published
}
