package baseline

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// refused is the detectors of refused credentials (status 401, or 403 of a route without parameters: one with parameters
// refuses an object): failures-then-success and
// credential-stuffing-learned by the actor (below and stuffing.go), password-spraying-learned by the endpoint (spraying.go).
//
// failures-then-success fires when an endpoint serves who it refused again and again: without a success in between, within
// an hour, more often than the larger of min_refused and twice what one client hardly ever exceeds there. It looks at the
// client's address, and at the user where the log names whom it refused. Known false positives: a program that was given
// its new password in the end.
type refused struct {
	hours
	cfg     Config
	voices  [refusedKinds]voice
	runs    map[reading]*refusedRun
	clients map[clientAt]*refusedClient
	cells   map[EndpointKey]*refusedCell
	room    room
	since   time.Time // everything from here on was counted
}

const (
	refusedRuns = iota
	refusedStuffing
	refusedSpraying
	refusedGuests
	refusedKinds
)

// refusedRun is the refusals of one actor by one endpoint since it was served last, within an hour.
type refusedRun struct {
	times   []time.Time // the newest
	after   time.Time   // what came up to here does not count: served then, or forgotten
	expires time.Time
}

const mostRun = 256

func newRefused(cfg Config, m *models) *refused {
	d := &refused{
		hours: hours{models: m}, cfg: cfg, runs: map[reading]*refusedRun{}, clients: map[clientAt]*refusedClient{},
		cells: map[EndpointKey]*refusedCell{}, room: room{limit: objectsPerReader * cfg.MaxEntities},
	}
	d.voices = [refusedKinds]voice{
		newVoice(FailuresThenSuccess, 1), newVoice(CredentialStuffing, 3), newVoice(PasswordSpraying, 3), newVoice(CoordinatedLogins, 3),
	}
	return d
}

// refusal reports whether credentials were refused.
func refusal(ev *event.Event) bool {
	return ev.Status == 401 || ev.Status == 403 && !strings.Contains(ev.Route, "{")
}

// refusals selects the endpoint's refusals; there is nothing but 401 and 403 from 401 to 404 apart from 402.
func (k EndpointKey) refusals() []detect.Condition {
	if strings.Contains(k.Route, "{") {
		return append(k.where(), is("status", "401"))
	}
	return append(k.where(), atLeast("status", "401"), below("status", "404"), detect.Condition{Field: "status", Op: detect.OpNot, Value: "402"})
}

// Observe implements detect.Detector.
func (d *refused) Observe(ev *event.Event, emit detect.Emit) {
	d.Advance(ev.Time, emit)
	if d.since.IsZero() {
		d.since = ev.Time
	}
	if !d.arrive(ev) || ev.Route == "" {
		return
	}
	switch {
	case refusal(ev):
		key := endpointOf(ev)
		d.refuse(ev, key)
		cell := d.cell(key, ev.Time)
		d.countClient(ev, key, emit)
		d.countCell(ev, key, cell, emit)
	case ev.Status >= 200 && ev.Status < 400 && len(d.runs)+len(d.cells) > 0:
		key := endpointOf(ev)
		d.serve(ev, key, emit)
		d.accept(ev, key)
	}
}

// actors are those whom a run is counted for: the user that the log names, and the client.
func (d *refused) actors(ev *event.Event) (list [2]who) {
	if ev.User != "" {
		list[0] = who{user: ev.User}
	}
	if ev.ClientIP.IsValid() {
		list[1] = who{ip: ev.ClientIP}
	}
	return list
}

// refuse counts a refusal.
func (d *refused) refuse(ev *event.Event, key EndpointKey) {
	for _, w := range d.actors(ev) {
		if !w.known() {
			continue
		}
		k := reading{key, w}
		r := d.runs[k]
		if r == nil {
			if len(d.runs) >= d.cfg.MaxEntities {
				d.overflow++
				return
			}
			r = &refusedRun{}
			d.runs[reading{key.clone(), w.clone()}] = r
		}
		if len(r.times) == mostRun {
			r.after = r.times[0]
			r.times = slices.Delete(r.times, 0, 1)
		}
		r.times = append(r.times, ev.Time)
		r.expires = ev.Time.Add(time.Hour)
	}
}

