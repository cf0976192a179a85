package baseline

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// timestamps reads the timestamps of a file. Those of one file mostly look alike: the layout that was right last is tried
// first.
type timestamps struct{ layout int }

// timestampLayouts are tried in order. Each takes fractions of a second too; without a zone it is UTC. Days are never
// written with the month first, which could not be told from the day first.
var timestampLayouts = []string{
	"2006-01-02 15:04:05", time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02",
	"2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z07:00", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 -0700 MST",
	"2006-01-02 15:04:05 MST", "2006-01-02T15:04:05Z0700", "2006/01/02 15:04:05", "2006/01/02 15:04", "2006/01/02",
	"20060102T150405Z0700", "20060102T150405", "02/Jan/2006:15:04:05 -0700", time.RFC1123, time.RFC1123Z, time.ANSIC, "02.01.2006 15:04:05",
	"02.01.2006 15:04", "2 Jan 2006 15:04:05", "Jan 2, 2006 15:04:05",
}

// parse reads a timestamp: one of timestampLayouts; 20060102 as a day; or Unix time in seconds (with or without decimals),
// milliseconds, microseconds or nanoseconds, told apart by their size.
func (c *timestamps) parse(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if s == "" {
		return time.Time{}, false
	}
	if t, err := time.Parse(timestampLayouts[c.layout], s); err == nil {
		return t.UTC(), true
	}
	if len(s) == 8 {
		if t, err := time.Parse("20060102", s); err == nil && t.Year() >= 1970 && t.Year() < 2100 {
			return t, true
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return unixTime(n), true
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(f) < 1<<62 {
		if math.Abs(f) >= 1e11 {
			return unixTime(int64(f)), true
		}
		return time.UnixMilli(int64(math.Round(f * 1000))).UTC(), true
	}
	for i, layout := range timestampLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			c.layout = i
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// unixTime takes n for the unit that puts it between 1973 and 5138.
func unixTime(n int64) time.Time {
	a := n
	if a < 0 {
		a = -a
	}
	switch {
	case a < 0: // the least integer has no opposite
		return time.Unix(0, n).UTC()
	case a < 1e11:
		return time.Unix(n, 0).UTC()
	case a < 1e14:
		return time.UnixMilli(n).UTC()
	case a < 1e17:
		return time.UnixMicro(n).UTC()
	default:
		return time.Unix(0, n).UTC()
	}
}
