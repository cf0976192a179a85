package outcome

import (
	"strconv"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// bySample judges a finding by the answers of its own few events: those that its rule counts are all of one kind. Without
// any it is judged by what its measure counts.
func bySample(f *detect.Finding) *detect.Outcome {
	if len(f.Sample) == 0 {
		return byMeasure(f)
	}
	var seen door
	var served, refused, missing int
	var witness []event.Event
	for i := range f.Sample {
		s := f.Sample[i].Status
		switch seen.count(s, f.Sample[i].BytesOut); {
		case stopped(f.Sample[i].GatewayAction):
			refused++
		case s >= 200 && s < 300 || s == 304:
			served++
			witness = f.Sample[i : i+1 : i+1]
		case refusal(s):
			refused++
		case s >= 400 && s < 500:
			missing++
		}
	}
	all := len(f.Sample)
	o := &detect.Outcome{Verdict: detect.Unclear, Since: f.FiredAt, At: f.FiredAt}
	switch {
	case refused*2 > all:
		o.Verdict, o.Reason = detect.Refused, "These requests were refused"
	case missing*2 > all:
		o.Verdict, o.Reason = detect.Failed, "What was asked for is not there"
	case (refused+missing)*2 > all:
		o.Verdict, o.Reason = detect.Failed, "What was asked for was refused or is not there"
	case f.Kind == detect.KindDataAccess && served*2 > all:
		o.Verdict, o.Reason = detect.LikelySucceeded, "What was asked for was sent"
		o.Witnesses = witness
	case served > 0:
		o.Reason = "The requests were answered; whether that did harm, the answers do not tell"
	default:
		o.Reason = "The answers do not tell"
	}
	o.Reason += " (answers looked at: " + seen.statuses() + ")."
	return o
}

// byMeasure judges a finding by the statuses that its measure counts: a number of objects that were sent says that they were.
func byMeasure(f *detect.Finding) *detect.Outcome {
	o := &detect.Outcome{Verdict: detect.Unclear, Since: f.FiredAt, At: f.FiredAt}
	low, high := statusBounds(f.Measure.Where)
	switch {
	case low >= 200 && high <= 300 && f.Kind == detect.KindDataAccess && actor(f.Entity.Type):
		o.Verdict, o.Reason = detect.LikelySucceeded, "What was asked for was sent: only successful answers are counted."
	case low >= 200 && high <= 300:
		o.Reason = "These are successful answers; whether they gave out what they should not, they do not tell."
	case low >= 400 && f.Kind == detect.KindDataAccess:
		o.Verdict, o.Reason = detect.Refused, "These requests were not served: only refusals are counted."
	case low >= 400:
		o.Reason = "Only refusals are counted; whether somebody who was let in had guessed, they do not tell."
	default:
		o.Reason = "These requests are counted whatever they were answered: the evidence has the statuses."
	}
	return o
}

// actor reports whether an entity is somebody who sends requests.
func actor(t detect.EntityType) bool {
	return t == detect.EntityClient || t == detect.EntityUser || t == detect.EntitySession
}

// statusBounds are the statuses that a measure is limited to, from low to below high; 0 and 1000 when it is not.
func statusBounds(where []detect.Condition) (low, high int) {
	low, high = 0, 1000
	for _, c := range where {
		n, err := strconv.Atoi(c.Value)
		if c.Field != "status" || c.Of || err != nil {
			continue
		}
		switch c.Op {
		case detect.OpGTE:
			low = max(low, n)
		case detect.OpLT:
			high = min(high, n)
		case detect.OpEqual:
			low, high = n, n+1
		case detect.OpNot, detect.OpHas:
		}
	}
	return low, high
}
