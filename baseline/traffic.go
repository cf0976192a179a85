package baseline

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// traffic is the detector endpoint-traffic: spikes and drops of endpoints, and of services as a whole.
//
// Fires: many clients send far more requests than at this hour of the week by habit (two buckets in a row, or one that
// is far out); or a busy endpoint, busy in every known week at this hour, hardly gets any while its service goes on.
// When a service as a whole is unusual and no endpoint alone explains it, the finding is about the service.
//
// Does not fire: for one actor who makes half of the excess or more (that is the user's or client's event), for
// endpoints that are too thin or known for too short a time, for what sleeps at night or on Sundays.
//
// Known false positives: a first campaign, a holiday, a release that moves traffic from one route to another.
type traffic struct {
	cfg      Config
	lanes    []*lane
	episodes episodes
	// serviceSpike is when each service's last spike as a whole ended: its endpoints' spikes in that time are not news.
	serviceSpike map[string]time.Time
}

const (
	strongZ      = 1.5 // times the threshold: one bucket suffices
	leastRatio   = 2   // a spike is at least this many times the expected
	dropRatio    = 0.2 // a drop leaves at most this share of the fewest seen at this hour of the week
	mostFindings = 3   // endpoints of one service and bucket that are named, the strongest first
)

func newTraffic(cfg Config, m *models) *traffic {
	t := &traffic{cfg: cfg, episodes: newEpisodes(EndpointTraffic, 3), serviceSpike: map[string]time.Time{}}
	for _, width := range []int64{fiveMinutes, oneHour} {
		l := newLane(width, m)
		l.counts = func(e *Endpoint, key EndpointKey) bool {
			// A service is counted in both lanes: its endpoints' drops are held against it.
			return e.Days >= cfg.MinDays && (int64(e.Step) == width || key.Whole() && e.Step > 0)
		}
		l.judge = t.judge
		t.lanes = append(t.lanes, l)
	}
	return t
}

// Observe implements detect.Detector.
func (t *traffic) Observe(ev *event.Event, emit detect.Emit) {
	actor := actorHash(ev)
	for _, l := range t.lanes {
		l.observe(ev, actor, emit)
	}
}

// Advance implements detect.Detector.
func (t *traffic) Advance(to time.Time, emit detect.Emit) {
	for _, l := range t.lanes {
		l.advance(to, emit)
	}
}

// Restore implements detect.Detector.
func (t *traffic) Restore(open []detect.Finding) { t.episodes.restore(open) }

// Lookback implements detect.Detector: the longest bucket.
func (t *traffic) Lookback() time.Duration { return time.Hour }

// verdict is an unusual bucket of one cell.
type verdict struct {
	cell    *cell
	drop    bool
	z       float64
	level   float64 // expected requests in the bucket
	bound   float64 // the count from which, or below which, it is unusual
	strong  bool
	excess  float64
	crowded bool // one actor makes most of the excess
}

func (t *traffic) judge(b *bucket, emit detect.Emit) {
	byService := map[string]*outcome{}
	at := func(service string) *outcome {
		o := byService[service]
		if o == nil {
			o = &outcome{}
			byService[service] = o
		}
		return o
	}
	for _, c := range b.cells {
		if int64(c.norm.Step) != b.lane.width {
			continue
		}
		if v, ok := t.spike(b, c); ok {
			at(c.key.Service).add(v)
		} else {
			c.spikes = streak{}
		}
	}
	for _, e := range b.model.busy {
		if int64(e.Step) != b.lane.width {
			continue
		}
		if v, ok := t.drop(b, e); ok {
			at(e.Key.Service).add(v)
		} else if c := b.lane.cells[e.Key]; c != nil {
			c.drops = streak{}
		}
	}
	said := map[string]bool{}
	for _, service := range sortedStrings(byService) {
		for _, v := range byService[service].say() {
			t.report(b, v, said, emit)
		}
	}
	t.calm(b, said, emit)
}

// outcome is what is unusual about one service in one bucket.
type outcome struct {
	spikes, drops  []verdict // of endpoints
	wholeUp, whole *verdict  // of the service: spike, drop
}

func (o *outcome) add(v verdict) {
	switch whole := v.cell.key.Whole(); {
	case whole && v.drop:
		o.whole = &v
	case whole:
		o.wholeUp = &v
	case v.drop:
		o.drops = append(o.drops, v)
	default:
		o.spikes = append(o.spikes, v)
	}
}

