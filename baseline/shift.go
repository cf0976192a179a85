package baseline

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// shift is the detectors endpoint-latency and response-size: the median of an endpoint's successful answers (2xx) has left
// the band in which the medians of its hours stay.
//
// Fires: in a bucket (five minutes for busy endpoints, an hour for others) with 30 answers or more, more than half of
// them are slower, or larger, than the upper bound, or smaller than the lower one; two buckets of five minutes in a row,
// or an hour. The bounds come from the endpoint's own hours, are at least twice or half of the median, and at least 50 ms
// or 256 bytes away from it.
//
// Does not fire: for a few slow answers, for endpoints whose answers differ widely from hour to hour, when it is so only
// with the answers of one actor, for endpoints with less than 48 hours of ten answers or more.
//
// Known false positives: a release that changes what is answered; a backup that slows everything.
type shift struct {
	cfg      Config
	lanes    []*lane
	episodes [len(quantities)]episodes
}

// answers counts, in a lane's cell, the answers that lie beyond the learned bounds.
type answers [len(quantities)]struct{ n, over, under uint32 }

// quantity is one of the two things of which the median is watched.
type quantity struct {
	detector   string
	field      string
	unit       string
	of         func(ev *event.Event) (x float64, ok bool)
	learned    func(s *Shape) *Level
	both       bool // a fall is unusual too
	overWords  string
	underWords string
}

var quantities = [...]quantity{
	{
		EndpointLatency, "duration_ms", "answers",
		func(ev *event.Event) (float64, bool) { return ev.DurationMS, ev.DurationMS >= 0 },
		func(s *Shape) *Level { return s.Latency }, false, "took %s ms or longer", "",
	},
	{
		ResponseSize, "bytes_out", "answers",
		func(ev *event.Event) (float64, bool) { return float64(ev.BytesOut), ev.BytesOut >= 0 },
		func(s *Shape) *Level { return s.Size }, true, "had %s bytes or more", "had fewer than %s bytes",
	},
}

const leastAnswers = 30 // in a bucket

func newShift(cfg Config, m *models) *shift {
	d := &shift{cfg: cfg}
	for i := range quantities {
		d.episodes[i] = newEpisodes(quantities[i].detector, 3)
	}
	for _, width := range []int64{fiveMinutes, oneHour} {
		l := newLane(width, m)
		l.counts = func(e *Endpoint, _ EndpointKey) bool {
			return e.Shape != nil && (e.Shape.Latency != nil || e.Shape.Size != nil) && (e.Step == fiveMinutes) == (width == fiveMinutes)
		}
		l.note = noteAnswer
		l.judge = d.judge
		d.lanes = append(d.lanes, l)
	}
	return d
}

// noteAnswer counts one successful answer.
func noteAnswer(c *cell, ev *event.Event, actor uint64) {
	c.actors.add(actor)
	for i := range quantities {
		q := &quantities[i]
		x, ok := q.of(ev)
		level := q.learned(c.norm.Shape)
		if !ok || level == nil {
			continue
		}
		a := &c.answers[i]
		a.n++
		if x >= level.High {
			a.over++
		} else if x < level.Low {
			a.under++
		}
	}
}

// Observe implements detect.Detector.
func (d *shift) Observe(ev *event.Event, emit detect.Emit) {
	if ev.Status < 200 || ev.Status > 299 || ev.Route == "" || ev.DurationMS < 0 && ev.BytesOut < 0 {
		d.Advance(ev.Time, emit)
		return
	}
	actor := actorHash(ev)
	for _, l := range d.lanes {
		l.observe(ev, actor, emit)
	}
}

// Advance implements detect.Detector.
func (d *shift) Advance(to time.Time, emit detect.Emit) {
	for _, l := range d.lanes {
		l.advance(to, emit)
	}
}

// Restore implements detect.Detector.
func (d *shift) Restore(open []detect.Finding) {
	for i := range d.episodes {
		d.episodes[i].restore(open)
	}
}

// Lookback implements detect.Detector: the longest bucket.
func (d *shift) Lookback() time.Duration { return time.Hour }

func (d *shift) judge(b *bucket, emit detect.Emit) {
	for i := range quantities {
		said := map[string]bool{}
		named := map[string]int{}
		for _, c := range b.cells {
			d.look(b, c, i, named, said, emit)
		}
		d.calm(b, i, said, emit)
	}
}

