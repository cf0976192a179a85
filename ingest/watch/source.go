package watch

import (
	"math"
	"time"

	"github.com/gatewatch/gatewatch/ingest"
)

// source is what is known of a source: its habits, which last, and the counters of the last minutes, which do not.
type source struct {
	First     time.Time `json:"first"`      // when its first lines came
	LastSeen  time.Time `json:"last_seen"`  // when its newest lines came
	LastEvent time.Time `json:"last_event"` // time of its newest request
	Active    minutes   `json:"active"`     // minutes in which lines came
	Lags      lags      `json:"lags"`
	Usual     usual     `json:"usual"`

	lines   uint64 // of the report at the last look
	samples []sample
	late    time.Time // since when every look saw it lag; zero: the last did not
}

// note takes a report in and tells whether lines came since the last look.
func (s *source) note(now time.Time, r *ingest.SourceReport) bool {
	s.sample(now, r)
	if r.Lines <= s.lines {
		return false
	}
	s.lines = r.Lines
	s.Active.set(minuteOf(now))
	s.LastSeen = now
	if r.LastEvent.After(s.LastEvent) {
		s.LastEvent = r.LastEvent
	}
	return true
}

// lags is how far behind a source usually is: how often its newest request lay 2^i seconds behind, fading with time.
type lags struct {
	Weight [40]float64 `json:"weight"`
	At     time.Time   `json:"at"`
}

// halfLife is how long it takes until what was usual counts half.
const halfLife = 7 * 24 * time.Hour

func fade(from, to time.Time) float64 {
	if from.IsZero() || !to.After(from) {
		return 1
	}
	return math.Exp2(-to.Sub(from).Seconds() / halfLife.Seconds())
}

func (l *lags) add(now time.Time, lag time.Duration) {
	f := fade(l.At, now)
	for i := range l.Weight {
		l.Weight[i] *= f
	}
	l.At = now
	at := 0
	if s := lag.Seconds(); s > 1 {
		at = min(int(math.Ceil(math.Log2(s))), len(l.Weight)-1)
	}
	l.Weight[at]++
}

// minLags is how many looks must have seen lines before a lag is judged.
const minLags = 40

// usual returns what 19 of 20 looks did not exceed; false while too little is known.
func (l *lags) usual() (time.Duration, bool) {
	sum := 0.0
	for _, n := range l.Weight {
		sum += n
	}
	if sum < minLags {
		return 0, false
	}
	rest := sum * 0.95
	for i, n := range l.Weight {
		if rest -= n; rest <= 0 {
			return time.Duration(math.Exp2(float64(i)) * float64(time.Second)), true
		}
	}
	return math.MaxInt64, true
}

// usual is the share of a source's lines that fail, fading with time.
type usual struct {
	Lines  float64   `json:"lines"`
	Failed float64   `json:"failed"`
	At     time.Time `json:"at"`
}

func (u *usual) add(now time.Time, lines, failed uint64) {
	f := fade(u.At, now)
	u.Lines, u.Failed, u.At = u.Lines*f+float64(lines), u.Failed*f+float64(failed), now
}

// share is 0 while little is known.
func (u *usual) share() float64 {
	const enough = 1000 // lines
	if u.Lines < enough {
		return 0
	}
	return u.Failed / u.Lines
}
