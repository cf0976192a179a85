package baseline

import (
	"fmt"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// password-spraying-learned fires when one endpoint refuses far more different users than it does by habit, from whatever
// addresses: in an hour more than the larger of twice min_refused and one and a half times what hours hardly ever exceed;
// or in the last 24 hours, no hour of which made half, more than the larger of four times min_refused and one and a half
// times what days hardly ever exceed. A user is tried a few times at most (refusals are not more than five times the
// users), and no client tries half of them: credential-stuffing-learned tells that. Needs a log that names whom it refused.
//
// coordinated-logins is the same for different clients, whoever they say they are: at least three (in a day six) times
// min_refused. It finds a list that is tried from many addresses, a few times from each.
//
// Neither fires when the endpoint has stopped to let anybody in and no more are refused than ask by habit: that is an
// identity provider that is down. Known false positives: a release that logs everybody out, a password policy.

// refusedCell is what one endpoint refused.
type refusedCell struct {
	norm     *Endpoint // nil: not judged
	model    *Model    // that norm is of
	n        uint32    // refusals in this hour
	began    time.Time
	accepted uint32 // since the hour's first refusal
	since    time.Time
	total    uint64
	first    time.Time
	top      [2]int // the most users that one client was refused as within this hour, within a day
	kinds    [2]refusedKind
}

// refusedKind is what is counted of a cell: users or clients.
type refusedKind struct {
	recentSet
	onward
	hour int // different ones in this hour
}

// crowdOf describes the two kinds.
var crowdOf = [2]struct {
	voice  int
	field  string
	unit   string
	times  [2]float64 // min_refused times this makes the floor of an hour, of a day
	learnt func(r *Refusals) [2]float64
}{
	{refusedSpraying, "user", "different users", [2]float64{2, 4}, func(r *Refusals) [2]float64 { return [2]float64{r.Users, r.DayUsers} }},
	{refusedGuests, "client_ip", "different clients", [2]float64{3, 6}, func(r *Refusals) [2]float64 { return [2]float64{r.Clients, r.DayGuests} }},
}

const mostTries = 5 // refusals a user that are still spraying

func (d *refused) cell(key EndpointKey, at time.Time) *refusedCell {
	c := d.cells[key]
	if c == nil {
		if len(d.cells) >= maxCells {
			d.overflow++
			return nil
		}
		c = &refusedCell{since: d.since, first: at}
		if d.overflow > 0 {
			c.since = at
		}
		d.cells[key.clone()] = c
	}
	return c
}

func (d *refused) countCell(ev *event.Event, key EndpointKey, c *refusedCell, emit detect.Emit) {
	if c == nil {
		return
	}
	if c.n++; c.n == 1 {
		c.began = ev.Time
	}
	c.total++
	if c.model != d.model {
		c.model, c.norm = d.model, nil
		if d.model != nil {
			c.norm = d.model.Endpoint(key)
		}
	}
	if ev.User != "" {
		d.countKind(ev, c, 0, nameHash(ev.User), emit)
	}
	if ev.ClientIP.IsValid() {
		d.countKind(ev, c, 1, addrHash(ev.ClientIP), emit)
	}
}

func (d *refused) countKind(ev *event.Event, c *refusedCell, i int, hash uint64, emit detect.Emit) {
	k := &c.kinds[i]
	k.count(ev)
	before, full := d.room.meet(&k.recentSet, recentItem{hash: hash, hour: d.hour})
	if full {
		d.overflow++
		return
	}
	if before >= d.hour {
		return
	}
	k.hour++
	if k.spell != nil || c.norm == nil || c.norm.Days < d.model.MinDays {
		return
	}
	floor := float64(d.cfg.MinRefused)
	if float64(len(k.items)) > floor*crowdOf[i].times[0] {
		d.judgeCell(ev, c, i, emit)
	}
}

// judgeCell holds the hour, then the day, against what is usual.
func (d *refused) judgeCell(ev *event.Event, c *refusedCell, i int, emit detect.Emit) {
	k, kind, floor := &c.kinds[i], &crowdOf[i], float64(d.cfg.MinRefused)
	var usual [2]float64
	if c.norm.Refusals != nil {
		usual = kind.learnt(c.norm.Refusals)
	}
	v, group := &d.voices[kind.voice], c.norm.Key.group(kind.field)
	if d.outage(ev, c, k.hour) || i == 0 && c.n > mostTries*uint32(k.hour) { //nolint:gosec // a count
		return
	}
	top := c.top[0]
	n, bound, from, per := k.hour, max(kind.times[0]*floor, 1.5*usual[0]), d.start(), "an hour"
	if float64(n) <= bound {
		n, bound, from, per = len(k.items), max(kind.times[1]*floor, 1.5*usual[1]), d.daySince(c.since), "a day"
		usual[0], top = usual[1], c.top[1]
		if float64(n) <= bound || !k.slow() {
			n = 0
		}
	}
	if i == 0 && n > 0 && 2*top >= n {
		return
	}
	if n == 0 && v.of(group) == nil || v.of(group) == nil && !k.again(n) {
		return
	}
	k.told = n
	if from.Before(d.start()) && d.partial {
		return
	}
	k.spell = v.tell(act{group: group, first: k.began, n: k.n}, ev, emit, func() detect.Finding {
		first, events := c.began, uint64(c.n)
		if from.Before(d.start()) {
			if first, events = c.first, c.total; first.Before(from) {
				first = from
			}
		}
		known := c.norm.history()
		return detect.Finding{
			Entity: c.norm.Key.service().entity(), Service: c.norm.Key.Service, Route: c.norm.Key.Route,
			FirstSeen: first, EventCount: events, Observed: float64(n), Expected: round2(bound), Unit: kind.unit,
			Measure: detect.Measure{
				Aggregate: detect.AggregateDistinct, Field: kind.field, Where: c.norm.Key.refusals(),
				From: from, To: d.end(), Until: ownPlace(ev), Cut: d.cut,
			},
			Explanation: fmt.Sprintf("%s refused %s %s in %s (%s refusals, %s let in); by habit it hardly ever refuses more than %s %s, from %s",
				c.norm.Key.subject(), detect.Thousands(uint64(n)), kind.unit, lasted(ev.Time.Sub(first)), detect.Thousands(events), detect.Thousands(uint64(c.accepted)), count(usual[0]), per, known), //nolint:gosec // a length
			Baseline: ref(d.model, c.norm.Key.rowKey(), c.norm, known),
		}
	})
}

// outage reports whether hardly anybody is let in and no more are refused than ask by habit.
func (d *refused) outage(ev *event.Event, c *refusedCell, n int) bool {
	level := float64(c.norm.Requests) / float64(max(c.norm.Days, 1)*24)
	if c.norm.Season != nil {
		level = max(level, float64(c.norm.Season.Level[d.model.slot(ev.Time)]))
	}
	return 5*c.accepted < c.n && float64(n) <= 1.5*level
}

// forgetCells drops what was refused a day before the present hour.
func (d *refused) forgetCells() {
	for key, c := range d.cells {
		c.n, c.accepted, c.top = 0, 0, [2]int{}
		left := 0
		for i := range c.kinds {
			k := &c.kinds[i]
			k.hourOver()
			k.hour = 0
			d.room.forget(&k.recentSet, d.hour-dayHours+1)
			left += len(k.items)
		}
		if left == 0 {
			delete(d.cells, key)
		}
	}
}

func (d *refused) loadCell(row RefusalReads) {
	c := d.cell(row.Key, row.First.UTC())
	if c == nil {
		return
	}
	c.total += row.Refused
	if row.User != "" {
		d.room.meet(&c.kinds[0].recentSet, recentItem{hash: nameHash(row.User), hour: int64(row.Hour)})
	}
	if row.Client.IsValid() {
		d.room.meet(&c.kinds[1].recentSet, recentItem{hash: addrHash(row.Client), hour: int64(row.Hour)})
	}
}
