package baseline

import (
	"fmt"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule says when models are learned anew. It is a pure function of time.
type Schedule struct {
	spec cron.Schedule
	text string
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

// ScheduleOf is the schedule that c sets, by default or by its own words.
func ScheduleOf(c Config) (Schedule, error) {
	c = c.withDefaults()
	return ParseSchedule(c.Schedule, c.TimeZone)
}

// Next returns the first moment after t at which the schedule is due, in UTC; zero when there is none.
func (s Schedule) Next(t time.Time) time.Time {
	next := s.spec.Next(t)
	if next.IsZero() {
		return next
	}
	return next.UTC()
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
