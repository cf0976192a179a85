package baseline

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

const (
	fiveMinutes = 300
	oneHour     = 3600

	// Traffic is judged in five-minute buckets where they hold this many requests in the busier hours, else by the hour
	// where hours do; thinner endpoints are not judged: a few requests more or less are no news.
	busyBucket = 20
	busyHour   = 20

	floorZ = 6 // the least deviation that is called unusual, whatever the history was like
)

// Recompute learns a model from the history of a snapshot. It is pure: the result depends on the snapshot, the
// configuration and the rows of h, not on their order or on the time at which it runs.
func Recompute(ctx context.Context, cfg Config, h History, s Snapshot) (*Model, error) {
	cfg = cfg.withDefaults()
	if s.ConfigHash == "" {
		s.ConfigHash = cfg.Hash()
	}
	if err := s.validate(); err != nil {
		return nil, err
	}
	loc, err := time.LoadLocation(cfg.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("baseline.time_zone %q: want an IANA time zone: %w", cfg.TimeZone, err)
	}
	l := learner{
		cfg:    cfg,
		span:   newSpan(s, loc),
		routes: newRoutes(s.Aliases),
		model: &Model{
			Version: s.Version(), Snapshot: s, EffectiveFrom: s.effectiveFrom(), MinDays: cfg.MinDays, location: loc,
			endpoints: map[EndpointKey]*Endpoint{}, objects: map[EndpointKey]*Objects{}, actors: map[ActorKey]Actor{},
			members: map[EndpointKey]*Members{},
		},
	}
	l.excluded = newExclusions(s.Excluded, s.Accepted, l.routes)
	if err := l.learnEndpoints(ctx, h, s); err != nil {
		return nil, fmt.Errorf("learn endpoints: %w", err)
	}
	if err := l.learnShapes(ctx, h, s); err != nil {
		return nil, fmt.Errorf("learn answers: %w", err)
	}
	if err := l.learnMembers(ctx, h, s); err != nil {
		return nil, fmt.Errorf("learn who uses what: %w", err)
	}
	if err := l.learnActors(ctx, h, s); err != nil {
		return nil, fmt.Errorf("learn users and clients: %w", err)
	}
	if err := l.learnRefusals(ctx, h, s); err != nil {
		return nil, fmt.Errorf("learn refusals: %w", err)
	}
	if err := l.learnAgents(ctx, h, s); err != nil {
		return nil, fmt.Errorf("learn user agents: %w", err)
	}
	if err := l.learnObjects(ctx, h, s); err != nil {
		return nil, fmt.Errorf("learn objects: %w", err)
	}
	tell(l.model.changes)
	l.model.index()
	return l.model, nil
}

type learner struct {
	cfg      Config
	span     span
	routes   routes
	excluded exclusions
	model    *Model
}

// learnEndpoints gathers the rows under the routes' present names, then fits each endpoint.
func (l *learner) learnEndpoints(ctx context.Context, h History, s Snapshot) error {
	merged := map[EndpointKey]*hourly{}
	err := h.Endpoints(ctx, s, func(row EndpointHours) error {
		k := l.routes.resolve(row.Key)
		acc := merged[k]
		if acc == nil {
			k = k.clone()
			acc = &hourly{}
			merged[k] = acc
		}
		acc.add(row)
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range sortedKeys(merged) { // services first: they are their endpoints' group
		acc := merged[k]
		acc.sort()
		l.model.endpoints[k] = l.fitEndpoint(k, acc)
		if k.Whole() {
			l.model.Events += l.model.endpoints[k].Requests
		}
	}
	return nil
}

// hourly is an endpoint's history, hour by hour.
type hourly struct {
	hours, requests, client, server, peak, trough []uint32
}

func (a *hourly) add(r EndpointHours) {
	a.hours = append(a.hours, r.Hours...)
	a.requests = append(a.requests, r.Requests...)
	a.client = append(a.client, r.ClientErrors...)
	a.server = append(a.server, r.ServerErrors...)
	a.peak = append(a.peak, r.Peak...)
	a.trough = append(a.trough, r.Trough...)
}

// sort orders the hours and adds up those that occur twice, under two names of one route.
func (a *hourly) sort() {
	if slices.IsSorted(a.hours) && !hasRepeats(a.hours) {
		return
	}
	order := make([]int, len(a.hours))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return int(a.hours[i]) - int(a.hours[j]) })
	var out hourly
	for _, i := range order {
		if n := len(out.hours); n > 0 && out.hours[n-1] == a.hours[i] {
			out.requests[n-1] += a.requests[i]
			out.client[n-1] += a.client[i]
			out.server[n-1] += a.server[i]
			out.peak[n-1] += a.peak[i]
			out.trough[n-1] += a.trough[i]
			continue
		}
		out.add(EndpointHours{
			Hours: a.hours[i : i+1], Requests: a.requests[i : i+1], ClientErrors: a.client[i : i+1],
			ServerErrors: a.server[i : i+1], Peak: a.peak[i : i+1], Trough: a.trough[i : i+1],
		})
	}
	*a = out
}

func hasRepeats(sorted []uint32) bool {
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			return true
		}
	}
	return false
}

