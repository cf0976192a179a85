package rules

import (
	"math"
	"slices"
	"unsafe"

	"github.com/gatewatch/gatewatch/event"
)

// What sums, averages and percentiles remember of a window. Its start is rounded up to a bucket's edge, so that it is
// shorter than the timespan by less than a bucket; the number over what is left is exact, but that percentiles are taken
// over values cut to significantBits. A finding's measure says both, so that it gets the same number.
const (
	bucketsInSpan   = 64   // a bucket is a sixty-fourth of the timespan
	significantBits = 6    // of a value's significand: cut by less than a sixty-fourth
	maxCells        = 4096 // (bucket, value) pairs of one percentile window: beyond, the oldest bucket is let go
	millionths      = 1e6  // fractions are added as whole millionths, so that their order does not matter
)

// bucketWindow is value_sum, value_avg and value_percentile.
type bucketWindow struct {
	buckets []bucket // oldest first
	total   cells    // of all buckets, for percentiles
	cells   int      // in all buckets
	floor   int64    // buckets before this one were let go
}

// bucket holds the events of ((index)*width, (index+1)*width].
type bucket struct {
	index  int64
	first  int64 // event time of its first event
	amount amount
	cells  cells
}

// amount is what sums and averages need of values.
type amount struct {
	n   uint64
	sum int64 // in millionths for fractional fields
}

func (a *amount) add(b amount) { a.n, a.sum = a.n+b.n, a.sum+b.sum }

// number is the sum or average, as the store computes it.
func (a amount) number(r *reach) float64 {
	v := float64(a.sum)
	if fractional(r.field) {
		v /= millionths
	}
	if r.kind == ValueAvg {
		v /= float64(a.n)
	}
	return v
}

func fractional(id fieldID) bool { return id == fieldDuration || id == fieldUpstreamMS }

// amountOf is the event's own share.
func amountOf(ev *event.Event, id fieldID) amount {
	v, _ := fieldNumber(ev, id)
	if fractional(id) {
		return amount{1, int64(math.RoundToEven(v * millionths))}
	}
	return amount{1, int64(v)}
}

// cells count values, in order.
type cells []cell

type cell struct {
	value float64
	n     uint64
}

// significant cuts a value to significantBits.
func significant(v float64) float64 {
	const kept = 52 - significantBits
	return math.Float64frombits(math.Float64bits(v) >> kept << kept)
}

// add counts a value n times more and says whether it is a new one.
func (c *cells) add(value float64, n uint64) (grew bool) {
	i, found := c.find(value)
	if found {
		(*c)[i].n += n
		return false
	}
	*c = slices.Insert(*c, i, cell{value, n})
	return true
}

func (c *cells) remove(value float64, n uint64) {
	i, found := c.find(value)
	if !found {
		return
	}
	if (*c)[i].n -= n; (*c)[i].n == 0 {
		*c = slices.Delete(*c, i, i+1)
	}
}

func (c *cells) find(value float64) (int, bool) {
	return slices.BinarySearchFunc(*c, value, func(e cell, v float64) int {
		switch {
		case e.value < v:
			return -1
		case e.value > v:
			return 1
		}
		return 0
	})
}

func (c cells) count() (n uint64) {
	for _, e := range c {
		n += e.n
	}
	return n
}

// at is the value of a rank, from 1 on.
func (c cells) at(rank uint64) float64 {
	for _, e := range c {
		if rank <= e.n {
			return e.value
		}
		rank -= e.n
	}
	return c[len(c)-1].value
}

// quantile interpolates between the closest ranks (Hyndman and Fan's type 7), step by step as the store does.
func (c cells) quantile(q float64) float64 {
	n := c.count()
	if n == 0 {
		return 0
	}
	h := q*float64(n-1) + 1
	k := uint64(h)
	if k >= n {
		return c.at(n)
	}
	low := c.at(k)
	return low + (h-float64(k))*(c.at(k+1)-low)
}

func (w *bucketWindow) add(ev *event.Event, t int64, r *reach) {
	index := floorDiv(t-1, r.width)
	if index < w.floor {
		return
	}
	i, found := slices.BinarySearchFunc(w.buckets, index, func(b bucket, index int64) int { return int(b.index - index) })
	if !found {
		w.buckets = slices.Insert(w.buckets, i, bucket{index: index, first: t})
	}
	b := &w.buckets[i]
	b.first = min(b.first, t)
	b.amount.add(amountOf(ev, r.field))
	if r.kind != ValuePercentile {
		return
	}
	v, _ := fieldNumber(ev, r.field)
	v = significant(v)
	w.total.add(v, 1)
	if b.cells.add(v, 1) {
		w.cells++
	}
	for w.cells > maxCells && len(w.buckets) > 1 {
		w.floor = w.buckets[0].index + 1
		w.drop(1)
	}
}

// drop forgets the oldest buckets.
func (w *bucketWindow) drop(n int) {
	for i := range w.buckets[:n] {
		for _, c := range w.buckets[i].cells {
			w.total.remove(c.value, c.n)
		}
		w.cells -= len(w.buckets[i].cells)
	}
	w.buckets = slices.Delete(w.buckets, 0, n)
}

func (w *bucketWindow) judge(newest int64, r *reach) verdict {
	start := max(-floorDiv(r.span-newest, r.width), w.floor) // the first bucket that lies inside the window as a whole
	old := 0
	for old < len(w.buckets) && w.buckets[old].index < start {
		old++
	}
	w.drop(old)
	if len(w.buckets) == 0 {
		return verdict{}
	}
	var all amount
	for i := range w.buckets {
		all.add(w.buckets[i].amount)
	}
	v := verdict{first: w.buckets[0].first, events: all.n, edge: start * r.width, edged: true}
	if r.kind == ValuePercentile {
		v.observed, v.until = w.total.quantile(r.quantile), newest+1
	} else {
		v.observed, v.until = all.number(r), w.holdsUntil(all, r)
	}
	v.holds = boundsHold(r.bounds, v.observed)
	return v
}

// holdsUntil is when buckets have left the window so that what is left does not hold any more, if no events come.
func (w *bucketWindow) holdsUntil(left amount, r *reach) int64 {
	for i := range w.buckets {
		b := &w.buckets[i]
		left.n, left.sum = left.n-b.amount.n, left.sum-b.amount.sum
		if left.n == 0 || !boundsHold(r.bounds, left.number(r)) {
			return b.index*r.width + r.span + 1
		}
	}
	return never
}

func (w *bucketWindow) size() int64 {
	n := int64(unsafe.Sizeof(*w)) + int64(cap(w.buckets))*int64(unsafe.Sizeof(bucket{})) + w.total.size()
	for i := range w.buckets {
		n += w.buckets[i].cells.size()
	}
	return n
}

func (c cells) size() int64 { return int64(cap(c)) * int64(unsafe.Sizeof(cell{})) }

// floorDiv divides towards minus infinity.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}
