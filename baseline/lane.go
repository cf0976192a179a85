package baseline

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// lane counts endpoints and services in buckets of one width and hands each closed bucket to its judge. The two
// endpoint detectors have two lanes each: five minutes and an hour.
type lane struct {
	width  int64 // seconds
	models *models
	counts func(e *Endpoint, key EndpointKey) bool // whether this lane counts what the model knows of key
	judge  func(b *bucket, emit detect.Emit)
	fails  bool // errors are counted, and actors only among failed requests
	// note, when it is set, counts an event of an endpoint instead of all the above; services as a whole are not counted.
	note func(c *cell, ev *event.Event, actor uint64)

	started bool
	partial bool // the bucket was not seen from its start
	start   int64
	model   *Model
	cells   map[EndpointKey]*cell
	whole   *cell // of the service that was counted last
	touched []*cell
	empties int       // buckets in a row without an event
	cut     time.Time // newest ingested_at
}

// cell is the present bucket of one endpoint or service; norm is nil when this lane does not judge it.
type cell struct {
	key         EndpointKey
	norm        *Endpoint
	counted     bool
	requests    uint32
	client      uint32 // errors
	server      uint32
	first, last time.Time // events
	actors      heavy
	answers     answers // counted by a note

	spikes, drops streak
}

// streak is the run of unusual buckets up to now.
type streak struct {
	buckets  int
	requests uint32
	start    int64
	first    time.Time
}

// bucket is a closed bucket as its judge sees it.
type bucket struct {
	lane  *lane
	model *Model
	start time.Time
	end   time.Time
	slot  int
	cells []*cell // those with events, in order of arrival
}

// maxEmpty is how many empty buckets in a row are judged one by one: a week; in a longer silence nothing new happens.
const maxEmpty = 7 * 24 * 3600

func newLane(width int64, m *models) *lane {
	return &lane{width: width, models: m, cells: map[EndpointKey]*cell{}}
}

// observe counts ev, after closing what ended before it.
func (l *lane) observe(ev *event.Event, actor uint64, emit detect.Emit) {
	at := floorDiv(ev.Time.Unix(), l.width) * l.width
	if !l.started {
		l.started, l.start = true, at
		l.partial = !ev.Time.Equal(time.Unix(at, 0))
		l.model = l.models.at(time.Unix(at, 0))
	}
	if at < l.start {
		return // its bucket was judged without it
	}
	l.advance(ev.Time, emit)
	if ev.IngestedAt.After(l.cut) {
		l.cut = ev.IngestedAt
	}
	if l.model == nil {
		return
	}
	key := endpointOf(ev)
	if l.note == nil {
		if l.whole == nil || l.whole.key.Service != key.Service {
			l.whole = l.cellOf(key.service())
		}
		l.count(l.whole, ev, actor)
	}
	if !key.Whole() { // what is not HTTP has no endpoint
		l.count(l.cellOf(key), ev, actor)
	}
}

// cellOf is cell for a key whose texts are an event's.
func (l *lane) cellOf(key EndpointKey) *cell {
	if c := l.cells[key]; c != nil {
		return c
	}
	return l.cell(key.clone())
}

func (l *lane) count(c *cell, ev *event.Event, actor uint64) {
	if !c.counted {
		return
	}
	if c.requests == 0 {
		l.touched = append(l.touched, c)
		c.first = ev.Time
	}
	c.requests++
	c.last = ev.Time
	if l.note != nil {
		l.note(c, ev, actor)
		return
	}
	failed := ev.Status >= 400
	if failed && ev.Status < 500 {
		c.client++
	} else if failed && ev.Status < 600 {
		c.server++
	}
	if failed || !l.fails {
		c.actors.add(actor)
	}
}

// maxCells bounds the endpoints that a lane remembers beyond those in its model.
const maxCells = 200_000

