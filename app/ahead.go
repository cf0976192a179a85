package app

import (
	"log/slog"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident/outcome"
	"github.com/gatewatch/gatewatch/rules"
)

// aheadLimit is how far ahead of the server's clock an event may be and still move event time on.
const aheadLimit = 5 * time.Minute

// isAhead reports whether a gateway's clock or time zone is plainly wrong. It depends on what is stored alone, so that a
// replay decides the same.
func isAhead(ev *event.Event) bool { return ev.Time.Sub(ev.IngestedAt) > aheadLimit }

// ahead judges the events of clocks that are ahead. One of them would close every window and bucket of all other sources
// until that time has come, so they have a judge of their own, with the rules alone: what is usual at an hour means
// nothing under a wrong clock.
type ahead struct {
	judge   *detect.Judge
	windows *rules.Windows
	log     *slog.Logger
	warned  map[string]time.Time // by source: ingested_at of the event of the last warning
}

// warnAgain is how long a source's wrong clock is not told again.
const warnAgain = time.Hour

func newAhead(log *slog.Logger, outcomes outcome.Options, emit detect.Emit, windows *rules.Windows) *ahead {
	return &ahead{judge: judgeOutcomes(outcomes, emit, windows), windows: windows, log: log, warned: map[string]time.Time{}}
}

// observe judges an event whose clock is ahead.
func (a *ahead) observe(ev *event.Event) {
	if last, known := a.warned[ev.Source]; !known || ev.IngestedAt.Sub(last) > warnAgain {
		if len(a.warned) >= maxWarned {
			clear(a.warned)
		}
		a.warned[string([]byte(ev.Source))] = ev.IngestedAt // a copy: the event's strings alias a large buffer
		a.log.Warn("a log's clock is ahead; rules judge its events apart from all others and learned detectors leave them out: "+
			"check the gateway's clock, and time_zone when its log names no zone",
			"source", ev.Source, "time", ev.Time, "ahead", ev.Time.Sub(ev.IngestedAt).Round(time.Second))
	}
	a.judge.Observe(ev)
}

// maxWarned bounds the sources that are remembered.
const maxWarned = 10_000

// take judges the events of a block that are ahead and returns the others; the block itself is left as it is.
func (a *ahead) take(block []*event.Event) []*event.Event {
	for i, ev := range block {
		if !isAhead(ev) {
			continue
		}
		kept := append(make([]*event.Event, 0, len(block)), block[:i]...)
		for _, ev := range block[i:] {
			if isAhead(ev) {
				a.observe(ev)
			} else {
				kept = append(kept, ev)
			}
		}
		return kept
	}
	return block
}

// split parts findings that were open into those of the common judge and those of this one.
func split(open []detect.Finding, now time.Time) (common, apart []detect.Finding) {
	for _, f := range open {
		if f.FiredAt.Sub(now) > aheadLimit {
			apart = append(apart, f)
		} else {
			common = append(common, f)
		}
	}
	return common, apart
}