func (l *learner) fitEndpoint(k EndpointKey, a *hourly) *Endpoint {
	e := &Endpoint{Key: k}
	for _, n := range a.requests {
		e.Requests += uint64(n)
	}
	if len(a.hours) == 0 {
		return e
	}
	first := max(int64(a.hours[0]), l.span.from)
	leftOut := func(h int64) bool { return l.excluded.endpoint(k, h) }
	e.Days = int((l.span.to - first + 12) / 24)
	e.Buckets = int(l.span.to - first)
	e.ClientErrors = l.fitErrors(a, a.client, leftOut)
	e.ServerErrors = l.fitErrors(a, a.server, leftOut)
	series := l.span.dense(a.hours, a.requests, first, leftOut)
	// Cheap way out for the many endpoints that are too thin for a season.
	if float64(e.Requests) < busyHour*24 || e.Days < l.cfg.MinDays {
		return e
	}
	course := l.follow(k, series, first)
	for _, c := range course.changes {
		c.Events = a.requestsSince(c.Since)
		l.model.changes = append(l.model.changes, c)
	}
	e.Trend = float64(round4(math.Expm1(course.trend * 7)))
	ordinary := course.ordinary()
	var group *Season
	if service := l.model.endpoints[k.service()]; service != nil && !k.Whole() {
		group = service.Season
	}
	season := l.span.fitSeason(ordinary, first, group)
	l.span.fitLeast(season, course.series, first)
	levels := make([]float64, hoursOfWeek)
	for i, v := range season.Level {
		levels[i] = float64(v)
	}
	switch busy := quantile(levels, 0.75); {
	case busy >= busyBucket*12:
		e.Step = fiveMinutes
	case busy >= busyHour:
		e.Step = oneHour
	default:
		return e
	}
	e.Season = season
	e.Alpha = l.span.fitAlpha(ordinary, first, season)
	e.Buckets *= oneHour / e.Step
	l.fitThresholds(e, a, course)
	return e
}

// fitThresholds sets the deviations that make a spike or a drop from the endpoint's own history: the worst bucket of
// each hour is one block.
func (l *learner) fitThresholds(e *Endpoint, a *hourly, c *course) {
	series, first := c.series, c.first
	highs, lows := series, series
	if e.Step == fiveMinutes {
		leftOut := func(h int64) bool { return math.IsNaN(series[h-first]) }
		highs = l.span.dense(a.hours, c.present(a.hours, a.peak), first, leftOut)
		lows = l.span.dense(a.hours, c.present(a.hours, a.trough), first, leftOut)
	}
	var spikes, drops []float64
	for i := range series {
		if math.IsNaN(series[i]) {
			continue
		}
		mu := e.level(int(l.span.slots[first-l.span.from+int64(i)]))
		spikes = append(spikes, max(surprise(highs[i], mu, e.Alpha), 0))
		drops = append(drops, max(-surprise(lows[i], mu, e.Alpha), 0))
		if mu >= busyBucket && lows[i] == 0 {
			e.Empties++
		}
	}
	p := l.cfg.budget(EndpointTraffic)
	e.SpikeZ = tailThreshold(spikes, p, floorZ)
	e.DropZ = tailThreshold(drops, p, floorZ)
}

// errorAlpha is the over-dispersion assumed of error counts around their share; the threshold is learned on top.
const errorAlpha = 0.1

func (l *learner) fitErrors(a *hourly, errs []uint32, leftOut func(int64) bool) ErrorRate {
	type hour struct{ n, errs float64 }
	hours := make([]hour, 0, len(errs))
	var shares []float64
	for i, h := range a.hours {
		if leftOut(int64(h)) || a.requests[i] == 0 {
			continue
		}
		n, bad := float64(a.requests[i]), float64(errs[i])
		hours = append(hours, hour{n, bad})
		if n >= 20 {
			shares = append(shares, bad/n)
		}
	}
	worst := slices.Clone(hours)
	slices.SortFunc(worst, func(a, b hour) int {
		if c := (b.errs - a.errs) + (a.n-b.n)*1e-9; c != 0 {
			return int(math.Copysign(1, c))
		}
		return 0
	})
	var n, bad float64
	for _, h := range worst[len(worst)/20:] {
		n, bad = n+h.n, bad+h.errs
	}
	r := ErrorRate{High: float64(round4(quantile(shares, 0.99)))}
	if n > 0 {
		r.Share = float64(round4(bad / n))
	}
	zs := make([]float64, 0, len(hours))
	for _, h := range hours {
		zs = append(zs, max(surprise(h.errs, h.n*r.Share, errorAlpha), 0))
	}
	r.Z = tailThreshold(zs, l.cfg.budget(EndpointErrorBurst), floorZ)
	return r
}

// index fills what is derived from the learned rows.
func (m *Model) index() {
	m.busy = m.busy[:0]
	for _, e := range m.endpoints {
		if e.Step > 0 && e.Days >= max(7, m.MinDays) {
			m.busy = append(m.busy, e)
		}
	}
	slices.SortFunc(m.busy, func(a, b *Endpoint) int { return compareKeys(a.Key, b.Key) })
	m.indexSurface()
}

// compareKeys orders services as a whole before endpoints, then by service, route and method.
func compareKeys(a, b EndpointKey) int {
	if a.Whole() != b.Whole() {
		if a.Whole() {
			return -1
		}
		return 1
	}
	if c := strings.Compare(a.Service, b.Service); c != 0 {
		return c
	}
	if c := strings.Compare(a.Route, b.Route); c != 0 {
		return c
	}
	return strings.Compare(a.Method, b.Method)
}
