package baseline

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// credential-stuffing-learned fires when one client was refused under the names of more different users by one endpoint
// within the last 24 hours than the larger of min_refused and one and a half times what one client hardly ever exceeds
// there in a day, and was not served more often than refused. It is the learned sister of the rule credential-stuffing,
// whose window is ten minutes: a list that is tried slowly adds up. Needs a log that names whom it refused. Known false
// positives: an office or proxy of which every second login fails.

// refusedClient is what one endpoint refused to one client in the last day.
type refusedClient struct {
	onward
	users    recentSet
	since    time.Time // everything from here on was counted
	first    time.Time
	hour     int // different users in this hour
	refused  uint64
	accepted uint64
}

// onward is how a matter that was told goes on from hour to hour.
type onward struct {
	n     uint32 // events in this hour
	began time.Time
	spell *spell // of this hour, once it was told or prolonged
	told  int    // the number at which it was told last
}

// count counts an event of the hour.
func (o *onward) count(ev *event.Event) {
	if o.n++; o.n == 1 {
		o.began = ev.Time
	}
	if o.spell != nil {
		o.spell.more(ev)
	}
}

// hourOver forgets the hour.
func (o *onward) hourOver() { o.n, o.spell = 0, nil }

// again reports whether n is enough to be told anew.
func (o *onward) again(n int) bool { return o.told == 0 || n >= 2*o.told }

func (d *refused) client(key EndpointKey, client netip.Addr, at time.Time) *refusedClient {
	k := clientAt{key, client.WithZone("")}
	c := d.clients[k]
	if c != nil {
		return c
	}
	if len(d.clients) >= d.cfg.MaxEntities {
		d.overflow++
		return nil
	}
	k.endpoint = key.clone()
	c = &refusedClient{since: d.since, first: at}
	if d.overflow > 0 {
		c.since = at
	}
	d.clients[k] = c
	return c
}

func (d *refused) countClient(ev *event.Event, key EndpointKey, emit detect.Emit) {
	if ev.User == "" || !ev.ClientIP.IsValid() {
		return
	}
	c := d.client(key, ev.ClientIP, ev.Time)
	if c == nil {
		return
	}
	c.count(ev)
	c.refused++
	before, full := d.room.meet(&c.users, recentItem{hash: nameHash(ev.User), hour: d.hour})
	if full {
		d.overflow++
	}
	if before < d.hour {
		c.hour++
	}
	if cell := d.cells[key]; cell != nil {
		cell.top[0], cell.top[1] = max(cell.top[0], c.hour), max(cell.top[1], len(c.users.items))
	}
	if c.spell == nil && len(c.users.items) > d.cfg.MinRefused && c.refused >= c.accepted && d.model != nil {
		d.judgeClient(ev, key, c, emit)
	}
}

func (d *refused) judgeClient(ev *event.Event, key EndpointKey, c *refusedClient, emit detect.Emit) {
	norm := d.model.Endpoint(key)
	if norm == nil || norm.Days < d.model.MinDays {
		return
	}
	usual := 0.0
	if norm.Refusals != nil {
		usual = norm.Refusals.DayNames
	}
	bound := max(float64(d.cfg.MinRefused), 1.5*usual)
	actor := ActorKey{false, ev.ClientIP.WithZone("").String()}
	group := actor.group(norm.Key.Service, norm.Key.Method, norm.Key.Route)
	v, n := &d.voices[refusedStuffing], len(c.users.items)
	if v.of(group) == nil && (float64(n) <= bound || !c.again(n)) {
		return
	}
	c.told = n
	c.spell = v.tell(act{actor, group, c.began, c.n}, ev, emit, func() detect.Finding {
		from, first, known := d.daySince(c.since), c.first, norm.history()
		if first.Before(from) {
			first = from
		}
		return detect.Finding{
			Service: norm.Key.Service, Route: norm.Key.Route, FirstSeen: first, EventCount: c.refused,
			Observed: float64(n), Expected: round2(bound), Unit: "different users",
			Measure: detect.Measure{
				Aggregate: detect.AggregateDistinct, Field: "user", Where: append(norm.Key.refusals(), is("client_ip", actor.Value)),
				From: from, To: d.end(), Until: ownPlace(ev), Cut: d.cut,
			},
			Explanation: fmt.Sprintf("%s was refused by %s under the names of %s different users in %s; no client is refused under more than %s a day there by habit, from %s",
				actor.Value, norm.Key.subject(), detect.Thousands(uint64(n)), lasted(ev.Time.Sub(first)), count(usual), known), //nolint:gosec // a length
			Baseline: ref(d.model, norm.Key.rowKey(), norm, known),
		}
	})
}

// daySince is the beginning of the last 24 hours, but not before everything was counted.
func (d *refused) daySince(counted time.Time) time.Time {
	from := hourTime(d.hour - dayHours + 1)
	if from.Before(counted) {
		return counted
	}
	return from
}

// accept counts a success at an endpoint that refuses.
func (d *refused) accept(ev *event.Event, key EndpointKey) {
	if c := d.cells[key]; c != nil && c.n > 0 {
		c.accepted++
	}
	if len(d.clients) > 0 && ev.ClientIP.IsValid() {
		if c := d.clients[clientAt{key, ev.ClientIP}]; c != nil {
			c.accepted++
		}
	}
}

// forgetClients drops what was refused a day before the present hour. Call it after forgetCells.
func (d *refused) forgetClients() {
	for k, c := range d.clients {
		c.hourOver()
		c.hour = 0
		d.room.forget(&c.users, d.hour-dayHours+1)
		n := len(c.users.items)
		if n == 0 {
			delete(d.clients, k)
		} else if cell := d.cells[k.endpoint]; cell != nil {
			cell.top[1] = max(cell.top[1], n)
		}
	}
}

func (d *refused) loadClient(row RefusalReads) {
	if row.User == "" || !row.Client.IsValid() {
		return
	}
	c := d.client(row.Key, row.Client, row.First.UTC())
	if c == nil {
		return
	}
	c.refused += row.Refused
	d.room.meet(&c.users, recentItem{hash: nameHash(row.User), hour: int64(row.Hour)})
}
