package baseline

import (
	"fmt"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// swarm is the detector coordinated-clients: many clients without an identity that share one user agent ask one endpoint
// as never before, each of them too little to be told by itself.
//
// Fires: when the different clients of one user agent at one endpoint within an hour of the clock are more than the
// larger of the written floor (40) and one and a half times what the most common user agent hardly ever exceeds there,
// and are a larger share of all clients there than the most common one has by habit (the 95th percentile, and half of
// what is missing to all). One campaign brings clients of all kinds, one tool brings one.
//
// Does not fire: for endpoints whose clients share one user agent by habit (seven in ten), such as those of an app, before
// three days are known, for declared crawlers.
//
// Known false positives: a television set asking for the same thing in many homes; a client library's new version.
type swarm struct {
	hours
	voice
	cfg   Config
	cells map[EndpointKey]*swarmCell
	kept  int // clients remembered in this hour
	told  map[string]*Model
}

const (
	leastSwarm    = 40
	commonAgent   = 0.7  // one user agent's share of the clients by habit from which nothing can be said
	swarmPerLimit = 20   // clients remembered in an hour, as a multiple of MaxEntities
	mostAgents    = 4096 // user agents of one endpoint and hour
	leastSwarmed  = 24   // hours of the endpoint that must be known
)

// swarmCell is one endpoint in the present hour.
type swarmCell struct {
	norm    *Endpoint
	watched bool
	clients hashSet
	agents  map[uint64]*swarmAgent
}

// swarmAgent is the clients of one user agent.
type swarmAgent struct {
	clients hashSet
	n       uint32
	first   time.Time
	spell   *spell
}

func newSwarm(cfg Config, m *models) *swarm {
	return &swarm{
		hours: hours{models: m}, voice: newVoice(CoordinatedClients, 2), cfg: cfg, cells: map[EndpointKey]*swarmCell{}, told: map[string]*Model{},
	}
}

// Observe implements detect.Detector.
func (d *swarm) Observe(ev *event.Event, emit detect.Emit) {
	d.Advance(ev.Time, emit)
	if !d.judges(ev) || ev.User != "" || ev.IsBot || ev.UserAgent == "" || ev.Route == "" || !ev.ClientIP.IsValid() {
		return
	}
	key := endpointOf(ev)
	c := d.cells[key]
	if c == nil {
		c = d.cell(key)
	}
	if !c.watched {
		return
	}
	if d.kept >= swarmPerLimit*d.cfg.MaxEntities {
		d.overflow++
		return
	}
	client := addrHash(ev.ClientIP)
	if c.clients.add(client) {
		d.kept++
	}
	h := xxhash.Sum64String(ev.UserAgent)
	a := c.agents[h]
	if a == nil {
		if len(c.agents) >= mostAgents {
			return
		}
		a = &swarmAgent{first: ev.Time}
		c.agents[h] = a
	}
	a.n++
	if a.spell != nil {
		a.spell.more(ev)
	}
	if !a.clients.add(client) {
		return
	}
	d.kept++
	if n := a.clients.len(); n > leastSwarm && a.spell == nil {
		d.judge(ev, c, a, n, emit)
	}
}

// cell says whether an endpoint is watched.
func (d *swarm) cell(key EndpointKey) *swarmCell {
	c := &swarmCell{norm: d.model.Endpoint(key)}
	if e := c.norm; e != nil && e.Agents != nil {
		key = e.Key
		c.watched = e.Days >= d.model.MinDays && e.Agents.Hours >= leastSwarmed && e.Agents.Share < commonAgent
	}
	if c.watched {
		c.agents = map[uint64]*swarmAgent{}
	} else {
		key = key.clone()
	}
	if len(d.cells) < maxCells {
		d.cells[key] = c
	}
	return c
}

func (d *swarm) judge(ev *event.Event, c *swarmCell, a *swarmAgent, n int, emit detect.Emit) {
	learned := c.norm.Agents
	bound := max(leastSwarm, 1.5*learned.Top)
	share := float64(n) / float64(c.clients.len())
	if float64(n) <= bound || share < (1+learned.Share)/2 {
		return
	}
	agent := strings.Clone(ev.UserAgent)
	group := c.norm.Key.group(agent)
	if d.of(group) == nil && d.told[groupKey(group)] == d.model {
		return
	}
	d.told[groupKey(group)] = d.model
	a.spell = d.tell(act{group: group, first: a.first, n: a.n}, ev, emit, func() detect.Finding {
		known := history(c.norm.Days, uint64(learned.Hours), "hours") //nolint:gosec // a length
		where := append(c.norm.Key.where(), is("user_agent", agent), is("user", ""), is("is_bot", "false"))
		return detect.Finding{
			Entity: c.norm.Key.entity(), Service: c.norm.Key.Service, Route: c.norm.Key.Route,
			Observed: float64(n), Expected: round2(bound), Unit: "different clients",
			Measure: detect.Measure{
				Aggregate: detect.AggregateDistinct, Field: "client_ip", Where: where,
				From: d.start(), To: d.end(), Until: ownPlace(ev), Cut: d.cut,
			},
			Explanation: fmt.Sprintf("%s was asked by %s different clients with the same user agent %q in %s, %.0f%% of all clients there; by habit no user agent has more than %s an hour, from %s",
				c.norm.Key.subject(), detect.Thousands(uint64(n)), agent, lasted(ev.Time.Sub(a.first)), 100*share, count(learned.Top), known), //nolint:gosec // a length
			Baseline: ref(d.model, c.norm.Key.rowKey(), c.norm, known),
		}
	})
}

// Advance implements detect.Detector.
func (d *swarm) Advance(to time.Time, emit detect.Emit) {
	if !d.over(to) {
		return
	}
	d.endHour(&d.hours, to, emit)
	before := d.model
	clear(d.cells)
	d.kept = 0
	if d.next(to); d.model != before {
		clear(d.told)
	}
}

// Restore implements detect.Detector.
func (d *swarm) Restore(open []detect.Finding) { d.restore(open) }

// Lookback implements detect.Detector: the hour that is being counted.
func (d *swarm) Lookback() time.Duration { return time.Hour }

var _ detect.Detector = (*swarm)(nil)