// say chooses what is reported: the service when it is unusual as a whole, unless one endpoint makes half of it.
func (o *outcome) say() []verdict {
	out := strongest(o.spikes)
	if o.wholeUp != nil {
		if len(out) == 0 || slices.MaxFunc(out, byExcess).excess < o.wholeUp.excess/2 {
			out = []verdict{*o.wholeUp}
		}
	}
	if o.whole != nil {
		return append(out, *o.whole)
	}
	return append(out, strongest(o.drops)...)
}

func byExcess(a, b verdict) int {
	switch {
	case a.excess < b.excess:
		return -1
	case a.excess > b.excess:
		return 1
	}
	return -compareKeys(a.cell.key, b.cell.key)
}

func strongest(vs []verdict) []verdict {
	slices.SortFunc(vs, func(a, b verdict) int { return byExcess(b, a) })
	return vs[:min(len(vs), mostFindings)]
}

// spike judges a bucket for too many requests.
func (t *traffic) spike(b *bucket, c *cell) (verdict, bool) {
	e, x := c.norm, float64(c.requests)
	if x < float64(t.cfg.MinSpikeRequests) {
		return verdict{}, false
	}
	level := e.level(b.slot)
	bound := max(boundAt(e.SpikeZ, level, e.Alpha), level+float64(t.cfg.MinSpikeRequests), level*leastRatio)
	if x <= bound {
		return verdict{}, false
	}
	v := verdict{cell: c, z: surprise(x, level, e.Alpha), level: level, bound: bound, excess: x - level}
	v.strong = v.z >= strongZ*e.SpikeZ || int64(e.Step) == oneHour
	v.crowded = c.actors.top() >= v.excess/2
	return v, !v.crowded
}

// drop judges a bucket for too few requests.
func (t *traffic) drop(b *bucket, e *Endpoint) (verdict, bool) {
	least := float64(e.Season.Least[b.slot]) * float64(e.Step) / oneHour
	if least < busyBucket {
		return verdict{}, false
	}
	var x float64
	c := b.lane.cells[e.Key]
	if c != nil {
		x = float64(c.requests)
	}
	if x > least*dropRatio {
		return verdict{}, false
	}
	level := min(e.level(b.slot), least*2)
	z := -surprise(x, level, e.Alpha)
	// An empty bucket is as far as a drop can go: where none was ever seen it is unusual whatever the threshold.
	unheard := x == 0 && e.Empties == 0
	if z < e.DropZ && !unheard || !e.Key.Whole() && t.serviceDown(b, e.Key) {
		return verdict{}, false
	}
	if c == nil {
		c = b.lane.cell(e.Key)
	}
	return verdict{
		cell: c, drop: true, z: z, level: level, bound: least * dropRatio, excess: level - x,
		strong: int64(e.Step) == oneHour,
	}, true
}

// serviceDown reports whether the service as a whole is far below its level: then its endpoints say nothing new.
func (t *traffic) serviceDown(b *bucket, k EndpointKey) bool {
	e := b.model.Endpoint(k.service())
	if e == nil || e.Season == nil {
		return false
	}
	var x float64
	if c := b.lane.cells[k.service()]; c != nil {
		x = float64(c.requests)
	}
	return x < 0.5*float64(e.Season.Level[b.slot])*float64(b.lane.width)/oneHour
}

// report counts the verdict's streak, prolongs its episode, or begins one.
func (t *traffic) report(b *bucket, v verdict, said map[string]bool, emit detect.Emit) {
	c := v.cell
	run := &c.spikes
	if v.drop {
		run = &c.drops
	}
	if run.buckets == 0 {
		*run = streak{start: b.start.Unix(), first: c.first}
	}
	run.buckets++
	run.requests += c.requests
	group := c.key.group(v.direction())
	seen := bucketSeen{end: b.end, first: c.first, last: c.last, events: uint64(c.requests)}
	if v.drop || c.requests == 0 {
		seen.last = b.end
	}
	said[groupKey(group)] = true
	if t.episodes.prolong(group, seen, !v.drop || b.end.Minute() == 0, emit) {
		return
	}
	if run.buckets < 2 && !v.strong || t.toldByService(b, v) {
		return
	}
	if c.key.Whole() && !v.drop {
		t.serviceSpike[c.key.Service] = b.end
	}
	t.episodes.begin(t.finding(b, v, *run, group), b.end, emit)
}

// The directions of unusual traffic: the last part of a finding's group, and its tag.
const (
	directionSpike = "spike"
	directionDrop  = "drop"
)

