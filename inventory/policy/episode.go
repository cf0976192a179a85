package policy

import (
	"time"

	"github.com/gatewatch/gatewatch/detect"
)

// episode is one finding that goes on.
type episode struct {
	finding  detect.Finding
	quiet    time.Duration
	restored time.Time // events up to then were counted before the process restarted
	untold   bool
}

func (e *episode) prolong(at time.Time, n uint64) {
	if !at.After(e.restored) {
		return
	}
	if at.After(e.finding.LastSeen) {
		e.finding.LastSeen = at
	}
	e.finding.EventCount += n
	e.untold = true
}

func (e *episode) tell(emit detect.Emit) {
	if e.untold {
		e.untold = false
		e.finding.Revision++
		emit(e.finding)
	}
}

func (e *episode) close(emit detect.Emit) {
	e.finding.Open = false
	e.finding.Revision++
	emit(e.finding)
}
