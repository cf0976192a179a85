package ingest

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// block is what one insert stores. It is filled under the committer's lock until Run takes it away, and read-only after.
type block struct {
	events []*event.Event
	bytes  int
	first  time.Time // when its first events came
	full   bool      // a writer found no room: close it without waiting
	token  string    // of the insert; given once, with the stamp, when it is first tried

	done chan struct{} // closed when the block is stored or given up
	err  error         // valid once done is closed
}

func newBlock() *block { return &block{done: make(chan struct{})} }

// fits tells whether n events of about size bytes still belong into b. An empty block takes a batch of any size.
func (b *block) fits(n, size, maxEvents, maxBytes int) bool {
	if len(b.events) == 0 {
		return true
	}
	return !b.full && len(b.events)+n <= maxEvents && b.bytes+size <= maxBytes
}

func (b *block) add(events []*event.Event, size int, now time.Time) {
	if len(b.events) == 0 {
		b.first = now
	}
	b.events = append(b.events, events...)
	b.bytes += size
}

// finish lets everyone who waits for b go.
func (b *block) finish(err error) {
	b.err = err
	close(b.done)
}

// footprint is about the memory that ev holds: the struct and its strings.
func footprint(ev *event.Event) int {
	n := 640 + len(ev.Path) + len(ev.Query) + len(ev.RequestLine) + len(ev.Referer) + len(ev.UserAgent) +
		len(ev.User) + len(ev.Session) + len(ev.Host) + len(ev.Route)
	for _, s := range ev.ObjectIDs {
		n += 16 + len(s)
	}
	return n
}

// The range of times that the store's column can hold, in whole years.
var (
	minTime = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	maxTime = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)

var errNoTime = errors.New("the event has no time")

// checkStorable refuses what no column can hold, so that one event cannot fail a whole block, and repairs numbers that
// mean nothing.
func checkStorable(ev *event.Event) error {
	switch {
	case ev.Time.IsZero():
		return errNoTime
	case ev.Time.Before(minTime) || !ev.Time.Before(maxTime):
		return fmt.Errorf("time in the year %d: want 1900 to 2261", ev.Time.Year())
	case ev.Status < 0 || ev.Status > math.MaxUint16:
		return fmt.Errorf("status %d: want 0 to 65535", ev.Status)
	}
	ev.DurationMS, ev.UpstreamMS = millis(ev.DurationMS), millis(ev.UpstreamMS)
	ev.BytesIn, ev.BytesOut = max(ev.BytesIn, event.Absent), max(ev.BytesOut, event.Absent)
	if !(math.Abs(ev.Lat) <= 90 && math.Abs(ev.Lon) <= 180) { // NaN compares false
		ev.Lat, ev.Lon = 0, 0
	}
	return nil
}

// millis returns d, or Absent when it is no duration.
func millis(d float64) float64 {
	if !(d >= 0) || math.IsInf(d, 1) { // NaN compares false
		return event.Absent
	}
	return d
}
