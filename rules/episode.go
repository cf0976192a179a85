package rules

import (
	"math"
	"slices"
	"time"

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
	until   int64 // the condition holds until then at least
	hold    int64
	late    int64 // how far behind the newest event it began: so much later it closes
	emitted int64 // event time of the last emission
	changed bool

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
	emit(cloneFinding(&e.f))
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
	e.f.Sample = append(e.f.Sample, ownEvent(ev))
}

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
	firedAt := time.Unix(0, g.newest).UTC()
	place := g.place()
	r := t.rule
	f := detect.Finding{
		Open: true, Detector: r.ID, Title: r.Title, Kind: r.Kind, Severity: r.Severity,
		Service: ownString(ev.Service), FiredAt: firedAt, FirstSeen: time.Unix(0, v.first).UTC(), LastSeen: firedAt,
		EventCount: v.events, Observed: v.observed, Expected: float64(g.threshold), Unit: t.unit(),
		OWASP: r.OWASP, MITRE: r.MITRE, Tags: r.Tags, Group: t.by.values(), Baseline: t.learned[g],
		Measure: detect.Measure{
			Aggregate: detect.AggregateCount,
			Where:     append([]detect.Condition{{Field: "signatures", Op: detect.OpHas, Value: t.signature}}, t.conditions(ev)...),
			From:      firedAt.Add(-time.Duration(t.span)), To: firedAt, FromOpen: true, Until: &place, Cut: w.cut,
		},
	}
	if t.kind == ValueCount {
		f.Measure.Aggregate, f.Measure.Field = detect.AggregateDistinct, t.value.spec().name
	}
	f.Entity = t.entity(ev)
	if f.Entity.Type == detect.EntityEndpoint || slices.Contains(t.by.fields, fieldRoute) {
		f.Route = ownString(ev.Route)
	}
	f.ID = detect.FindingID(r.ID, f.Entity, f.Service, f.Group, firedAt)
	f.Explanation = t.explain(ev, &f, v)
	g.episode = &episode{f: f, until: v.until, hold: t.hold, emitted: g.newest}
	if g.episode.closesAt() <= w.now { // a clock went back: closed at once, every further event would begin another
		g.episode.late = w.now - g.newest
	}
	g.episode.sample(ev)
	w.opened(g)
	g.episode.emit(emit)
}

// conditions are those of the measure that select the group.
func (t *tracker) conditions(ev *event.Event) []detect.Condition {
	var all []detect.Condition
	equal := func(field, value string) {
		all = append(all, detect.Condition{Field: field, Op: detect.OpEqual, Value: ownString(value)})
	}
	for _, id := range t.by.fields {
		switch {
		case id != fieldActor:
			equal(id.spec().name, fieldText(ev, id))
		case ev.User != "":
			equal("user", ev.User)
		default:
			equal("client_ip", ev.ClientIP.String())
			equal("user", "")
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
