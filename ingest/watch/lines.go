package watch

import (
	"fmt"
	"math"
	"time"

	"github.com/gatewatch/gatewatch/ingest"
)

// window is how far back failures and losses are counted.
const window = 5 * time.Minute

// sample is a source's counters at a look.
type sample struct {
	at            time.Time
	lines, failed uint64
}

// sample keeps the counters of the window; what leaves it becomes part of what is usual, unless it was a burst.
func (s *source) sample(now time.Time, r *ingest.SourceReport) {
	if len(s.samples) == 0 {
		s.samples = append(s.samples, sample{at: now}) // counters begin at zero with the process
	}
	s.samples = append(s.samples, sample{now, r.Lines, r.Failed})
	for len(s.samples) > 2 && !s.samples[1].at.After(now.Add(-window)) {
		s.samples = s.samples[1:]
	}
}

// burst returns the lines of the window.
func (s *source) burst() (lines, failed uint64) {
	first, last := s.samples[0], s.samples[len(s.samples)-1]
	return last.lines - first.lines, last.failed - first.failed
}

// failures judges whether lines fail to parse that did not use to.
func (w *Watch) failures(now time.Time, r *ingest.SourceReport, s *source) (verdict, Condition) {
	lines, failed := s.burst()
	if lines == 0 {
		return unknown, Condition{}
	}
	share, usually := float64(failed)/float64(lines), s.Usual.share()
	bound := min(max(w.cfg.FailedPercent/100, 3*usually), max(0.9, (1+usually)/2))
	open := w.isOpen(Unparsed, r.Source)
	switch {
	case failed >= uint64(w.cfg.MinFailed) && share >= bound:
	case open && share < bound/2:
		return over, Condition{Explanation: fmt.Sprintf("%d of the newest %d lines could not be read", failed, lines)}
	case open:
		return unknown, Condition{}
	default:
		if n := len(s.samples); s.samples[n-1].lines > s.samples[n-2].lines {
			s.Usual.add(now, s.samples[n-1].lines-s.samples[n-2].lines, s.samples[n-1].failed-s.samples[n-2].failed)
		}
		return over, Condition{}
	}
	newest := ""
	if n := len(r.Failures); n > 0 {
		newest = fmt.Sprintf(" The newest: %s.", r.Failures[n-1].Error)
	}
	return holds, Condition{
		Began: s.samples[0].at, Observed: round(100 * share), Expected: round(100 * bound), Unit: "% of lines",
		Critical: share > 0.9,
		Explanation: fmt.Sprintf("%d of %d lines of %s (%s%%) that came in the last five minutes could not be read; %s%% are usual.%s "+
			"The requests in them are not watched. The gateway's log format has probably changed, or another program writes into its log: "+
			"GET /v1/sources shows some of the lines, `gatewatch parse --explain FILE` says what is recognised, sources[].format names the format.",
			failed, lines, r.Source, number(100*share), number(100*usually), newest),
	}
}

// A lag must last for lagFor; what lasts for lagUsual is the source's habit.
const (
	lagFor   = 2 * time.Minute
	lagUsual = 24 * time.Hour
)

// lag judges whether a source's newest request is older on arrival than it used to be.
func (w *Watch) lag(now time.Time, r *ingest.SourceReport, s *source, moved bool) (verdict, Condition) {
	if !moved || r.LastEvent.IsZero() {
		return unknown, Condition{}
	}
	lag := max(0, r.LastSeen.Sub(r.LastEvent))
	bound := w.cfg.Lag
	usually, known := s.Lags.usual()
	if usually > math.MaxInt64/3 {
		bound = math.MaxInt64
	} else {
		bound = max(bound, 3*usually)
	}
	switch {
	case !known || lag <= bound/2, lag <= bound && !w.isOpen(Lagging, r.Source):
		s.late = time.Time{}
		s.Lags.add(now, lag)
		return over, Condition{Explanation: fmt.Sprintf("its newest request is %s old on arrival", words(lag))}
	case lag <= bound:
		return unknown, Condition{}
	case w.isOpen(Lagging, r.Source) && now.Sub(w.open[Key{Lagging, r.Source}].Told) > lagUsual:
		s.Lags, s.late = lags{}, time.Time{}
		return over, Condition{Explanation: fmt.Sprintf("it has been %s behind for a day, which counts as usual from now on", words(lag))}
	case s.late.IsZero():
		s.late = now
	}
	if now.Sub(s.late) < lagFor {
		return unknown, Condition{}
	}
	waiting := ""
	if r.LagBytes > 0 {
		waiting = fmt.Sprintf(" %s of it are written and not read yet.", size(float64(r.LagBytes)))
	}
	return holds, Condition{
		Began: s.late, Observed: round(lag.Seconds()), Expected: round(bound.Seconds()), Unit: "seconds behind",
		Explanation: fmt.Sprintf("The newest request of %s is %s old when it arrives; up to %s are usual.%s What happens now is seen that much later. "+
			"If the delay shrinks, a backlog is being read and nothing is to do. If it grows, the agent, the network or this server is too slow: "+
			"look at the machine's load and at gatewatch_ingest_insert_seconds. If it stays the same, the gateway's clock or time zone is wrong (sources[].time_zone).",
			r.Source, words(lag), words(bound), waiting),
	}
}

// losses are the messages that a listener dropped.
type losses struct{ samples []sample }

// lookAtLosses judges whether a listener drops messages.
func (w *Watch) lookAtLosses(now time.Time, listener string, n uint64) {
	l := w.lost[listener]
	if l == nil {
		l = &losses{samples: []sample{{at: now}}}
		w.lost[listener] = l
	}
	l.samples = append(l.samples, sample{at: now, failed: n})
	for len(l.samples) > 2 && !l.samples[1].at.After(now.Add(-window)) {
		l.samples = l.samples[1:]
	}
	gone := n - l.samples[0].failed
	w.judge(now, Key{Lost, listener}, func() (verdict, Condition) {
		if gone == 0 {
			if now.Sub(w.began) < window {
				return unknown, Condition{}
			}
			return over, Condition{Explanation: "no message was dropped for five minutes"}
		}
		return holds, Condition{
			Began: l.samples[0].at, Observed: float64(gone), Expected: 0, Unit: "messages lost", Critical: true,
			Explanation: fmt.Sprintf("The syslog listener %s dropped %d messages in the last five minutes; they are lost, and the requests in them were not watched. "+
				"Its buffer on disk is full because the store does not take events fast enough or not at all, or the disk is full: look at this server's log and load, "+
				"at GET /readyz, and raise syslog[].buffer_mb. Senders over TCP wait instead of losing messages.", listener, gone),
		}
	})
}

// lookAtProblems judges the logs that cannot be read.
func (w *Watch) lookAtProblems(now time.Time, in Input) {
	for source, problem := range in.Problems {
		w.judge(now, Key{Unreadable, source}, func() (verdict, Condition) {
			if problem == "" {
				return over, Condition{Explanation: "it is read again"}
			}
			return holds, Condition{
				Began: now, Observed: 1, Expected: 0, Unit: "problems",
				Explanation: fmt.Sprintf("The log behind %s cannot be followed: %s. Requests in it are not watched. "+
					"Look at the file's owner and permissions, and whether it is still there.", source, problem),
			}
		})
	}
}

func round(v float64) float64 { return math.Round(v*10) / 10 }

// size says a number of bytes to people.
func size(n float64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for ; n >= 1024 && i < len(units)-1; i++ {
		n /= 1024
	}
	return fmt.Sprintf("%.3g %s", n, units[i])
}
