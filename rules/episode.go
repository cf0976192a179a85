package rules

import (
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

const (
	updateEvery = int64(time.Minute) // event time between two updates of an open finding
	maxSample   = 5
)

// episode is an open finding.
type episode struct {
	f       detect.Finding
	tracker *tracker
	group   *group
	index   int   // among the open ones
	until   int64 // the condition holds until then at least
	hold    int64
	late    int64 // how far behind the newest event it began: so much later it closes
	emitted int64 // event time of the last emission
	changed bool
	silent  bool // nobody is told

	restored bool      // open since before a restart, and the event at which it fired has not come by again
	after    time.Time // events up to here were counted before the restart
	known    uint64    // the count that was emitted before the restart
}

func (e *episode) closesAt() int64 {
	if e.until > math.MaxInt64-e.hold-e.late {
		return math.MaxInt64
	}
	return e.until + e.hold + e.late
}

func (e *episode) prolong(v verdict) {
	if v.holds {
		e.until = max(e.until, v.until)
	}
}

// count adds an event to the episode and emits an update when the last emission is a minute old.
func (e *episode) count(ev *event.Event, emit detect.Emit) {
	if !ev.Time.After(e.after) {
		return
	}
	e.f.EventCount++
	if ev.Time.After(e.f.LastSeen) {
		e.f.LastSeen = ev.Time.UTC()
	}
	e.sample(ev)
	e.changed = true
	if now := ev.Time.UnixNano(); now-e.emitted >= updateEvery && e.f.EventCount > e.known {
		e.emitted = now
		e.emit(emit)
	}
}

// updateDue is the whole minute of event time at which growth that was not told yet is told, a minute after the last
// emission or more; false when there is none.
func (e *episode) updateDue() (at int64, grew bool) {
	at = e.emitted + 2*updateEvery - 1
	return at - at%updateEvery, e.changed && !e.restored && e.f.EventCount > e.known
}

// finish emits the closed finding.
func (e *episode) finish(emit detect.Emit) {
	e.f.Open = false
	e.emit(emit)
}

func (e *episode) emit(emit detect.Emit) {
	e.f.Revision++
	e.changed = false
	if !e.silent {
		emit(cloneFinding(&e.f))
	}
}

// sample keeps a few events that differ in what they asked for.
func (e *episode) sample(ev *event.Event) {
	if len(e.f.Sample) >= maxSample {
		return
	}
	for i := range e.f.Sample {
		if s := &e.f.Sample[i]; s.Path == ev.Path && s.Query == ev.Query && s.Status == ev.Status {
			return
		}
	}
	e.f.Sample = append(e.f.Sample, ev.Clone())
}

// size is about how many bytes the episode takes.
func (e *episode) size() int64 {
	return int64(unsafe.Sizeof(*e)) + findingTexts + sampleSize*int64(len(e.f.Sample))
}

const (
	findingTexts = 1 << 10 // about what a finding refers to: explanation, group, conditions
	sampleSize   = 1 << 10 // about what an event takes with its texts
)

// restoredEpisode continues a finding of before a restart. Until its events come again, it is over when its condition,
// taken to have been true at LastSeen, has been false for the hold time.
func restoredEpisode(f *detect.Finding, span, hold int64) *episode {
	own := cloneFinding(f)
	last := f.LastSeen.UnixNano()
	return &episode{f: own, restored: true, until: last + span, hold: hold, emitted: last}
}

// meet handles an event of the group while the episode waits for the event at which it fired. Replay brings earlier
// events first, which fill the window. When the firing event comes and fires again, the episode is counted anew and
// exactly; when replay began too late for that, it goes on from the counts that were stored.
func (e *episode) meet(ev *event.Event, v verdict, emit detect.Emit) {
	fired := event.Place{Time: e.f.FiredAt}
	if u := e.f.Measure.Until; u != nil {
		fired = *u
	}
	at := ev.Place().Compare(fired)
	if at < 0 {
		return
	}
	e.restored = false
	if at == 0 && v.holds {
		e.until, e.known = v.until, e.f.EventCount
		e.f.EventCount, e.f.LastSeen = v.events, ev.Time.UTC()
		return
	}
	e.after = e.f.LastSeen
	e.prolong(v)
	e.count(ev, emit)
}

// fire opens an episode at the group's newest event.
func (t *tracker) fire(w *Windows, g *group, ev *event.Event, v verdict, emit detect.Emit) {
	group := t.by.values()
	f := t.finding(ev, group, time.Unix(0, g.newest).UTC(), v)
	if t.counts() {
		f.Expected = float64(t.thresholdOf(g))
	}
	f.Baseline = t.learned[g].baseline
	f.Measure = t.measure(ev, group, v)
	t.bound(&f.Measure, g, v, w.cut)
	f.Explanation = t.explain(ev, &f, v)
	e := &episode{f: f, until: v.until, hold: t.hold, emitted: g.newest, silent: t.silent}
	if e.closesAt() <= w.now { // a clock went back: closed at once, every further event would begin another
		e.late = w.now - g.newest
	}
	e.sample(ev)
	t.begin(w, g, e)
	e.emit(emit)
}

// counts reports whether the threshold is a number of events, values or rules.
func (t *tracker) counts() bool { return !t.closing && !t.kind.numeric() }

// finding is the finding about a group, but for its measure and explanation.
func (t *tracker) finding(ev *event.Event, group []string, firedAt time.Time, v verdict) detect.Finding {
	r := t.rule
	f := detect.Finding{
		Open: true, Detector: r.ID, Title: r.Title, Kind: r.Kind, Severity: r.Severity,
		Service: ownString(ev.Service), FiredAt: firedAt, FirstSeen: time.Unix(0, v.first).UTC(), LastSeen: firedAt,
		EventCount: v.events, Observed: v.observed, Unit: t.unit(),
		OWASP: r.OWASP, MITRE: r.MITRE, Tags: r.Tags, Group: group,
	}
	if !t.counts() {
		f.Expected = r.Correlation.Bounds[0].Value
	}
	f.Entity = t.entity(ev)
	if f.Entity.Type == detect.EntityEndpoint || slices.Contains(t.by.fields, fieldRoute) {
		f.Route = ownString(ev.Route)
	}
	f.ID = detect.FindingID(r.ID, f.Entity, f.Service, f.Group, firedAt)
	return f
}

// aggregates are the measures of the correlation types.
var aggregates = map[CorrelationType]detect.Aggregate{
	EventCount: detect.AggregateCount, ValueCount: detect.AggregateDistinct, ValueSum: detect.AggregateSum,
	ValueAvg: detect.AggregateAvg, ValuePercentile: detect.AggregateQuantile,
	Temporal: detect.AggregateSteps, TemporalOrdered: detect.AggregateSequence,
}

// measure is the number that a verdict is about, as a measure; its bounds are left open.
func (t *tracker) measure(ev *event.Event, group []string, v verdict) detect.Measure {
	if t.chained {
		return detect.Measure{Aggregate: detect.AggregateParts, Parts: v.parts}
	}
	m := detect.Measure{Aggregate: aggregates[t.kind]}
	if t.value != fieldNone {
		m.Field = t.value.spec().name
	}
	if t.kind == ValuePercentile {
		m.Quantile, m.Bits = t.reach.quantile, significantBits
	}
	switch {
	case t.perRule != nil:
		for i, by := range t.perRule {
			m.Any = append(m.Any, append([]detect.Condition{hasSignature(t.reach.rules[i])}, valueConditions(by.fields, group)...))
		}
	case t.kind.temporal():
		m.Where = eventConditions(t.by.fields, ev)
		for _, id := range t.reach.rules {
			m.Any = append(m.Any, []detect.Condition{hasSignature(id)})
		}
	default:
		m.Where = append([]detect.Condition{hasSignature(t.signature)}, eventConditions(t.by.fields, ev)...)
	}
	return m
}

// bound sets the bounds of a measure to the window that ends at the group's newest event.
func (t *tracker) bound(m *detect.Measure, g *group, v verdict, cut time.Time) {
	place := g.place()
	m.To, m.FromOpen, m.Until, m.Cut = time.Unix(0, g.newest).UTC(), true, &place, cut
	m.From = m.To.Add(-time.Duration(t.span))
	if v.edged {
		m.From = time.Unix(0, v.edge).UTC()
	}
	for i := range m.Parts {
		if from := m.Parts[i].Measure.From; from.Before(m.From) {
			m.From = from
		}
	}
}

func hasSignature(id string) detect.Condition {
	return detect.Condition{Field: "signatures", Op: detect.OpHas, Value: id}
}

func equalTo(field, value string) detect.Condition {
	return detect.Condition{Field: field, Op: detect.OpEqual, Value: ownString(value)}
}

// eventConditions select the group of an event.
func eventConditions(fields []fieldID, ev *event.Event) []detect.Condition {
	var all []detect.Condition
	for _, id := range fields {
		switch {
		case id != fieldActor:
			all = append(all, equalTo(id.spec().name, fieldText(ev, id)))
		case ev.User != "":
			all = append(all, equalTo("user", ev.User))
		default:
			all = append(all, equalTo("client_ip", ev.ClientIP.String()), equalTo("user", ""))
		}
	}
	return all
}

// valueConditions select a group by its values, for fields that may be another rule's. A value that a field cannot have
// selects nothing.
func valueConditions(fields []fieldID, group []string) []detect.Condition {
	var all []detect.Condition
	for i, id := range fields {
		value := group[i]
		if id != fieldActor && id != fieldClientIP {
			all = append(all, equalTo(id.spec().name, value))
			continue
		}
		if user, ok := strings.CutPrefix(value, "user="); ok && id == fieldActor {
			all = append(all, equalTo("user", user))
			continue
		}
		if _, err := netip.ParseAddr(value); err != nil {
			return []detect.Condition{equalTo("source", ""), {Field: "source", Op: detect.OpNot}} // no address: none
		}
		all = append(all, equalTo("client_ip", value))
		if id == fieldActor {
			all = append(all, equalTo("user", ""))
		}
	}
	return all
}

// entity is whom the finding is about: the first of user, session and client address in the group, else the
// endpoint, else the service.
func (t *tracker) entity(ev *event.Event) detect.Entity {
	for _, id := range t.by.fields {
		switch id {
		case fieldActor:
			if ev.User != "" {
				return detect.Entity{Type: detect.EntityUser, Value: ownString(ev.User)}
			}
			return detect.Entity{Type: detect.EntityClient, Value: ev.ClientIP.String()}
		case fieldUser:
			return detect.Entity{Type: detect.EntityUser, Value: ownString(ev.User)}
		case fieldSession:
			return detect.Entity{Type: detect.EntitySession, Value: ownString(ev.Session)}
		case fieldClientIP:
			return detect.Entity{Type: detect.EntityClient, Value: ev.ClientIP.String()}
		}
	}
	if slices.Contains(t.by.fields, fieldRoute) {
		return detect.Entity{Type: detect.EntityEndpoint, Value: ev.Method + " " + ev.Route}
	}
	return detect.Entity{Type: detect.EntityService, Value: ownString(ev.Service)}
}
