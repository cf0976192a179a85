package baseline

import (
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/robfig/cron/v3"
)

// Schedule says when models are learned anew. It is a pure function of time.
type Schedule struct {
	spec   cron.Schedule
	text   string
	jitter time.Duration
	seed   string
}

// ParseSchedule reads a cron expression of five fields (or a word such as @daily) in an IANA time zone; an empty zone
// is UTC. Around a change of the clocks a run that falls into a skipped hour is left out, one in a repeated hour runs once.
func ParseSchedule(expression, zone string) (Schedule, error) {
	if zone == "" {
		zone = "UTC"
	}
	if _, err := time.LoadLocation(zone); err != nil {
		return Schedule{}, fmt.Errorf("baseline.time_zone: %q, want an IANA time zone such as Europe/Berlin: %w", zone, err)
	}
	spec, err := cron.ParseStandard("CRON_TZ=" + zone + " " + expression)
	if err != nil {
		return Schedule{}, fmt.Errorf("baseline.schedule: %q, want a cron expression such as 17 3 * * *: %w", expression, err)
	}
	return Schedule{spec: spec, text: expression + " " + zone}, nil
}

// ScheduleOf is the schedule that c sets, by default or by its own words; seed is that of its jitter.
func ScheduleOf(c Config, seed string) (Schedule, error) {
	c = c.withDefaults()
	s, err := ParseSchedule(c.Schedule, c.TimeZone)
	return s.Jittered(c.Jitter, seed), err
}

// Next returns the first moment after t at which the schedule is due, in UTC; zero when there is none.
func (s Schedule) Next(t time.Time) time.Time {
	next := s.spec.Next(t)
	if next.IsZero() {
		return next
	}
	return next.UTC()
}

// Jittered returns the schedule with its starts put off by up to jitter, each by an amount of its own that the seed and the
// due time give: installations that share a store or a machine do not start at the same moment.
func (s Schedule) Jittered(jitter time.Duration, seed string) Schedule {
	s.jitter, s.seed = jitter, seed
	return s
}

// next returns the first due time whose start lies after t, and that start.
func (s Schedule) next(t time.Time) (due, start time.Time) {
	for due = s.Next(t.Add(-s.jitter)); !due.IsZero(); due = s.Next(due) {
		if start = due.Add(s.delay(due)); start.After(t) {
			return due, start
		}
	}
	return time.Time{}, time.Time{}
}

// delay is from nothing up to the jitter, in whole seconds.
func (s Schedule) delay(due time.Time) time.Duration {
	if s.jitter < time.Second {
		return 0
	}
	h := xxhash.Sum64String(s.seed + due.UTC().Format(time.RFC3339))
	return time.Duration(h%uint64(s.jitter/time.Second)) * time.Second
}

// String returns the expression and its zone.
func (s Schedule) String() string { return s.text }

const (
	// leastNews and newsShare say how many new events make it worth learning anew while history is walked through.
	leastNews = 2000
	newsShare = 20 // the share is 1/newsShare
)

// Due reports whether a walk through history should learn anew at the event time now, a day's boundary (see DayStart).
// last is the newest model or nil; news is the number of events judged since it was learned.
//
// Sparse history is learned from rarely: at least 2,000 events must have come, and a twentieth of what the last model
// was learned from.
func Due(last *Model, now time.Time, news uint64) bool {
	if last == nil {
		return news >= leastNews
	}
	if !now.After(last.EffectiveFrom) {
		return false
	}
	return news >= max(leastNews, last.Events/newsShare)
}

// DayStart returns the day's boundary at or before t, UTC: the moments at which a walk through history asks Due.
func DayStart(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }
