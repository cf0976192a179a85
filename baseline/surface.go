package baseline

import (
	"fmt"
	"slices"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// surface is the detectors of what an API exposes: new-endpoint, new-method, missing-authentication, privileged-first-use.
// All of them judge successful answers (2xx) only; HEAD and OPTIONS are left out.
//
// new-endpoint fires at the fifth success within an hour of a route that never answered before (OWASP API9:2023);
// new-method the same for a method that its route never answered. Only of services of which new endpoints are news: known
// for a week or more, with at most one new endpoint a week in the later half of that. At most three a service and hour.
//
// missing-authentication fires at the third success within an hour without a user, session or authentication scheme of an
// endpoint that had one in 999 of 1,000 of 200 successes or more (OWASP API2:2023).
//
// privileged-first-use fires at the first success of a user on an endpoint that hardly anybody uses (at most a tenth of
// the service's 20 users or more) and whose users have been the same for the later half of a week or more (OWASP
// API5:2023).
//
// Known false positives: a release; a colleague who is given the right.
type surface struct {
	hours
	cfg    Config
	voices [surfaceKinds]voice
	cells  map[EndpointKey]*surfaceCell
	named  map[string]int // new endpoints by service in this hour
	uses   map[memberUse]*spell
	told   map[string]*Model // groups that were told under a model: news once until the next one is learned
}

const (
	surfaceNew = iota
	surfaceMethod
	surfaceOpen
	surfacePrivileged
	surfaceKinds
)

// surfaceCell is one endpoint in the present hour.
type surfaceCell struct {
	key     EndpointKey
	kind    int // surfaceNew, surfaceMethod or surfaceOpen: what it is watched for; -1: nothing
	members *Members
	spell   *spell
}

// memberUse is the use of a privileged endpoint by somebody who never used it.
type memberUse struct {
	endpoint EndpointKey
	user     string
}

const (
	newSuccesses      = 5
	openSuccesses     = 3
	guardedSuccesses  = 200
	mostAnonymous     = 0.001
	surfacePatience   = 24 // hours
	mostSurfaceCells  = 200_000
	mostNewEndpoints  = 3
	privilegedUseName = "first use"
)

func newSurface(cfg Config, m *models) *surface {
	d := &surface{
		hours: hours{models: m}, cfg: cfg, cells: map[EndpointKey]*surfaceCell{}, named: map[string]int{},
		uses: map[memberUse]*spell{}, told: map[string]*Model{},
	}
	for i, id := range []string{NewEndpoint, NewMethod, MissingAuthentication, PrivilegedFirstUse} {
		d.voices[i] = newVoice(id, surfacePatience)
	}
	return d
}

// Observe implements detect.Detector.
func (d *surface) Observe(ev *event.Event, emit detect.Emit) {
	d.Advance(ev.Time, emit)
	if !d.judges(ev) || ev.Status < 200 || ev.Status > 299 || ev.Route == "" || ev.Method == "HEAD" || ev.Method == "OPTIONS" {
		return
	}
	key := endpointOf(ev)
	c := d.cells[key]
	if c == nil {
		c = d.cell(key.clone())
	}
	if c.members != nil && ev.User != "" {
		d.use(ev, c, emit)
	}
	if c.kind < 0 || c.kind == surfaceOpen && (ev.User != "" || ev.Session != "" || ev.AuthScheme != "") {
		return
	}
	d.count(ev, c, emit)
}

// cell says what an endpoint is watched for.
func (d *surface) cell(key EndpointKey) *surfaceCell {
	c := &surfaceCell{key: key, kind: -1, members: d.model.members[key]}
	if len(d.cells) < mostSurfaceCells {
		d.cells[key] = c
	}
	norm := d.model.Endpoint(key)
	switch {
	case norm != nil && norm.Shape != nil:
		s := norm.Shape
		if s.Successes >= guardedSuccesses && norm.Days >= d.model.MinDays && float64(s.Anonymous) <= mostAnonymous*float64(s.Successes) {
			c.kind = surfaceOpen
		}
	case !d.model.steady[key.Service]:
	case d.model.routes[EndpointKey{Service: key.Service, Route: key.Route}]:
		c.kind = surfaceMethod
	default:
		c.kind = surfaceNew
	}
	return c
}

// count counts a success of an endpoint that has none by habit.
func (d *surface) count(ev *event.Event, c *surfaceCell, emit detect.Emit) {
	group := []string{c.key.Service, c.key.Method, c.key.Route}
	s := c.spell
	if s == nil {
		s = &spell{episode: d.voices[c.kind].of(group)}
		c.spell = s
	}
	s.count(ev)
	least := uint32(newSuccesses)
	if c.kind == surfaceOpen {
		least = openSuccesses
	}
	if s.n < least || s.crossed {
		return
	}
	name := groupKey(append(group, fmt.Sprint(c.kind)))
	if s.episode == nil {
		if d.told[name] == d.model || c.kind != surfaceOpen && d.named[c.key.Service] >= mostNewEndpoints {
			return
		}
		d.named[c.key.Service]++
		d.told[name] = d.model
		d.voices[c.kind].raise(d.finding(ev, c, s, group), s, ev.Time, emit)
	}
	s.crossed = true
	d.voices[c.kind].cross(groupKey(group), s)
}

func (d *surface) finding(ev *event.Event, c *surfaceCell, s *spell, group []string) detect.Finding {
	info := infoOf([]string{NewEndpoint, NewMethod, MissingAuthentication}[c.kind])
	whole := d.model.Endpoint(c.key.service())
	known, row, key := d.model.Snapshot.WindowDays, any(whole), c.key.service()
	f := detect.Finding{
		Title: info.Title, Kind: info.Kind, Severity: info.Severity, OWASP: info.OWASP, MITRE: info.MITRE,
		Entity: c.key.entity(), Service: c.key.Service, Route: c.key.Route, Group: group,
		FiredAt: ev.Time, FirstSeen: s.first, LastSeen: ev.Time, EventCount: uint64(s.n), Observed: float64(s.n),
	}
	where := append(c.key.where(), atLeast("status", "200"), below("status", "300"))
	if whole != nil {
		known = whole.Days
	}
	var learned string
	switch c.kind {
	case surfaceNew, surfaceMethod:
		f.Unit = "successful requests"
		learned = history(known, d.requests(c.key.Service), "requests")
		f.Explanation = fmt.Sprintf("%s answered %s requests successfully and never did before, from %s; it was first asked for by %s",
			c.key.subject(), detect.Thousands(uint64(s.n)), learned, whoOf(ev).clone().key().Value)
		if c.kind == surfaceMethod {
			f.Explanation = fmt.Sprintf("%s: the route never answered %s before, from %s; %s requests were successful, the first ones of %s",
				c.key.subject(), c.key.Method, learned, detect.Thousands(uint64(s.n)), whoOf(ev).clone().key().Value)
		}
	default:
		norm := d.model.Endpoint(c.key)
		row, key = norm, c.key
		learned = history(norm.Days, norm.Shape.Successes, "successful requests")
		f.Unit, f.Expected = "successful requests without credentials", openSuccesses-1
		f.Explanation = fmt.Sprintf("%s answered %s requests without any credentials successfully; by habit %s of %s had none, from %s",
			c.key.subject(), detect.Thousands(uint64(s.n)), detect.Thousands(norm.Shape.Anonymous), detect.Thousands(norm.Shape.Successes), learned)
		where = append(where, is("user", ""), is("session", ""), is("auth_scheme", ""))
	}
	f.Measure = detect.Measure{
		Aggregate: detect.AggregateCount, Where: where, From: d.start(), To: d.end(), Until: ownPlace(ev), Cut: d.cut,
	}
	f.Baseline = ref(d.model, key.rowKey(), row, learned)
	return f
}

func (d *surface) requests(service string) uint64 {
	if e := d.model.Endpoint(EndpointKey{Service: service}); e != nil {
		return e.Requests
	}
	return 0
}

// use judges a user's success on an endpoint that few use.
func (d *surface) use(ev *event.Event, c *surfaceCell, emit detect.Emit) {
	if _, found := slices.BinarySearch(c.members.Users, ev.User); found {
		return
	}
	u := memberUse{c.key, ev.User}
	s := d.uses[u]
	if s == nil {
		if len(d.uses) >= d.cfg.MaxEntities {
			d.overflow++
			return
		}
		u.user = whoOf(ev).clone().user
		s = &spell{}
		d.uses[u] = s
		d.first(ev, u, c, s, emit)
		return
	}
	s.count(ev)
}

// first tells a user's first use in this hour, or prolongs what was told.
func (d *surface) first(ev *event.Event, u memberUse, c *surfaceCell, s *spell, emit detect.Emit) {
	actor := ActorKey{true, u.user}
	group := actor.group(c.key.Service, c.key.Method, c.key.Route)
	v := &d.voices[surfacePrivileged]
	s.episode = v.of(group)
	s.count(ev)
	name := groupKey(append(group, privilegedUseName))
	if s.episode == nil {
		if d.told[name] == d.model {
			return
		}
		d.told[name] = d.model
		info, m := infoOf(PrivilegedFirstUse), c.members
		known := history(m.Days, m.Requests, "requests")
		v.raise(detect.Finding{
			Title: info.Title, Kind: info.Kind, Severity: info.Severity, OWASP: info.OWASP, MITRE: info.MITRE,
			Entity: actor.entity(), Service: c.key.Service, Route: c.key.Route, Group: group,
			FiredAt: ev.Time, FirstSeen: ev.Time, LastSeen: ev.Time, EventCount: 1, Observed: 1, Unit: "successful requests",
			Measure: detect.Measure{
				Aggregate: detect.AggregateCount,
				Where:     append(append(actor.where(), c.key.where()...), atLeast("status", "200"), below("status", "300")),
				From:      d.start(), To: d.end(), Until: ownPlace(ev), Cut: d.cut,
			},
			Explanation: fmt.Sprintf("%s used %s successfully for the first time; only %d of %d users ever did, always the same, from %s",
				u.user, c.key.subject(), len(m.Users), m.Of, known),
			Baseline: ref(d.model, c.key.rowKey(), m, known),
		}, s, ev.Time, emit)
	}
	s.crossed = true
	v.cross(groupKey(group), s)
}

// Advance implements detect.Detector.
func (d *surface) Advance(to time.Time, emit detect.Emit) {
	if !d.over(to) {
		return
	}
	for i := range d.voices {
		d.voices[i].endHour(&d.hours, to, emit)
	}
	for _, c := range d.cells {
		c.spell = nil
	}
	clear(d.named)
	clear(d.uses)
	before := d.model
	if d.next(to); d.model != before {
		clear(d.cells)
		clear(d.told)
	}
}

// Restore implements detect.Detector.
func (d *surface) Restore(open []detect.Finding) {
	for i := range d.voices {
		d.voices[i].restore(open)
	}
}

// Lookback implements detect.Detector: the hour that is being counted.
func (d *surface) Lookback() time.Duration { return time.Hour }

var _ detect.Detector = (*surface)(nil)
