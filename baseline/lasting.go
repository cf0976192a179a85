package baseline

import (
	"fmt"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// lasting is the detector lasting-change. It tells what learning found: the level of an endpoint, or of a service, changed
// by half or more, has stayed so for drift_days, and is taken for normal from the model on that says so.
//
// Fires: once for each change, when the first model that knows it comes into effect. Of a service the change as a whole
// is told when no endpoint makes half of it, else those of its three endpoints that changed most.
//
// Does not fire: for slow growth, for what is over again, for a change that somebody accepted before.
//
// It needs twelve days of history. Known false positives: none are known as such, but a change may be an attack that
// lasted; a roll back undoes what was learned of it.
type lasting struct {
	models *models
	model  *Model
}

func newLasting(m *models) *lasting { return &lasting{models: m} }

// Observe implements detect.Detector.
func (d *lasting) Observe(ev *event.Event, emit detect.Emit) { d.Advance(ev.Time, emit) }

// Advance implements detect.Detector: a model that has come into effect is asked once for what is new.
func (d *lasting) Advance(to time.Time, emit detect.Emit) {
	m := d.models.at(to)
	if m == nil || d.model != nil && m.Version == d.model.Version || d.model != nil && m.EffectiveFrom.Before(d.model.EffectiveFrom) {
		return
	}
	d.model = m
	for _, c := range m.changes {
		if c.New && c.Told {
			emit(d.finding(m, c))
		}
	}
}

func (d *lasting) finding(m *Model, c Change) detect.Finding {
	info, k := infoOf(LastingChange), c.Endpoint
	group := k.group(string(c.Measure))
	end := m.Snapshot.Until.UTC().Truncate(time.Hour)
	f := detect.Finding{
		Detector: LastingChange, Revision: 1,
		Title: info.Title, Kind: info.Kind, Severity: info.Severity,
		Entity: k.entity(), Service: k.Service, Route: k.Route, Group: group,
		FiredAt: m.EffectiveFrom, FirstSeen: c.Since, LastSeen: end, EventCount: c.Events,
		Observed: float64(c.Events), Unit: "requests since",
		Measure: detect.Measure{
			Aggregate: detect.AggregateCount, Where: k.where(), From: c.Since, To: end, Cut: m.Snapshot.Cut,
		},
		Tags:     []string{string(c.Measure)},
		Baseline: ref(m, k.rowKey(), c, fmt.Sprintf("%d days before, %d hours since", c.Days, end.Sub(c.Since)/time.Hour)),
	}
	days := end.Sub(c.Since).Hours() / hoursADay
	f.Expected = round2(c.Before * days)
	what, unit := "gets", " requests a day"
	if c.Measure != MeasuredRequests {
		f.Measure.Where = append(f.Measure.Where, atLeast("status", "200"), below("status", "300"))
		f.Expected, f.Unit = f.Observed, "successful answers since"
	}
	switch c.Measure {
	case MeasuredDuration:
		what, unit = "answers in", " ms"
	case MeasuredSize:
		what, unit = "answers with", " bytes"
	case MeasuredRequests:
	}
	f.Explanation = fmt.Sprintf("%s %s about %s%s since %s UTC; before it was about %s, from %d days. It has lasted for %.0f days and is taken for normal from now on",
		k.subject(), what, count(c.After), unit, c.Since.Format("2 January 2006 15:04"), count(c.Before), c.Days, days)
	f.ID = detect.FindingID(f.Detector, f.Entity, f.Service, f.Group, f.FiredAt)
	return f
}

// Restore implements detect.Detector: a change has no episode.
func (d *lasting) Restore([]detect.Finding) {}

// Lookback implements detect.Detector: nothing is counted.
func (d *lasting) Lookback() time.Duration { return 0 }

var _ detect.Detector = (*lasting)(nil)
