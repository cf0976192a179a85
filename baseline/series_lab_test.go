package baseline

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// drawn is a generated series: what is said about it is held against the places where it was made to go wrong.
type drawn struct {
	r     *rand.Rand
	step  time.Duration
	times []time.Time
	xs    []float64
	wrong []int // where anomalies begin
}

// seriesKind is a kind of series, n values long.
type seriesKind struct {
	name string
	step time.Duration
	n    int
	draw func(d *drawn)
}

func (k seriesKind) make(seed uint64) *drawn {
	h := fnv.New64a()
	_, _ = h.Write([]byte(k.name))
	d := &drawn{r: rand.New(rand.NewPCG(seed, h.Sum64())), step: k.step, xs: make([]float64, k.n)}
	at := labStart.Add(time.Duration(d.r.IntN(7*24)) * time.Hour)
	for range k.n {
		d.times = append(d.times, at)
		at = at.Add(k.step)
	}
	k.draw(d)
	return d
}

func (d *drawn) noise() float64                    { return d.r.NormFloat64() }
func (d *drawn) between(low, high float64) float64 { return low + (high-low)*d.r.Float64() }
func (d *drawn) hour(i int) float64 {
	return float64(d.times[i].Hour()) + float64(d.times[i].Minute())/60
}

// day is the sine of the time of day, at its height six hours after the given one.
func (d *drawn) day(i int, from float64) float64 {
	return math.Sin(2 * math.Pi * (d.hour(i) - from) / 24)
}

func (d *drawn) weekend(i int) bool {
	w := d.times[i].Weekday()
	return w == time.Saturday || w == time.Sunday
}

// places draws up to n places after the first fifth, a tenth of the series apart.
func (d *drawn) places(n int) []int {
	for range 50 {
		p := int(d.between(0.2, 0.96) * float64(len(d.xs)))
		if len(d.wrong) < n && !slices.ContainsFunc(d.wrong, func(q int) bool { return max(p-q, q-p)*10 < len(d.xs) }) {
			d.wrong = append(d.wrong, p)
		}
	}
	slices.Sort(d.wrong)
	return d.wrong
}

// change alters n values from a place on.
func (d *drawn) change(from, n int, how func(k int, x float64) float64) {
	for k := range min(n, len(d.xs)-from) {
		d.xs[from+k] = how(k, d.xs[from+k])
	}
}

// labelled is what the series makes of the scores: windows around the anomalies that together are a tenth of it.
func (d *drawn) labelled() labelled {
	s, l := NewScorer(), labelled{}
	for i, x := range d.xs {
		l.scores = append(l.scores, s.Score(d.times[i], x))
	}
	for _, p := range d.wrong {
		half := len(d.xs) / 20 / len(d.wrong)
		l.windows = append(l.windows, [2]int{max(p-half, 0), min(p+half, len(d.xs)-1)})
	}
	return l
}

