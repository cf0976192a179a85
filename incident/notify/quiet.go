package notify

import (
	"fmt"
	"strings"
	"time"
)

// Quiet is a time of day at which nothing is sent.
type Quiet struct {
	// Days on which it begins: mon, tue, wed, thu, fri, sat, sun. Default all.
	Days []string `yaml:"days"`
	// From and To are HH:MM. A To that is not after From is on the next day.
	From string `yaml:"from"`
	To   string `yaml:"to"`
	// TimeZone is an IANA name. Default UTC.
	TimeZone string `yaml:"time_zone"`
}

var weekdays = map[string]time.Weekday{
	"sun": time.Sunday, "mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday, "thu": time.Thursday, "fri": time.Friday, "sat": time.Saturday,
}

// hours is a Quiet that was read.
type hours struct {
	days     [7]bool
	from, to time.Duration // since midnight by the clock on the wall; to is over 24h when on the next day
	zone     *time.Location
}

// parse reads q. Errors begin with the member.
func (q Quiet) parse() (h hours, err error) {
	for _, d := range q.Days {
		day, ok := weekdays[strings.ToLower(d)]
		if !ok {
			return h, fmt.Errorf("days: %q: want some of mon, tue, wed, thu, fri, sat, sun", d)
		}
		h.days[day] = true
	}
	if len(q.Days) == 0 {
		h.days = [7]bool{true, true, true, true, true, true, true}
	}
	if h.zone, err = time.LoadLocation(q.TimeZone); err != nil {
		return h, fmt.Errorf("time_zone: %q: want an IANA name such as Europe/Berlin", q.TimeZone)
	}
	if h.from, err = clock(q.From); err != nil {
		return h, fmt.Errorf("from: %w", err)
	}
	if h.to, err = clock(q.To); err != nil {
		return h, fmt.Errorf("to: %w", err)
	}
	if h.to <= h.from {
		h.to += 24 * time.Hour
	}
	return h, nil
}

func clock(text string) (time.Duration, error) {
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("%q: want HH:MM, such as 18:30", text)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// until returns when the quiet that holds at now ends by these hours, the zero time when none holds. Times that a change of
// the clocks leaves out or repeats are what time.Date makes of them.
func (h hours) until(now time.Time) time.Time {
	local := now.In(h.zone)
	for back := range 2 { // it began today or yesterday
		y, m, d := local.AddDate(0, 0, -back).Date()
		at := func(since time.Duration) time.Time {
			return time.Date(y, m, d, int(since/time.Hour), int(since%time.Hour/time.Minute), 0, 0, h.zone)
		}
		begins, ends := at(h.from), at(h.to)
		if h.days[time.Date(y, m, d, 12, 0, 0, 0, h.zone).Weekday()] && !now.Before(begins) && now.Before(ends) {
			return ends
		}
	}
	return time.Time{}
}

// quietUntil returns when the quiet that holds at now ends, hours that follow each other taken together; the zero time
// when none holds. It looks at most a week ahead.
func quietUntil(list []hours, now time.Time) (end time.Time) {
	at, horizon := now, now.AddDate(0, 0, 7)
	for at.Before(horizon) {
		further := at
		for _, h := range list {
			if t := h.until(at); t.After(further) {
				further = t
			}
		}
		if further.Equal(at) {
			break
		}
		at, end = further, further
	}
	return end
}
