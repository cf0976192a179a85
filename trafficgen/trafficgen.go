// Package trafficgen makes the access log of a small shop that does not exist: users with habits, a website with visitors,
// crawlers, a health check, and attacks that are labelled. Tests, benchmarks and the demo read what it writes.
//
// The same configuration gives the same records, byte for byte. It sends nothing anywhere: addresses are of the ranges for
// documentation and benchmarks (RFC 5737, RFC 2544). Only Pace looks at a clock.
package trafficgen

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"net/netip"
	"time"
)

// Config says what traffic to make. The zero value is a day of 200 users with every attack.
type Config struct {
	Seed uint64
	// Run tells apart runs of one shop: the same people with the same habits, but other days and other attackers.
	Run      uint64
	Start    time.Time     // of the first record; default 2026-03-02 00:00 UTC, a Monday
	Duration time.Duration // default 24 h; records after Start+Duration are not made
	Rate     float64       // mean requests per second without attacks; default 5
	Users    int           // accounts that use the API; default 200
	// Attacks to make. Nil: DefaultAttacks(Duration). Empty: none.
	Attacks []Attack
}

// Record is one request as the gateway would log it, and what the generator knows about it.
type Record struct {
	Time      time.Time
	Client    netip.Addr
	User      string // the account, when the request was authenticated
	Method    string
	Path      string
	Query     string
	Status    int
	BytesIn   int64
	BytesOut  int64
	Duration  time.Duration
	Referer   string
	UserAgent string
	RequestID string

	// Label is the Kind of the attack that the request belongs to, empty for ordinary traffic. No log shows it.
	Label Kind
}

// Generator makes records in order of time. It is not safe for concurrent use.
type Generator struct {
	cfg     Config
	end     time.Time
	queue   queue
	attacks []Attack
	count   uint64
}

// New returns a generator at its first record.
func New(cfg Config) *Generator {
	if cfg.Start.IsZero() {
		cfg.Start = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	}
	if cfg.Duration <= 0 {
		cfg.Duration = 24 * time.Hour
	}
	if cfg.Rate <= 0 {
		cfg.Rate = 5
	}
	if cfg.Users <= 0 {
		cfg.Users = 200
	}
	if cfg.Attacks == nil {
		cfg.Attacks = DefaultAttacks(cfg.Duration)
	}
	g := &Generator{cfg: cfg, end: cfg.Start.Add(cfg.Duration), attacks: cfg.Attacks}
	g.addShop()
	g.addAttacks()
	heap.Init(&g.queue)
	return g
}

// Next returns the next record, false when there is none left.
func (g *Generator) Next() (Record, bool) {
	for g.queue.Len() > 0 {
		a := g.queue[0]
		r := a.pending[0]
		if r.Time.After(g.end) {
			heap.Pop(&g.queue)
			continue
		}
		if a.pending = a.pending[1:]; len(a.pending) == 0 {
			a.refill(r.Time)
		}
		if len(a.pending) == 0 {
			heap.Pop(&g.queue)
		} else {
			heap.Fix(&g.queue, 0)
		}
		g.count++
		r.RequestID = requestID(mix(g.cfg.Run)+g.cfg.Seed, g.count)
		g.outage(&r)
		return r, true
	}
	return Record{}, false
}

// actor is somebody who makes requests: a script that is written on when it has been played.
type actor struct {
	order   int
	rng     *rand.Rand
	pending []Record
	write   func(rng *rand.Rand, after time.Time) []Record // nil result: the actor is gone
}

func (a *actor) refill(after time.Time) { a.pending = a.write(a.rng, after) }

// add puts an actor into the traffic. Each has its own random numbers, so that one more attack changes nothing else.
func (g *Generator) add(stream uint64, write func(rng *rand.Rand, after time.Time) []Record) {
	a := &actor{order: len(g.queue), rng: rand.New(rand.NewPCG(g.cfg.Seed, stream+g.cfg.Run<<32)), write: write}
	if a.refill(g.cfg.Start); len(a.pending) > 0 {
		g.queue = append(g.queue, a)
	}
}

// queue orders actors by the time of their next record.
type queue []*actor

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if c := q[i].pending[0].Time.Compare(q[j].pending[0].Time); c != 0 {
		return c < 0
	}
	return q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(*actor)) }
func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}

// requestID spreads the count over 64 bits (splitmix64, https://prng.di.unimi.it/splitmix64.c).
func requestID(seed, n uint64) string {
	const digits = "0123456789abcdef"
	z := mix(seed + n*0x9e3779b97f4a7c15)
	var b [16]byte
	for i := range b {
		b[i] = digits[z>>60]
		z <<= 4
	}
	return string(b[:])
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// wait draws an exponential waiting time, cut at ten times its mean.
func wait(rng *rand.Rand, mean time.Duration) time.Duration {
	return time.Duration(min(rng.ExpFloat64(), 10) * float64(mean)).Round(time.Millisecond)
}

// around draws a positive number whose logarithm is normal: sizes and latencies.
func around(rng *rand.Rand, median, spread float64) float64 {
	return median * math.Exp(rng.NormFloat64()*spread)
}
