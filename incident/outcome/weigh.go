package outcome

import (
	"fmt"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// weighed is what one attempt was answered.
type weighed struct {
	verdict detect.Verdict
	why     string // of what succeeded or is unclear: follows "was answered with 200 "
	probe   bool   // a path that was probed for and is there: withdrawn when other paths get the same answer
}

const (
	// leastAnswers is how many ordinary answers of a route say what is ordinary.
	leastAnswers = 5
	// A size is out of the ordinary when it is larger than any by this factor and by this many bytes.
	largerFactor = 2
	largerBytes  = 1024
	// A time is out of the ordinary when it is longer than any by this factor and this many milliseconds.
	slowerFactor = 5
	slowerMillis = 3000
)

// weigh judges one attempt by its answer.
func (t *Tracker) weigh(ev *event.Event, sign Sign) weighed {
	switch s := ev.Status; {
	case stopped(ev.GatewayAction):
		return weighed{verdict: detect.Refused}
	case s == 0:
		return weighed{verdict: detect.Unclear, why: "no status in the log"}
	case refusal(s):
		return weighed{verdict: detect.Refused}
	case s == 501 || s == 505:
		return weighed{verdict: detect.Failed}
	case s >= 500:
		return weighed{verdict: detect.Unclear, why: fmt.Sprintf("an error of the server (%d)", s)}
	case s >= 300 || s < 200:
		return weighed{verdict: detect.Failed}
	case ev.BytesOut == event.Absent && t.normal.sized(ev.Service):
		return weighed{verdict: detect.Failed} // a dash in a log that has sizes: nothing was sent
	case ev.BytesOut == event.Absent:
		return weighed{verdict: detect.Unclear, why: fmt.Sprintf("%d, and the log has no sizes to tell it from other answers", s)}
	}
	switch {
	case sign.Path:
		return t.weighProbe(ev)
	case sign.Tool:
		return t.weighTool(ev)
	}
	return t.weighPayload(ev)
}

// stopped reports whether the gateway says that it kept a request from the service.
func stopped(action string) bool {
	switch action {
	case event.ActionWAFBlock, event.ActionDeny, event.ActionRateLimit, event.ActionChallenge:
		return true
	}
	return false
}

// refusal reports whether a status says no for want of rights.
func refusal(status int) bool {
	switch status {
	case 401, 403, 405, 406, 407, 418, 423, 429, 444, 451, 495, 496, 497, 503:
		return true
	}
	return false
}

// weighProbe judges a path that was probed for and answered: it is there, unless everything gets this answer.
func (t *Tracker) weighProbe(ev *event.Event) weighed {
	switch {
	case ev.BytesOut == 0 && ev.Method != "PUT" && ev.Method != "DELETE":
		return weighed{verdict: detect.Failed}
	case t.normal.everywhere(ev):
		return weighed{verdict: detect.Failed}
	}
	if n, low, high := t.ordinary(ev); n >= leastAnswers && len(ev.ObjectIDs) == 0 && inside(ev.BytesOut, low, high) {
		return weighed{verdict: detect.Failed} // a page of the site that others read as well
	}
	return weighed{verdict: detect.LikelySucceeded, probe: true, why: fmt.Sprintf("%d and %s, which other paths are not answered with", ev.Status, bytes(ev.BytesOut))}
}

// weighTool judges an ordinary request of an attack tool.
func (t *Tracker) weighTool(ev *event.Event) weighed {
	if n, low, high := t.ordinary(ev); n >= leastAnswers && inside(ev.BytesOut, low, high) {
		return weighed{verdict: detect.Failed}
	}
	return weighed{verdict: detect.Unclear, why: fmt.Sprintf("%d and %s, and nothing but the tool's name tells it from other requests", ev.Status, bytes(ev.BytesOut))}
}

// weighPayload judges a payload to a route by what the route answers otherwise.
func (t *Tracker) weighPayload(ev *event.Event) weighed {
	n, low, high := t.ordinary(ev)
	if n < leastAnswers {
		if t.normal.everywhere(ev) {
			return weighed{verdict: detect.Failed}
		}
		return weighed{verdict: detect.Unclear, why: fmt.Sprintf("%d and %s, with too few ordinary answers to compare with", ev.Status, bytes(ev.BytesOut))}
	}
	a := t.normal.routes[routeKey{ev.Service, ev.Method, ev.Route}]
	switch size := float64(ev.BytesOut); {
	case a != nil && ev.DurationMS > a.slowest*slowerFactor && ev.DurationMS > a.slowest+slowerMillis:
		return weighed{verdict: detect.LikelySucceeded, why: fmt.Sprintf("%d after %.1f s, where the slowest of %d ordinary answers took %.1f s", ev.Status, ev.DurationMS/1000, a.count, a.slowest/1000)}
	case size > high*largerFactor && size > high+largerBytes:
		return weighed{verdict: detect.LikelySucceeded, why: fmt.Sprintf("%d and %s, where the largest of %d ordinary answers has %s", ev.Status, bytes(ev.BytesOut), n, bytes(int64(high)))}
	case inside(ev.BytesOut, low, high):
		return weighed{verdict: detect.Failed}
	}
	return weighed{verdict: detect.Unclear, why: fmt.Sprintf("%d and %s, where ordinary answers have %s to %s", ev.Status, bytes(ev.BytesOut), bytes(int64(low)), bytes(int64(high)))}
}

// inside allows for what a page says differently to everybody.
func inside(size int64, low, high float64) bool {
	const slack, share = 256, 0.1
	s := float64(size)
	return s >= low*(1-share)-slack && s <= high*(1+share)+slack
}

// ordinary returns how many successful answers of the event's route are known and between which sizes they lie: those
// seen, else those that the baselines learned.
func (t *Tracker) ordinary(ev *event.Event) (count uint64, low, high float64) {
	a := t.normal.routes[routeKey{ev.Service, ev.Method, ev.Route}]
	if a != nil && a.count >= leastAnswers && a.low <= a.high {
		return a.count, float64(a.low), float64(a.high)
	}
	if t.opts.Learned == nil {
		return 0, 0, 0
	}
	count, low, high = t.opts.Learned(ev.Service, ev.Method, ev.Route, ev.Time)
	if high == 0 {
		return 0, 0, 0
	}
	return count, low, high
}

// bytes words a size for people.
func bytes(n int64) string {
	switch {
	case n == 1:
		return "1 byte"
	case n < 10_000:
		return fmt.Sprintf("%d bytes", n)
	case n < 10_000_000:
		return fmt.Sprintf("%d kB", n/1000)
	}
	return fmt.Sprintf("%d MB", n/1_000_000)
}