func (v verdict) direction() string {
	if v.drop {
		return directionDrop
	}
	return directionSpike
}

func (k EndpointKey) group(more string) []string {
	return []string{k.Service, k.Method, k.Route, more}
}

// toldByService reports whether an hour's spike of an endpoint was told as one of its service in the same hour.
func (t *traffic) toldByService(b *bucket, v verdict) bool {
	return !v.drop && !v.cell.key.Whole() && t.serviceSpike[v.cell.key.Service].After(b.start)
}

// calm tells the open episodes that nothing was said about them in this bucket. A drop is over when traffic is back, not
// when an hour comes in which none is expected.
func (t *traffic) calm(b *bucket, said map[string]bool, emit detect.Emit) {
	for _, key := range sortedStrings(t.episodes.open) {
		e := t.episodes.open[key]
		norm := b.model.Endpoint(EndpointKey{e.finding.Service, e.finding.Group[1], e.finding.Group[2]})
		judged := norm != nil && norm.Step > 0
		if said[key] || judged && int64(norm.Step) != b.lane.width { // the other lane's
			continue
		}
		if judged && e.finding.Group[3] == directionDrop && !recovered(b, norm) {
			continue
		}
		t.episodes.calm(key, emit)
	}
}

// recovered reports whether half of the fewest requests ever seen at this hour of the week are back.
func recovered(b *bucket, e *Endpoint) bool {
	c := b.lane.cells[e.Key]
	least := float64(e.Season.Least[b.slot]) * float64(e.Step) / oneHour
	return c != nil && c.requests > 0 && float64(c.requests) >= least/2
}

func (t *traffic) finding(b *bucket, v verdict, run streak, group []string) detect.Finding {
	c, info := v.cell, infoOf(EndpointTraffic)
	from := time.Unix(run.start, 0).UTC()
	n := float64(run.buckets)
	f := detect.Finding{
		Title: info.Title, Kind: info.Kind, Severity: info.Severity, OWASP: info.OWASP, MITRE: info.MITRE,
		Entity: c.key.entity(), Service: c.key.Service, Route: c.key.Route, Group: group,
		FiredAt: b.end, FirstSeen: run.first, LastSeen: c.last, EventCount: uint64(run.requests),
		Observed: float64(run.requests), Expected: round2(v.bound * n), Unit: "requests",
		Measure: detect.Measure{
			Aggregate: detect.AggregateCount, Where: c.key.where(), From: from, To: b.end, Cut: b.lane.cut,
		},
		Tags:     []string{v.direction()},
		Baseline: ref(b.model, c.norm.Key.rowKey(), c.norm, c.norm.history()),
	}
	width := inWords(b.end.Sub(from))
	known := c.norm.history()
	if v.drop {
		f.Title, f.FirstSeen, f.LastSeen = "Traffic has stopped or nearly so", from, b.end
		f.OWASP, f.MITRE = nil, nil
		f.Explanation = fmt.Sprintf("%s got %s requests in %s; at this hour of the week it got at least %s in every week known, from %s",
			c.key.subject(), detect.Thousands(uint64(run.requests)), width, count(v.bound*n/dropRatio), known)
		return f
	}
	f.Title = "Traffic spike from many clients"
	f.Explanation = fmt.Sprintf("%s got %s requests in %s from many clients; at this hour of the week it gets about %s and hardly ever more than %s, from %s",
		c.key.subject(), detect.Thousands(uint64(run.requests)), width, count(v.level*n), count(v.bound*n), known)
	return f
}

// subject names the endpoint or service in a sentence.
func (k EndpointKey) subject() string {
	if k.Whole() {
		return "service " + k.Service
	}
	return k.String() + " of " + k.Service
}

func (e *Endpoint) history() string {
	return history(e.Days, uint64(max(e.Buckets, 0)), "buckets") //nolint:gosec // not negative
}

// ref builds the reference to a learned row.
func ref(m *Model, key string, row any, known string) *detect.BaselineRef {
	b, err := json.Marshal(row)
	if err != nil {
		panic(err) // rows are structs of numbers and strings
	}
	return &detect.BaselineRef{Version: m.Version, Key: key, Row: b, History: known}
}

func round2(x float64) float64 { return math.Round(x*100) / 100 }

// count writes an expected number for people.
func count(x float64) string {
	if x < 10 {
		return fmt.Sprintf("%.2g", x)
	}
	return detect.Thousands(uint64(math.Round(x)))
}

func sortedStrings[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
