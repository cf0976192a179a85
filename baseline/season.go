package baseline

import (
	"math"
	"slices"
	"time"
)

// hoursOfWeek is the number of slots of a season; slot 0 is Sunday 00:00 to 01:00 in the configured zone.
const hoursOfWeek = 7 * 24

// Season is the expected number of requests in each hour of the week.
type Season struct {
	// Level is the median of the weeks seen at that hour of the week, shrunk towards the median of that hour of the day
	// and that towards the median of all hours, by how many of each were seen.
	Level [hoursOfWeek]float32 `json:"level"`
	// Least is the fewest requests seen at that hour of the week, 0 when it was never seen: a drop is judged only
	// where every week that is known was busy.
	Least [hoursOfWeek]float32 `json:"least"`
}

// slotOf returns the hour of the week of t in loc.
func slotOf(t time.Time, loc *time.Location) int {
	t = t.In(loc)
	return int(t.Weekday())*24 + t.Hour()
}

// span is the hours [from, to) that a model is learned from, with their slots.
type span struct {
	from, to int64
	slots    []uint8 // hour of week by hour - from
}

func newSpan(s Snapshot, loc *time.Location) span {
	sp := span{from: hourOf(s.From()), to: hourOf(s.Until)}
	sp.slots = make([]uint8, max(sp.to-sp.from, 0))
	for i := range sp.slots {
		sp.slots[i] = uint8(slotOf(hourTime(sp.from+int64(i)), loc)) //nolint:gosec // 0 to 167
	}
	return sp
}

// dense spreads a sparse series over the hours from first on; hours that are left out become NaN.
func (sp span) dense(hours, counts []uint32, first int64, leftOut func(h int64) bool) []float64 {
	out := make([]float64, sp.to-first)
	for i, h := range hours {
		if at := int64(h) - first; at >= 0 && at < int64(len(out)) {
			out[at] = float64(counts[i])
		}
	}
	for i := range out {
		if leftOut(first + int64(i)) {
			out[i] = math.NaN()
		}
	}
	return out
}

// priorWeight is how many observations the coarser level counts for.
const priorWeight = 1

// fitSeason learns the season of a dense series that begins at hour first. What no week has shown yet follows the group,
// which is the service's season and may be nil.
func (sp span) fitSeason(series []float64, first int64, group *Season) *Season {
	var byWeek [hoursOfWeek][]float64
	var byDay [24][]float64
	all := make([]float64, 0, len(series))
	for i, x := range series {
		if math.IsNaN(x) {
			continue
		}
		slot := sp.slots[first-sp.from+int64(i)]
		byWeek[slot] = append(byWeek[slot], x)
		byDay[slot%24] = append(byDay[slot%24], x)
		all = append(all, x)
	}
	overall := trimmedMean(all)
	s := &Season{}
	for slot := range byWeek {
		day, week := byDay[slot%24], byWeek[slot]
		level := shrink(median(day), len(day), overall, priorWeight)
		if len(week) == 0 {
			level *= group.against(slot, func(other int) bool { return len(byWeek[other]) > 0 })
		}
		level = shrink(median(week), len(week), level, priorWeight)
		s.Level[slot] = round4(level)
	}
	return s
}

// against returns how busy the group is at an hour of the week, against the same hour of the days that were seen: 1 when the
// group says nothing.
func (s *Season) against(slot int, seen func(int) bool) float64 {
	const most = 10 // times
	if s == nil {
		return 1
	}
	var others []float64
	for other := slot % hoursADay; other < hoursOfWeek; other += hoursADay {
		if seen(other) {
			others = append(others, float64(s.Level[other]))
		}
	}
	usual := median(others)
	if usual == 0 {
		return 1
	}
	return min(max(float64(s.Level[slot])/usual, 1./most), most)
}

// fitLeast learns the fewest requests of each hour of the week, unusual days included.
func (sp span) fitLeast(s *Season, series []float64, first int64) {
	var seen [hoursOfWeek]bool
	for i, x := range series {
		if math.IsNaN(x) {
			continue
		}
		slot := sp.slots[first-sp.from+int64(i)]
		if !seen[slot] || float32(x) < s.Least[slot] {
			seen[slot], s.Least[slot] = true, float32(x)
		}
	}
}

// trimmedMean is the mean of xs without the lowest and the highest twentieth. It sorts xs.
func trimmedMean(xs []float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	slices.Sort(xs)
	cut := len(xs) / 20
	kept := xs[cut : len(xs)-cut]
	sum := 0.0
	for _, x := range kept {
		sum += x
	}
	return sum / float64(len(kept))
}

// fitAlpha learns the over-dispersion: the relative spread around the season (from the median absolute deviation)
// less what counting alone explains. leastAlpha allows for the levels being estimates themselves.
func (sp span) fitAlpha(series []float64, first int64, s *Season) float64 {
	var rel, noise []float64
	for i, x := range series {
		mu := float64(s.Level[sp.slots[first-sp.from+int64(i)]])
		if math.IsNaN(x) || mu < 5 {
			continue
		}
		rel = append(rel, math.Abs(x-mu)/mu)
		noise = append(noise, 1/mu)
	}
	if len(rel) < 24 {
		return defaultAlpha
	}
	spread := 1.4826 * median(rel)
	return max(spread*spread-median(noise), leastAlpha)
}

const (
	leastAlpha   = 0.0025 // a spread of 5% of the level
	defaultAlpha = 0.25   // of 50%: little is known
)

// round4 keeps four significant digits: levels are estimates, and the saved rows stay short.
func round4(x float64) float32 {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(x))))
	return float32(math.Round(x*scale) / scale)
}