// cell finds or makes the cell of key.
func (l *lane) cell(key EndpointKey) *cell {
	if c := l.cells[key]; c != nil {
		return c
	}
	c := &cell{key: key, norm: l.model.Endpoint(key)}
	c.counted = c.norm != nil && l.counts(c.norm, key)
	if len(l.cells) < maxCells {
		l.cells[key] = c
	}
	return c
}

// advance closes the buckets that end at or before t.
func (l *lane) advance(t time.Time, emit detect.Emit) {
	if !l.started {
		return
	}
	for l.start+l.width <= t.Unix() {
		if len(l.touched) == 0 && (l.model == nil || int64(l.empties)*l.width >= maxEmpty) {
			l.jump(floorDiv(t.Unix(), l.width) * l.width)
			return
		}
		l.close(emit)
	}
}

// jump goes to a later bucket without judging those between: nothing was seen in them.
func (l *lane) jump(start int64) {
	l.start, l.partial = start, false
	l.refresh()
}

func (l *lane) close(emit detect.Emit) {
	if len(l.touched) == 0 {
		l.empties++
	} else {
		l.empties = 0
	}
	if l.model != nil && !l.partial {
		start := time.Unix(l.start, 0).UTC()
		l.judge(&bucket{
			lane: l, model: l.model, start: start, end: start.Add(time.Duration(l.width) * time.Second),
			slot: l.model.slot(start), cells: l.touched,
		}, emit)
	}
	for _, c := range l.touched {
		c.requests, c.client, c.server = 0, 0, 0
		c.actors, c.answers = heavy{}, answers{}
	}
	l.touched = l.touched[:0]
	l.start += l.width
	l.partial = false
	l.refresh()
}

// refresh takes the model that is in effect at the bucket's start. Streaks go on under the new model.
func (l *lane) refresh() {
	m := l.models.at(time.Unix(l.start, 0))
	if m == l.model {
		return
	}
	l.model = m
	old := l.cells
	l.cells, l.whole = make(map[EndpointKey]*cell, len(old)), nil
	for key, c := range old {
		if c.spikes.buckets > 0 || c.drops.buckets > 0 {
			fresh := l.cell(key)
			fresh.spikes, fresh.drops = c.spikes, c.drops
		}
	}
}

// heavy finds who makes most of a bucket's events: Misra and Gries, "Finding repeated elements" (1982), eight counters.
// A count is too low by less than a ninth of the events.
type heavy struct {
	who     [8]uint64
	n       [8]uint32
	dropped uint32
}

func (h *heavy) add(who uint64) {
	free := -1
	for i := range h.who {
		if h.n[i] == 0 {
			free = i
		} else if h.who[i] == who {
			h.n[i]++
			return
		}
	}
	if free >= 0 {
		h.who[free], h.n[free] = who, 1
		return
	}
	for i := range h.n {
		h.n[i]--
	}
	h.dropped++
}

// top estimates how many events the busiest actor made: the middle of the bounds.
func (h *heavy) top() float64 {
	var most uint32
	for _, n := range h.n {
		most = max(most, n)
	}
	if most == 0 {
		return 0
	}
	return float64(most) + float64(h.dropped)/2
}

// actorHash identifies who made ev: the user, else the client.
func actorHash(ev *event.Event) uint64 {
	if ev.User != "" {
		return xxhash.Sum64String(ev.User)
	}
	a := ev.ClientIP.As16()
	return binary.LittleEndian.Uint64(a[:8])*0x9e3779b97f4a7c15 ^ binary.LittleEndian.Uint64(a[8:])
}

// width in words: "5 minutes", "an hour", "10 minutes".
func inWords(d time.Duration) string {
	s := d.String()
	switch {
	case d == time.Hour:
		return "an hour"
	case d%time.Hour == 0:
		return strings.TrimSuffix(s, "h0m0s") + " hours"
	default:
		return strings.TrimSuffix(s, "m0s") + " minutes"
	}
}