// look judges one quantity of one endpoint's bucket.
func (d *shift) look(b *bucket, c *cell, i int, named map[string]int, said map[string]bool, emit detect.Emit) {
	q, a := &quantities[i], c.answers[i]
	level := q.learned(c.norm.Shape)
	if level == nil {
		return
	}
	over := 2*a.over > a.n
	out := a.over
	if q.both && level.Low > 0 && 2*a.under > a.n {
		out = a.under
	} else if !over {
		out = 0
	}
	run := &c.spikes
	if i > 0 {
		run = &c.drops
	}
	if a.n < leastAnswers || out == 0 || oneActors(float64(out), float64(a.n), c.actors.top()) {
		*run = streak{}
		return
	}
	if run.buckets == 0 {
		*run = streak{start: b.start.Unix(), first: c.first}
	}
	run.buckets++
	run.requests += a.n
	group := c.key.group(map[bool]string{true: "up", false: "down"}[over])
	said[groupKey(group)] = true
	if d.episodes[i].prolong(group, bucketSeen{b.end, c.first, c.last, uint64(a.n)}, true, emit) {
		return
	}
	if b.lane.width == fiveMinutes && run.buckets < 2 || named[c.key.Service] >= mostFindings {
		return
	}
	named[c.key.Service]++
	d.episodes[i].begin(d.finding(b, c, q, level, *run, shifted{out, a.n, over}, group), b.end, emit)
}

// shifted is what a bucket's answers say: so many of n are beyond the upper (or lower) bound.
type shifted struct {
	out, n uint32
	over   bool
}

// oneActors reports whether out of n answers are more than half of them only with those of the busiest actor, all of which
// are taken for such.
func oneActors(out, n, top float64) bool { return 2*(out-top) <= n-top }

func (d *shift) finding(b *bucket, c *cell, q *quantity, level *Level, run streak, s shifted, group []string) detect.Finding {
	info := infoOf(q.detector)
	words, bound, op := q.overWords, level.High, detect.OpGTE
	title, tag := info.Title, "up"
	if !s.over {
		words, bound, op, tag = q.underWords, level.Low, detect.OpLT, "down"
	}
	limit := strconv.FormatFloat(bound, 'f', -1, 64)
	if q.field == "bytes_out" { // whole bytes: x >= 10.5 is x >= 11
		limit = strconv.FormatFloat(math.Ceil(bound), 'f', -1, 64)
	}
	where := append(c.key.where(), atLeast("status", "200"), below("status", "300"), detect.Condition{Field: q.field, Op: op, Value: limit})
	if !s.over {
		where = append(where, atLeast(q.field, "0"))
	}
	known := history(c.norm.Days, uint64(level.Hours), "hours") //nolint:gosec // a length
	return detect.Finding{
		Title: title, Kind: info.Kind, Severity: info.Severity, OWASP: info.OWASP, MITRE: info.MITRE,
		Entity: c.key.entity(), Service: c.key.Service, Route: c.key.Route, Group: group,
		FiredAt: b.end, FirstSeen: run.first, LastSeen: c.last, EventCount: uint64(run.requests),
		Observed: float64(s.out), Expected: float64(s.n) / 2, Unit: q.unit,
		Measure: detect.Measure{Aggregate: detect.AggregateCount, Where: where, From: b.start, To: b.end, Cut: b.lane.cut},
		Explanation: fmt.Sprintf("%s of %s answers of %s in %s "+words+"; the median of its answers is %s by habit and hardly ever leaves %s to %s, from %s",
			detect.Thousands(uint64(s.out)), detect.Thousands(uint64(s.n)), c.key.subject(), inWords(b.end.Sub(b.start)), count(bound),
			count(level.Median), count(max(level.Low, 0)), count(level.High), known),
		Tags:     []string{tag},
		Baseline: ref(b.model, c.norm.Key.rowKey(), c.norm, known),
	}
}

// calm tells the open episodes of a quantity that nothing was said about them in this bucket.
func (d *shift) calm(b *bucket, i int, said map[string]bool, emit detect.Emit) {
	for _, key := range sortedStrings(d.episodes[i].open) {
		e := d.episodes[i].open[key]
		norm := b.model.Endpoint(EndpointKey{e.finding.Service, e.finding.Group[1], e.finding.Group[2]})
		mine := norm == nil || (norm.Step == fiveMinutes) == (b.lane.width == fiveMinutes)
		if mine && !said[key] {
			d.episodes[i].calm(key, emit)
		}
	}
}

var _ detect.Detector = (*shift)(nil)
