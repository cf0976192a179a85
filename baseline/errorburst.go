package baseline

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// errorBurst is the detector endpoint-error-burst: server errors, or client errors of many clients, of one endpoint.
//
// Fires: in a bucket (five minutes for busy endpoints, an hour for others) the errors are far more than the endpoint's
// learned share lets expect, at least min_errors, and at least a tenth of the requests (for client errors four times
// min_errors, half of the requests, and no client making half of them). Endpoints with little history are held against
// their service's share. When three or more endpoints of a service burst at once, the finding is about the service.
//
// Errors that stay below that in every five minutes add up: a busy endpoint is judged by the hour as well, with twice
// min_errors and a thirtieth of the requests (client errors: a quarter), unless the five minutes have told already.
//
// Does not fire: for what always fails, for a few errors of a quiet endpoint, for one client's failures (rules see those).
//
// Known false positives: a load test, a client release that asks for what is not there yet.
type errorBurst struct {
	cfg      Config
	lanes    []*lane
	episodes episodes
	told     map[string]time.Time // end of the last bucket of five minutes in which a group was told
}

// sustained marks the groups of busy endpoints that are judged by the hour.
const sustained = " sustained"

func newErrorBurst(cfg Config, m *models) *errorBurst {
	d := &errorBurst{cfg: cfg, episodes: newEpisodes(EndpointErrorBurst, 3), told: map[string]time.Time{}}
	for _, width := range []int64{fiveMinutes, oneHour} {
		l := newLane(width, m)
		l.fails = true
		l.counts = func(e *Endpoint, _ EndpointKey) bool {
			return e.Days >= cfg.MinDays && (e.Step == fiveMinutes || width == oneHour)
		}
		l.judge = d.judge
		d.lanes = append(d.lanes, l)
	}
	return d
}

// Observe implements detect.Detector.
func (d *errorBurst) Observe(ev *event.Event, emit detect.Emit) {
	actor := uint64(0)
	if ev.Status >= 400 {
		actor = actorHash(ev)
	}
	for _, l := range d.lanes {
		l.observe(ev, actor, emit)
	}
}

// Advance implements detect.Detector.
func (d *errorBurst) Advance(to time.Time, emit detect.Emit) {
	for _, l := range d.lanes {
		l.advance(to, emit)
	}
}

// Restore implements detect.Detector.
func (d *errorBurst) Restore(open []detect.Finding) { d.episodes.restore(open) }

// Lookback implements detect.Detector: the longest bucket.
func (d *errorBurst) Lookback() time.Duration { return time.Hour }

// errorClass is one of the two kinds of errors that are judged.
type errorClass struct {
	name      string // in the finding's group and tags
	words     string
	from, to  string     // statuses
	leastRate [2]float64 // of a bucket, of a busy endpoint's hour
	times     int        // min_errors times this
	oneActor  float64    // the share of the errors from which they are one actor's own affair
	of        func(c *cell) uint32
	learned   func(e *Endpoint) ErrorRate
}

var errorClasses = [...]errorClass{
	{
		"server", "server errors", "500", "600",
		[2]float64{0.1, 1.0 / 30},
		1, 0.8,
		func(c *cell) uint32 { return c.server },
		func(e *Endpoint) ErrorRate { return e.ServerErrors },
	},
	{
		"client", "client errors", "400", "500",
		[2]float64{0.5, 0.25},
		4, 0.5,
		func(c *cell) uint32 { return c.client },
		func(e *Endpoint) ErrorRate { return e.ClientErrors },
	},
}

// sums reports whether the bucket is the hour of an endpoint that is judged every five minutes.
func (b *bucket) sums(c *cell) bool { return b.lane.width == oneHour && c.norm.Step == fiveMinutes }

// burst is an unusual bucket of one cell.
type burst struct {
	cell  *cell
	n     uint32
	bound float64
	rate  ErrorRate
}

