package incident

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/gatewatch/gatewatch/detect"
)

// Manager owns the current state of all incidents. It is safe for concurrent use; changes are made one after the other
// and are in the repository before anybody sees them.
type Manager struct {
	repo    Repository
	opts    Options
	log     *slog.Logger
	metrics *metrics

	write sync.Mutex // held over one change, from reading the state to publishing it

	mu     sync.RWMutex // guards what follows; written only under write as well
	byID   map[string]*record
	list   []row                 // one an incident; record.slot is its index
	groups map[groupKey][]string // incident ids in order of creation
	seen   map[string]string     // finding id → incident id
	// feedback is what people said of closed incidents.
	feedback map[alike]tally
	feed     feed
}

// NewManager returns a Manager without incidents; call Load before the first Apply when repo may hold some.
func NewManager(repo Repository, opts Options) *Manager {
	opts.Config = opts.withDefaults()
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	m := &Manager{
		repo: repo, opts: opts, log: opts.Logger,
		feedback: map[alike]tally{},
		byID:     map[string]*record{}, groups: map[groupKey][]string{}, seen: map[string]string{},
	}
	m.feed.wake = make(chan struct{})
	m.metrics = newMetrics(opts.Registerer, m)
	return m
}

// Load brings the state out of the repository. It replaces what the Manager holds.
func (m *Manager) Load(ctx context.Context) error {
	m.write.Lock()
	defer m.write.Unlock()
	var records []*record
	err := m.repo.LoadIncidents(ctx, func(body []byte) error {
		r, err := decodeRecord(body)
		if err == nil {
			records = append(records, r)
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(records, func(a, b *record) int { return compare(a.Seq, b.Seq) })

	m.mu.Lock()
	defer m.mu.Unlock()
	m.byID = make(map[string]*record, len(records))
	m.groups = make(map[groupKey][]string, len(records))
	m.seen = map[string]string{}
	m.list = m.list[:0]
	clear(m.feedback)
	m.feed.reset()
	for _, r := range records {
		m.place(r)
		for _, f := range r.Members {
			m.seen[f.ID] = r.Incident.ID
		}
		m.feed.append(r)
	}
	for _, ids := range m.groups {
		m.sortGroup(ids)
	}
	m.evict()
	return nil
}

// OpenFindings returns the findings whose episodes may still grow, for detect.Judge.Restore.
func (m *Manager) OpenFindings(ctx context.Context) ([]detect.Finding, error) {
	return m.repo.OpenFindings(ctx)
}

// place puts a record into the indexes, or replaces its former version there. The caller holds mu.
func (m *Manager) place(r *record) {
	id := r.Incident.ID
	m.count(r.Incident, 1)
	if old, ok := m.byID[id]; ok {
		m.count(old.Incident, -1)
		r.slot = old.slot
		m.list[r.slot] = rowOf(r)
	} else {
		r.slot = len(m.list)
		m.list = append(m.list, rowOf(r))
		m.groups[r.key()] = append(m.groups[r.key()], id)
	}
	m.byID[id] = r
}

// sortGroup restores the order of creation after a load.
func (m *Manager) sortGroup(ids []string) {
	slices.SortFunc(ids, func(a, b string) int {
		x, y := m.byID[a].Incident, m.byID[b].Incident
		if c := x.FirstSeen.Compare(y.FirstSeen); c != 0 {
			return c
		}
		return compare(x.ID, y.ID)
	})
}

// evict drops the incidents beyond MaxIncidents from memory: closed ones first, of these the ones that ended longest
// ago. They stay in the repository. The caller holds mu.
func (m *Manager) evict() {
	over := len(m.list) - m.opts.MaxIncidents
	if over <= 0 {
		return
	}
	order := slices.Clone(m.list)
	slices.SortFunc(order, func(a, b row) int {
		if x, y := a.status.Terminal(), b.status.Terminal(); x != y {
			if x {
				return -1
			}
			return 1
		}
		if c := compare(a.last, b.last); c != 0 {
			return c
		}
		return compare(a.id, b.id)
	})
	over += m.opts.MaxIncidents / 100 // so that it does not run for every incident
	for _, r := range order[:min(over, len(order))] {
		m.drop(r.rec)
	}
	m.metrics.evicted.Add(float64(over))
	m.log.Warn("incidents left memory for their number; they stay in the store", "count", over, "max_incidents", m.opts.MaxIncidents)
}

func (m *Manager) drop(r *record) {
	id := r.Incident.ID
	delete(m.byID, id)
	last := len(m.list) - 1
	moved := m.list[last]
	m.list[r.slot] = moved
	moved.rec.slot = r.slot
	m.list = m.list[:last]
	k := r.key()
	m.groups[k] = slices.DeleteFunc(m.groups[k], func(x string) bool { return x == id })
	if len(m.groups[k]) == 0 {
		delete(m.groups, k)
	}
	for _, f := range r.Members {
		delete(m.seen, f.ID)
	}
}

// get returns the current record of an incident.
func (m *Manager) get(id string) (*record, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	r, ok := m.byID[id]
	return r, ok
}

// Get returns an incident with its findings and evidence, or ErrNotFound.
func (m *Manager) Get(ctx context.Context, id string) (*Incident, error) {
	r, ok := m.get(id)
	if !ok {
		return nil, ErrNotFound
	}
	details, err := m.repo.Details(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	return withDetails(r.Incident, details[id]), nil
}

// Each calls fn with every incident that f selects, complete with findings and evidence, by first_seen and id.
// It is how one-shot runs report; the details are fetched in batches.
func (m *Manager) Each(ctx context.Context, f Filter, fn func(*Incident) error) error {
	f = f.ready("")
	m.mu.RLock()
	var all []*Incident
	for i := range m.list {
		if r := f.matches(&m.list[i]); r != nil {
			all = append(all, r.rec.Incident)
		}
	}
	m.mu.RUnlock()
	slices.SortFunc(all, func(a, b *Incident) int {
		if c := a.FirstSeen.Compare(b.FirstSeen); c != 0 {
			return c
		}
		return compare(a.ID, b.ID)
	})
	for chunk := range slices.Chunk(all, 100) {
		ids := make([]string, len(chunk))
		for i, inc := range chunk {
			ids[i] = inc.ID
		}
		details, err := m.repo.Details(ctx, ids)
		if err != nil {
			return err
		}
		for _, inc := range chunk {
			if err := fn(withDetails(inc, details[inc.ID]).Within(f.Within)); err != nil {
				return err
			}
		}
	}
	return nil
}

func withDetails(inc *Incident, d Details) *Incident {
	full := *inc
	full.Findings, full.Evidence, full.NextSteps = d.Findings, d.Evidence, inc.Advice()
	return &full
}

// stamp returns the time of a change that event time t caused.
func (m *Manager) stamp(t time.Time) time.Time {
	if m.opts.Now == nil {
		return t.UTC()
	}
	return m.opts.Now().UTC()
}

// isFatal tells an error that must stop the caller from one that may be counted and passed over.
func isFatal(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