// serve ends the runs of whoever is served.
func (d *refused) serve(ev *event.Event, key EndpointKey, emit detect.Emit) {
	told := 0.0
	for _, w := range d.actors(ev) {
		k := reading{key, w}
		r := d.runs[k]
		if r == nil {
			continue
		}
		// Of a user's run and its client's the longer one is told; the client's only when it tried others as well.
		if n := d.judgeRun(ev, k, r, told, emit); n > 0 {
			told = n
		}
		r.after, r.times = ev.Time, r.times[:0]
	}
}

// judgeRun judges a run that ends, unless it is hardly longer than the one that was told, and returns its length if it was
// told.
func (d *refused) judgeRun(ev *event.Event, k reading, r *refusedRun, told float64, emit detect.Emit) float64 {
	from := ev.Time.Add(-time.Hour)
	if r.after.After(from) {
		from = r.after
	}
	r.times = slices.DeleteFunc(r.times, func(t time.Time) bool { return !t.After(from) })
	n := float64(len(r.times))
	if n < float64(d.cfg.MinRefused) || n <= 1.5*told || d.model == nil {
		return 0
	}
	norm := d.model.Endpoint(k.endpoint)
	if norm == nil || norm.Days < d.model.MinDays {
		return 0
	}
	usual := 0.0
	if norm.Refusals != nil {
		usual = norm.Refusals.ByClient
	}
	bound := max(float64(d.cfg.MinRefused)-1, 2*usual)
	if n <= bound {
		return 0
	}
	first := r.times[0]
	actor := k.actor.clone().key()
	d.voices[refusedRuns].tell(act{actor, actor.group(), first, uint32(n) + 1}, ev, emit, func() detect.Finding {
		known := norm.history()
		who := is("client_ip", actor.Value)
		if actor.User {
			who = is("user", actor.Value)
		}
		return detect.Finding{
			Service: norm.Key.Service, Route: norm.Key.Route, Observed: n, Expected: round2(bound), Unit: "refusals before a success",
			Measure: detect.Measure{
				Aggregate: detect.AggregateCount, Where: append(norm.Key.refusals(), who),
				From: from, FromOpen: true, To: ev.Time, Until: ownPlace(ev), Cut: d.cut,
			},
			Explanation: fmt.Sprintf("%s was refused %s times in a row by %s within %s and then served; no client is refused more than %s times an hour there by habit, from %s",
				actor.Value, detect.Thousands(uint64(n)), norm.Key.subject(), lasted(ev.Time.Sub(first)), count(usual), known),
			Baseline: ref(d.model, norm.Key.rowKey(), norm, known),
		}
	})
	return n
}

// Advance implements detect.Detector.
func (d *refused) Advance(to time.Time, emit detect.Emit) {
	if !d.over(to) {
		return
	}
	for i := range d.voices {
		d.voices[i].endHour(&d.hours, to, emit)
	}
	for k, r := range d.runs {
		if !r.expires.After(to) {
			delete(d.runs, k)
		}
	}
	d.next(to)
	d.forgetCells()
	d.forgetClients()
}

// preload brings what was refused in the day before until.
func (d *refused) preload(ctx context.Context, recent Recent, until time.Time) error {
	d.since = hourTime(hourOf(until) - dayHours + 1)
	err := recent.DayRefusals(ctx, d.since, until, func(row RefusalReads) error {
		d.loadCell(row)
		d.loadClient(row)
		return nil
	})
	if err != nil {
		return fmt.Errorf("rebuild the last day's refusals: %w", err)
	}
	return nil
}

// Restore implements detect.Detector.
func (d *refused) Restore(open []detect.Finding) {
	for i := range d.voices {
		d.voices[i].restore(open)
	}
}

// Lookback implements detect.Detector: an hour of refusals; Detectors.Preload brings the rest of the day.
func (d *refused) Lookback() time.Duration { return time.Hour }

var _ detect.Detector = (*refused)(nil)

// clientAt is one client at one endpoint.
type clientAt struct {
	endpoint EndpointKey
	client   netip.Addr
}

func nameHash(user string) uint64 { return xxhash.Sum64String(user) }

func addrHash(a netip.Addr) uint64 {
	b := a.As16()
	return xxhash.Sum64(b[:])
}