func (d *errorBurst) judge(b *bucket, emit detect.Emit) {
	said := map[string]bool{}
	for i := range errorClasses {
		class := &errorClasses[i]
		byService := map[string][]burst{}
		whole := map[string]burst{}
		for _, c := range b.cells {
			v, ok := d.burst(b, c, class)
			switch {
			case !ok:
			case c.key.Whole():
				whole[c.key.Service] = v
			default:
				byService[c.key.Service] = append(byService[c.key.Service], v)
			}
		}
		for _, service := range sortedStrings(byService) {
			bursts := byService[service]
			if all, ok := whole[service]; ok && len(bursts) >= 3 {
				bursts = []burst{all}
			}
			for _, v := range bursts[:min(len(bursts), mostFindings)] {
				d.report(b, v, class, said, emit)
			}
		}
	}
	if b.lane.width == oneHour {
		maps.DeleteFunc(d.told, func(_ string, end time.Time) bool { return !end.After(b.start) })
	}
	for _, key := range sortedStrings(d.episodes.open) {
		e := d.episodes.open[key]
		norm := b.model.Endpoint(EndpointKey{e.finding.Service, e.finding.Group[1], e.finding.Group[2]})
		byFives := norm != nil && norm.Step == fiveMinutes && !strings.HasSuffix(e.finding.Group[3], sustained)
		if mine := norm == nil || byFives == (b.lane.width == fiveMinutes); mine && !said[key] {
			d.episodes.calm(key, emit)
		}
	}
}

func (d *errorBurst) burst(b *bucket, c *cell, class *errorClass) (burst, bool) {
	n := class.of(c)
	times, rateAt := class.times, 0
	if b.sums(c) {
		if d.told[groupKey(c.key.group(class.name))].After(b.start) {
			return burst{}, false
		}
		times, rateAt = 2*class.times, 1
	}
	if int(n) < d.cfg.MinErrors*times || float64(n) < class.leastRate[rateAt]*float64(c.requests) {
		return burst{}, false
	}
	if c.actors.top() > class.oneActor*float64(c.client+c.server) {
		return burst{}, false
	}
	rate := class.learned(c.norm)
	if service := b.model.Endpoint(c.key.service()); service != nil {
		rate = rate.pooled(c.norm.Requests, class.learned(service))
	}
	share := float64(n) / float64(c.requests)
	expected := rate.Share * float64(c.requests)
	bound := max(boundAt(rate.Z, expected, errorAlpha), 1.5*rate.High*float64(c.requests), 3*expected)
	if float64(n) <= bound || share <= 1.5*rate.High {
		return burst{}, false
	}
	return burst{c, n, bound, rate}, true
}

// pooledRequests is how many requests of the service's own experience an endpoint's error rate is mixed with.
const pooledRequests = 200

// pooled shrinks an endpoint's rate, learned from n requests, towards its service's.
func (r ErrorRate) pooled(n uint64, service ErrorRate) ErrorRate {
	w := float64(n) / float64(n+pooledRequests)
	mix := func(own, prior float64) float64 { return w*own + (1-w)*prior }
	return ErrorRate{Share: mix(r.Share, service.Share), High: mix(r.High, service.High), Z: mix(r.Z, service.Z)}
}

func (d *errorBurst) report(b *bucket, v burst, class *errorClass, said map[string]bool, emit detect.Emit) {
	c := v.cell
	group := c.key.group(class.name)
	if b.sums(c) {
		group[3] += sustained
	} else if b.lane.width == fiveMinutes {
		d.told[groupKey(group)] = b.end
	}
	said[groupKey(group)] = true
	if d.episodes.prolong(group, bucketSeen{b.end, c.first, c.last, uint64(v.n)}, true, emit) {
		return
	}
	info := infoOf(EndpointErrorBurst)
	share := float64(v.n) / float64(c.requests)
	severity := info.Severity
	if class.name == "client" {
		severity = detect.Medium
	}
	known := c.norm.history()
	d.episodes.begin(detect.Finding{
		Title: info.Title + ": " + class.words, Kind: info.Kind, Severity: severity,
		Entity: c.key.entity(), Service: c.key.Service, Route: c.key.Route, Group: group,
		FiredAt: b.end, FirstSeen: c.first, LastSeen: c.last, EventCount: uint64(v.n),
		Observed: float64(v.n), Expected: round2(v.bound), Unit: class.words,
		Measure: detect.Measure{
			Aggregate: detect.AggregateCount,
			Where:     append(c.key.where(), atLeast("status", class.from), below("status", class.to)),
			From:      b.start, To: b.end, Cut: b.lane.cut,
		},
		Explanation: fmt.Sprintf("%s of the %s requests to %s in %s ended in %s (%.0f%%); by habit %.2g%% do and hardly ever more than %s would, from %s",
			detect.Thousands(uint64(v.n)), detect.Thousands(uint64(c.requests)), c.key.subject(), inWords(b.end.Sub(b.start)), class.words,
			100*share, 100*v.rate.Share, count(v.bound), known),
		Tags:     []string{class.name + "_errors"},
		Baseline: ref(b.model, c.norm.Key.rowKey(), c.norm, known),
	}, b.end, emit)
}

var _ detect.Detector = (*errorBurst)(nil)
