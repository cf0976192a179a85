package store

import (
	"math"
	"slices"

	"github.com/gatewatch/gatewatch/baseline"
)

// The rollups hand over each entity's rows as they lie there: about in order of time, and in as many pieces as their parts
// were not merged yet. What follows puts them together.

const (
	slotSeconds = 300 // the buckets in which an endpoint's busiest and quietest moments are told
	hourSeconds = 3600
	hourSlots   = hourSeconds / slotSeconds
)

// inOrder returns the positions of times in ascending order; nil when they are ascending already. Equal times may follow
// one another.
func inOrder(times []uint32, order []int32) []int32 {
	if slices.IsSorted(times) {
		return nil
	}
	order = order[:0]
	for i := range times {
		order = append(order, int32(i)) //nolint:gosec // an index
	}
	slices.SortFunc(order, func(i, j int32) int { return int(int64(times[i]) - int64(times[j])) })
	return order
}

// minuteSeries makes an endpoint's hours of its minutes.
type minuteSeries struct {
	order []int32
	out   baseline.EndpointHours
	hour  hourOfSlots
}

// hourOfSlots is an hour in the making.
type hourOfSlots struct {
	at                       uint32
	slots                    int
	requests, client, server uint64
	peak, trough             uint64
}

// fold returns the hours of the minutes, whose lists are equally long; they are its own until the next call.
func (m *minuteSeries) fold(minutes, requests, client, server []uint32) *baseline.EndpointHours {
	o := &m.out
	o.Hours, o.Requests, o.ClientErrors = o.Hours[:0], o.Requests[:0], o.ClientErrors[:0]
	o.ServerErrors, o.Peak, o.Trough = o.ServerErrors[:0], o.Peak[:0], o.Trough[:0]
	order := inOrder(minutes, m.order)
	if order != nil {
		m.order = order
	}
	var n, c, e uint64
	slot := uint32(0)
	for i := range minutes {
		at := i
		if order != nil {
			at = int(order[i])
		}
		if s := minutes[at] / slotSeconds; i == 0 || s != slot {
			if i > 0 {
				m.slot(slot, n, c, e)
			}
			slot, n, c, e = s, 0, 0, 0
		}
		n, c, e = n+uint64(requests[at]), c+uint64(client[at]), e+uint64(server[at])
	}
	if len(minutes) > 0 {
		m.slot(slot, n, c, e)
		m.close()
	}
	return o
}

// slot takes one bucket of five minutes.
func (m *minuteSeries) slot(slot uint32, n, c, e uint64) {
	h := &m.hour
	if at := slot / hourSlots; h.slots == 0 || at != h.at {
		m.close()
		h.at, h.trough = at, math.MaxUint64
	}
	h.slots++
	h.requests, h.client, h.server = h.requests+n, h.client+c, h.server+e
	h.peak, h.trough = max(h.peak, n), min(h.trough, n)
}

// close ends the hour.
func (m *minuteSeries) close() {
	h, o := &m.hour, &m.out
	if h.slots == 0 {
		return
	}
	if h.slots < hourSlots {
		h.trough = 0
	}
	o.Hours = append(o.Hours, h.at)
	o.Requests = append(o.Requests, uint32(h.requests))       //nolint:gosec // of one hour
	o.ClientErrors = append(o.ClientErrors, uint32(h.client)) //nolint:gosec // of one hour
	o.ServerErrors = append(o.ServerErrors, uint32(h.server)) //nolint:gosec // of one hour
	o.Peak = append(o.Peak, uint32(h.peak))                   //nolint:gosec // of one hour
	o.Trough = append(o.Trough, uint32(h.trough))             //nolint:gosec // of one hour
	*h = hourOfSlots{}
}

// stateRows is one reader's rows of object_hours: hours and as many states.
type stateRows struct {
	hours []uint32
	bytes []byte // of all states
	ends  []int
	list  [][]byte
}

func (r *stateRows) add(hour uint32, state []byte) {
	r.hours, r.bytes = append(r.hours, hour), append(r.bytes, state...)
	r.ends = append(r.ends, len(r.bytes))
}

func (r *stateRows) reset() { r.hours, r.bytes, r.ends = r.hours[:0], r.bytes[:0], r.ends[:0] }

// states returns them apart; they are valid until reset.
func (r *stateRows) states() [][]byte {
	r.list = r.list[:0]
	from := 0
	for _, end := range r.ends {
		r.list = append(r.list, r.bytes[from:end])
		from = end
	}
	return r.list
}

// objectSeries counts what one reader read through one endpoint, by the hour and by the day.
type objectSeries struct {
	order  []int32
	ranked [][]byte
	times  []uint32
	set    distinct
	out    baseline.ObjectHours
}

// fold returns the counts of the states, one for each hour; they are its own until the next call.
func (s *objectSeries) fold(hours []uint32, states [][]byte) (*baseline.ObjectHours, error) {
	if order := inOrder(hours, s.order); order != nil {
		s.order, s.times, s.ranked = order, s.times[:0], s.ranked[:0]
		for _, at := range order {
			s.times, s.ranked = append(s.times, hours[at]), append(s.ranked, states[at])
		}
		hours, states = s.times, s.ranked
	}
	o := &s.out
	var err error
	if o.Hours, o.Distinct, err = s.count(hours, states, 1, o.Hours[:0], o.Distinct[:0]); err != nil {
		return nil, err
	}
	o.Days, o.DayDistinct, err = s.count(hours, states, 24, o.Days[:0], o.DayDistinct[:0])
	return o, err
}

// count adds the counts of the buckets of so many hours to the lists.
func (s *objectSeries) count(times []uint32, states [][]byte, width uint32, at, counts []uint32) ([]uint32, []uint32, error) {
	bucket := func(t uint32) uint32 { return t / hourSeconds / width * width }
	for from := 0; from < len(times); {
		to := from + 1
		for to < len(times) && bucket(times[to]) == bucket(times[from]) {
			to++
		}
		n, err := s.set.all(states[from:to])
		if err != nil {
			return nil, nil, err
		}
		at, counts = append(at, bucket(times[from])), append(counts, n)
		from = to
	}
	return at, counts, nil
}
