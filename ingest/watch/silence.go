package watch

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// A silence is judged against the same hours of earlier days. On each of them the source must have been active in at least
// minActive minutes, and by the number of active minutes on all of them together a day without any must be less likely than
// maxChance.
const (
	minActive  = 3
	maxChance  = 1e-5
	minWatched = 0.9 // share of an earlier interval in which the server itself was running
	maxSilence = 7 * 24 * time.Hour
)

// silence judges whether a source is silent that is not at this time of day.
func (w *Watch) silence(now time.Time, name string, s *source, moved bool) (verdict, Condition) {
	if moved {
		return over, Condition{Explanation: "lines come again"}
	}
	if w.isOpen(Silent, name) {
		return w.longSilence(now, name, s)
	}
	from := minuteOf(later(s.LastSeen, w.began)) + 1
	to := minuteOf(now)
	quiet := time.Duration(to-from) * time.Minute
	if quiet < w.cfg.Silence || quiet > maxSilence || w.replaced(name, s) {
		return unknown, Condition{}
	}
	h := w.habit(s, from, to)
	if !h.speaks {
		return unknown, Condition{}
	}
	last := s.LastEvent
	if last.IsZero() {
		last = s.LastSeen
	}
	return holds, Condition{
		Began: last, Observed: 0, Expected: h.mean, Unit: "minutes with requests",
		Explanation: fmt.Sprintf("%s has sent nothing for %s, since %s. At this time of the %d days that it is compared with it sent something in %s of %d minutes, never in fewer than %d. "+
			"Requests behind this log are not watched until it comes again. Look whether the gateway runs and still writes this log "+
			"(its disk, its rotation, a changed path), whether the agent or syslog sender on its machine runs and reaches this server, "+
			"and what GET /v1/sources says.",
			name, words(now.Sub(s.LastSeen)), s.LastSeen.UTC().Format("15:04 UTC on 2 January"), h.days, number(h.mean), to-from, h.least),
	}
}

// longSilence gives a source up that has been silent for a week, or whose place another one took.
func (w *Watch) longSilence(now time.Time, name string, s *source) (verdict, Condition) {
	switch {
	case now.Sub(s.LastSeen) > maxSilence:
		return over, Condition{Explanation: "it has been silent for a week and is taken for gone; it is watched again when lines come"}
	case w.replaced(name, s):
		return over, Condition{Explanation: "another source of the same group took its place"}
	}
	return holds, Condition{}
}

// replaced reports whether another source of the same group (what stands before the first colon: a configured source or
// listener) began when this one ended: containers and hosts that come and go.
func (w *Watch) replaced(name string, s *source) bool {
	group, _, ok := strings.Cut(name, ":")
	if !ok {
		return false
	}
	for other, o := range w.sources {
		if o != s && strings.HasPrefix(other, group+":") && o.First.After(s.LastSeen.Add(-time.Hour)) && o.LastSeen.After(s.LastSeen) {
			return true
		}
	}
	return false
}

// habit is what a source did in the same time on earlier days.
type habit struct {
	speaks bool    // a silence is against it
	days   int     // that were compared
	least  int     // active minutes on the quietest of them
	mean   float64 // and on average
}

// habit compares the minutes [from, to) with the same time on the days before. Weekdays on which the source always rested
// at that time are left out; when today may be one of them, because its weekday rested or was not seen yet, nothing is
// said, unless the source never rested for an hour.
func (w *Watch) habit(s *source, from, to int64) habit {
	days := w.earlier(s, from, to)
	byWeekday := map[int]int{} // most active minutes, by the number of days back modulo a week
	for _, d := range days {
		byWeekday[d.back%7] = max(byWeekday[d.back%7], d.active)
	}
	if most, seen := byWeekday[0]; seen && most < minActive || !seen && !w.restless(s) {
		return habit{}
	}
	var active []int
	for _, d := range days {
		if byWeekday[d.back%7] >= minActive {
			active = append(active, d.active)
		}
	}
	return judgeHabit(active, w.cfg.HistoryDays)
}

// earlierDay is what a source did some days back.
type earlierDay struct{ back, active int }

// earlier returns the active minutes in the same interval of the days before, as far as they are known.
func (w *Watch) earlier(s *source, from, to int64) (days []earlierDay) {
	begin, first := time.Unix(from*60, 0).In(w.zone), minuteOf(s.First)
	for k := 1; k < keptDays; k++ {
		a := minuteOf(begin.AddDate(0, 0, -k))
		b := a + to - from
		if a < first || a <= w.last-keptMinutes {
			break
		}
		if b > from || float64(w.watched.count(a, b)) < minWatched*float64(b-a) {
			continue
		}
		days = append(days, earlierDay{k, s.Active.count(a, b)})
	}
	return days
}

// restless reports whether a source was active in every hour that is known of it, but for the newest.
func (w *Watch) restless(s *source) bool {
	for at := max(minuteOf(s.First), w.last-keptMinutes+1); at+60 <= minuteOf(s.LastSeen); at += 60 {
		if s.Active.count(at, at+60) == 0 && w.watched.count(at, at+60) > 30 {
			return false
		}
	}
	return true
}

// judgeHabit reports whether a silence is against what the days show; one day in ten may be an exception.
func judgeHabit(active []int, need int) habit {
	slices.Sort(active)
	kept := active[len(active)/10:]
	if len(kept) < need {
		return habit{}
	}
	sum := 0
	for _, n := range kept {
		sum += n
	}
	n := float64(len(kept))
	// The chance of none in a further interval after sum in n of them: Poisson counts under Jeffreys' prior.
	chance := math.Pow(n/(n+1), float64(sum)+0.5)
	return habit{speaks: kept[0] >= minActive && chance <= maxChance, days: len(kept), least: kept[0], mean: float64(sum) / n}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// words says a duration to people.
func words(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f seconds", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f minutes", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f hours", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

func number(v float64) string {
	if v >= 10 || v == math.Trunc(v) {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f", v)
}