var seriesKinds = []seriesKind{
	{"processor load", 5 * time.Minute, 4032, func(d *drawn) {
		base, ar, every := math.Exp(d.between(-2, 4)), 0.0, 60+d.r.IntN(250)
		for i := range d.xs {
			ar = 0.6*ar + 0.1*d.noise()
			d.xs[i] = base * max(1+ar, 0)
			if i%every < 2 { // a job
				d.xs[i] += base * d.between(1, 1.6)
			}
		}
		for _, p := range d.places(2) {
			if d.r.IntN(2) == 0 {
				d.change(p, 3, func(_ int, x float64) float64 { return x + base*d.between(6, 12) })
			} else {
				d.change(p, 150, func(_ int, x float64) float64 { return 0.15 * x })
			}
		}
	}},
	{"bytes on the network", 5 * time.Minute, 4500, func(d *drawn) {
		base := math.Exp(d.between(4, 15))
		for i := range d.xs {
			d.xs[i] = math.Round(base * math.Exp(0.5*d.noise()) * (1 + 0.4*d.day(i, 8)))
		}
		for _, p := range d.places(2) {
			if d.r.IntN(2) == 0 {
				d.change(p, 4, func(_ int, x float64) float64 { return x + 30*base })
			} else {
				d.change(p, 150, func(_ int, x float64) float64 { return 5 * x })
			}
		}
	}},
	{"batches", 5 * time.Minute, 4200, func(d *drawn) {
		height, every := math.Exp(d.between(3, 14)), []int{12, 36, 72, 144, 288}[d.r.IntN(5)]
		for i := range d.xs {
			if i%every < 1+every/40 && d.r.IntN(20) > 0 {
				d.xs[i] = height * math.Exp(0.3*d.noise())
			}
		}
		for _, p := range d.places(2) {
			d.change(p, 1+d.r.IntN(40), func(int, float64) float64 { return height * d.between(2.5, 6) })
		}
	}},
	{"mentions", 5 * time.Minute, 15800, func(d *drawn) { // the larger bursts are the anomalies
		base, burst := math.Exp(d.between(1, 4)), 0.0
		ps := d.places(3)
		for i := range d.xs {
			if d.r.IntN(200) == 0 {
				burst += base * min(0.4*math.Pow(d.r.Float64(), -1/1.7), 6)
			}
			if slices.Contains(ps, i) {
				burst += base * d.between(9, 30)
			}
			d.xs[i] = math.Floor((base*(1+0.5*d.day(i, 9)) + burst) * math.Exp(0.4*d.noise()))
			burst *= 0.85
		}
	}},
	{"prices by the hour", time.Hour, 1620, func(d *drawn) {
		ar, level := 0.0, 0.0
		for i := range d.xs {
			level += 0.01 * d.noise()
			ar = 0.5*ar + 0.2*d.noise()
			d.xs[i] = math.Exp(level + ar)
		}
		for _, p := range d.places(2) {
			d.change(p, 1+d.r.IntN(4), func(_ int, x float64) float64 { return x * d.between(3, 6) })
		}
	}},
	{"a room's temperature", time.Hour, 7260, func(d *drawn) {
		level := 70.0
		for i := range d.xs {
			level += 0.03*(70-level) + 0.25*d.noise()
			d.xs[i] = level + 0.3*d.noise()
			if h := d.hour(i); !d.weekend(i) && h > 8 && h < 20 {
				d.xs[i] += d.between(2, 3)
			}
		}
		for _, p := range d.places(2) {
			n, height := 12+d.r.IntN(48), d.between(7, 12)
			d.change(p, n, func(k int, x float64) float64 { return x - height*math.Sin(math.Pi*float64(k)/float64(n)) })
		}
	}},
	{"passengers by half-hours", 30 * time.Minute, 10320, func(d *drawn) {
		ar := 0.0
		for i := range d.xs {
			ar = 0.9*ar + 0.02*d.noise()
			h := d.hour(i)
			rush := 0.3*math.Exp(-(h-8)*(h-8)/3) + 0.35*math.Exp(-(h-19)*(h-19)/5)
			d.xs[i] = 20000 * math.Exp(ar) * (0.55 + 0.4*d.day(i, 11) + rush)
			if d.weekend(i) {
				d.xs[i] = 20000 * math.Exp(ar) * (0.55 + 0.45*d.day(i, 13))
			}
		}
		for _, p := range d.places(4) {
			switch d.r.IntN(3) {
			case 0: // a holiday
				d.change(p, 48, func(_ int, x float64) float64 { return 0.5 * x })
			case 1: // a storm
				d.change(p, 36, func(_ int, x float64) float64 { return 0.1 * x })
			default: // a marathon
				d.change(p, 6, func(_ int, x float64) float64 { return 1.7 * x })
			}
		}
	}},
	{"load that loses its day", 5 * time.Minute, 9000, func(d *drawn) {
		p := d.places(1)[0]
		for i := range d.xs {
			height := 20.0
			if i >= p && i < p+600 {
				height = 2
			}
			d.xs[i] = 50 + height*d.day(i, 9) + 3*d.noise()
		}
	}},
	{"latency", 5 * time.Minute, 4032, func(d *drawn) {
		for i := range d.xs {
			d.xs[i] = 40 * (1 + 0.03*d.noise())
			if d.r.IntN(100) == 0 {
				d.xs[i] += 10 * d.r.ExpFloat64()
			}
		}
		for _, p := range d.places(2) {
			d.change(p, 1+d.r.IntN(10), func(_ int, x float64) float64 { return x + d.between(30, 80) })
		}
	}},
	{"stuck or restless", 5 * time.Minute, 4032, func(d *drawn) {
		p, times := d.places(1)[0], []float64{0, 4}[d.r.IntN(2)]
		for i := range d.xs {
			e := d.noise()
			if i >= p && i < p+250 {
				e *= times
			}
			d.xs[i] = 300 * (1 + 0.1*e)
		}
	}},
	{"requests a minute", time.Minute, 15840, func(d *drawn) {
		ar := 0.0
		for i := range d.xs {
			ar = 0.9*ar + 0.05*d.noise()
			d.xs[i] = 900 * math.Exp(ar) * (1 + 0.4*d.day(i, 10))
		}
		for _, p := range d.places(3) {
			d.change(p, 5+d.r.IntN(30), func(_ int, x float64) float64 { return 0.1 * x })
		}
	}},
}

// TestScorerOnGeneratedSeries scores generated series of many kinds like the labelled ones. It needs no data from outside,
// and tells a change that helps from one that was luck with these.
func TestScorerOnGeneratedSeries(t *testing.T) {
	var all []labelled
	for _, k := range seriesKinds {
		var list []labelled
		for seed := range uint64(3) {
			list = append(list, k.make(seed).labelled())
		}
		found, windows, elsewhere := alarmsOf(list)
		t.Logf("%-26s %5.1f: %d of %d windows, %d alarms elsewhere", k.name, nabScore(list, alarmScore), found, windows, elsewhere)
		all = append(all, list...)
	}
	score := nabScore(all, alarmScore)
	found, windows, elsewhere := alarmsOf(all)
	t.Logf("%-26s %5.1f: %d of %d windows, %d alarms elsewhere in %d series", "all", score, found, windows, elsewhere, len(all))
	if score < 75 {
		t.Errorf("scored %.1f, want 75", score)
	}
}

// alarmsOf counts the windows with an alarm, and the alarms outside of windows after the first 15% of each series.
func alarmsOf(list []labelled) (found, windows, elsewhere int) {
	for _, l := range list {
		hit := make([]bool, len(l.windows))
		for _, i := range alarms(l.scores) {
			in := slices.IndexFunc(l.windows, func(w [2]int) bool { return i >= w[0] && i <= w[1] })
			if in >= 0 {
				hit[in] = true
			} else if i > len(l.scores)*15/100 {
				elsewhere++
			}
		}
		windows += len(hit)
		for _, h := range hit {
			if h {
				found++
			}
		}
	}
	return found, windows, elsewhere
}
